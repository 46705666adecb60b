"""What the handlers of a charger share: its settings, the session's memory, their answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from charger_sim.iso15118.backend import ChargingNeeds, PowerSchedule
from charger_sim.iso15118.iso2.messages import Message
from charger_sim.iso15118.iso2.secc_table import State
from charger_sim.iso15118.physical import Evse, MeterReading
from pki.keys import PrivateKey, PublicKey

NEW_SESSION: Final = bytes(8)


@dataclass(frozen=True, slots=True)
class PausedSession:
    """What a charger remembers of a session that was paused."""

    session_id: bytes
    schedules: tuple[PowerSchedule, ...] = ()


@dataclass(frozen=True, slots=True)
class SeccConfig:
    """`payment_options` and `energy_transfer_modes` are words of the schema, the best first.

    A contract needs TLS: do not offer it on a port without.
    """

    evse_id: str
    payment_options: tuple[str, ...] = ("Contract", "ExternalPayment")
    energy_transfer_modes: tuple[str, ...] = ("AC_three_phase_core", "AC_single_phase_core")
    installs_certificates: bool = True
    receipts: bool = False
    """Ask for a signed MeteringReceipt in every round of the charge loop (contracts only)."""
    free: bool = False
    resume: PausedSession | None = None
    schedule_patience_s: float = 1.0
    tariff_key: PrivateKey | None = None
    """Of MO Sub-CA 2, which signs sales tariffs; None sends them unsigned."""


@dataclass(slots=True)
class SeccSessionData:
    """What has been agreed so far."""

    session_id: bytes = NEW_SESSION
    by_contract: bool = False
    services: frozenset[int] = frozenset()
    emaid: str = ""
    contract_chain: tuple[bytes, ...] = ()
    contract_key: PublicKey | None = None
    challenge: bytes = b""
    authorized: bool = False
    needs: ChargingNeeds | None = None
    is_dc: bool = False
    renegotiations: int = 0
    schedules: tuple[PowerSchedule, ...] = ()
    tuple_id: int = 1
    metered: MeterReading | None = None
    ongoing_since_s: float | None = None


@dataclass(slots=True)
class SeccContext:
    """Passed to every handler."""

    config: SeccConfig
    evse: Evse
    random: Callable[[int], bytes]
    unix_s: Callable[[], float]
    """Wall time."""
    data: SeccSessionData = field(default_factory=SeccSessionData)


class Refusal(Exception):
    """A handler refuses; the peer gets `code`, and the session ends."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Reply:
    """The response's body without its code, and the next state."""

    state: State
    body: dict[str, Any]
    code: str = "OK"
    header: dict[str, Any] | None = None
    paused: bool = False
    key: PrivateKey | None = None
    """Signs what has an Id."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the backend first; `then` gets its answer, PENDING, or None."""

    question: Hashable
    then: Callable[[Any, float], Answer]
    patience_s: float


Answer: TypeAlias = "Reply | Question"
Handler: TypeAlias = Callable[[SeccContext, Message, float], Answer]
"""(context, request, now_s); raises Refusal."""
