"""How much more load a feeder takes before a voltage or loading limit is met: AC and LinDistFlow side by side.

The linear figure is always the larger one (it leaves losses out); it is shown to be judged, never alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from csms.grid import lindistflow, power_flow
from csms.grid.network import Feeder, FloatArray

_RELATIVE_TOLERANCE = 1.0e-8
_MAX_DOUBLINGS = 60
_CHUNK = 256  # scenarios solved at once


@dataclass(frozen=True, slots=True)
class HostingCapacity:
    """Load that may be added, W, and the bus that ends it (AC)."""

    ac_w: float
    lindistflow_w: float
    bus: int
    limited_by: str  # "voltage" or "loading"


def hosting_capacity(
    feeder: Feeder,
    share: FloatArray,
    *,
    v_min_pu: float,
    power_factor: float = 1.0,
    thermal: bool = False,
) -> HostingCapacity:
    """Largest total load, spread as ``share`` ((n,) of balanced totals or (n, 3), sum 1), that keeps ``v_min_pu``.

    With ``thermal`` the feeder's ampacities and ratings end it too (AC figure only). 0 where the feeder is below
    the limit already. Raises ``ValueError`` for a share that is no distribution, for one that nothing limits, and
    where the voltage at a bus does not fall with it.
    """
    share = np.asarray(share, float)
    if (
        not np.isfinite(share).all()
        or share.min() < 0
        or abs(share.sum() - 1.0) > 1e-9
        or share[0].any()
    ):
        raise ValueError(
            "share must be a distribution over the buses other than the source: >= 0, sum 1"
        )
    if not 0.0 < power_factor <= 1.0:
        raise ValueError(f"power_factor must be in (0, 1], got {power_factor}")
    p, q = (
        (feeder.p_w, feeder.q_var)
        if share.ndim == 2
        else (feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1))
    )
    tangent = np.tan(np.arccos(power_factor))

    def state(total_w: float) -> power_flow.PowerFlow:
        return power_flow.solve(
            feeder, p + total_w * share, q + total_w * tangent * share, check=False
        )

    def holds(total_w: float) -> bool:
        flow = state(total_w)
        return (
            flow.converged
            and flow.min_v_pu >= v_min_pu
            and not (thermal and _overloaded(feeder, flow))
        )

    ac_w = _largest(holds)
    beyond = state(ac_w * (1.0 + 1e-6) + 1.0)
    by_voltage = not beyond.converged or beyond.min_v_pu < v_min_pu
    lowest = int(np.nanargmin(beyond.vm_pu)) // (3 if share.ndim == 2 else 1)
    return HostingCapacity(
        ac_w,
        _linear(feeder, p, q, share, tangent, v_min_pu),
        lowest,
        "voltage" if by_voltage else "loading",
    )


def at_bus(feeder: Feeder, bus: int) -> FloatArray:
    """All of it at one bus: (n,) where the feeder is balanced, else (n, 3) over the bus's phases."""
    shape = feeder.n_bus if feeder.balanced else (feeder.n_bus, 3)
    share = np.zeros(shape)
    mask = feeder.phase_mask[bus]
    share[bus] = 1.0 if feeder.balanced else mask / mask.sum()
    return share


def uniform(feeder: Feeder) -> FloatArray:
    """Equal power at every bus but the source."""
    n = feeder.n_bus - 1
    return np.sum([at_bus(feeder, bus) for bus in range(1, feeder.n_bus)], axis=0) / n


@dataclass(frozen=True, slots=True, eq=False)
class StochasticHosting:
    """Hosting capacity over random placements of equal EVs."""

    capacity: FloatArray  # (S,) EVs that each placement takes
    counts: FloatArray  # (C,) numbers of EVs looked at
    min_v_pu: FloatArray  # (C, 3) 5th, 50th and 95th percentile of the lowest voltage
    breach_share: FloatArray  # (C,) part of the placements below the limit

    def percentile(self, q: float) -> float:
        """EVs that all but ``q`` percent of the placements take."""
        return float(np.percentile(self.capacity, q))


def stochastic(
    feeder: Feeder, ev_w: float, rng: np.random.Generator, *, v_min_pu: float, placements: int = 1000,
    max_evs: int = 500, points: int = 12, single_phase: bool | None = None,
) -> StochasticHosting:  # fmt: skip
    """Places EVs of ``ev_w`` one after another at random buses (and phases) until the voltage limit is met.

    ``single_phase`` defaults to what the feeder is not: balanced. Bisects the count of all placements together.
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

    def lowest(count: np.ndarray) -> FloatArray:
        out = np.empty(placements)
        for start in range(0, placements, _CHUNK):
            rows = slice(start, min(start + _CHUNK, placements))
            extra = np.stack([
                np.bincount(slot[s, : count[s]], minlength=size) for s in range(*rows.indices(placements))
            ]).reshape(-1, *p.shape)  # fmt: skip
            batch = power_flow.solve_batch(
                feeder, p + ev_w * extra, np.broadcast_to(q, extra.shape), check=False
            )
            with np.errstate(all="ignore"):
                out[rows] = np.where(batch.converged, np.nan_to_num(batch.min_v_pu), 0.0)
        return out

    low, high = np.full(placements, -1), np.full(placements, max_evs + 1)
    while np.any(high - low > 1):
        middle = np.clip((low + high) // 2, 0, max_evs)
        good = lowest(middle) >= v_min_pu
        low = np.where(good, np.maximum(low, middle), low)
        high = np.where(good, high, np.minimum(high, middle))
    counts = np.unique(np.linspace(0, max_evs, points).astype(int))
    levels = np.stack([lowest(np.full(placements, count)) for count in counts])
    return StochasticHosting(
        capacity=np.maximum(low, 0).astype(float),
        counts=counts.astype(float),
        min_v_pu=np.percentile(levels, [5, 50, 95], axis=1).T,
        breach_share=(levels < v_min_pu).mean(axis=1),
    )


def _random_phases(mask: np.ndarray, bus: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A phase that each bus has, all equally likely."""
    choices = mask.sum(axis=1)
    order = np.argsort(~mask, axis=1, kind="stable")  # phases that are there first
    pick = (rng.random(bus.shape) * choices[bus]).astype(int)
    return order[bus, pick]


def _linear(
    feeder: Feeder, p: FloatArray, q: FloatArray, share: FloatArray, tangent: float, v_min_pu: float
) -> float:
    before = lindistflow.voltages_squared(feeder, p, q)
    per_w = before - lindistflow.voltages_squared(
        feeder, p + share * 1e3, q + tangent * share * 1e3
    )
    fall = np.where(per_w > 0, per_w / 1e3, np.nan)
    room = np.nanmin((before - v_min_pu**2) / fall)
    return max(0.0, float(room))


def _overloaded(feeder: Feeder, flow: power_flow.PowerFlow) -> bool:
    current = flow.current_a(feeder)[1:].reshape(feeder.n_bus - 1, -1)
    power = np.abs(np.nansum(flow.flow_va(feeder).reshape(feeder.n_bus, -1), axis=1))[1:]
    return bool(
        (current > feeder.ampacity_a[1:, None]).any() or (power > feeder.rating_va[1:]).any()
    )


def _largest(holds: Callable[[float], bool]) -> float:
    if not holds(0.0):
        return 0.0
    high = 1.0e3
    for _ in range(_MAX_DOUBLINGS):
        if not holds(high):
            break
        high *= 2.0
    else:
        raise ValueError("nothing limits this share of load")
    low = 0.0 if high == 1.0e3 else high / 2.0
    while high - low > _RELATIVE_TOLERANCE * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
