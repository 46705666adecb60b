"""The linear program behind :mod:`csms.market.day_ahead`, in columns and rows. No checks.

Columns: charge and discharge (kW) and stored energy at the end (kWh) of each plugged-in interval, wear
segments (kWh) and shortfall (kWh) of each vehicle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from csms.market.errors import SolverError

if TYPE_CHECKING:
    from csms.market.day_ahead import PlanInput

Basis = highspy.HighsBasis
"""Where the simplex method ended: statuses of columns and rows, for the next start."""
Float = NDArray[np.float64]
Int = NDArray[np.int64]
SHORTFALL_EUR_PER_KWH = 100.0  # above any price: short only when there is no other way


@dataclass(frozen=True, slots=True)
class Program:
    """min cost' x, row_low <= A x <= row_high, low <= x <= high, and where the columns are."""

    cost: Float
    low: Float
    high: Float
    rows: sparse.csr_matrix
    row_low: Float
    row_high: Float
    n_pairs: int
    vehicle: Int  # (n_pairs,)
    interval: Int  # (n_pairs,)
    wear_columns: slice
    wear_cost: Float


def build(given: PlanInput) -> Program:
    """Columns and rows of the program."""
    v, eta = given.vehicles, given.efficiency
    n, t = len(v), len(given.import_price)
    at = np.arange(t)
    vehicle, interval = np.nonzero((at >= v.arrive[:, None]) & (at < v.depart[:, None]))
    m = len(vehicle)
    h = given.hours[interval]
    segments = given.wear.cost_eur_per_kwh
    k = len(segments)
    able = (v.max_discharge_w[vehicle] > 0) & (given.export_price[interval] >= 0.0)
    capacity = v.capacity_wh / 1e3
    wear_cost = np.tile(segments, n)
    cost = np.concatenate([
        given.import_price[interval] * h,
        -given.export_price[interval] * h,
        np.zeros(m),
        wear_cost,
        np.full(n, SHORTFALL_EUR_PER_KWH),
    ])  # fmt: skip
    floor = np.minimum(v.reserve_wh, v.energy_wh)[vehicle] / 1e3
    low = np.concatenate([np.zeros(2 * m), floor, np.zeros(n * k + n)])
    high = np.concatenate([
        v.max_charge_w[vehicle] / 1e3,
        np.where(able, v.max_discharge_w[vehicle] / 1e3, 0.0),
        capacity[vehicle],
        np.repeat(eta * given.wear.width_frac * capacity, k),
        np.full(n, np.inf),
    ])  # fmt: skip
    # stored energy: e_t - e_(t-1) - eta c + d / eta = 0, with the arrival energy before the first
    first = np.r_[True, vehicle[1:] != vehicle[:-1]] if m else np.zeros(0, bool)
    one = np.arange(m)
    later = one[~first]
    balance = sparse.csr_matrix(
        (
            np.concatenate([
                -eta * h, h / eta, np.ones(m), -np.ones(len(later))
            ]),
            (
                np.concatenate([one, one, one, later]),
                np.concatenate([one, m + one, 2 * m + one, 2 * m + later - 1]),
            ),
        ),
        shape=(m, len(cost)),
    )  # fmt: skip
    start = np.where(first, v.energy_wh[vehicle] / 1e3, 0.0)
    # departure: stored energy plus shortfall reaches the target
    last = np.flatnonzero(np.r_[first[1:], True]) if m else np.zeros(0, int)
    who = vehicle[last]
    target = np.minimum(v.target_wh, v.capacity_wh)[who] / 1e3
    rows = np.arange(len(who))
    depart = sparse.csr_matrix(
        (
            np.ones(2 * len(who)),
            (np.r_[rows, rows], np.r_[2 * m + last, 3 * m + n * k + who]),
        ),
        shape=(len(who), len(cost)),
    )
    # wear: energy discharged per stay = sum of its segments
    out = np.flatnonzero(v.max_discharge_w[vehicle] > 0)
    wear = sparse.csr_matrix(
        (
            np.concatenate([h[out], -np.ones(n * k)]),
            (
                np.concatenate([vehicle[out], np.repeat(np.arange(n), k)]),
                np.concatenate([m + out, 3 * m + np.arange(n * k)]),
            ),
        ),
        shape=(n, len(cost)),
    )
    blocks, row_low, row_high = [balance, depart, wear], [start, target, np.zeros(n)], [
        start, np.full(len(who), np.inf), np.zeros(n)
    ]  # fmt: skip
    for limit in given.limits:
        w = limit.weights[vehicle]
        blocks.append(
            sparse.csr_matrix(
                (np.r_[w, -w], (np.r_[interval, interval], np.r_[one, m + one])),
                shape=(t, len(cost)),
            )
        )
        row_low.append(limit.min_w / 1e3)
        row_high.append(limit.max_w / 1e3)
    return Program(
        cost, low, high, sparse.vstack(blocks).tocsr(), np.concatenate(row_low),
        np.concatenate(row_high), m, vehicle, interval,
        slice(3 * m, 3 * m + n * k), wear_cost,
    )  # fmt: skip


def solve(program: Program, warm: Basis | None = None) -> tuple[Float, int, Basis]:
    """Solution, iterations and basis. Raises SolverError with the solver's status.

    ``warm``: the basis of the same program with other bounds or without its last rows; it is used up.
    """
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(program.cost), len(program.row_low)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.low, program.high
    lp.row_lower_, lp.row_upper_ = program.row_low, program.row_high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = program.rows.indptr
    lp.a_matrix_.index_ = program.rows.indices
    lp.a_matrix_.value_ = program.rows.data
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("time_limit", 120.0)
    highs.passModel(lp)
    if warm is not None:
        # in place: statuses of columns go to Python and back by the hundred thousand otherwise
        known = list(warm.row_status)
        new_rows = lp.num_row_ - len(known)
        warm.row_status = [*known, *[highspy.HighsBasisStatus.kBasic] * new_rows]
        highs.setBasis(warm)
    highs.run()
    status = highs.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise SolverError("day-ahead plan", highs.modelStatusToString(status))
    x = np.array(highs.getSolution().col_value)
    return (
        np.clip(x, program.low, program.high),
        int(highs.getInfo().simplex_iteration_count),
        highs.getBasis(),
    )
