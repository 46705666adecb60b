"""What a dispatch cycle saw and decided, as plain data for pages, the stream, the bridge and the store."""

from __future__ import annotations

from datetime import datetime

from csms.domain.values import Value
from csms.ids import StationId


class BusView(Value, frozen=True, kw_only=True):
    """One bus. Voltages in pu of the nominal phase voltage, (A, B, C); ``None`` for a phase that is not there."""

    name: str
    v_pu: tuple[float | None, float | None, float | None]
    load_w: float
    evse_w: float


class BranchView(Value, frozen=True, kw_only=True):
    """One line or transformer, named by its far bus. ``loading_frac`` is ``None`` without a rating."""

    from_bus: str
    to_bus: str
    power_w: float
    loading_frac: float | None = None


class EvseDecision(Value, frozen=True, kw_only=True):
    """What one EVSE was given and why."""

    station_id: StationId
    evse_id: int
    bus: str
    measured_w: float | None
    wanted_w: float
    setpoint_w: float
    stale: bool = False
    limit_kind: str | None = None
    """Which limit bound (``voltage_low``, ``line`` ...); ``None`` when it got what it wanted."""
    limit_where: str | None = None
    limit_source: str | None = None

    @property
    def curtailed_w(self) -> float:
        return max(0.0, self.wanted_w - self.setpoint_w)


class FeederView(Value, frozen=True, kw_only=True):
    """One cycle of the loop."""

    feeder: str
    cycle: int
    at: datetime
    limit_low_pu: float
    limit_high_pu: float
    worst_v_pu: float
    """As estimated from measurements, before this cycle's setpoints act."""
    worst_bus: str
    predicted_worst_v_pu: float
    """By AC power flow for the setpoints just decided."""
    import_w: float
    loss_w: float
    frequency_hz: float | None
    curtailed_w: float
    solve_ms: float
    cycle_ms: float
    alarms: tuple[str, ...] = ()
    buses: tuple[BusView, ...] = ()
    branches: tuple[BranchView, ...] = ()
    evses: tuple[EvseDecision, ...] = ()
