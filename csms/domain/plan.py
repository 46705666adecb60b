"""What the planner decided for the hours ahead, and what came of it. Import positive; prices in EUR/kWh."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from csms.domain.values import Value
from csms.ids import StationId, TransactionId

QUARTER_S = 900
QUARTER = timedelta(seconds=QUARTER_S)


def quarter_of(at: datetime) -> datetime:
    """Begin of the quarter hour of ``at``, which is aware UTC."""
    return at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


class EvPlan(Value, frozen=True, kw_only=True):
    """The schedule of one car: W in each quarter hour from the plan's ``start`` until it leaves."""

    station_id: StationId
    evse_id: int
    transaction_id: TransactionId
    departure: datetime
    departure_source: str
    """``car``, ``learned`` or ``default``."""
    need_wh: float
    """Still wanted, at the meter."""
    need_source: str
    """``car``, ``soc``, ``learned`` or ``default``."""
    max_charge_w: float
    """What charger and car can take."""
    power_w: tuple[int, ...]
    missing_wh: float = 0.0
    """What will lack at departure, at the meter."""
    note: str | None = None
    """Why the departure cannot be met, in words."""


class HourBid(Value, frozen=True, kw_only=True):
    """Capacity that may be offered for one hour, learned from who was plugged in at that hour before."""

    at: datetime
    bid_mw: float
    p90_mw: float
    """Largest bid that is fully available with 90% probability."""
    availability_frac: float
    """Probability that the bid is fully available."""
    expected_profit_eur: float
    samples: int


class PlanSummary(Value, frozen=True, kw_only=True):
    """One plan in a line. Costs cover the cars that were there when it was made, until they leave."""

    site: str = ""
    """The feeder's name in the settings."""
    made: datetime
    cars: int
    energy_wh: float
    discharged_wh: float
    cost_eur: float
    """Expected: energy and fees, less what is earned by feeding back."""
    wear_eur: float
    """Of discharging, as the plan reckoned with it."""
    uncontrolled_cost_eur: float
    """Expected if all charged at full power at once."""
    shortfalls: int
    """Departures that cannot be met."""
    price_source: str
    notes: tuple[str, ...] = ()
    """What was repaired, guessed or missing, in words."""


class FleetPlan(Value, frozen=True, kw_only=True):
    """The whole plan; arrays have one value for each quarter hour from ``start``."""

    summary: PlanSummary
    start: datetime
    import_eur_per_kwh: tuple[float, ...]
    export_eur_per_kwh: tuple[float, ...]
    base_w: tuple[float, ...]
    """Forecast of what the feeder carries besides the cars."""
    base_rmse_w: float | None
    """Error of that forecast in past days, over all lead times; ``None`` when it rests on no history."""
    wear_low_eur_per_kwh: float
    wear_high_eur_per_kwh: float
    evs: tuple[EvPlan, ...] = ()
    bids: tuple[HourBid, ...] = ()
    binding: dict[str, int] = msgspec.field(default_factory=dict)
    """Feeder limit: quarter hours in which it binds."""


class PlannerView(Value, frozen=True, kw_only=True):
    """``state``: ``off``, ``following`` or ``fallback`` (every car charges as if there were no planner)."""

    state: str
    reason: str | None = None
    """Why the planner falls back, with the remedy."""
    plan: FleetPlan | None = None


class RegisterSample(Value, frozen=True, kw_only=True):
    """A meter's registers at one instant; ``None`` for one that was not told."""

    at: datetime
    import_wh: float | None
    export_wh: float | None


class QuarterAccount(Value, frozen=True, kw_only=True):
    """What one car was planned to take in a quarter hour and what its meter says."""

    at: datetime
    station_id: StationId
    evse_id: int
    transaction_id: TransactionId
    planned_wh: float | None
    """Net; ``None`` when no plan covered it."""
    import_wh: float
    export_wh: float
    import_eur_per_kwh: float | None
    export_eur_per_kwh: float | None


class QuarterTotal(Value, frozen=True, kw_only=True):
    """All cars of a quarter hour: expected beside happened. Costs are ``None`` without a price."""

    at: datetime
    planned_wh: float
    metered_wh: float
    """Import less export."""
    expected_cost_eur: float | None
    cost_eur: float | None
    import_eur_per_kwh: float | None = None


class SessionAccount(Value, frozen=True, kw_only=True):
    """One ended transaction: what it cost, and what the same energy had cost at full power from the start."""

    station_id: StationId
    transaction_id: TransactionId
    evse_id: int
    started: datetime
    ended: datetime
    import_wh: float
    export_wh: float
    cost_eur: float | None
    """``None``: not metered, or no price; ``note`` says which."""
    expected_cost_eur: float | None
    """Of the schedules that were in force."""
    uncontrolled_cost_eur: float | None
    wear_low_eur: float
    wear_high_eur: float
    note: str | None = None


class Savings(Value, frozen=True, kw_only=True):
    """Measured over the sessions that ended in a span. Wear of discharging is an interval, never a point."""

    since: datetime
    until: datetime
    sessions: int
    left_out: int
    """Sessions without meter registers or prices."""
    import_wh: float
    export_wh: float
    cost_eur: float
    uncontrolled_cost_eur: float
    wear_low_eur: float
    wear_high_eur: float
    saving_eur: float
    """Uncontrolled less actual cost, wear not counted."""
    saving_after_wear_low_eur: float
    saving_after_wear_high_eur: float
    saving_frac: float | None
    """Of the uncontrolled cost; ``None`` when that is not positive."""


def savings(sessions: Iterable[SessionAccount], since: datetime, until: datetime) -> Savings:
    """The sum over sessions; those without cost are counted in ``left_out``."""
    known, left_out = [], 0
    for session in sessions:
        if session.cost_eur is None or session.uncontrolled_cost_eur is None:
            left_out += 1
        else:
            known.append((session, session.cost_eur, session.uncontrolled_cost_eur))
    cost = sum(c for _, c, _ in known)
    uncontrolled = sum(u for _, _, u in known)
    low = sum(s.wear_low_eur for s, _, _ in known)
    high = sum(s.wear_high_eur for s, _, _ in known)
    saving = uncontrolled - cost
    return Savings(
        since=since,
        until=until,
        sessions=len(known),
        left_out=left_out,
        import_wh=sum(s.import_wh for s, _, _ in known),
        export_wh=sum(s.export_wh for s, _, _ in known),
        cost_eur=cost,
        uncontrolled_cost_eur=uncontrolled,
        wear_low_eur=low,
        wear_high_eur=high,
        saving_eur=saving,
        saving_after_wear_low_eur=saving - high,
        saving_after_wear_high_eur=saving - low,
        saving_frac=saving / uncontrolled if uncontrolled > 0.0 else None,
    )
