"""Figures of the market studies. Each function draws one result."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from csms.market.latency import LatencyStudy
from csms.market.savings import SavingsStudy
from csms.market.studies import (
    HistoryBidStudy,
    NewsvendorStudy,
    PriceShareStudy,
    RobustStudy,
    StackelbergStudy,
    TouRtpStudy,
)

BLUE, ORANGE, GREEN, RED, GREY = "#1f6fb4", "#d9730d", "#2e8b57", "#c0392b", "#6b7280"
STRATEGIES = {
    "uncontrolled": ("uncontrolled", GREY),
    "tou": ("time of use", ORANGE),
    "rtp": ("real-time price", BLUE),
    "v2g": ("real-time price, V2G", GREEN),
}


def plot_tou_rtp(study: TouRtpStudy) -> Figure:
    """Welfare of each tariff above the flat one; surplus as customers move to real-time prices."""
    figure, (left, right) = _figure(2)
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
    figure, (axes,) = _figure(1, width=7.0)
    years = list(study.share_of_gain)
    bars = axes.bar(years, [100.0 * study.share_of_gain[y] for y in years], color=ORANGE)
    axes.bar_label(bars, fmt="%.1f%%", padding=3)
    axes.margins(y=0.12)
    axes.set(xlabel="year", ylabel="share of the gain captured (%)")
    axes.set_title(f"Time-of-use tariff ({study.peak})", fontsize=10)
    return figure


def plot_stackelberg(study: StackelbergStudy) -> Figure:
    """Profit over the posted price, with the optimum and the traps."""
    figure, (axes,) = _figure(1, width=7.0)
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
    figure, (left, right) = _figure(2)
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
    figure, (axes,) = _figure(1, width=8.0)
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
    _legend_above(axes, 2)
    return figure


def plot_robust(study: RobustStudy) -> Figure:
    """Schedule with the prices it is protected against; the price of robustness."""
    figure, (left, right) = _figure(2)
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


def plot_savings(study: SavingsStudy) -> Figure:
    """Cost per car and year by strategy, and when the fleet draws."""
    figure, (left, right) = _figure(2, width=11.0)
    results = {name: getattr(study, name) for name in STRATEGIES}
    names = [STRATEGIES[n][0].replace(", ", ",\n") for n in results]
    energy = [r.energy_cost_eur for r in results.values()]
    wear = [r.wear_eur for r in results.values()]
    left.bar(names, energy, color=[STRATEGIES[n][1] for n in results])
    left.bar(names, wear, bottom=energy, color=RED, label="wear of discharging")
    for at, r in enumerate(results.values()):
        text = f"{r.cost_eur:.0f}\n{-100.0 * r.saving_frac:+.0f}%" if at else f"{r.cost_eur:.0f}"
        left.text(at, r.cost_eur, text, ha="center", va="bottom", fontsize=9)
    left.margins(y=0.18)
    left.tick_params(axis="x", labelsize=8)
    left.set(ylabel="cost per car and year (EUR)")
    left.legend(fontsize=8)
    for name, r in results.items():
        label, colour = STRATEGIES[name]
        text = f"{label}: {r.overload_hours} h over the limit"
        right.step(np.arange(24), r.mean_load_kw, where="mid", color=colour, label=text)
    right.set(xlabel="hour of the day (UTC)", ylabel="mean power per car (kW)")
    _legend_above(right, 2)
    return figure


def plot_latency(study: LatencyStudy) -> Figure:
    """Chance that a command is not there yet, against time, with the markets' deadlines."""
    figure, (axes,) = _figure(1)
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


def _figure(columns: int, *, width: float = 10.0) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, 4.4), layout="constrained")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for ax in axes:
        ax.grid(visible=True, color="#e5e7eb", lw=0.6)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend_above(axes: Axes, columns: int) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, frameon=False, fontsize=8
    )
