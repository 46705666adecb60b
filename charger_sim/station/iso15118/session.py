"""One ISO 15118 session between a station's EVSE and the vehicle at it: both machines, built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from charger_sim.iso15118 import iso2, iso20
from charger_sim.iso15118.app_protocol import Protocol
from charger_sim.iso15118.iso20 import Identity, Offer, ServiceId
from charger_sim.iso15118.session import EvccSession, SeccSession
from charger_sim.iso15118.timeouts import ISO_2, ISO_20, Timeouts
from charger_sim.station.evse import Evse, HighLevel
from charger_sim.station.iso15118.negotiation import Negotiation
from charger_sim.station.iso15118.power_2 import Power2
from charger_sim.station.iso15118.power_20 import Power20
from charger_sim.vehicle import EvCredentials, Vehicle, iso15118_2, iso15118_20
from pki.ports import Clock, RandomBytes

if TYPE_CHECKING:
    from charger_sim.station.station import Station


@dataclass(frozen=True, slots=True)
class Pace:
    """``loop_s`` between the rounds of a charge loop, ``poll_s`` between questions that are still
    open; ``patience`` multiplies the car's time-outs, since a swarm's processor is not a car's."""

    loop_s: float
    poll_s: float
    patience: float


@dataclass(frozen=True, slots=True)
class Parts:
    """``contract`` tells what the car holds afterwards; ``off`` takes power away."""

    charger: SeccSession
    car: EvccSession
    contract: Callable[[], Identity | None]
    off: Callable[[], None]


def build(
    station: Station,
    evse: Evse,
    vehicle: Vehicle,
    credentials: EvCredentials,
    negotiation: Negotiation,
    high_level: HighLevel,
    *,
    pace: Pace,
    car_clock: Clock,
    random: RandomBytes,
    contracts: bool,
) -> Parts:
    """``contracts``: the link is safe enough for them (TLS, or memory). The car has a clock of its
    own: a station's may be wrong.

    Raises ``ValueError`` for credentials that are none of the edition's.
    """
    make = _parts_2 if credentials.edition == "iso15118-2" else _parts_20
    by_contract = contracts and station.settings.pnc_enabled
    return make(
        station, evse, vehicle, credentials, negotiation, high_level, pace, car_clock, random,
        by_contract,
    )  # fmt: skip


def _parts_2(
    station: Station,
    evse: Evse,
    vehicle: Vehicle,
    credentials: EvCredentials,
    negotiation: Negotiation,
    high_level: HighLevel,
    pace: Pace,
    car_clock: Clock,
    random: RandomBytes,
    contracts: bool,
) -> Parts:
    dc = evse.config.kind == "DC"
    modes = ["DC_extended", "DC_core"] if dc else ["AC_three_phase_core", "AC_single_phase_core"]
    if not dc and evse.config.n_phases == 1:
        modes = modes[1:]
    config = iso2.SeccConfig(
        evse_id(station, evse),
        payment_options=("Contract", "ExternalPayment") if contracts else ("ExternalPayment",),
        energy_transfer_modes=tuple(modes),
        installs_certificates=station.settings.contract_installation,
        receipts=station.settings.metering_receipts,
    )
    clock = station.clock
    power = Power2(station, evse, high_level, negotiation)
    secc = iso2.Secc(config, power, random=random, unix_s=lambda: clock.now().timestamp())
    car = iso15118_2.Car(
        vehicle, dc=dc, n_phases=evse.n_phases, now=car_clock.now, follow=_follow(high_level)
    )
    evcc = iso15118_2.evcc(
        credentials,
        car,
        now=car_clock.now,
        loop_s=pace.loop_s,
        poll_s=pace.poll_s,
        timeouts=_patient(ISO_2, pace.patience),
    )
    return Parts(
        SeccSession({Protocol.ISO_2: lambda: secc}),
        EvccSession({Protocol.ISO_2: lambda: evcc}),
        lambda: iso15118_2.installed(evcc),
        lambda: _ignore(power.switch(False)),
    )


def _parts_20(
    station: Station,
    evse: Evse,
    vehicle: Vehicle,
    credentials: EvCredentials,
    negotiation: Negotiation,
    high_level: HighLevel,
    pace: Pace,
    car_clock: Clock,
    random: RandomBytes,
    contracts: bool,
) -> Parts:
    dc = evse.config.kind == "DC"
    both_ways, one_way = (
        (ServiceId.DC_BPT, ServiceId.DC) if dc else (ServiceId.AC_BPT, ServiceId.AC)
    )
    services = (both_ways, one_way) if evse.config.max_discharge_w > 0.0 else (one_way,)
    parameters = iso20.ParameterSet(phases=1 if evse.n_phases == 1 else 3)
    dynamic = replace(parameters, control_mode=iso20.ControlMode.DYNAMIC)
    config = iso20.SeccConfig(
        offers=tuple(Offer(service, (parameters, dynamic)) for service in services),
        authorizations=("PnC", "EIM") if contracts else ("EIM",),
        certificate_installation=contracts and station.settings.contract_installation,
        frequency_hz=station.config.f_nominal_hz,
    )
    clock = station.clock
    power = Power20(station, evse, high_level, negotiation, evse_id(station, evse))
    secc = iso20.Secc(config, power, clock, random)
    car = iso15118_20.Car(vehicle, dc=dc, now=car_clock.now, follow=_follow(high_level))
    evcc = iso15118_20.evcc(
        vehicle,
        credentials,
        car,
        dc=dc,
        clock=car_clock,
        random=random,
        loop_s=pace.loop_s,
        poll_s=pace.poll_s,
        timeouts=_patient(ISO_20, pace.patience),
    )
    protocol = Protocol.ISO_20_DC if dc else Protocol.ISO_20_AC
    return Parts(
        SeccSession({protocol: lambda: secc}),
        EvccSession({protocol: lambda: evcc}),
        lambda: evcc.session.contract,
        secc.close,
    )


def evse_id(station: Station, evse: Evse) -> str:
    """EVSEID of ISO 15118-2 annex H: country, operator, E, and what tells the EVSE; 7 to 37
    characters."""
    name = "".join(c if c.isalnum() else "*" for c in station.config.id.upper())
    return f"DE*SIM*E{name[:24]}*{evse.config.id}"


def _follow(high_level: HighLevel) -> Callable[[float], None]:
    def follow(power_w: float) -> None:
        high_level.order_w = power_w

    return follow


def _patient(times: Timeouts, factor: float) -> Timeouts:
    exceptions: Mapping[str, tuple[float, float]] = {
        name: (message_s * factor, performance_s)
        for name, (message_s, performance_s) in times.exceptions.items()
    }
    return replace(times, message_s=times.message_s * factor, exceptions=exceptions)


def _ignore(_: object) -> None:
    return None
