"""How a CALL to a station ended."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from csms.ocppj.frame import Payload


class CallStatus(StrEnum):
    """The ways in which a CALL of ours can end."""

    ANSWERED = "answered"
    """A valid CALLRESULT; whether the station *accepted* is in the payload."""
    REFUSED = "refused"
    """A CALLERROR."""
    INVALID = "invalid"
    """A CALLRESULT that breaks the schema."""
    TIMED_OUT = "timed_out"
    """No answer in time; ``sent_s`` None means that it never left the queue."""
    SUPERSEDED = "superseded"
    """A newer command with the same coalesce key took its place before it was sent."""
    DISCONNECTED = "disconnected"
    """The connection ended first; if it was sent, the station may have acted on it."""
    QUEUE_FULL = "queue_full"
    """Too many commands wait for this station."""


class CallOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one CALL. Times are monotonic seconds of the gateway's clock."""

    status: CallStatus
    payload: Payload = {}
    """The CALLRESULT's payload when ``ANSWERED``."""
    code: str = ""
    """The error code when ``REFUSED`` (the station's text) or ``INVALID`` (ours)."""
    description: str = ""
    details: Payload = {}
    sent_s: float | None = None
    answered_s: float | None = None

    @property
    def latency_s(self) -> float | None:
        """From the write to the answer."""
        if self.sent_s is None or self.answered_s is None:
            return None
        return self.answered_s - self.sent_s
