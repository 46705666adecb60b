"""Cars, places and a feeder for the planner's tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from csms.dispatch.optimum.ac_check import Limits
from csms.dispatch.optimum.corrected import Dispatcher
from csms.dispatch.planner.forecast import constant
from csms.dispatch.planner.limits import FeederGuard
from csms.dispatch.planner.needs import Defaults, PluggedIn
from csms.dispatch.planner.plan import Outlook, WearTerms
from csms.domain.events import ChargingNeedsTold
from csms.domain.fleet import EvsePlace
from csms.domain.values import Phases
from csms.grid import feeder_file
from csms.ids import EvseKey, StationId, TransactionId
from csms.market.day_ahead import equal_segments

T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
IEEE33 = feeder_file.builtin("ieee33")
STATIC_W = float(IEEE33.p_w.sum())
V_MIN = 0.90
DEFAULTS = Defaults(
    stay_h=8.0, energy_wh=20_000.0, capacity_wh=60_000.0, target_soc_frac=0.8,
    reserve_soc_frac=0.3, efficiency=1.0,
)  # fmt: skip
FREE = WearTerms(0.0, 0.0, equal_segments([0.0]))


def key(name: str) -> EvseKey:
    return EvseKey(StationId(name), 1)


def place(
    bus: str = "2", kw: float = 11.0, discharge_kw: float = 0.0, min_a: float = 0.0
) -> EvsePlace:
    return EvsePlace(
        bus=bus, phases=Phases.ABC, max_power_w=1e3 * kw, max_discharge_w=1e3 * discharge_kw,
        min_current_a=min_a,
    )  # fmt: skip


def told(leaves_h: float | None, kwh: float | None, **rest: Any) -> ChargingNeedsTold:
    """Needs as a car tells them at ``T0``."""
    return ChargingNeedsTold(
        evse_id=1,
        requested_transfer="DC",
        departure=None if leaves_h is None else T0 + timedelta(hours=leaves_h),
        energy_wh=None if kwh is None else 1e3 * kwh,
        **rest,
    )


def car(name: str = "A", at: EvsePlace | None = None, **rest: Any) -> PluggedIn:
    given: dict[str, Any] = {
        "key": key(name),
        "transaction_id": TransactionId(f"tx-{name}"),
        "place": at or place(),
        "started": T0,
        "token": None,
        "import_wh": 0.0,
        "export_wh": 0.0,
    }
    return PluggedIn(**(given | rest))


def guard(*cars: PluggedIn, v_min_pu: float = V_MIN) -> FeederGuard:
    places = {one.key: one.place for one in cars}
    bus = np.array([IEEE33.bus(p.bus) for p in places.values()], np.int32)
    dispatcher = Dispatcher(
        IEEE33, bus, np.ones((len(bus), 3), bool), Limits(v_min_pu, 1.10, margin_pu=0.001)
    )
    return FeederGuard(dispatcher, places)


def outlook(prices: list[float], *, fee: float = 0.0, **rest: Any) -> Outlook:
    """``prices``: EUR/kWh by hour from T0."""
    spot = np.repeat(np.array(prices, float), 4)
    given: dict[str, Any] = {
        "now": T0,
        "import_eur_per_kwh": spot + fee,
        "export_eur_per_kwh": spot,
        "base": constant(STATIC_W, len(spot)),
        "base_margin": 0.0,
        "import_limit_w": None,
        "bids": (),
        "price_source": "test",
    }
    return Outlook(**(given | rest))
