"""What the steps of a car share: its settings, its contract, the session's memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from charger_sim.iso15118.backend import PriceEntry
from charger_sim.iso15118.iso2.messages import Message
from charger_sim.iso15118.machine import Ending
from charger_sim.iso15118.physical import Car
from charger_sim.iso15118.timeouts import ISO_2, Timeouts
from charger_sim.iso15118.trust import TrustStore
from pki.keys import PrivateKey


@dataclass(frozen=True, slots=True)
class Contract:
    """`chain` is DER, leaf first, without the root."""

    emaid: str
    chain: tuple[bytes, ...]
    private_key: PrivateKey


@dataclass(frozen=True, slots=True)
class Provisioning:
    """What the maker gave the car: it asks for contracts with it."""

    certificate: bytes
    private_key: PrivateKey


@dataclass(frozen=True, slots=True)
class EvccConfig:
    """`trust` checks what an installation brings; a car without it cannot take one."""

    evcc_id: bytes
    payment: Literal["Contract", "ExternalPayment"] = "ExternalPayment"
    contract: Contract | None = None
    provisioning: Provisioning | None = None
    trust: TrustStore | None = None
    update_contract: bool = False
    """Have the contract renewed before charging on it."""
    resume_session: bytes = bytes(8)
    """The id of a session that was paused."""
    poll_s: float = 0.1
    """Pause before asking again while the charger is busy."""
    loop_s: float = 0.0
    """Pause between the rounds of the charge loop."""
    timeouts: Timeouts = ISO_2
    """Longer ones than the standard's for a charger that is known to be slow."""


@dataclass(slots=True)
class EvccData:
    """What has been agreed so far."""

    contract: Contract | None
    session_id: bytes
    challenge: bytes = b""
    tuple_id: int = 1
    profile: list[tuple[float, float]] = field(default_factory=list)
    tariff: tuple[PriceEntry, ...] = ()
    """Prices of the schedule that it follows, if their signature is good."""
    tariff_doubt: str = ""
    """Why a tariff was left aside."""
    voltage_v: float = 0.0
    """The charger's nominal voltage, AC."""
    progress: Literal["Start", "Stop", "Renegotiate"] = "Start"
    stop: Literal["Terminate", "Pause"] = "Terminate"
    meter_info: dict[str, Any] = field(default_factory=dict)
    asked_since: tuple[str, float] | None = None
    """Which message is being repeated, and since when."""


@dataclass(slots=True)
class EvccContext:
    """Passed to every step."""

    config: EvccConfig
    car: Car
    data: EvccData

    @property
    def is_dc(self) -> bool:
        return self.car.needs.energy_transfer_mode.startswith("DC")


class GiveUp(Exception):
    """The car ends the session."""

    def __init__(self, ending: Ending, detail: str, code: str | None = None) -> None:
        super().__init__(detail)
        self.ending = ending
        self.detail = detail
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """A request's body; signed where `key` is given."""

    body: dict[str, Any]
    key: PrivateKey | None = None


Build: TypeAlias = Callable[[EvccContext], Request]
React: TypeAlias = Callable[[EvccContext, Message], str]
"""Takes a response, gives the name of the next request; raises GiveUp, RemoteProtocolError."""
