"""Posted prices for several intervals when drivers shift: a bilevel program made exact by HiGHS.

Leader: prices p_t in 0..cap_t, mean price at most `mean_cap`, maximises (p - wholesale)' x. Follower i
takes its energy where it is cheapest: min p' x_i with sum_t x_it = E_i and 0 <= x_it <= u_it. With the
follower's dual (lambda_i, mu_i) strong duality turns p' x_i into lambda_i E_i - u_i' mu_i, so the problem
is a MILP with one binary for each complementarity. Exact, for a few classes of driver; ties are
broken in the leader's favour (optimistic), and `regret` shows that every follower answers best.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from csms.market.errors import GameError, SolverError

Float = NDArray[np.float64]
MAX_BINARIES = 2_000


@dataclass(frozen=True, slots=True)
class PostedPrices:
    """Leader's optimum. Arrays (n_intervals,) and (n_classes, n_intervals)."""

    price: Float
    energy: Float
    profit: float
    regret: float  # what the followers could still save, zero up to tolerance


def follower_answer(price: Float, energy: float, upper: Float) -> Float:
    """(n,) cheapest way to take `energy`: cheapest intervals first, the earlier one on a tie."""
    taken = np.zeros_like(upper)
    left = energy
    for t in np.argsort(price, kind="stable"):
        taken[t] = min(left, upper[t])
        left -= taken[t]
    return taken


def post_prices(
    wholesale: Float, cap: Float, mean_cap: float, energy: Float, upper: Float
) -> PostedPrices:
    """Solve the game. wholesale, cap (n,); energy (n_classes,); upper (n_classes, n).

    Raises GameError when a class cannot take its energy or the game is too large, SolverError otherwise.
    """
    n_class, n = upper.shape
    if wholesale.shape != (n,) or cap.shape != (n,) or energy.shape != (n_class,):
        raise GameError(f"wholesale {wholesale.shape}, cap {cap.shape}, energy {energy.shape}")
    if 2 * n_class * n > MAX_BINARIES:
        raise GameError(
            f"{n_class} classes times {n} intervals: group the drivers into fewer classes"
        )
    if (cap < 0).any() or mean_cap <= 0.0 or (upper < 0).any() or (energy < 0).any():
        raise GameError("caps must be positive, energies and bounds at least 0")
    short = np.flatnonzero(upper.sum(axis=1) < energy - 1e-9)
    if len(short):
        raise GameError(f"class {int(short[0])} cannot take its energy inside its bounds")
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("time_limit", 60.0)
    highs.setOptionValue("mip_rel_gap", 1e-9)
    big = float(cap.max())
    price = [highs.addVariable(0.0, float(c)) for c in cap]
    highs.addConstr(sum(price[1:], price[0]) <= n * mean_cap)
    profit = 0.0 * price[0]
    columns = []
    for i in range(n_class):
        level = highs.addVariable(0.0, big)
        profit = profit + float(energy[i]) * level
        taken = []
        for t in range(n):
            u = float(upper[i, t])
            x, mu = highs.addVariable(0.0, u), highs.addVariable(0.0, big)
            used, full = highs.addBinary(), highs.addBinary()
            highs.addConstr(level - mu - price[t] <= 0.0)
            highs.addConstr(level - mu - price[t] + 2.0 * big * (1.0 - used) >= 0.0)
            highs.addConstr(x - u * used <= 0.0)
            highs.addConstr(mu - big * full <= 0.0)
            highs.addConstr(x - u * full >= 0.0)
            profit = profit - u * mu - float(wholesale[t]) * x
            taken.append(x)
        highs.addConstr(sum(taken[1:], taken[0]) == float(energy[i]))
        columns.append(taken)
    highs.maximize(profit)
    status = highs.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise SolverError("posted prices", highs.modelStatusToString(status))
    p = np.array([highs.variableValue(v) for v in price])
    x = np.array([[highs.variableValue(v) for v in row] for row in columns])
    least = sum(
        float(p @ follower_answer(p, float(e), u)) for e, u in zip(energy, upper, strict=True)
    )
    return PostedPrices(p, x, float(((p - wholesale) * x).sum()), float((x @ p).sum()) - least)
