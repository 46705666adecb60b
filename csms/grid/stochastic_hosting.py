"""Hosting capacity over thousands of random placements of equal EVs, with the bands that so many draws allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import bdtrik

from csms.grid import controlled_flow, power_flow
from csms.grid.inverter_control import InverterControl
from csms.grid.network import Feeder, FloatArray

_CHUNK = 256  # scenarios solved at once
_TOLERANCE = 1.0e-3  # of an EV's rating: the capacity is counted in whole EVs
_FIRST_COUNT = 8
_BEYOND = 1.25  # the sweep reaches so far beyond the largest capacity
BAND = (0.05, 0.50, 0.95)
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class StochasticHosting:
    """Hosting capacity over random placements of equal EVs."""

    capacity: FloatArray  # (S,) EVs that each placement takes
    counts: FloatArray  # (C,) numbers of EVs looked at
    min_v_pu: FloatArray  # (C, 3) 5th, 50th and 95th percentile of the lowest voltage
    breach_share: FloatArray  # (C,) part of the placements below the limit
    breach_band: FloatArray  # (C, 2) its 95% confidence interval (Wilson)
    max_evs: int  # capacities end here

    def percentile(self, q: float) -> float:
        """EVs that all but ``q`` percent of the placements take."""
        return float(np.percentile(self.capacity, q))

    def percentile_band(self, q: float) -> tuple[float, float]:
        """Its 95% confidence interval by order statistics, free of any distribution."""
        ordered, count = np.sort(self.capacity), len(self.capacity)
        tails = np.array([0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
        low, high = np.ceil(bdtrik(tails, count, q / 100.0))  # binomial quantiles
        return float(ordered[max(int(low) - 1, 0)]), float(ordered[min(int(high), count - 1)])


def stochastic(
    feeder: Feeder, ev_w: float, rng: np.random.Generator, *, v_min_pu: float, placements: int = 1000,
    max_evs: int = 500, points: int = 12, single_phase: bool | None = None,
    control: InverterControl | None = None,
) -> StochasticHosting:  # fmt: skip
    """Places EVs of ``ev_w`` one after another at random buses (and phases) until the voltage limit is met.

    ``single_phase`` defaults to what the feeder is not: balanced. Bisects the count of all placements together, the
    lowest voltage taken to fall with it. With ``control`` each EV answers its own voltage. The same ``rng`` state
    draws the same placements.
    """
    single = not feeder.balanced if single_phase is None else single_phase
    n = feeder.n_bus
    bus = rng.integers(1, n, (placements, max_evs))
    if single:
        phase = _random_phases(feeder.phase_mask, bus, rng)
        p, q = feeder.p_w, feeder.q_var
        slot, size = bus * 3 + phase, n * 3
    else:
        p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
        slot, size = bus, n
    solve = _solver(feeder, p, q, control)

    def lowest(count: np.ndarray) -> FloatArray:
        out = np.empty(placements)
        for start in range(0, placements, _CHUNK):
            rows = slice(start, min(start + _CHUNK, placements))
            evs = np.stack([
                np.bincount(slot[s, : count[s]], minlength=size) for s in range(*rows.indices(placements))
            ]).reshape(-1, *p.shape)  # fmt: skip
            out[rows] = solve(np.asarray(ev_w * evs, dtype=np.float64))
        return out

    low, high = np.full(placements, -1), np.full(placements, max_evs + 1)
    while np.any(high - low > 1):
        # doubled until it breaks, then halved: nobody solves 500 EVs where 10 are too many
        middle = np.where(high > max_evs, 2 * low + _FIRST_COUNT, (low + high) // 2)
        middle = np.clip(middle, 0, max_evs)
        good = lowest(middle) >= v_min_pu
        low = np.where(good, np.maximum(low, middle), low)
        high = np.where(good, high, np.minimum(high, middle))
    capacity = np.maximum(low, 0).astype(float)
    last = min(max_evs, int(np.ceil(_BEYOND * max(capacity.max(), 8))))
    counts = np.unique(np.linspace(0, last, points).astype(int))
    levels = np.stack([lowest(np.full(placements, count)) for count in counts])
    breach = (levels < v_min_pu).mean(axis=1)
    return StochasticHosting(
        capacity=capacity,
        counts=counts.astype(float),
        min_v_pu=np.percentile(levels, [100.0 * q for q in BAND], axis=1).T,
        breach_share=breach,
        breach_band=wilson(breach, placements),
        max_evs=max_evs,
    )


def wilson(share: FloatArray, count: int) -> FloatArray:
    """(..., 2) 95% confidence interval of a share seen in ``count`` draws; Wilson, doi:10.2307/2276774."""
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return np.stack([np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)], axis=-1)


def _solver(
    feeder: Feeder, p: FloatArray, q: FloatArray, control: InverterControl | None
) -> Callable[[FloatArray], FloatArray]:
    """Lowest voltage of each scenario, 0 where the network collapses."""

    def plain(added_w: FloatArray) -> FloatArray:
        flow = power_flow.solve_batch(
            feeder, p + added_w, np.broadcast_to(q, added_w.shape), check=False
        )
        magnitude = np.abs(flow.v_pu).reshape(len(added_w), -1)
        magnitude[~flow.converged] = 0.0
        return np.asarray(np.nanmin(magnitude, axis=1), dtype=np.float64)

    def controlled(added_w: FloatArray) -> FloatArray:
        assert control is not None
        found = controlled_flow.solve_batch(feeder, p, q, added_w, control, tolerance=_TOLERANCE)
        return np.nan_to_num(found.min_v_pu)

    return plain if control is None else controlled


def _random_phases(mask: np.ndarray, bus: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A phase that each bus has, all equally likely."""
    choices = mask.sum(axis=1)
    order = np.argsort(~mask, axis=1, kind="stable")  # phases that are there first
    pick = (rng.random(bus.shape) * choices[bus]).astype(int)
    return order[bus, pick]
