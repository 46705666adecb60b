from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf

from csms.market.availability import beta_binomial, empirical, learn_plug_in
from csms.market.bilevel import follower_answer, post_prices
from csms.market.errors import (
    EmptyHistoryError,
    GameError,
    PlanError,
    SingularCovarianceError,
    TariffError,
)
from csms.market.market_rules import RULES, biddable_mw, get_rule, round_to_market
from csms.market.newsvendor import Terms, best_bid
from csms.market.robust import UncertainRow, kappa_for, robust_schedule
from csms.market.shifting import shift_load
from csms.market.stackelberg import Followers, best_price
from csms.market.studies import coverage_study, history_bid_study, tou_rtp_study
from csms.market.tariff_adoption import bill_changes
from csms.market.tariffs import LinearMarket, break_even_price, captured_share, outcome
from csms.market.uncertainty import Ellipsoid, coverage, fit_ellipsoid, ledoit_wolf

TERMS = Terms(20.0, 3.0, 60.0)


def test_existing_real_time_customers_lose_as_others_join() -> None:
    found = tou_rtp_study().adoption
    assert found.existing_rtp_customers_lose
    assert (np.diff(found.surplus_on_rtp) < 0).all()


def test_bills_who_loses() -> None:
    found = bill_changes(np.array([1.0, 3.0]), np.array([[4.0, 1.0], [1.0, 4.0]]))
    assert found.losers == (1,)
    assert found.bill_flat.sum() == pytest.approx(found.bill_rtp.sum())


def test_share_of_gain_is_r_squared_for_given_prices() -> None:
    rng = np.random.default_rng(3)
    w, labels = rng.uniform(20, 120, 48), ["a"] * 24 + ["b"] * 24
    one = np.ones(48)
    market = LinearMarket(300.0 * one, one, w, 0.0 * one)
    mean = np.r_[np.full(24, w[:24].mean()), np.full(24, w[24:].mean())]
    flat, tou, rtp = (outcome(market, p).welfare for p in (np.full(48, w.mean()), mean, w))
    assert captured_share(w, labels) == pytest.approx((tou - flat) / (rtp - flat))


def test_no_break_even_price_is_said() -> None:
    one = np.ones(2)
    with pytest.raises(TariffError, match="no single price covers"):
        break_even_price(
            LinearMarket(np.array([10.0, 200.0]), one, np.array([50.0, 199.0]), 0 * one)
        )


def test_shifting_load_equalises_prices_and_is_cheapest() -> None:
    one = np.ones(4)
    market = LinearMarket(np.array([100.0, 120.0, 160.0, 180.0]), one, 0 * one, one)
    placed = shift_load(market, 40.0, np.full(4, 30.0))
    assert placed.load.sum() == pytest.approx(40.0)
    used = (placed.load > 1e-6) & (placed.load < 30.0 - 1e-6)
    assert np.ptp(placed.price[used]) < 1e-6
    assert placed.price[placed.load < 1e-6].min() >= placed.price[used].max() - 1e-6
    with pytest.raises(TariffError, match="the intervals hold"):
        shift_load(market, 400.0, np.full(4, 30.0))


def test_unbounded_games_ask_for_a_cap() -> None:
    one = np.ones(1)
    with pytest.raises(GameError, match="state a price cap"):
        best_price(Followers(one, one, one, 2 * one), 0.1)
    capped = best_price(Followers(one, one, one, 2 * one), 0.1, cap=5.0)
    assert (capped.price, capped.profit) == pytest.approx((5.0, 4.9))


def test_discharging_followers_are_bought_from_when_wholesale_is_dear() -> None:
    followers = Followers(np.full(5, 0.2), np.full(5, 0.01), np.full(5, -10.0), np.full(5, 10.0))
    answer = best_price(followers, 0.6)
    assert answer.demand < 0 < answer.profit
    assert answer.price == pytest.approx(0.3)  # all discharge at 10 each: no need to pay more


def test_bilevel_agrees_with_exhaustive_search() -> None:
    wholesale, cap = np.array([0.05, 0.20, 0.10]), np.array([0.3, 0.4, 0.35])
    energy, upper = np.array([4.0, 3.0]), np.array([[3.0, 3.0, 0.0], [0.0, 2.0, 2.0]])
    found = post_prices(wholesale, cap, 0.25, energy, upper)
    assert found.regret == pytest.approx(0.0, abs=1e-7)
    assert found.price.mean() <= 0.25 + 1e-9
    best = -np.inf
    grid = np.arange(0.0, 0.4001, 0.025)
    for p in itertools.product(grid, repeat=3):
        price = np.array(p)
        if (price > cap + 1e-9).any() or price.mean() > 0.25 + 1e-9:
            continue
        nudge = price - 1e-9 * (price - wholesale)  # ties in the leader's favour
        taken = sum(follower_answer(nudge, e, u) for e, u in zip(energy, upper, strict=True))
        best = max(best, float((price - wholesale) @ taken))
    assert found.profit >= best - 1e-9  # the grid cannot beat the optimum
    assert found.profit <= best + 0.15  # and comes close to it


def test_bilevel_refuses_impossible_energy() -> None:
    with pytest.raises(GameError, match="class 0 cannot take its energy"):
        post_prices(np.ones(2), np.ones(2), 1.0, np.array([9.0]), np.ones((1, 2)))


def test_empty_history_has_a_named_fallback() -> None:
    with pytest.raises(EmptyHistoryError, match="a bid of zero is the fallback"):
        empirical(np.array([]))
    with pytest.raises(EmptyHistoryError, match="0 days of plug-in history"):
        learn_plug_in(np.array([], dtype=np.int64), 100)
    with pytest.raises(EmptyHistoryError, match="cannot show a reliability"):
        history_bid_study(np.array([5, 6, 7, 6]), 10)


