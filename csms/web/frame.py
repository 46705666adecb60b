"""One second of the operator page as data: the page draws it, the stream repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from csms.api.deps import ApiDeps
from csms.api.feeders import FeederPort
from csms.domain.commands import CommandRecord
from csms.domain.feeder_view import (
    BusView,
    EstimateView,
    EvseDecision,
    FeederView,
    NextKwView,
)
from csms.domain.fleet import EvseState, StationState
from csms.web.layout import Diagram
from csms.web.recent import Recent

MAX_ROWS = 250
MAX_COMMANDS = 40
MAX_KNOCKS = 20


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One EVSE of the stations table."""

    station: str
    evse: int
    version: str | None
    connected: bool
    age_s: float | None
    """Since the station's last message."""
    status: str
    bus: str | None
    measured_w: float | None
    commanded_w: float | None
    max_w: float | None
    min_w: float
    """Negative: what it can discharge."""
    soc_frac: float | None
    stale: bool
    limit: str | None
    """Which limit holds it back and where, in words."""
    source: str | None


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    command_id: str
    at: datetime
    station: str
    action: str
    state: str
    status: str | None
    queue_ms: float | None
    round_trip_ms: float | None


class KnockLine(msgspec.Struct, frozen=True, kw_only=True):
    station: str
    address: str
    reason: str
    versions: str
    count: int
    last_at: datetime


class GridFrame(msgspec.Struct, frozen=True, kw_only=True):
    """The feeder. Lists go by the diagram's order; ``None`` where nothing is known."""

    at: datetime
    name: str
    limit_low_pu: float
    limit_high_pu: float
    worst_v_pu: float
    worst_bus: str
    predicted_worst_v_pu: float
    import_w: float
    loss_w: float
    frequency_hz: float | None
    curtailed_w: float
    cycle_ms: float
    v_pu: list[float | None]
    estimate_v_pu: list[float | None]
    """Of the phase nearest to a limit by the estimate; its deviation beside it."""
    sigma_v_pu: list[float | None]
    load_w: list[int]
    evse_w: list[int]
    flow_w: list[int | None]
    loading_frac: list[float | None]
    estimate: EstimateView | None
    next_kw: NextKwView | None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    topology: str
    """Changes when the diagram must be drawn anew."""
    online: dict[str, int]
    """Stations connected, by OCPP version."""
    known: int
    p50_ms: float | None
    p99_ms: float | None
    alarms: list[str]
    grid: GridFrame | None
    rows: list[Row]
    rows_left_out: int
    commands: list[CommandLine]
    knocks: list[KnockLine]


def build_frame(
    deps: ApiDeps,
    feeder: FeederPort,
    stations: Sequence[StationState],
    recent: Recent,
    diagram: Diagram,
    topology: str,
) -> Frame:
    """The whole page's data of one feeder at this instant; ``stations`` are the rows of its table."""
    now = deps.clock.now()
    view = feeder.view
    online: dict[str, int] = {}
    for station in deps.fleet:
        if station.connected:
            name = station.version or "?"
            online[name] = online.get(name, 0) + 1
    p50_ms, p99_ms = recent.latency_ms()
    rows = _rows(stations, now)
    told = [*(view.alarms if view else ()), *(alarm.text for alarm in recent.alarms())]
    alarms = told if feeder.failure is None else [feeder.failure, *told]
    return Frame(
        at=now,
        topology=topology,
        online=dict(sorted(online.items())),
        known=len(deps.fleet),
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        alarms=alarms[:10],
        grid=_grid(view, diagram) if view else None,
        rows=rows[:MAX_ROWS],
        rows_left_out=max(0, len(rows) - MAX_ROWS),
        commands=[_command(record) for record in recent.commands(MAX_COMMANDS)],
        knocks=[
            KnockLine(
                station=knock.claimed_id,
                address=knock.address,
                reason=str(knock.reason).replace("_", " "),
                versions=", ".join(name.removeprefix("ocpp") for name in knock.subprotocols),
                count=knock.count,
                last_at=knock.last_at,
            )
            for knock in list(deps.admission.knocks())[:MAX_KNOCKS]
        ],
    )


def worst_phase_pu(bus: BusView, low_pu: float, high_pu: float) -> float | None:
    """The phase voltage nearest to a limit, or farthest beyond it."""
    told = [v for v in bus.v_pu if v is not None]
    return min(told, key=lambda v: min(v - low_pu, high_pu - v), default=None)


