"""Lexicographic max-min fairness: the least served EVSE gets as large a share of its wish as the feeder bears, then the
least served of the rest, and so on. Pure.

The quadratic objective of :mod:`csms.dispatch.optimum.solver` takes most from whoever stands where a kilowatt hurts
most. Here shares of the wish are equal wherever the same limit holds, whatever that costs in total. A sequence of
linear programs: maximise t while nobody unsettled gets less than t; those whose share has a price cannot get more and
are settled at it; repeat. A higher priority goes first. Weights play no part: equal shares are the point.

Reference: Ogryczak, Pioro and Tomaszewski, J. Telecommunications and Information Technology 3 (2005) 43-53.
"""

from __future__ import annotations

from dataclasses import replace

import highspy
import numpy as np
from scipy import sparse

from csms.dispatch.optimum.solver import (
    DispatchNotSolvedError,
    DispatchSolver,
    LinearState,
    Solution,
    WarmStart,
)
from csms.grid.network import BoolArray, FloatArray, IntArray

_PRICED = 1.0e-12  # dual value, of a total of 1, that says a share can be no larger
_FULL = 1.0 - 1.0e-9
_MAX_PROGRAMS = 200


def fairest(
    solver: DispatchSolver,
    start: Solution,
    lo_w: FloatArray,
    hi_w: FloatArray,
    desired_w: FloatArray,
    state: LinearState,
    *,
    v_min_pu: float | FloatArray,
    v_max_pu: float | FloatArray,
    priority: IntArray | None = None,
) -> Solution:
    """The max-min fair optimum of the problem that ``start`` is the least-squares optimum of.

    A share is 0 at 0 W (or the bound nearest to it) and 1 at the wish. ``start`` itself where no limit binds or where
    shares of 0 do not meet them all. Raises :class:`DispatchNotSolvedError`.
    """
    if not len(start.row_kind) or start.violations:
        return start
    wish, least = np.clip(desired_w, lo_w, hi_w), np.clip(0.0, lo_w, hi_w)
    shares = _Shares(
        wish != least, np.zeros(len(wish)) if priority is None else np.asarray(priority)
    )
    none = np.zeros(0, np.int64)
    rows = WarmStart(none, none, none, np.zeros(0))
    matrix, bound = np.zeros((0, len(wish))), np.zeros(0)
    x = wish
    for turn in range(_MAX_PROGRAMS):
        broken = solver.broken_at(x, state, v_min_pu=v_min_pu, v_max_pu=v_max_pu)
        if broken.kind.size:
            rows = _joined(rows, broken)
            slope = solver.answers(broken)
            matrix = np.vstack([matrix, slope * (wish - least)])
            bound = np.r_[bound, slope @ (x - least) - broken.multiplier]
        elif turn:
            shares.settle()
        if shares.all_settled:
            return solver.explained(
                start, replace(rows, multiplier=shares.row_price), x, wish, state
            )
        if not shares.raise_least(matrix, bound):
            return start
        x = least + shares.share * (wish - least)
    raise DispatchNotSolvedError(_MAX_PROGRAMS, float("nan"))


class _Shares:
    """Shares of the wish (N,), and which of them can be no larger."""

    def __init__(self, wanting: BoolArray, priority: FloatArray | IntArray):
        self.share = np.ones(len(wanting))
        self.row_price = np.zeros(0)  # (K,) summed over the programs that settled something
        self._floor = np.where(wanting, 0.0, 1.0)
        self._open = wanting.copy()
        self._priority = priority
        self._price, self._new_row_price = np.zeros(len(wanting)), np.zeros(0)
        self._level = 0.0

    @property
    def all_settled(self) -> bool:
        return not self._open.any()

    def settle(self) -> None:
        """Believe the last program: what had a price stays at its level."""
        done = self._now & ((self._price > _PRICED) | (self._level >= _FULL))
        self._floor[done] = min(self._level, 1.0)
        self._open &= ~done
        self.row_price = _padded(self.row_price, len(self._new_row_price)) + self._new_row_price

    def raise_least(self, matrix: FloatArray, bound: FloatArray) -> bool:
        """Solve for the largest t with share >= t for the open ones of the highest priority. False: infeasible.

        Only a share that relieves some row can be worth more than t: all others move as one variable or stand still.
        """
        self._now = self._open & (self._priority == self._priority[self._open].max())
        size = np.abs(matrix).max(axis=1, initial=1e-300)
        rows = matrix / size[:, None]
        own = np.flatnonzero((rows < 0.0).any(axis=0))
        still = self._floor.copy()
        still[own] = 0.0
        together = self._now.copy()
        together[own] = False
        above = self._now[own].astype(np.float64)
        answer = _maximise_last(
            np.c_[rows[:, own], rows[:, together].sum(axis=1)],
            bound / size - rows[:, ~self._now] @ still[~self._now],
            self._floor[own],
            above,
        )
        if answer is None:
            return False
        column, price = answer
        self._level = float(column[-1])
        self.share = np.where(together, self._level, still)
        self.share[own] = np.clip(column[:-1], self._floor[own], 1.0)
        self._new_row_price = price / size
        self._price = self._new_row_price @ matrix if len(size) else np.zeros(len(still))
        return True


def _maximise_last(
    rows: FloatArray, bound: FloatArray, floor: FloatArray, above: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """max t over (y, t) with rows (y, t) <= bound, floor <= y <= 1, y_i >= t where ``above`` is 1, 0 <= t <= 1.

    -> (y, t) and the rows' prices; ``None`` where there is none.
    """
    count = len(floor)
    least = sparse.diags(above, format="csr")[above > 0.0]
    full = sparse.vstack(
        [sparse.csr_matrix(rows), sparse.hstack([least, -np.ones((least.shape[0], 1))])]
    ).tocsr()
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = count + 1, full.shape[0]
    lp.col_cost_ = np.r_[np.zeros(count), -1.0]
    lp.col_lower_, lp.col_upper_ = np.r_[floor, 0.0], np.ones(count + 1)
    lp.row_lower_ = np.r_[np.full(len(bound), -np.inf), np.zeros(least.shape[0])]
    lp.row_upper_ = np.r_[bound, np.full(least.shape[0], np.inf)]
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = full.indptr, full.indices
    lp.a_matrix_.value_ = full.data
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in _OPTIONS.items():
        highs.setOptionValue(option, value)
    highs.passModel(lp)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    answer = highs.getSolution()
    return np.array(answer.col_value), np.abs(np.array(answer.row_dual))[: len(bound)]


_OPTIONS = {
    "output_flag": False, "threads": 1, "time_limit": 10.0,
    "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10,
}  # fmt: skip


def _joined(rows: WarmStart, more: WarmStart) -> WarmStart:
    return WarmStart(
        np.r_[rows.kind, more.kind], np.r_[rows.bus, more.bus], np.r_[rows.phase, more.phase],
        np.r_[rows.multiplier, np.zeros(len(more.kind))],
    )  # fmt: skip


def _padded(value: FloatArray, count: int) -> FloatArray:
    return np.r_[value, np.zeros(count - len(value))]
