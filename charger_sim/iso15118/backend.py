"""What a charger asks of the world behind it: its OCPP side, or a local stand-in.

The state machines speak in questions, which are data; `Backend` is the port that answers them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pki.verify import CertificateStatus


@dataclass(frozen=True, slots=True)
class Authorize:
    """May this contract charge? `chain` is DER, leaf first, without the root."""

    emaid: str
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AuthorizeExternally:
    """May somebody charge here by other means (EIM: RFID, app, free)?"""

    session_id: bytes


@dataclass(frozen=True, slots=True)
class InstallCertificate:
    """Forward a CertificateInstallationReq or CertificateUpdateReq.

    `exi_request` is base64 of the EXI document, `namespace` its schema's, as OCPP's
    Get15118EVCertificate carries them.
    """

    exi_request: str
    namespace: str
    action: Literal["Install", "Update"] = "Install"
    maximum_chains: int | None = None
    prioritized_emaids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChargingNeeds:
    """What the EV wants, as OCPP's NotifyEVChargingNeeds carries it; None where it did not say."""

    energy_transfer_mode: str
    """The word of ISO 15118-2, such as "AC_three_phase_core", or of -20's service: "DC_BPT"."""
    departure_s: float | None = None
    """Seconds from now."""
    energy_wh: float | None = None
    energy_min_wh: float | None = None
    energy_max_wh: float | None = None
    power_max_w: float | None = None
    voltage_max_v: float | None = None
    current_max_a: float | None = None
    current_min_a: float | None = None
    discharge_max_w: float | None = None
    soc_frac: float | None = None
    capacity_wh: float | None = None
    control_mode: Literal["scheduled", "dynamic"] = "scheduled"
    max_schedule_entries: int = 1024


@dataclass(frozen=True, slots=True)
class MakeSchedule:
    """How much power may this EV have, and when? `renegotiation` counts from 0."""

    needs: ChargingNeeds
    renegotiation: int = 0


@dataclass(frozen=True, slots=True)
class ReportSchedule:
    """What the EV has chosen: OCPP's NotifyEVChargingSchedule."""

    tuple_id: int
    profile: tuple[tuple[float, float], ...]
    """(start in s from now, power in W)"""


@dataclass(frozen=True, slots=True)
class Authorization:
    """`status` is OCPP's word for the certificate, None where none was asked for."""

    accepted: bool
    status: CertificateStatus | None = None


@dataclass(frozen=True, slots=True)
class CertificateResponse:
    """Base64 of the EXI response, and how many contracts remain (-20)."""

    exi_response: str
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """`level` 0 is the cheapest, from `start_s` on."""

    start_s: float
    level: int


@dataclass(frozen=True, slots=True)
class PowerSchedule:
    """One SAScheduleTuple: `limits` are (start in s from now, power in W), `duration_s` the whole.

    `tariff` is a signed or unsigned SalesTariff as prices.
    """

    tuple_id: int
    limits: tuple[tuple[float, float], ...]
    duration_s: float = 86_400.0
    tariff: tuple[PriceEntry, ...] = ()


class Backend(Protocol):
    """Answers may take their time: a SECC that has waited long enough answers the EV "Ongoing"."""

    async def authorize(self, question: Authorize) -> Authorization: ...

    async def authorize_externally(self, question: AuthorizeExternally) -> Authorization: ...

    async def install_certificate(self, question: InstallCertificate) -> CertificateResponse | None:
        """None where no contract is found or the service fails."""
        ...

    async def make_schedule(self, question: MakeSchedule) -> tuple[PowerSchedule, ...]: ...

    async def report_schedule(self, question: ReportSchedule) -> None: ...


async def put(backend: Backend, question: Hashable) -> Any:
    """The answer of `backend`. Raises TypeError for what is no question."""
    match question:
        case Authorize():
            return await backend.authorize(question)
        case AuthorizeExternally():
            return await backend.authorize_externally(question)
        case InstallCertificate():
            return await backend.install_certificate(question)
        case MakeSchedule():
            return await backend.make_schedule(question)
        case ReportSchedule():
            return await backend.report_schedule(question)
        case _:
            raise TypeError(f"{question!r} is no question to a backend")
