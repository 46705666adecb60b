"""What a SECC session remembers, and how handlers answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from charger_sim.iso15118.backend import ChargingNeeds, PowerSchedule
from charger_sim.iso15118.iso20.limits import Limits
from charger_sim.iso15118.iso20.messages import NO_SESSION, Body
from charger_sim.iso15118.iso20.ports import Evse
from charger_sim.iso15118.iso20.schedules import Chosen
from charger_sim.iso15118.iso20.services import Offer, ParameterSet, ServiceId
from charger_sim.iso15118.iso20.states import Event
from charger_sim.iso15118.machine import Ending
from pki.exi import Document
from pki.keys import PublicKey
from pki.ports import Clock, RandomBytes


class Refusal(Exception):
    """Answer with this FAILED_ code, then close."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class SeccConfig:
    """What a charger offers. `authorizations` are of "PnC" and "EIM", in its order."""

    offers: tuple[Offer, ...] = (
        Offer(ServiceId.DC),
        Offer(ServiceId.DC_BPT),
    )
    authorizations: tuple[str, ...] = ("PnC", "EIM")
    certificate_installation: bool = True
    service_renegotiation: bool = True
    providers: tuple[str, ...] = ()
    """eMSPs whose contracts are taken; empty: not told."""
    frequency_hz: float = 50.0


@dataclass(frozen=True, slots=True)
class Paused:
    """What is kept of a paused session until it is joined again."""

    session_id: bytes
    evcc_id: str
    authorization: str


@dataclass(slots=True)
class PausedSessions:
    """One charger's memory: the sessions that its car paused. A new session forgets the old one."""

    _kept: Paused | None = None

    def keep(self, paused: Paused) -> None:
        self._kept = paused

    def join(self, session_id: bytes, evcc_id: str) -> Paused | None:
        """The session of this id if the same car paused it; forgotten in any case."""
        kept, self._kept = self._kept, None
        if kept is None or (kept.session_id, kept.evcc_id) != (session_id, evcc_id):
            return None
        return kept


@dataclass(slots=True)
class Session:
    """The memory of one session; only `secc` handlers write it."""

    config: SeccConfig
    evse: Evse
    clock: Clock
    random: RandomBytes
    paused: PausedSessions
    session_id: bytes = NO_SESSION
    received: bytes = b""
    """The request at hand as it came, for whom it is passed on to."""
    evcc_id: str = ""
    joined: Paused | None = None
    challenge: bytes = b""
    authorization: str = ""
    contract_key: PublicKey | None = None
    supported: frozenset[int] | None = None
    """The services that the car has named; None: it leaves them open."""
    offered: tuple[Offer, ...] = ()
    service: ServiceId | None = None
    parameters: ParameterSet = field(default_factory=ParameterSet)
    ev_limits: Limits = field(default_factory=lambda: Limits(0.0))
    needs: ChargingNeeds | None = None
    schedules: tuple[PowerSchedule, ...] = ()
    anchor_s: int = 0
    """Unix time at which the schedules begin."""
    chosen: Chosen | None = None
    schedule_round: int = 0
    receipt: Body | None = None
    """The MeterInfo that the car was asked to confirm."""
    receipts: list[Document] = field(default_factory=list)
    """Signed MeteringConfirmationReq messages, whose signatures held."""

    def on_offer(self) -> tuple[Offer, ...]:
        """What this car may be offered now."""
        return tuple(
            each
            for each in self.config.offers
            if self.evse.allows(each.service)
            and (self.supported is None or each.service in self.supported)
        )

    def should_choose_anew(self) -> bool:
        """Whether the service in use is allowed no more, or another one has become so."""
        services = {each.service for each in self.on_offer()}
        return (
            self.config.service_renegotiation
            and bool(services)
            and (self.service not in services or not services <= {o.service for o in self.offered})
        )

    def offer(self, service_id: int) -> Offer:
        """One that was offered. Raises Refusal."""
        for each in self.offered:
            if each.service == service_id:
                return each
        raise Refusal("FAILED_ServiceIDInvalid", f"service {service_id}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: `body` without header and code. `signature` goes into the header as it is."""

    event: Event
    body: Body
    code: str = "OK"
    ending: Ending | None = None
    signature: Body | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Ask the backend first. `then` takes (answer, PENDING or None; now_s), and may raise Refusal."""

    question: Hashable
    then: Callable[[Any, float], Answer]


Reply: TypeAlias = Answer | Question
Handler: TypeAlias = Callable[[Session, Document, float], Reply]
