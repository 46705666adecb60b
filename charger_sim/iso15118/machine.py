"""What a session's state machine is, on either side: pure, driven by frames and by time.

A machine is told what happened (`start`, `receive`, `time_out`) and says what to do next: `Send` a
frame, `Wait` for one, `Ask` the world behind the charger, or `End`. `driver.run` does it. Times
are monotonic seconds of the caller's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from charger_sim.iso15118.v2gtp import Frame


class Ending(StrEnum):
    """How a session ended."""

    TERMINATED = "terminated"
    """SessionStop(Terminate) was answered OK."""
    PAUSED = "paused"
    """SessionStop(Pause) was answered OK; the session can be joined again."""
    REFUSED = "refused"
    """A response code said FAILED."""
    PROTOCOL_ERROR = "protocol-error"
    TIMED_OUT = "timed-out"
    CLOSED = "closed"
    """The peer closed the connection."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a session, as both sides report it."""

    ending: Ending
    detail: str = ""
    response_code: str | None = None
    """The code that refused."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send `frame` (after `delay_s`), then wait `timeout_s` for the peer's next frame, or `end`."""

    frame: Frame
    name: str
    """The message's name, for measurement and logs."""
    timeout_s: float
    delay_s: float = 0.0
    end: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for the peer's first frame."""

    timeout_s: float


class Pending:
    """The answer to a question that is still open."""


PENDING = Pending()


@dataclass(frozen=True, slots=True)
class Ask:
    """Put `question` to the backend; `then` takes the answer, PENDING after `patience_s`, or None
    where the backend failed.

    The same question asked again joins the open one.
    """

    question: Hashable
    then: Callable[[Any, float], Output]
    """(answer, now_s) -> what to do next"""
    patience_s: float


@dataclass(frozen=True, slots=True)
class End:
    """Close the connection."""

    outcome: Outcome


Output: TypeAlias = Send | Wait | Ask | End


class Machine(Protocol):
    """One side of a session."""

    def start(self, now_s: float) -> Output:
        """The connection stands."""
        ...

    def receive(self, frame: Frame, now_s: float) -> Output:
        """A frame came; never raises for what it holds."""
        ...

    def time_out(self, now_s: float) -> End:
        """The time that `Send` or `Wait` gave has passed, or the connection is lost: a charger
        opens its contactors."""
        ...


def protocol_error(detail: str) -> End:
    """The peer cannot be understood."""
    return End(Outcome(Ending.PROTOCOL_ERROR, detail))
