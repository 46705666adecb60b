"""A scenario's stations as the central system's site: where they stand, who they are, who may charge."""

from __future__ import annotations

from collections.abc import Callable

from charger_sim.garage import emaid_of
from charger_sim.scenario import Scenario, StationSpec
from charger_sim.visits import id_token_of
from csms.domain.records import Record, StationRecord, TokenRecord
from csms.domain.values import IdToken
from csms.gateway.passwords import hash_password
from csms.ids import StationId
from csms.settings import Settings
from csms.settings.model import Dispatch, Droop, Evse, Gateway, Http, Log, Ocpp, Site
from csms.settings.model import Store as StoreSection

LEASE_S = 15


def site_settings(
    scenario: Scenario,
    feeder_name: str,
    v_min_pu: float,
    *,
    store_url: str,
    ocpp_port: int,
    http_port: int,
    period_s: float = 1.0,
    lease_s: int = LEASE_S,
    droop: bool = True,
) -> Settings:
    """Settings under which the scenario's stations are controlled."""
    evses = tuple(
        Evse(
            station=spec.id,
            evse=n,
            bus=spec.bus,
            phases=spec.phases if len(spec.phases) == 1 else "abc",  # type: ignore[arg-type]
            max_power_w=spec.max_charge_w,
            max_discharge_w=spec.max_discharge_w,
            min_current_a=6.0 if spec.kind == "AC" else 0.0,
        )
        for spec in scenario.stations
        for n in range(1, spec.n_evses + 1)
    )
    nominal_hz = scenario.frequency.f_nominal_hz
    return Settings(
        gateway=Gateway(port=ocpp_port),
        http=Http(port=http_port),
        store=StoreSection(url=store_url),  # type: ignore[arg-type]
        site=Site(name=scenario.name, feeder=feeder_name, v_min_pu=v_min_pu, evses=evses),
        dispatch=Dispatch(
            period_s=period_s,
            lease_s=lease_s,
            stale_after_s=max(5.0, 2.5 * scenario.meter_interval_s),
            max_ramp_w_per_min=60e6,
        ),
        droop=Droop(
            enabled=droop,
            under_freq_hz=nominal_hz - 0.1,
            over_freq_hz=nominal_hz + 0.1,
            nominal_hz=nominal_hz,
        ),
        ocpp=Ocpp(meter_interval_s=max(1, round(scenario.meter_interval_s))),
        log=Log(level="warning"),
    )


def station_records(
    scenario: Scenario, password_of: Callable[[str], str], *, hashed: bool = True
) -> list[Record]:
    """Every station let in, every vehicle's token accepted."""
    records: list[Record] = []
    for spec in scenario.stations:
        records.append(
            StationRecord(
                station_id=StationId(spec.id),
                password_hash=hash_password(password_of(spec.id).encode()) if hashed else None,
                security_profile=1 if hashed else 0,
                enabled=True,
                can_discharge=spec.max_discharge_w > 0.0,
            )
        )
        records += [TokenRecord(token=IdToken(value=value)) for value in tokens(spec)]
    return records


def tokens(spec: StationSpec) -> list[str]:
    """The id tokens of the vehicles that come to a station, and the eMAIDs of their contracts."""
    known = {id_token_of(spec.id, visit): visit.contract for visit in spec.visits}
    return sorted(known) + sorted(
        emaid_of(t) for t, contract in known.items() if contract != "none"
    )
