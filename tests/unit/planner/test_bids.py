"""Bids learned from who was plugged in: reliability kept out of sample, weekdays apart, empty history."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from csms.dispatch.planner.bids import PlugInHistory, Reserve, hour_bids
from csms.dispatch.planner.needs import PastSession
from csms.ids import EvseKey, StationId
from csms.market.errors import EmptyHistoryError
from csms.market.market_rules import MarketRule, get_rule
from csms.market.newsvendor import Terms
from tests.unit.planner.cars import T0

TERMS = Terms(20.0, 3.0, 60.0)
SMALL = MarketRule("small", 0.0, 300.0, 3600.0, 1.0, 0.0, False, None, "a test")
N = 200
KEYS = [EvseKey(StationId(f"S{i}"), 1) for i in range(N)]
ABLE = dict.fromkeys(KEYS, 10_000.0)


def history(p: float, rho: float, days: int, seed: int = 4) -> list[PastSession]:
    """Each EVSE is plugged in from 7:00 to 10:00 with probability p, correlated by a beta common to the day."""
    rng = np.random.default_rng(seed)
    total = (1 - rho) / rho
    out = []
    for day in range(1, days + 1):
        share = rng.beta(p * total, (1 - p) * total)
        start = T0 - timedelta(days=day, hours=1)
        out += [
            PastSession(key, None, start, start + timedelta(hours=3), 1e4)
            for key in KEYS
            if rng.uniform() < share
        ]
    return out


def test_only_cars_that_stayed_the_whole_hour_count() -> None:
    sessions = [
        PastSession(KEYS[0], None, T0 - timedelta(days=1), T0 - timedelta(hours=23), 1.0),
        PastSession(KEYS[1], None, T0 - timedelta(days=1), T0 - timedelta(hours=23.5), 1.0),
    ]
    history = PlugInHistory(sessions, ABLE, T0 - timedelta(days=3))
    assert history.counts(T0, 9).tolist() == [1, 0, 0]


@pytest.mark.parametrize("days", [12, 40, 120])
def test_the_bid_is_fully_available_on_days_it_never_saw(days: int) -> None:
    """P90 asked for; on 400 further days of the same fleet it is there on at least 86% (two standard errors)."""
    past = PlugInHistory(history(0.6, 0.02, days), ABLE, T0 - timedelta(days=days))
    (bid,) = hour_bids(past, Reserve(SMALL, TERMS), T0, hours=1)
    later = Counter(s.started for s in history(0.6, 0.02, 400, seed=5))
    available = 0.01 * np.array(list(later.values()))  # MW
    share = (available >= bid.bid_mw - 1e-9).mean()
    assert share >= 0.86
    assert bid.samples >= 9
    assert 0.0 < bid.bid_mw < 0.6 * N * 0.01  # less than the mean
    assert bid.p90_mw >= bid.bid_mw


def test_the_products_least_bid_rounds_a_small_fleet_to_nothing() -> None:
    few = dict(list(ABLE.items())[:5])
    past = PlugInHistory(history(0.6, 0.02, 40), few, T0 - timedelta(days=40))
    (bid,) = hour_bids(past, Reserve(get_rule("afrr"), TERMS), T0, hours=1)
    assert bid.bid_mw == 0.0
    assert bid.expected_profit_eur == 0.0


def test_weekdays_teach_about_themselves_once_there_are_enough_weeks() -> None:
    """Monday 5 January 2026: plugged in on Mondays only."""
    sessions = [
        PastSession(key, None, T0 - timedelta(weeks=w, hours=1), T0 - timedelta(weeks=w, hours=-2), 1.0)
        for w in range(1, 21)
        for key in KEYS[:100]
    ]  # fmt: skip
    past = PlugInHistory(sessions, ABLE, T0 - timedelta(weeks=20))
    bids = hour_bids(past, Reserve(SMALL, TERMS), T0, hours=25)
    assert bids[0].samples == 20
    assert bids[0].bid_mw > 0.8
    assert bids[24].bid_mw == 0.0  # Tuesday


@pytest.mark.parametrize("days", [0, 1, 8])
def test_an_empty_history_is_a_clear_message(days: int) -> None:
    with pytest.raises(EmptyHistoryError, match="a bid of zero is the fallback"):
        hour_bids(PlugInHistory([], ABLE, T0 - timedelta(days=days)), Reserve(SMALL, TERMS), T0)


def test_a_site_without_discharge_has_nothing_to_bid() -> None:
    with pytest.raises(EmptyHistoryError, match="nothing to bid"):
        PlugInHistory([], {}, T0)
