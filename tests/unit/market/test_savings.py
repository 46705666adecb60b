from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from csms.market.errors import MarketError, PlanError
from csms.market.prices import PriceTable
from csms.market.savings import FleetTerms
from csms.market.sessions import BUILT_IN_HOME, draw_sessions, read_session_model
from csms.market.studies import savings_study
from tests.golden.market.data import ev2gym_text

WEAR = (0.0105, 0.0324, 0.0548, 0.0776, 0.1005)


def table(days: int, swing: float, step_s: int = 3600) -> PriceTable:
    hour = np.arange(24 * days)
    price = 100.0 + swing * np.sin(2 * np.pi * (hour - 12) / 24)  # dear at 18, cheap at 6
    return PriceTable(datetime(2024, 1, 1, tzinfo=UTC), step_s, price, {})


def study(swing: float, **options: object):  # type: ignore[no-untyped-def]
    return savings_study(
        table(8, swing), np.random.default_rng(1), wear_eur_per_kwh=WEAR, n_cars=8, **options
    )  # type: ignore[arg-type]


def test_every_strategy_serves_the_same_cars_and_better_ones_cost_less() -> None:
    found = study(60.0)
    assert found.v2g.cost_eur < found.rtp.cost_eur < found.uncontrolled.cost_eur
    assert found.rtp.charged_kwh == pytest.approx(found.uncontrolled.charged_kwh)
    assert found.rtp.shortfalls == found.v2g.shortfalls == found.uncontrolled.shortfalls == 0
    assert found.rtp.discharged_kwh == 0.0
    assert found.v2g.discharged_kwh > 0.0
    assert found.v2g.wear_eur >= WEAR[0] * found.v2g.discharged_kwh - 1e-6
    assert found.v2g.saving_frac > found.rtp.saving_frac > 0.0


def test_v2g_stays_out_when_prices_hardly_move() -> None:
    found = study(10.0)
    assert found.v2g.discharged_kwh == pytest.approx(0.0, abs=1e-6)
    assert found.v2g.cost_eur == pytest.approx(found.rtp.cost_eur)


def test_planned_strategies_hold_the_feeder_limit_across_days() -> None:
    found = study(60.0, terms=FleetTerms(feeder_kw_per_car=2.0))
    assert found.rtp.overload_hours == found.v2g.overload_hours == 0
    assert max(found.rtp.peak_kw_per_car, found.v2g.peak_kw_per_car) <= 2.0 + 1e-6
    assert found.uncontrolled.overload_hours > 0


def test_sessions_do_not_overlap_and_follow_the_generator() -> None:
    drawn = draw_sessions(BUILT_IN_HOME, 60, 20, np.random.default_rng(3))
    again = draw_sessions(BUILT_IN_HOME, 60, 20, np.random.default_rng(3))
    leave = drawn.arrive_h[:-1] + drawn.stay_h[:-1]
    assert (leave <= 24.0 + drawn.arrive_h[1:] + 1e-9).all()
    assert np.array_equal(drawn.energy_kwh, again.energy_kwh)


def test_measured_session_tables_are_read() -> None:
    model = read_session_model(
        ev2gym_text("distribution-of-arrival.csv"),
        ev2gym_text("distribution-of-connection-time.csv"),
        ev2gym_text("distribution-of-energy-demand.csv"),
        column="private",
        source="ev2gym",
    )
    drawn = draw_sessions(model, 200, 50, np.random.default_rng(0))
    assert np.median(drawn.energy_kwh) == pytest.approx(19.4, abs=1.5)  # the table's 50% row
    evening = (drawn.arrive_h >= 16) & (drawn.arrive_h < 20)
    weight = model.arrival_weight[64:80].sum() / model.arrival_weight.sum()
    assert evening.mean() == pytest.approx(weight, abs=0.02)


def test_bad_inputs_are_named() -> None:
    with pytest.raises(MarketError, match="hourly prices expected, the table has 900 s"):
        savings_study(table(4, 10, 900), np.random.default_rng(0), wear_eur_per_kwh=WEAR)
    with pytest.raises(PlanError, match="no column 'private'"):
        read_session_model("a,b\n00:00,1\n", "", "", column="private", source="")
