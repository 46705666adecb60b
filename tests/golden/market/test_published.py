"""Published or independently computed numbers of the market studies."""

from __future__ import annotations

import numpy as np
import pytest

from csms.market.availability import Normal, ScaledBeta, beta_binomial, binomial
from csms.market.newsvendor import Terms, best_bid
from csms.market.prices import PriceTable, read_prices_csv
from csms.market.robust import kappa_for
from csms.market.studies import (
    newsvendor_study,
    price_share_study,
    robust_study,
    stackelberg_study,
    tou_rtp_study,
)
from tests.golden.market.data import ev2gym_text

pytestmark = pytest.mark.golden
TERMS = Terms(20.0, 3.0, 60.0)


def test_two_state_market() -> None:
    study = tou_rtp_study("two-state")
    assert study.flat_price == pytest.approx(91.230474, abs=1e-6)
    assert study.welfare_flat == pytest.approx(7642.33, abs=0.01)
    assert study.welfare_rtp == pytest.approx(7812.50, abs=1e-9)
    assert study.deadweight_loss == pytest.approx(170.166, abs=1e-3)
    for name in ("consumer_surplus", "producer_surplus"):
        assert getattr(study, f"{name}_flat") == pytest.approx(3821.17, abs=0.01)
        assert getattr(study, f"{name}_rtp") == pytest.approx(3906.25, abs=1e-9)


def test_stackelberg_uniform_followers() -> None:
    study = stackelberg_study("uniform")
    assert (study.price, study.profit) == pytest.approx((0.25, 6.75))


def test_stackelberg_trap_is_escaped_and_shown() -> None:
    study = stackelberg_study("trap")
    assert (study.price, study.profit) == pytest.approx((0.185, 3.645))
    assert study.answer.local_maxima[0] == pytest.approx((0.70, 2.60))


def test_newsvendor_continuous() -> None:
    normal = newsvendor_study("normal")
    assert normal.q_mw == pytest.approx(4.541626, abs=1e-6)
    assert normal.profit == pytest.approx(68.749615, abs=1e-6)
    assert normal.cvar_q_mw == pytest.approx(3.4753, abs=1e-4)
    assert best_bid(TERMS, ScaledBeta(8, 2, 10)).q_mw == pytest.approx(7.427836, abs=1e-6)


@pytest.mark.parametrize(
    ("rho", "k", "p90"), [(0.0, 341, 331), (0.001, 338, 323), (0.01, 320, 286), (0.05, 283, 214)]
)
def test_newsvendor_correlated_vehicles(rho: float, k: int, p90: int) -> None:
    bid = best_bid(TERMS, beta_binomial(1000, 0.35, rho))
    assert (bid.q_mw, bid.p90) == (k, p90)


def test_newsvendor_binomial_in_mw() -> None:
    study = newsvendor_study("binomial")
    assert (study.k, study.p90) == (341, 331)
    assert study.q_mw == pytest.approx(2.523, abs=1e-3)


def test_normal_profit_formula_matches_a_large_sample(rng: np.random.Generator) -> None:
    a = rng.normal(5.0, 0.8, 400_000)
    q = best_bid(TERMS, Normal(5.0, 0.8)).q_mw
    sampled = 17.0 * q - 60.0 * np.maximum(q - a, 0.0).mean()
    assert sampled == pytest.approx(68.7496, abs=0.1)


def test_binomial_has_its_mean() -> None:
    assert binomial(1000, 0.35).mean() == pytest.approx(350.0)


def test_robust_price_ellipsoid() -> None:
    study = robust_study("price-ellipsoid", kappa=2.0)
    assert study.cost == pytest.approx(1.05923969, abs=2e-8)
    y, q = study.plan.schedule, np.linalg.cholesky(0.001 * np.eye(24) + 0.0005)
    worst = study.price + 2.0 * q @ q.T @ y / np.linalg.norm(q.T @ y)
    assert study.plan.worst_price == pytest.approx(worst, abs=1e-12)


def test_radius_per_constraint() -> None:
    assert kappa_for(0.05) == pytest.approx(1.645, abs=1e-3)
    assert kappa_for(0.05, "cantelli") == pytest.approx(4.36, abs=2e-3)


@pytest.fixture(scope="module")
def nl_prices() -> PriceTable:
    return read_prices_csv(ev2gym_text("Netherlands_day-ahead-2015-2024.csv"))


def test_share_of_gain_of_a_two_period_tariff(nl_prices: PriceTable) -> None:
    study = price_share_study(nl_prices, [2015, 2019, 2021, 2022, 2024], zone="Europe/Amsterdam")
    expected = {"2015": 0.30, "2019": 0.23, "2021": 0.041, "2022": 0.054, "2024": 0.064}
    for year, share in expected.items():
        assert study.share_of_gain[year] == pytest.approx(share, abs=0.005 if share > 0.1 else 5e-4)


def test_the_mixed_repeated_year_is_mended_and_counted(nl_prices: PriceTable) -> None:
    assert nl_prices.repairs["mixed date formats"] == 1
    assert nl_prices.repairs["repeated row"] > 6000
    assert len(nl_prices.year(2023).price_eur_per_mwh) == 8760
    assert np.isfinite(nl_prices.price_eur_per_mwh).all()
