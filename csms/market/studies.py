"""One function per market study: a preset or data in, a result to print, return or draw out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from csms.market.availability import (
    Availability,
    Discrete,
    Normal,
    PlugInModel,
    ScaledBeta,
    beta_binomial,
    binomial,
    learn_plug_in,
)
from csms.market.bilevel import post_prices
from csms.market.day_ahead import WearSegments
from csms.market.errors import MarketError, TariffError
from csms.market.market_rules import get_rule, round_to_market
from csms.market.newsvendor import (
    Bid,
    HeldOut,
    Terms,
    best_bid,
    bid_from_history,
    expected_profit,
    held_out,
)
from csms.market.prices import PriceTable
from csms.market.robust import RobustPlan, robust_schedule
from csms.market.savings import FleetTerms, SavingsStudy, savings
from csms.market.sessions import BUILT_IN_HOME, SessionModel, draw_sessions
from csms.market.stackelberg import (
    Followers,
    PriceAnswer,
    ProfitCurve,
    best_price,
    profit_curve,
)
from csms.market.tariff_adoption import Adoption, adoption
from csms.market.tariffs import LinearMarket, Outcome, captured_share, compare
from csms.market.uncertainty import EllipsoidFit, coverage, fit_ellipsoid

Float = NDArray[np.float64]
TOU_RTP_PRESETS = ("two-state",)
STACKELBERG_PRESETS = ("trap", "uniform")
NEWSVENDOR_PRESETS = ("normal", "beta", "binomial", "beta-binomial")
ROBUST_PRESETS = ("price-ellipsoid",)
BID_TERMS = Terms(reward=20.0, cost=3.0, penalty=60.0)
FLEET_SIZE, PLUGGED_FRAC, CHARGER_MW = 1000, 0.35, 0.0074


@dataclass(frozen=True, slots=True)
class TouRtpStudy:
    """Tariffs compared; welfare and surplus are means per interval."""

    flat_price: float
    tou_prices: dict[str, float]
    welfare_flat: float
    welfare_tou: float
    welfare_rtp: float
    deadweight_loss: float
    tou_share_of_gain: float
    consumer_surplus_flat: float
    consumer_surplus_rtp: float
    producer_surplus_flat: float
    producer_surplus_rtp: float
    flat: Outcome
    tou: Outcome
    rtp: Outcome
    adoption: Adoption


@dataclass(frozen=True, slots=True)
class PriceShareStudy:
    """What a two-period tariff captures of the gain from real-time prices, by year."""

    share_of_gain: dict[str, float]
    mean_price_eur_per_mwh: dict[str, float]
    peak: str
    repairs: dict[str, int]
    monthly_share: dict[str, Float]  # (12,) per year, by UTC month


@dataclass(frozen=True, slots=True)
class StackelbergStudy:
    """The best single price and the profit curve around it."""

    price: float
    profit: float
    demand: float
    answer: PriceAnswer
    curve: ProfitCurve
    wholesale: float


@dataclass(frozen=True, slots=True)
class ShiftingStudy:
    """Posted prices of several intervals and how drivers that shift answer. Arrays (n_intervals,)."""

    price: Float
    profit: float
    regret: float
    wholesale: Float
    energy: Float  # (n_classes, n_intervals)


@dataclass(frozen=True, slots=True)
class NewsvendorStudy:
    """A capacity bid. `k`: vehicles, where availability is a number of vehicles; `q_mw` always."""

    q_mw: float
    profit: float
    p90: float  # in vehicles where `k` is set, MW otherwise
    k: int | None
    bid: Bid
    cvar_q_mw: float  # at beta 0.9
    curve_q_mw: Float
    curve_profit: Float
    curve_availability: Float  # P(A >= q)


@dataclass(frozen=True, slots=True)
class HistoryBidStudy:
    """A bid learned from past days and judged on days it never saw."""

    rule: str
    bid: Bid
    offered_mw: float  # rounded down to what the market takes
    held_out: HeldOut
    plug_in: PlugInModel
    independent_p90_mw: float  # what assuming independent vehicles would have bid
    independent_held_out: HeldOut
    available_mw: Float  # (n_days,)
    n_train: int


@dataclass(frozen=True, slots=True)
class RobustStudy:
    """A schedule protected against an ellipsoid of prices. `cost`: worst case."""

    cost: float
    nominal_cost: float
    price_of_robustness: float
    plan: RobustPlan
    price: Float
    kappas: Float
    frontier_worst: Float  # worst-case cost by kappa
    frontier_nominal: Float


@dataclass(frozen=True, slots=True)
class CoverageStudy:
    """An ellipsoid fitted on past errors and its coverage on held-out ones."""

    fit: EllipsoidFit
    promised: float
    held_out_coverage: float
    n_held_out: int
    distance: Float  # (n_held_out,) of the unseen errors
    radius: float
    gaussian_radius: float  # what a normal distribution of that shape would have promised
    gaussian_coverage: float


def tou_rtp_study(preset: str = "two-state", *, states: Sequence[float] = ()) -> TouRtpStudy:
    """P = a - Q with a in {150, 200} and MC = Q, or other intercepts in `states`. Raises TariffError."""
    if preset not in TOU_RTP_PRESETS:
        raise TariffError(f"no preset {preset!r}; there are {', '.join(TOU_RTP_PRESETS)}")
    a = np.array(states or (150.0, 200.0), dtype=np.float64)
    one = np.ones_like(a)
    market = LinearMarket(a, one, 0.0 * one, one)
    periods = ["high" if x > np.median(a) else "low" for x in a]
    found = compare(market, periods)
    return TouRtpStudy(
        flat_price=found.flat_price,
        tou_prices=found.tou_prices,
        welfare_flat=found.flat.welfare,
        welfare_tou=found.tou.welfare,
        welfare_rtp=found.rtp.welfare,
        deadweight_loss=found.deadweight_loss,
        tou_share_of_gain=found.tou_share_of_gain,
        consumer_surplus_flat=found.flat.consumer_surplus,
        consumer_surplus_rtp=found.rtp.consumer_surplus,
        producer_surplus_flat=found.flat.producer_surplus,
        producer_surplus_rtp=found.rtp.producer_surplus,
        flat=found.flat,
        tou=found.tou,
        rtp=found.rtp,
        adoption=adoption(market, np.linspace(0.0, 1.0, 21)),
    )


def peak_periods(table: PriceTable, zone: str, first_h: int = 7, last_h: int = 23) -> list[str]:
    """ "peak" on working days from `first_h` to `last_h` local time, else "off-peak"."""
    return [
        "peak" if first_h <= t.hour < last_h and t.weekday() < 5 else "off-peak"
        for t in table.local_hours(zone)
    ]


def price_share_study(table: PriceTable, years: Sequence[int], *, zone: str) -> PriceShareStudy:
    """R^2 of the day-ahead price on working days 7 to 23 h, by UTC year. Raises PriceTableError."""
    share, mean, monthly = {}, {}, {}
    for year in years:
        part = table.year(year)
        price, periods = part.price_eur_per_mwh, peak_periods(part, zone)
        share[str(year)], mean[str(year)] = captured_share(price, periods), float(price.mean())
        month = np.array([t.month for t in part.times()])
        monthly[str(year)] = np.array([
            captured_share(price[month == m], np.asarray(periods)[month == m].tolist())
            for m in range(1, 13)
        ])  # fmt: skip
    return PriceShareStudy(share, mean, "working days, 7 to 23 h local", table.repairs, monthly)


def stackelberg_study(preset: str = "trap") -> StackelbergStudy:
    """One posted price. "trap": local search stays at 0.70. Raises GameError."""
    if preset == "trap":
        willing = np.r_[0.9, np.full(10, 0.3)]
        followers = Followers(willing, np.full(11, 0.05), np.zeros(11), np.full(11, 4.0))
        return stackelberg(followers, 0.05)
    if preset == "uniform":
        one = np.ones(3)
        return stackelberg(Followers(0.4 * one, 0.01 * one, 0.0 * one, np.inf * one), 0.1)
    raise MarketError(f"no preset {preset!r}; there are {', '.join(STACKELBERG_PRESETS)}")


def stackelberg(followers: Followers, wholesale: float) -> StackelbergStudy:
    """The best posted price for any followers, with its profit curve."""
    answer = best_price(followers, wholesale)
    top = max(float(followers.willingness.max()), answer.price)
    curve = profit_curve(followers, wholesale, np.linspace(min(wholesale, 0.0), 1.05 * top, 400))
    return StackelbergStudy(answer.price, answer.profit, answer.demand, answer, curve, wholesale)


def shifting_study() -> ShiftingStudy:
    """Six intervals, two classes of driver that shift, prices capped each and in the mean (MILP)."""
    wholesale = np.array([0.05, 0.08, 0.15, 0.20, 0.12, 0.06])
    energy = np.array([20.0, 10.0])
    upper = np.array([[8.0, 8.0, 8.0, 8.0, 0.0, 0.0], [0.0, 0.0, 6.0, 6.0, 6.0, 6.0]])
    cap = np.array([0.20, 0.20, 0.45, 0.45, 0.30, 0.20])
    posted = post_prices(wholesale, cap, 0.22, energy, upper)
    return ShiftingStudy(posted.price, posted.profit, posted.regret, wholesale, posted.energy)


def newsvendor_study(preset: str = "normal", *, rho: float = 0.01) -> NewsvendorStudy:
    """Reward 20, cost 3, penalty 60 EUR/MW; `rho`: correlation of "beta-binomial"."""
    counted = {
        "binomial": lambda: binomial(FLEET_SIZE, PLUGGED_FRAC),
        "beta-binomial": lambda: beta_binomial(FLEET_SIZE, PLUGGED_FRAC, rho),
    }
    if preset in counted:
        vehicles = counted[preset]()
        k = round(best_bid(BID_TERMS, vehicles).q_mw)
        p90 = vehicles.quantile(0.1)
        power = Discrete(CHARGER_MW * vehicles.values, vehicles.probability)
        return _newsvendor(power, k=k, p90=p90)
    known: dict[str, Availability] = {
        "normal": Normal(5.0, 0.8),
        "beta": ScaledBeta(8.0, 2.0, 10.0),
    }
    if preset not in known:
        raise MarketError(f"no preset {preset!r}; there are {', '.join(NEWSVENDOR_PRESETS)}")
    return _newsvendor(known[preset])


def history_bid_study(
    plugged: NDArray[np.int64], n_vehicles: int, *, charger_mw: float = CHARGER_MW,
    rule: str = "energinet-p90", train_frac: float = 0.7,
) -> HistoryBidStudy:  # fmt: skip
    """Bid from the number plugged in at an hour of past days, (n_days,). Raises EmptyHistoryError."""
    product = get_rule(rule)
    n_train = int(train_frac * len(plugged))
    model = learn_plug_in(plugged[:n_train], n_vehicles)
    available = np.asarray(plugged * (charger_mw / product.power_ratio), dtype=np.float64)
    reliability = product.reliability or 0.9
    bid, judged = bid_from_history(
        BID_TERMS, available, train_frac=train_frac, reliability=reliability
    )
    alone = binomial(n_vehicles, model.probability, unit=charger_mw / product.power_ratio)
    naive = best_bid(BID_TERMS, alone, reliability=reliability).q_mw
    naive_judged = held_out(naive, BID_TERMS, available[n_train:])
    return HistoryBidStudy(
        rule, bid, round_to_market(product, bid.q_mw), judged, model, naive, naive_judged,
        available, n_train,
    )  # fmt: skip


def robust_study(preset: str = "price-ellipsoid", *, kappa: float = 2.0) -> RobustStudy:
    """24 hours, 10 units of energy, at most 2 an hour, prices uncertain. Raises PlanError."""
    if preset not in ROBUST_PRESETS:
        raise MarketError(f"no preset {preset!r}; there are {', '.join(ROBUST_PRESETS)}")
    hour = np.arange(24)
    price = np.asarray(0.1 + 0.05 * np.sin(2.0 * np.pi * (hour - 12) / 24.0), dtype=np.float64)
    factor = np.asarray(np.linalg.cholesky(0.001 * np.eye(24) + 0.0005), np.float64)
    return robust(price, factor, kappa=kappa, energy=10.0, upper=np.full(24, 2.0))


def robust(
    price: Float, factor: Float, *, kappa: float, energy: float, upper: Float
) -> RobustStudy:
    """A robust schedule for any price and factor, with the frontier of protection against cost."""

    def at(k: float) -> RobustPlan:
        return robust_schedule(
            price, factor, kappa=k, energy=energy, lower=np.zeros_like(price), upper=upper
        )

    plan = at(kappa)
    kappas = np.linspace(0.0, max(2.0 * kappa, 1.0), 17)
    frontier = [at(float(k)) for k in kappas]
    worst = [
        float(price @ f.schedule + kappa * np.linalg.norm(factor.T @ f.schedule)) for f in frontier
    ]
    return RobustStudy(
        plan.cost, plan.nominal_cost, plan.price_of_robustness, plan, price, kappas,
        np.array(worst), np.array([f.nominal_cost for f in frontier]),
    )  # fmt: skip


def coverage_study(errors: Float, *, alpha: float = 0.1, train_frac: float = 0.7) -> CoverageStudy:
    """Fit on the first days of errors (n_days, d), judge on the rest. Raises EmptyHistoryError."""
    n_train = int(train_frac * len(errors))
    fit = fit_ellipsoid(errors[:n_train], alpha=alpha)
    rest = errors[n_train:]
    inside = coverage(fit.ellipsoid, rest)
    distance = fit.ellipsoid.distance(rest)
    gaussian = float(np.sqrt(stats.chi2.ppf(1.0 - alpha, errors.shape[1])))
    return CoverageStudy(
        fit, 1.0 - alpha, inside, len(rest), distance, fit.ellipsoid.radius, gaussian,
        float(np.mean(distance <= gaussian)),
    )  # fmt: skip


def savings_study(
    table: PriceTable,
    rng: np.random.Generator,
    *,
    wear_eur_per_kwh: Sequence[float],
    model: SessionModel = BUILT_IN_HOME,
    n_cars: int = 20,
    n_days: int | None = None,
    terms: FleetTerms | None = None,
    zone: str = "Europe/Amsterdam",
) -> SavingsStudy:
    """Hourly `table`; `wear_eur_per_kwh`: cost of equal segments of depth (csms.battery.wear).

    The time-of-use tariff is the mean price of working days 7 to 23 h and of the rest.
    """
    if table.step_s != 3600:
        raise MarketError(f"hourly prices expected, the table has {table.step_s} s")
    days = len(table.price_eur_per_mwh) // 24
    days = min(days, n_days) if n_days else days
    price = table.price_eur_per_mwh[: 24 * days] / 1e3
    labels = np.array(peak_periods(table, zone)[: 24 * days])
    tou = np.empty_like(price)
    for name in np.unique(labels):
        tou[labels == name] = price[labels == name].mean()
    segments = WearSegments(1.0 / len(wear_eur_per_kwh), np.asarray(wear_eur_per_kwh))
    sessions = draw_sessions(model, days, n_cars, rng)
    return savings(price, tou, sessions, terms or FleetTerms(), segments)


def _newsvendor(
    power: Availability, *, k: int | None = None, p90: float | None = None
) -> NewsvendorStudy:
    bid = best_bid(BID_TERMS, power)
    low, high = power.quantile(1e-3), power.quantile(1.0 - 1e-3)
    q = np.linspace(max(low - 0.5 * (high - low), 0.0), high, 200)
    return NewsvendorStudy(
        q_mw=bid.q_mw,
        profit=bid.profit,
        p90=bid.p90 if p90 is None else p90,
        k=k,
        bid=bid,
        cvar_q_mw=best_bid(BID_TERMS, power, cvar_beta=0.9).q_mw,
        curve_q_mw=q,
        curve_profit=np.array([expected_profit(BID_TERMS, power, float(x)) for x in q]),
        curve_availability=np.array([power.probability_at_least(float(x)) for x in q]),
    )