def estimated_pu(bus: BusView, low_pu: float, high_pu: float) -> tuple[float | None, float | None]:
    """The estimate nearest to a limit, and its standard deviation."""
    told = [
        (v, sigma)
        for v, sigma in zip(bus.estimate_v_pu or (), bus.sigma_v_pu or (), strict=True)
        if v is not None
    ]
    return min(told, key=lambda one: min(one[0] - low_pu, high_pu - one[0]), default=(None, None))


def limit_words(kind: str, where: str) -> str:
    return f"{kind.replace('_', ' ')} at {where}" if where else kind.replace("_", " ")


def _grid(view: FeederView, diagram: Diagram) -> GridFrame:
    buses = {bus.name: bus for bus in view.buses}
    branches = {branch.to_bus: branch for branch in view.branches}
    shown = [buses.get(spot.name) for spot in diagram.spots]
    flows = [branches.get(arm.to_bus) for arm in diagram.arms]
    volts = [
        worst_phase_pu(bus, view.limit_low_pu, view.limit_high_pu) if bus else None for bus in shown
    ]
    estimates = [
        estimated_pu(bus, view.limit_low_pu, view.limit_high_pu) if bus else (None, None)
        for bus in shown
    ]
    return GridFrame(
        at=view.at,
        name=view.feeder,
        limit_low_pu=view.limit_low_pu,
        limit_high_pu=view.limit_high_pu,
        worst_v_pu=view.worst_v_pu,
        worst_bus=view.worst_bus,
        predicted_worst_v_pu=view.predicted_worst_v_pu,
        import_w=view.import_w,
        loss_w=view.loss_w,
        frequency_hz=view.frequency_hz,
        curtailed_w=view.curtailed_w,
        cycle_ms=view.cycle_ms,
        v_pu=[None if v is None else round(v, 4) for v in volts],
        estimate_v_pu=[one[0] for one in estimates],
        sigma_v_pu=[one[1] for one in estimates],
        load_w=[round(bus.load_w) if bus else 0 for bus in shown],
        evse_w=[round(bus.evse_w) if bus else 0 for bus in shown],
        flow_w=[round(flow.power_w) if flow else None for flow in flows],
        loading_frac=[
            round(flow.loading_frac, 3) if flow and flow.loading_frac is not None else None
            for flow in flows
        ],
        estimate=view.estimate,
        next_kw=view.next_kw,
    )


def _rows(stations: Sequence[StationState], now: datetime) -> list[Row]:
    rows: list[Row] = []
    for station in sorted(stations, key=lambda one: one.station_id):
        if not station.evses:
            rows.append(_row(station, None, now))
        for _, evse in sorted(station.evses.items()):
            rows.append(_row(station, evse, now))
    return rows


def _row(station: StationState, evse: EvseState | None, now: datetime) -> Row:
    last = station.last_message
    place = evse.place if evse else None
    reading = evse.reading if evse else None
    decision = evse.decided() if evse else None
    limit, source = _limit(decision)
    return Row(
        station=station.station_id,
        evse=evse.key.evse_id if evse else 0,
        version=station.version,
        connected=station.connected,
        age_s=None if last is None else max(0.0, (now - last).total_seconds()),
        status=_status(station, evse),
        bus=place.bus if place else None,
        measured_w=reading.power_w if reading else None,
        commanded_w=evse.commanded_w if evse else None,
        max_w=place.max_power_w if place else None,
        min_w=-place.max_discharge_w if place else 0.0,
        soc_frac=reading.soc_frac if reading else None,
        stale=decision is not None and decision.stale,
        limit=limit,
        source=source,
    )


def _status(station: StationState, evse: EvseState | None) -> str:
    if not station.connected:
        return "Offline"
    if evse is None:
        return station.status or "No EVSE yet"
    reading_w = evse.reading.power_w if evse.reading else None
    if evse.is_charging and reading_w is not None and reading_w < -50.0:
        return "Discharging"
    return next(iter(evse.connectors.values()), None) or "Unknown"


def _limit(decision: EvseDecision | None) -> tuple[str | None, str | None]:
    if decision is None or decision.limit_kind is None:
        return None, None
    return limit_words(decision.limit_kind, decision.limit_where or ""), decision.limit_source


def _command(record: CommandRecord) -> CommandLine:
    return CommandLine(
        command_id=record.command_id,
        at=record.created,
        station=record.station_id,
        action=record.action,
        state=record.state,
        status=record.status,
        queue_ms=record.queue_ms,
        round_trip_ms=record.round_trip_ms,
    )
