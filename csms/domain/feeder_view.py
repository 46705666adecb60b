"""What a dispatch cycle saw and decided, as plain data for pages, the stream, the bridge and the store."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from csms.domain.values import Value
from csms.ids import StationId


class BusView(Value, frozen=True, kw_only=True):
    """One bus. Voltages in pu of the nominal phase voltage, (A, B, C); ``None`` for a phase that is not there."""

    name: str
    v_pu: tuple[float | None, float | None, float | None]
    load_w: float
    evse_w: float
    estimate_v_pu: tuple[float | None, float | None, float | None] | None = None
    """The most likely voltage by all meters together; ``None`` before the first estimate."""
    sigma_v_pu: tuple[float | None, float | None, float | None] | None = None
    """Its standard deviation."""


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
    """Which limit bound (``voltage_low``, ``line`` ...); ``None`` when it got what it wanted. ``schedule``: its
    plan wants no more now."""
    limit_where: str | None = None
    limit_source: str | None = None

    @property
    def curtailed_w(self) -> float:
        return max(0.0, self.wanted_w - self.setpoint_w)


class RegulationView(Value, frozen=True, kw_only=True):
    """Frequency regulation in one cycle. Changes are of the fleet's import against ``base_w``: < 0 is upward."""

    asked_w: float
    base_w: float
    """What those that take part would draw without a call."""
    ordered_w: float
    """The change that this cycle's setpoints make."""
    delivered_w: float
    """The change that the meters show, of setpoints one or two cycles old."""
    shortfall_w: float
    """Asked less ordered."""
    held_up_w: float
    held_down_w: float
    """Reserve asked to be held."""
    can_up_w: float
    can_down_w: float
    """What the fleet could sustain for 15 minutes from its baseline; downward only what the feeder surely bears."""
    delay_s: float | None = None
    """How late the meters follow the signal, over the last minute; ``None`` while it did not move."""
    precision_frac: float | None = None
    """1 less the mean error, that delay allowed for, over the mean signal."""


class RejectedMeter(Value, frozen=True, kw_only=True):
    """A meter that the others contradict."""

    meter: str
    """The EVSE, or ``import``: the feeder's head meter."""
    bus: str
    phase: str
    """``a``, ``b``, ``c``; empty where one value stands for all."""
    quantity: str
    """``voltage`` (pu) or ``power`` (W)."""
    told: float
    expected: float
    """What the other meters and the forecast make of it."""
    sigmas: float
    """How many standard deviations lie between."""
    since: datetime


class EstimateView(Value, frozen=True, kw_only=True):
    """The state of the feeder by weighted least squares over meters and load forecasts."""

    at: datetime
    """Of the meters that it rests on: it is made anew every few cycles."""
    lowest_v_pu: float
    lowest_sigma_pu: float
    lowest_bus: str
    meters: int
    """Values that count."""
    rejected: tuple[RejectedMeter, ...] = ()
    load_level_frac: float
    """The static loads' common level against the feeder file, as the meters show it."""


class NextKwPlace(Value, frozen=True, kw_only=True):
    """What one more kilowatt would do at a bus with EVSEs."""

    bus: str
    phase: str
    """``a``, ``b``, ``c``; empty where one value stands for all."""
    loss_kw_per_kw: float
    v_pu_per_kw: float
    """Of the feeder's lowest voltage."""


class NextKwView(Value, frozen=True, kw_only=True):
    """Where the next kilowatt hurts least and most, by the losses that it adds."""

    best: tuple[NextKwPlace, ...]
    worst: tuple[NextKwPlace, ...]
    """The worst first."""


class FeederSummary(Value, frozen=True, kw_only=True):
    """One cycle of the loop, the feeder as a whole."""

    site: str = ""
    """The feeder's name in the settings."""
    feeder: str
    """The name of its model."""
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
    regulation: RegulationView | None = None
    """``None`` while neither reserve nor a call is asked."""


class FeederView(FeederSummary, frozen=True, kw_only=True):
    """One cycle of the loop, with all of the feeder's parts."""

    buses: tuple[BusView, ...] = ()
    branches: tuple[BranchView, ...] = ()
    evses: tuple[EvseDecision, ...] = ()
    estimate: EstimateView | None = None
    next_kw: NextKwView | None = None


class FeederCycle(Protocol):
    """One cycle, of which the parts are made only when somebody looks."""

    @property
    def summary(self) -> FeederSummary: ...
    @property
    def view(self) -> FeederView: ...
