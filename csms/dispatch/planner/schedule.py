"""The plan that the 1-s loop follows, looked up by car and instant. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from csms.domain.plan import QUARTER, EvPlan, FleetPlan
from csms.ids import EvseKey, StationId, TransactionId


class Schedule:
    """One plan with an end of trust: a plan that is not renewed is no longer followed."""

    def __init__(self, plan: FleetPlan, *, stale_after_s: float) -> None:
        self.plan = plan
        self._until = plan.summary.made + timedelta(seconds=stale_after_s)
        self._evs: dict[EvseKey, EvPlan] = {
            EvseKey(StationId(ev.station_id), ev.evse_id): ev for ev in plan.evs
        }

    def is_stale(self, now: datetime) -> bool:
        return now >= self._until

    def quarter(self, now: datetime) -> int | None:
        """Which quarter hour of the plan it is, from 0; ``None`` when the plan is no longer followed."""
        return None if self.is_stale(now) else (now - self.plan.start) // QUARTER

    def ev(self, key: EvseKey, transaction_id: TransactionId) -> EvPlan | None:
        """What was planned for a car; ``None`` for one that came later."""
        ev = self._evs.get(key)
        return ev if ev is not None and ev.transaction_id == transaction_id else None

    def power_w(self, key: EvseKey, transaction_id: TransactionId, now: datetime) -> float | None:
        """``None``: not planned (another car, past its last quarter hour, or the plan is stale): charge as if alone."""
        ev, k = self.ev(key, transaction_id), self.quarter(now)
        if ev is None or k is None:
            return None
        return float(ev.power_w[k]) if 0 <= k < len(ev.power_w) else None
