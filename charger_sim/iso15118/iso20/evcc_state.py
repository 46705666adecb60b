"""What an EVCC session remembers, and what it is told beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from charger_sim.iso15118.iso20.limits import Limits
from charger_sim.iso15118.iso20.messages import NO_SESSION, Body
from charger_sim.iso15118.iso20.ports import MeterReading, Vehicle, Wish
from charger_sim.iso15118.iso20.schedules import Chosen
from charger_sim.iso15118.iso20.services import ControlMode, ServiceId
from charger_sim.iso15118.iso20.states import Move
from pki.keys import PrivateKey
from pki.leaf import Credential
from pki.ports import Clock, RandomBytes


class Abort(Exception):
    """The EV ends the session without another message: what it got is not acceptable."""

    def __init__(self, detail: str, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


@dataclass(frozen=True, slots=True)
class Identity:
    """A key with its chain as DER, leaf first, without the root: a contract or a provisioning one."""

    chain: tuple[bytes, ...]
    key: PrivateKey

    @classmethod
    def of(cls, credential: Credential) -> Identity:
        chain = tuple(each.public_bytes(Encoding.DER) for each in credential.issued.chain)
        return cls(chain, credential.private_key)

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.chain[0])


@dataclass(frozen=True, slots=True)
class Resume:
    """What a car keeps of a session that it paused."""

    session_id: bytes


@dataclass(frozen=True, slots=True)
class EvccConfig:
    """How a car behaves; tuples are in its order of preference.

    `v2g_roots` are what a provisioning service's chain must end at. A new contract's must end at
    one of `mo_roots`; a car that has none takes the service's word, which signs the contract.
    """

    evcc_id: str
    services: tuple[ServiceId, ...] = (ServiceId.DC,)
    control_modes: tuple[ControlMode, ...] = (ControlMode.SCHEDULED, ControlMode.DYNAMIC)
    authorizations: tuple[str, ...] = ("PnC", "EIM")
    contract: Identity | None = None
    provisioning: Identity | None = None
    install: bool = False
    """Ask for contracts even if there is one."""
    max_contracts: int = 1
    prioritized_emaids: tuple[str, ...] = ()
    v2g_roots: tuple[x509.Certificate, ...] = ()
    mo_roots: tuple[x509.Certificate, ...] = ()
    poll_s: float = 0.1
    """Pause before asking again what was Ongoing."""
    loop_s: float = 0.1
    """Pause between requests of the charge loop."""
    meter_info: bool = True


@dataclass(slots=True)
class Session:
    """The memory of one session; only `evcc` handlers write it."""

    config: EvccConfig
    vehicle: Vehicle
    clock: Clock
    random: RandomBytes
    session_id: bytes = NO_SESSION
    joined: bool = False
    evse_id: str = ""
    offered: tuple[str, ...] = ()
    """Authorization services."""
    authorization: str = ""
    challenge: bytes = b""
    contract: Identity | None = None
    installed: list[Identity] = field(default_factory=list)
    services: tuple[ServiceId, ...] = ()
    """In the order of preference that holds now."""
    service: ServiceId = ServiceId.DC
    parameter_set_id: int = 0
    control_mode: ControlMode = ControlMode.SCHEDULED
    evse_limits: Limits = field(default_factory=lambda: Limits(0.0))
    chosen: Chosen | None = None
    """The schedule in force, in scheduled mode."""
    present_v: float = 0.0
    pre_charged: bool = False
    charging: bool = False
    progress: str = "Start"
    """The next PowerDeliveryReq's ChargeProgress."""
    wish: Wish = Wish.CHARGE
    meter_info: Body | None = None
    readings: list[MeterReading] = field(default_factory=list)
    warning: str | None = None
    """The WARNING_ code for which the car gave up."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's body without header; `key` signs it."""

    body: Body
    key: PrivateKey | None = None


Builder: TypeAlias = Callable[[Session, float], Request]
Reader: TypeAlias = Callable[[Session, Body, float], Move]
ROOT_LIMIT: Final = 20


def chain_value(chain: Sequence[bytes]) -> Body:
    """A certificate chain as the messages carry it."""
    value: Body = {"Certificate": chain[0]}
    if chain[1:]:
        value["SubCertificates"] = {"Certificate": list(chain[1:])}
    return value
