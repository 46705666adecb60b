"""Figures of the market studies. Each function draws one result."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from csms.api.plots.palette import BLUE, GREEN, GREY, ORANGE, RED, legend_above, panels, shade
from csms.market.day_ahead_study import DayAheadStudy
from csms.market.latency import LatencyStudy
from csms.market.savings import SavingsStudy
from csms.market.studies import (
    CoverageStudy,
    HistoryBidStudy,
    NewsvendorStudy,
    PriceShareStudy,
    RobustStudy,
    ShiftingStudy,
    StackelbergStudy,
    TouRtpStudy,
)

STRATEGIES = {
    "uncontrolled": ("uncontrolled", GREY),
    "tou": ("time of use", ORANGE),
    "rtp": ("real-time price", BLUE),
    "v2g": ("real-time price, V2G", GREEN),
}


def plot_tou_rtp(study: TouRtpStudy) -> Figure:
    """Welfare of each tariff above the flat one; surplus as customers move to real-time prices."""
    figure, (left, right) = panels(1, 2, width=10.0)
    gain = [0.0, study.welfare_tou - study.welfare_flat, study.deadweight_loss]
    bars = left.bar(["flat", "time of use", "real time"], gain, color=[GREY, ORANGE, BLUE])
    left.bar_label(bars, fmt="%.1f", padding=3)
    left.margins(y=0.15)
    left.set(ylabel="welfare above the flat tariff (money per interval)")
    left.set_title(f"Dead-weight loss of a flat price: {study.deadweight_loss:.2f}", fontsize=10)
    share = 100.0 * study.adoption.rtp_share
    right.plot(share, study.adoption.surplus_on_rtp, color=BLUE, label="on real-time prices")
    right.plot(share, study.adoption.surplus_on_flat, color=GREY, label="on the flat tariff")
    right.plot(share, study.adoption.producer_surplus, color=ORANGE, ls="--", label="producers")
    right.set(xlabel="customers on real-time prices (%)", ylabel="surplus (money per interval)")
    right.set_title("Who wins and who loses", fontsize=10)
    right.legend(fontsize=8)
    return figure


def plot_price_share(study: PriceShareStudy) -> Figure:
    """Share of the gain from real-time prices that the two-period tariff captures."""
    figure, (axes,) = panels(1, 1, width=7.0)
    years = list(study.share_of_gain)
    bars = axes.bar(years, [100.0 * study.share_of_gain[y] for y in years], color=ORANGE)
    axes.bar_label(bars, fmt="%.1f%%", padding=3)
    axes.margins(y=0.12)
    axes.set(xlabel="year", ylabel="share of the gain captured (%)")
    axes.set_title(f"Time-of-use tariff ({study.peak})", fontsize=10)
    return figure


def plot_stackelberg(study: StackelbergStudy) -> Figure:
    """Profit over the posted price, with the optimum and the traps."""
    figure, (axes,) = panels(1, 1, width=7.0)
    axes.plot(study.curve.price, study.curve.profit, color=BLUE)
    label = f"optimum {study.profit:.3f} at {study.price:.3f}"
    axes.plot(study.price, study.profit, "o", color=GREEN, label=label)
    for price, profit in study.answer.local_maxima[:3]:
        text = f"local maximum {profit:.3f} at {price:.3f}"
        axes.plot(price, profit, "x", color=RED, ms=8, mew=2, label=text)
    axes.axvline(study.wholesale, color=GREY, ls="--", lw=1, label="wholesale price")
    axes.set(xlabel="price (EUR/kWh)", ylabel="profit (EUR)")
    axes.set_ylim(-0.15 * study.profit, 1.15 * study.profit)
    axes.legend(fontsize=8)
    return figure


def plot_newsvendor(study: NewsvendorStudy) -> Figure:
    """Expected profit and the chance of full availability over the bid."""
    figure, (left, right) = panels(1, 2, width=10.0)
    left.plot(study.curve_q_mw, study.curve_profit, color=BLUE)
    left.plot(study.q_mw, study.profit, "o", color=GREEN, label=f"best bid {study.q_mw:.3f} MW")
    left.axvline(study.cvar_q_mw, color=ORANGE, ls="--", lw=1, label="best CVaR (0.9)")
    left.set(xlabel="bid (MW)", ylabel="expected profit (EUR)")
    left.legend(fontsize=8)
    right.plot(study.curve_q_mw, 100.0 * study.curve_availability, color=BLUE)
    right.axhline(90.0, color=RED, ls="--", lw=1, label="P90 rule")
    right.plot(study.q_mw, 100.0 * study.bid.availability, "o", color=GREEN, label="best bid")
    right.set(xlabel="bid (MW)", ylabel="chance of full availability (%)", ylim=(0.0, 104.0))
    right.legend(fontsize=8)
    return figure


def plot_history_bid(study: HistoryBidStudy) -> Figure:
    """Available power by day, the bid learned from the first part, violations in the rest."""
    figure, (axes,) = panels(1, 1, width=8.0)
    day = np.arange(len(study.available_mw))
    axes.plot(day, study.available_mw, ".", color=GREY, ms=4, label="available")
    short = (day >= study.n_train) & (study.available_mw < study.bid.q_mw)
    rate = 100.0 * study.held_out.rate
    axes.plot(
        day[short],
        study.available_mw[short],
        ".",
        color=RED,
        label=f"short of the bid: {rate:.1f}%",
    )
    axes.axhline(study.bid.q_mw, color=GREEN, label=f"bid {study.bid.q_mw:.2f} MW")
    axes.axhline(
        study.independent_p90_mw, color=ORANGE, ls="--", lw=1,
        label=f"independent vehicles assumed: {100.0 * study.independent_held_out.rate:.1f}% short",
    )  # fmt: skip
    axes.axvline(study.n_train - 0.5, color="black", lw=1)
    axes.set(xlabel="day (bid learned left of the line, judged right of it)", ylabel="power (MW)")
    legend_above(axes, 2)
    return figure


def plot_robust(study: RobustStudy) -> Figure:
    """Schedule with the prices it is protected against; the price of robustness."""
    figure, (left, right) = panels(1, 2, width=10.0)
    hour = np.arange(len(study.price))
    left.bar(hour, study.plan.schedule, color=BLUE, alpha=0.5, label="schedule")
    left.set(xlabel="hour", ylabel="energy per hour (kWh)")
    prices = left.twinx()
    prices.step(hour, study.price, where="mid", color=GREY, label="expected price")
    prices.step(hour, study.plan.worst_price, where="mid", color=RED, label="worst price")
    prices.set(ylabel="price (EUR/kWh)", ylim=(0.0, None))
    handles = left.get_legend_handles_labels()[0] + prices.get_legend_handles_labels()[0]
    left.legend(
        handles=handles, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False
    )
    right.plot(study.kappas, study.frontier_nominal, color=GREY, label="at the expected price")
    right.plot(study.kappas, study.frontier_worst, color=RED, label="at the worst price")
    right.set(xlabel="radius planned for (1)", ylabel="cost (EUR)")
    right.legend(fontsize=8)
    return figure


def plot_savings(by_year: dict[str, SavingsStudy]) -> Figure:
    """Cost per car and year by strategy, every year; when the fleet draws, the mean over the years."""
    figure, (left, right) = panels(1, 2, width=11.0 + 0.8 * max(0, len(by_year) - 2))
    width = 0.8 / len(STRATEGIES)
    for place, (name, (label, colour)) in enumerate(STRATEGIES.items()):
        results = [getattr(study, name) for study in by_year.values()]
        at = np.arange(len(results)) + (place - 1.5) * width
        energy, wear = [r.energy_cost_eur for r in results], [r.wear_eur for r in results]
        left.bar(at, energy, 0.92 * width, color=colour, label=label)
        if any(wear):
            left.bar(at, wear, 0.92 * width, bottom=energy, color=RED, label="wear of discharging")
        for x, r in zip(at, results, strict=True):
            saved = f"{r.cost_eur:.0f}\n{-100.0 * r.saving_frac:+.0f}%"
            text = f"{r.cost_eur:.0f}" if name == "uncontrolled" else saved
            left.text(
                x,
                max(r.cost_eur, r.energy_cost_eur, 0.0),
                text,
                ha="center",
                va="bottom",
                fontsize=7,
            )
        load = np.mean([r.mean_load_kw for r in results], axis=0)
        hours = sum(r.overload_hours for r in results)
        right.step(
            np.arange(24),
            load,
            where="mid",
            color=colour,
            label=f"{label}: {hours} h over the limit",
        )
    left.axhline(0.0, color=GREY, lw=0.8)
    left.set_xticks(np.arange(len(by_year)), list(by_year))
    left.set(ylabel="cost per car and year (EUR)")
    left.margins(y=0.16)
    legend_above(left, 3)
    right.set(xlabel="hour of the day (UTC)", ylabel="mean power per car (kW)")
    legend_above(right, 2)
    return figure


def plot_tariffs(study: TouRtpStudy | PriceShareStudy) -> Figure:
    return plot_price_share(study) if isinstance(study, PriceShareStudy) else plot_tou_rtp(study)


def plot_posted_price(study: StackelbergStudy | ShiftingStudy) -> Figure:
    return plot_shifting(study) if isinstance(study, ShiftingStudy) else plot_stackelberg(study)


def plot_bid(study: NewsvendorStudy | HistoryBidStudy) -> Figure:
    return plot_history_bid(study) if isinstance(study, HistoryBidStudy) else plot_newsvendor(study)


def plot_uncertainty(study: RobustStudy | CoverageStudy) -> Figure:
    return plot_coverage(study) if isinstance(study, CoverageStudy) else plot_robust(study)


def plot_shifting(study: ShiftingStudy) -> Figure:
    """Posted and wholesale prices by interval, and the energy that each class of drivers moves there."""
    figure, (axes,) = panels(1, 1, width=7.5)
    at = np.arange(len(study.price))
    bottom = np.zeros(len(at))
    for number, energy in enumerate(study.energy, 1):
        tone = shade(number / (len(study.energy) + 1))
        axes.bar(at, energy, bottom=bottom, color=tone, label=f"drivers {number}")
        bottom += energy
    axes.set(xlabel="interval", ylabel="energy taken (kWh)")
    prices = axes.twinx()
    prices.step(at, study.price, where="mid", color=RED, label="posted price")
    prices.step(at, study.wholesale, where="mid", color=GREY, label="wholesale price")
    prices.set(ylabel="price (EUR/kWh)", ylim=(0.0, None))
    handles = axes.get_legend_handles_labels()[0] + prices.get_legend_handles_labels()[0]
    axes.legend(
        handles=handles, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False
    )
    return figure


def plot_coverage(study: CoverageStudy) -> Figure:
    """Distances of unseen errors, with the conformal radius and what a normal distribution would promise."""
    figure, (axes,) = panels(1, 1, width=7.5)
    axes.hist(study.distance, bins=40, color=BLUE, alpha=0.5, label="days that the fit never saw")
    axes.axvline(
        study.radius, color=GREEN,
        label=f"conformal radius: {100 * study.held_out_coverage:.1f}% inside"
        f" of {100 * study.promised:.0f}% promised",
    )  # fmt: skip
    axes.axvline(
        study.gaussian_radius, color=ORANGE, ls="--",
        label=f"normal distribution assumed: {100 * study.gaussian_coverage:.1f}% inside",
    )  # fmt: skip
    axes.set(xlabel="Mahalanobis distance (1)", ylabel="days")
    legend_above(axes, 1)
    return figure


def plot_day_ahead(study: DayAheadStudy) -> Figure:
    """The cars' power as planned and at once, the feeder's limit, the price."""
    figure, (axes,) = panels(1, 1, width=8.5)
    edges = study.interval_h * np.arange(len(study.price_eur_per_kwh) + 1)
    axes.stairs(
        study.uncontrolled_kw, edges, baseline=None, color=GREY, lw=1.5,
        label=f"at once: {study.uncontrolled_cost_eur:.2f} EUR",
    )  # fmt: skip
    axes.stairs(
        study.planned_kw, edges, baseline=None, color=GREEN, lw=1.5,
        label=f"planned: {study.cost_eur:.2f} EUR, wear {study.wear_eur:.2f} in it",
    )  # fmt: skip
    axes.axhline(study.limit_kw, color=RED, ls="--", lw=1, label="feeder limit")
    axes.axhline(0.0, color=GREY, lw=0.8)
    axes.set(xlabel="hour", ylabel=f"power of {study.n_cars} cars (kW)")
    prices = axes.twinx()
    prices.stairs(study.price_eur_per_kwh, edges, baseline=None, color=ORANGE, label="price")
    prices.set(ylabel="price (EUR/kWh)")
    handles = axes.get_legend_handles_labels()[0] + prices.get_legend_handles_labels()[0]
    axes.legend(
        handles=handles, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False
    )
    if study.missed:
        missed = ", ".join(f"car {m.car} lacks {m.missing_kwh:.1f} kWh" for m in study.missed[:4])
        axes.set_xlabel(f"hour\n{missed}{' ...' if len(study.missed) > 4 else ''}")
    return figure


def plot_latency(study: LatencyStudy) -> Figure:
    """Chance that a command is not there yet, against time, with the markets' deadlines."""
    figure, (axes,) = panels(1, 1, width=10.0)
    p_kept = 1.0 - study.p_lost
    axes.semilogy(1e3 * study.t_s, 1.0 - p_kept * study.cdf, color=BLUE, label="not delivered yet")
    floor = max(study.p_lost, 1e-6)
    if study.p_lost > 0.0:
        axes.axhline(study.p_lost, color=GREY, lw=1, ls=":", label=f"lost {study.p_lost:.2g}")
    span_ms = 1.3e3 * max(study.p999_s, study.deadline_s)
    marks = (
        ("p50", study.p50_s, "center"), ("p99", study.p99_s, "right"),
        ("p99.9", study.p999_s, "left"),
    )  # fmt: skip
    for text, at_s, side in marks:
        axes.axvline(1e3 * at_s, color=GREEN, lw=0.8)
        axes.text(
            1e3 * at_s, 1.15, f"{text}\n{1e3 * at_s:.0f} ms", ha=side, va="bottom", fontsize=8
        )
    axes.axvline(
        1e3 * study.deadline_s, color=RED, ls="--", lw=1.2,
        label=f"deadline {1e3 * study.deadline_s:.0f} ms: late {study.p_late:.3g}",
    )  # fmt: skip
    axes.set(
        xlim=(0.0, span_ms), ylim=(0.5 * floor, 1.0), xlabel="time since the command was given (ms)",
        ylabel="probability",
    )  # fmt: skip
    axes.legend(frameon=True, edgecolor="none", loc="upper right")
    return figure
