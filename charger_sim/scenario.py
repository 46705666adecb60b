"""Scenarios as data: who stands where, which vehicles come, what goes wrong. Read from TOML.

Powers in W, energies in Wh, times in seconds from the start, fractions in 0..1.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from charger_sim.plant import FrequencySystem
from charger_sim.station.config import EvseConfig, StationConfig, Version
from charger_sim.vehicle import Edition

MAX_FILE_BYTES = 8 * 1024 * 1024


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message names the place."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Visit(_Table, frozen=True):
    """A vehicle that comes to ``evse`` at ``arrival_s`` and leaves at ``leave_s`` (never if
    absent). ``need_s`` is the departure the driver announces. ``iso15118`` is the edition that
    the vehicle speaks; ``contract``: it has one, gets one as it is plugged in, or leaves paying to
    its driver's card, which ``external_payment`` has stand in for a refused contract too."""

    capacity_wh: float
    soc_frac: float
    max_charge_w: float
    evse: int = 1
    arrival_s: float = 0.0
    leave_s: float | None = None
    need_s: float | None = None
    max_discharge_w: float = 0.0
    n_phases: int = 3
    target_soc_frac: float = 1.0
    soc_floor_frac: float = 0.3
    ramp_w_per_s: float | None = None
    id_token: str | None = None
    iso15118: Edition | None = None
    contract: Literal["none", "on-plug-in", "installed"] = "none"
    external_payment: bool = False


class StationSpec(_Table, frozen=True):
    """One station; all its EVSEs are alike and on the same bus, with ISO 15118 or without."""

    id: str
    version: Version
    kind: Literal["AC", "DC"]
    max_charge_w: float
    bus: str
    phases: str = "abc"
    max_discharge_w: float = 0.0
    n_evses: int = 1
    negative_limit_discharges: bool = False
    clock_skew_s: float = 0.0
    der_controls: bool = True
    iso15118: bool = False
    visits: tuple[Visit, ...] = ()


class FrequencySpec(_Table, frozen=True):
    """See :class:`charger_sim.plant.FrequencySystem`."""

    f_nominal_hz: float = 50.0
    s_base_va: float = 10e6
    h_s: float = 4.0
    droop: float = 0.05
    k_m: float = 0.95
    f_h: float = 0.3
    t_r_s: float = 8.0
    d: float = 1.0
    agc_per_s: float = 0.0


class Event(_Table, frozen=True):
    """``generation_loss`` (power_w), ``csms_outage`` (seconds), ``disconnect`` (station),
    ``reboot`` (station), ``fault`` (station, fault, seconds)."""

    at_s: float
    kind: Literal["generation_loss", "csms_outage", "disconnect", "reboot", "fault"]
    power_w: float = 0.0
    seconds: float = 0.0
    station: str = ""
    fault: Literal["", "freeze_meter", "ignore_profiles", "reject_profiles"] = ""


class LinkSpec(_Table, frozen=True):
    """Probabilities per frame, either direction."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


class Scenario(_Table, frozen=True):
    """A whole run. ``feeder`` is ``ieee33``, ``ieee123``, a path to a feeder file, or a name whose
    :class:`~charger_sim.plant.PlantFeeder` the caller hands over. ``v_min_pu`` replaces the
    feeder's limit; ``v_nominal_v`` is what stations measure line to neutral at 1 pu;
    ``handshake_s`` passes between plug and power where a vehicle does not speak ISO 15118, and
    ``charge_loop_s`` between the rounds of the charge loop where it does."""

    name: str
    seed: int = 1
    duration_s: float = 60.0
    feeder: str = "ieee33"
    v_min_pu: float | None = None
    tick_s: float = 1.0
    substep_s: float = 0.1
    meter_interval_s: float = 1.0
    v_nominal_v: float = 230.0
    handshake_s: float = 2.0
    charge_loop_s: float = 1.0
    retry_wait_min_s: float = 1.0
    retry_random_s: float = 1.0
    frequency: FrequencySpec = FrequencySpec()
    link: LinkSpec = LinkSpec()
    events: tuple[Event, ...] = ()
    stations: tuple[StationSpec, ...] = ()

    def system(self) -> FrequencySystem:
        return FrequencySystem(**msgspec.structs.asdict(self.frequency))

    @property
    def needs_contracts(self) -> bool:
        """Whether vehicles come that have contracts, or are to get them."""
        return any(v.contract != "none" for spec in self.stations for v in spec.visits)

    def station_config(self, spec: StationSpec) -> StationConfig:
        return StationConfig(
            id=spec.id,
            version=spec.version,
            evses=tuple(
                EvseConfig(
                    id=n,
                    kind=spec.kind,
                    max_charge_w=spec.max_charge_w,
                    max_discharge_w=spec.max_discharge_w,
                    bus=spec.bus,
                    phases=spec.phases,
                    iso15118=spec.iso15118,
                )
                for n in range(1, spec.n_evses + 1)
            ),
            meter_interval_s=self.meter_interval_s,
            f_nominal_hz=self.frequency.f_nominal_hz,
            v_nominal_v=self.v_nominal_v,
            negative_limit_discharges=spec.negative_limit_discharges,
            der_controls=spec.der_controls,
            retry_wait_min_s=self.retry_wait_min_s,
            retry_random_s=self.retry_random_s,
        )


def check(scenario: Scenario) -> Scenario:
    """Raises :class:`ScenarioError` for what the types alone cannot refuse."""
    ids = [s.id for s in scenario.stations]
    if len(set(ids)) != len(ids):
        raise ScenarioError("stations: ids must be unique")
    if scenario.tick_s <= 0.0 or scenario.substep_s <= 0.0:
        raise ScenarioError("tick_s and substep_s must be positive")
    for spec in scenario.stations:
        if not spec.phases or set(spec.phases) - set("abc"):
            raise ScenarioError(f"station {spec.id}: phases {spec.phases!r}, expected of 'abc'")
        for visit in spec.visits:
            if not 1 <= visit.evse <= spec.n_evses:
                raise ScenarioError(f"station {spec.id}: no EVSE {visit.evse}")
            if visit.contract != "none" and visit.iso15118 is None:
                raise ScenarioError(f"station {spec.id}: a contract needs ISO 15118")
    for event in scenario.events:
        if event.kind in {"disconnect", "reboot", "fault"} and event.station not in ids:
            raise ScenarioError(f"event at {event.at_s} s: unknown station {event.station!r}")
        if event.kind == "fault" and not event.fault:
            raise ScenarioError(f"event at {event.at_s} s: which fault?")
    return scenario


def load_scenario(path: Path) -> Scenario:
    """Reads a TOML file. Raises :class:`ScenarioError` naming the field, ``OSError``."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ScenarioError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return check(msgspec.convert(data, Scenario))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ScenarioError) as error:
        raise ScenarioError(f"{path}: {error}") from error