def test_learned_correlation_is_the_one_drawn(rng: np.random.Generator) -> None:
    rho = 0.02
    total = (1 - rho) / rho
    counts = rng.binomial(500, rng.beta(0.4 * total, 0.6 * total, 4000))
    model = learn_plug_in(counts, 500)
    assert model.probability == pytest.approx(0.4, abs=0.01)
    assert model.correlation == pytest.approx(rho, rel=0.1)


def test_held_out_violation_learned_against_assumed_independence(rng: np.random.Generator) -> None:
    total = (1 - 0.02) / 0.02
    counts = rng.binomial(1000, rng.beta(0.4 * total, 0.6 * total, 1000))
    study = history_bid_study(counts, 1000)
    assert study.held_out.low_95 <= 0.10 <= study.held_out.high_95
    assert study.independent_held_out.low_95 > 0.10  # what assuming independence does


def test_history_rule_keeps_its_promise_on_average(rng: np.random.Generator) -> None:
    rates = [
        history_bid_study(rng.binomial(200, rng.beta(8, 12, 120)), 200).held_out.rate
        for _ in range(200)
    ]
    assert np.mean(rates) <= 0.10 + 2 * np.std(rates) / np.sqrt(len(rates))


def test_bid_limits_bind_in_turn() -> None:
    power = beta_binomial(1000, 0.35, 0.01)
    free = best_bid(TERMS, power)
    assert best_bid(TERMS, power, reliability=0.9).binding == "reliability"
    assert best_bid(TERMS, power, reliability=0.9).availability >= 0.9
    assert best_bid(TERMS, power, energy_limit_mw=free.q_mw - 50).binding == "energy"


def test_energy_limited_products() -> None:
    rule = get_rule("fcr-d")
    mw = biddable_mw(rule, np.array([5.0, 5.0]), np.array([5.0, 0.2]), np.array([1.0, 9.0]))
    assert mw == pytest.approx([3.0, 1.0])  # 1 MWh over 20 min; 20% reverse power
    assert biddable_mw(get_rule("fcr-n"), np.array([1.34]), np.array([2.0]), np.array([9.0])) == (
        pytest.approx([1.0])
    )
    assert round_to_market(rule, 0.99) == 0.0
    assert round_to_market(rule, 1.28) == pytest.approx(1.2)
    with pytest.raises(PlanError, match="no market rule"):
        get_rule("nonsense")
    assert {r.local for r in RULES.values() if r.full_activation_s < 2} == {True}


@pytest.mark.oracle
def test_shrinkage_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    errors = rng.standard_t(5, (60, 12)) @ rng.normal(size=(12, 12))
    ours, weight = ledoit_wolf(errors)
    theirs, their_weight = sklearn_ledoit_wolf(errors)
    assert ours == pytest.approx(theirs, abs=1e-10)
    assert weight == pytest.approx(their_weight, abs=1e-12)


def test_conformal_radius_covers_where_the_gaussian_one_does_not() -> None:
    mix = np.linalg.cholesky(0.5 * np.eye(6) + 0.5)
    conformal, gaussian = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        past, later = (rng.standard_t(5, (n, 6)) @ mix.T for n in (300, 3000))
        conformal.append(coverage(fit_ellipsoid(past, rng=rng).ellipsoid, later))
        root = np.linalg.cholesky(ledoit_wolf(past)[0])
        radius = float(np.sqrt(stats.chi2.ppf(0.9, 6)))
        gaussian.append(coverage(Ellipsoid(past.mean(axis=0), root, radius), later))
    assert np.mean(conformal) == pytest.approx(0.90, abs=0.015)
    assert np.mean(gaussian) < 0.885


def test_singular_errors_name_the_fallback() -> None:
    with pytest.raises(SingularCovarianceError, match="use the nominal plan"):
        fit_ellipsoid(np.ones((50, 4)))
    with pytest.raises(EmptyHistoryError, match="4 days of errors"):
        fit_ellipsoid(np.eye(4))


def test_rank_deficient_errors_are_mended_by_shrinkage(rng: np.random.Generator) -> None:
    errors = rng.normal(size=(400, 1)) @ np.ones((1, 8)) + 1e-3 * rng.normal(size=(400, 8))
    study = coverage_study(errors)
    assert study.held_out_coverage == pytest.approx(0.9, abs=0.07)


def test_uncertain_row_is_kept_in_its_worst_case() -> None:
    price, n = np.array([0.1, 0.2, 0.3, 0.4]), 4
    row = UncertainRow(np.ones(n) * np.array([1, 0, 0, 0]), 0.2 * np.eye(n), 2.0, 1.645)
    plan = robust_schedule(
        price, np.zeros((n, 1)), kappa=0.0, energy=6.0, lower=np.zeros(n), upper=np.full(n, 3.0),
        rows=(row,),
    )  # fmt: skip
    worst = row.mean @ plan.schedule + row.kappa * np.linalg.norm(row.factor.T @ plan.schedule)
    assert worst == pytest.approx(2.0, abs=1e-6)


def test_bad_robust_inputs_are_named() -> None:
    with pytest.raises(PlanError, match="the bounds hold 0 to 4, asked for 9"):
        robust_schedule(
            np.ones(4), np.eye(4), kappa=1.0, energy=9.0, lower=np.zeros(4), upper=np.ones(4)
        )
    with pytest.raises(PlanError, match=r"a probability lies in 0\.\.1"):
        kappa_for(1.5)
