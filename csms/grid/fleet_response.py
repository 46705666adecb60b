"""Frequency response of a large EV fleet, each vehicle with its own curve, lag, delay and limits.

Sign: import (charging) > 0, so a fall of frequency lowers the import. For vehicle i, with df the
deviation it measured `delay_s` ago:

    target = clip(p_set + gain * deadband(df - shift), p_min, p_max), then rounded to its quantum
    lag dp/dt = target - p          (exact for a target held over one step)

A vehicle out of energy does not discharge, a full one does not charge. A charger that moves in 1 A
steps makes identical curves switch together and the fleet oscillate; `spread_shift_hz` offsets each
curve within one step so that the sum is straight again (SINTEF publication 1735750).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from csms.grid.frequency import FrequencyCase, load_profile
from csms.grid.swing import (
    FloatArray,
    governor_table,
    require_positive,
    sample_times,
    step_count,
    swing_step,
)

IntArray = NDArray[np.int64]

CHUNK = 1024  # vehicles advanced together: their arrays stay in the L2 cache
ENERGY_CHECK_S = 1.0  # the energy limits are looked at this often, or oftener
CONTINUOUS_W = 1e-6  # rounding of a continuous vehicle in a fleet where others move in steps
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """Arrays of shape (n_ev,), float64."""

    p_set_w: FloatArray  # scheduled import
    p_min_w: FloatArray  # < 0 where the vehicle can discharge
    p_max_w: FloatArray
    gain_w_per_hz: FloatArray  # >= 0, see droop_gain_w_per_hz
    deadband_hz: FloatArray
    shift_hz: FloatArray
    lag_s: FloatArray  # first-order, 0 = immediate
    delay_s: FloatArray
    energy_wh: FloatArray
    energy_min_wh: FloatArray
    energy_max_wh: FloatArray
    quantum_w: FloatArray  # power of 1 A; 0 = continuous

    def __post_init__(self) -> None:
        n = len(self.p_set_w)
        for f in fields(self):
            values = getattr(self, f.name)
            if values.shape != (n,) or n == 0:
                raise ValueError(f"Fleet.{f.name}: expected shape ({n},), got {values.shape}")
            if not np.isfinite(values).all():
                raise ValueError(
                    f"Fleet.{f.name}: not finite at {np.flatnonzero(~np.isfinite(values))[0]}"
                )
        for name in ("gain_w_per_hz", "deadband_hz", "lag_s", "delay_s", "quantum_w"):
            if (getattr(self, name) < 0.0).any():
                raise ValueError(f"Fleet.{name}: expected >= 0")
        _require_order("p_min_w <= p_set_w <= p_max_w", self.p_min_w, self.p_set_w, self.p_max_w)
        _require_order(
            "energy_min_wh <= energy_wh <= energy_max_wh",
            self.energy_min_wh,
            self.energy_wh,
            self.energy_max_wh,
        )

    @property
    def n_ev(self) -> int:
        """Number of vehicles."""
        return len(self.p_set_w)


def make_fleet(
    n_ev: int,
    *,
    gain_w_per_hz: ArrayLike,
    p_set_w: ArrayLike = 0.0,
    p_min_w: ArrayLike = -11_000.0,
    p_max_w: ArrayLike = 11_000.0,
    deadband_hz: ArrayLike = 0.015,
    shift_hz: ArrayLike = 0.0,
    lag_s: ArrayLike = 0.1,
    delay_s: ArrayLike = 0.2,
    energy_wh: ArrayLike = 30_000.0,
    energy_min_wh: ArrayLike = 12_000.0,
    energy_max_wh: ArrayLike = 54_000.0,
    quantum_w: ArrayLike = 0.0,
) -> Fleet:
    """A fleet from scalars or (n_ev,) arrays. Raises ValueError for a shape that does not fit."""
    given = dict(locals())
    n = given.pop("n_ev")
    return Fleet(
        **{
            name: np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.float64), (n,)))
            for name, value in given.items()
        }
    )


def droop_gain_w_per_hz(rated_w: ArrayLike, droop_pu: ArrayLike, f_nom_hz: float) -> FloatArray:
    """Gain of a droop curve: `rated_w` for a deviation of `droop_pu * f_nom_hz`."""
    droop = np.asarray(droop_pu, np.float64)
    if not (np.isfinite(droop).all() and (droop > 0.0).all()):
        raise ValueError("droop_pu: expected finite and > 0")
    require_positive("droop_gain_w_per_hz", f_nom_hz=f_nom_hz)
    return np.asarray(rated_w, np.float64) / (droop * f_nom_hz)


def spread_shift_hz(fleet: Fleet) -> FloatArray:
    """(n_ev,) curve offsets, evenly spread over the width of one quantum, mean zero, Hz.

    Zero where the vehicle is continuous or has no gain.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.where(fleet.gain_w_per_hz > 0.0, fleet.quantum_w / fleet.gain_w_per_hz, 0.0)
    rank = (np.arange(fleet.n_ev) + 0.5) / fleet.n_ev - 0.5
    return np.asarray(rank * width, np.float64)


@dataclass(frozen=True, slots=True)
class FleetTrace:
    """Sums over the fleet at each sample, and each vehicle's end state."""

    t_s: FloatArray  # (n + 1,)
    deviation_hz: FloatArray  # (n + 1,)
    fleet_power_w: FloatArray  # (n + 1,) import
    final_power_w: FloatArray  # (n_ev,)
    final_energy_wh: FloatArray  # (n_ev,)

    @property
    def nadir_hz(self) -> float:
        """Lowest deviation."""
        return float(self.deviation_hz.min())

    def ripple_hz(self, last_s: float) -> float:
        """Peak-to-peak deviation over the last `last_s` seconds: what is left of an oscillation."""
        tail = self.deviation_hz[self.t_s >= self.t_s[-1] - last_s]
        return float(np.ptp(tail))


def respond_to_trace(fleet: Fleet, deviation_hz: FloatArray, dt_s: float) -> FleetTrace:
    """Open loop: the fleet follows a given frequency (n + 1 samples, `dt_s` apart).

    Raises ValueError for a sample that is not finite: gaps are filled by an explicit policy first
    (`csms.grid.frequency_trace`), never here.
    """
    deviation = np.ascontiguousarray(deviation_hz, np.float64)
    if deviation.ndim != 1 or len(deviation) < 2:
        raise ValueError(f"deviation_hz: expected (n,) with n >= 2, got {deviation.shape}")
    bad = np.flatnonzero(~np.isfinite(deviation))
    if bad.size:
        raise ValueError(f"deviation_hz: {bad.size} samples are not finite, the first at {bad[0]}")
    n = len(deviation) - 1
    require_positive("respond_to_trace", dt_s=dt_s)
    run = _Run(fleet, dt_s, n)
    run.history[run.pad :] = deviation
    for first in range(0, n, run.block):
        run.advance(first, min(first + run.block, n))
    return run.result(deviation)


def closed_loop(
    fleet: Fleet,
    case: FrequencyCase,
    base_w: float,
    *,
    t_end_s: float = 60.0,
    dt_s: float = 0.02,
) -> FleetTrace:
    """The fleet together with the swing equation and the governors of `case`.

    `base_w` is the system base: the fleet acts as (its import less its schedule) / base_w.
    """
    require_positive("closed_loop", base_w=base_w)
    n = step_count(t_end_s, dt_s)
    load = load_profile(case.steps, n, dt_s)
    run = _Run(fleet, dt_s, n)
    table = governor_table(case.governors)
    size = 1 + 2 * len(case.governors)
    state, work = np.zeros(size), np.zeros((5, size))
    two_h, damping = 2.0 * case.system.inertia_s, case.system.damping_pu
    block = min(run.block, run.min_delay + 1)  # no frequency measured within it can matter in it
    start = float(run.power_sum[0])
    for first in range(0, n, block):
        last = min(first + block, n)
        run.advance(first, last)
        _swing_block(
            state, table, two_h, damping, load, dt_s, work,
            run.power_sum, start, base_w, case.system.f_nom_hz,
            run.history, run.pad, first, last,
        )  # fmt: skip
    return run.result(run.history[run.pad :].copy())


class _Run:
    """Mutable state of one simulation.

    Vehicles are held in the order of their delays, so that all of a segment see the same sample of
    `history`: the hot loop then has no gather and runs as SIMD. `history` is preceded by `pad`
    samples at rest.
    """

    def __init__(self, fleet: Fleet, dt_s: float, n: int) -> None:
        self.dt_s = dt_s
        self.block = max(1, int(ENERGY_CHECK_S / dt_s))
        delay = np.rint(fleet.delay_s / dt_s).astype(np.int64)
        self.order = np.argsort(delay, kind="stable")
        self.fleet = f = Fleet(
            **{x.name: getattr(fleet, x.name)[self.order] for x in fields(fleet)}
        )
        self.segments = _segments(delay[self.order])
        self.pad = int(delay.max())
        self.min_delay = int(delay.min())
        with np.errstate(divide="ignore"):
            self.blend = np.where(f.lag_s > 0.0, -np.expm1(-dt_s / f.lag_s), 1.0)
        self.low_edge = f.shift_hz - f.deadband_hz
        self.high_edge = f.shift_hz + f.deadband_hz
        self.history = np.zeros(self.pad + n + 1)
        self.power = f.p_set_w.copy()
        self.energy = f.energy_wh.copy()
        self.used = np.zeros(f.n_ev)  # sum of power over the steps since the last energy check
        self.energy_check = 0
        self.power_sum = np.zeros(n + 1)
        self.power_sum[0] = self.power.sum()
        self.quantised = bool((f.quantum_w > 0.0).any())
        self.quantum = np.where(f.quantum_w > 0.0, f.quantum_w, CONTINUOUS_W)

    def advance(self, first: int, last: int) -> None:
        """Steps `first` to `last`, whose measured frequencies must be in `history`."""
        if first >= self.energy_check:
            self._apply_energy_limits()
            self.energy_check = first + self.block
        f = self.fleet
        _advance(
            self.power, self.used, self.segments, self.blend,
            f.p_set_w, self.floor, self.ceiling, f.gain_w_per_hz, self.low_edge, self.high_edge,
            self.quantum, 1.0 / self.quantum, self.quantised,
            self.history, self.pad, self.power_sum, first, last,
        )  # fmt: skip

    def _apply_energy_limits(self) -> None:
        f = self.fleet
        self.energy += self.used * (self.dt_s / SECONDS_PER_HOUR)
        self.used[:] = 0.0
        self.floor = np.where(self.energy > f.energy_min_wh, f.p_min_w, np.maximum(f.p_min_w, 0.0))
        self.ceiling = np.where(
            self.energy < f.energy_max_wh, f.p_max_w, np.minimum(f.p_max_w, 0.0)
        )

    def result(self, deviation_hz: FloatArray) -> FleetTrace:
        self._apply_energy_limits()
        final_power, final_energy = np.empty_like(self.power), np.empty_like(self.energy)
        final_power[self.order], final_energy[self.order] = self.power, self.energy
        return FleetTrace(
            t_s=sample_times(len(self.power_sum), self.dt_s),
            deviation_hz=deviation_hz,
            fleet_power_w=self.power_sum,
            final_power_w=final_power,
            final_energy_wh=final_energy,
        )


def _segments(delay: IntArray) -> IntArray:
    """(n_segment, 3) first vehicle, end, delay in steps: equal delays, at most CHUNK vehicles."""
    edges = np.flatnonzero(np.diff(delay)) + 1
    rows = [
        (lo, min(lo + CHUNK, int(end)), int(delay[lo]))
        for start, end in zip([0, *edges], [*edges, len(delay)], strict=True)
        for lo in range(int(start), int(end), CHUNK)
    ]
    return np.array(rows, dtype=np.int64)


def _require_order(what: str, low: FloatArray, mid: FloatArray, high: FloatArray) -> None:
    bad = np.flatnonzero((low > mid) | (mid > high))
    if bad.size:
        raise ValueError(f"Fleet: expected {what}, broken by {bad.size}, the first at {bad[0]}")


@njit(cache=True, nogil=True)
def _advance(
    power: FloatArray,
    used: FloatArray,
    segments: IntArray,
    blend: FloatArray,
    p_set: FloatArray,
    floor: FloatArray,
    ceiling: FloatArray,
    gain: FloatArray,
    low_edge: FloatArray,
    high_edge: FloatArray,
    quantum: FloatArray,
    inv_quantum: FloatArray,
    quantised: bool,
    history: FloatArray,
    pad: int,
    power_sum: FloatArray,
    first: int,
    last: int,
) -> None:
    for k in range(first, last):
        power_sum[k + 1] = 0.0
    for s in range(segments.shape[0]):
        part = slice(segments[s, 0], segments[s, 1])
        df = history[pad + first - segments[s, 2] : pad + last - segments[s, 2]]
        _advance_segment(
            power[part], used[part], blend[part],
            p_set[part], floor[part], ceiling[part], gain[part], low_edge[part], high_edge[part],
            quantum[part], inv_quantum[part], quantised, df, power_sum[first + 1 : last + 1],
        )  # fmt: skip


# Loops from 0 over slices, one store each: what LLVM needs to vectorise. All inputs are finite.
@njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "contract", "reassoc"})
def _advance_segment(
    power: FloatArray,
    used: FloatArray,
    blend: FloatArray,
    p_set: FloatArray,
    floor: FloatArray,
    ceiling: FloatArray,
    gain: FloatArray,
    low_edge: FloatArray,
    high_edge: FloatArray,
    quantum: FloatArray,
    inv_quantum: FloatArray,
    quantised: bool,
    df: FloatArray,
    power_sum: FloatArray,
) -> None:
    n_ev = power.shape[0]
    for i in range(n_ev):
        used[i] += 0.5 * power[i]
    for k in range(df.shape[0]):
        f = df[k]
        total = 0.0
        if quantised:
            for i in range(n_ev):
                beyond = f - min(max(f, low_edge[i]), high_edge[i])
                target = min(max(p_set[i] + gain[i] * beyond, floor[i]), ceiling[i])
                target = quantum[i] * np.rint(target * inv_quantum[i])
                power[i] += blend[i] * (target - power[i])
                total += power[i]
        else:
            for i in range(n_ev):
                beyond = f - min(max(f, low_edge[i]), high_edge[i])
                target = min(max(p_set[i] + gain[i] * beyond, floor[i]), ceiling[i])
                power[i] += blend[i] * (target - power[i])
                total += power[i]
        power_sum[k] += total
        for i in range(n_ev):
            used[i] += power[i]
    for i in range(n_ev):
        used[i] -= 0.5 * power[i]


@njit(cache=True, nogil=True)
def _swing_block(
    state: FloatArray,
    table: FloatArray,
    two_h: float,
    damping: float,
    load: FloatArray,
    dt: float,
    work: FloatArray,
    power_sum: FloatArray,
    start_w: float,
    base_w: float,
    f_nom: float,
    history: FloatArray,
    pad: int,
    first: int,
    last: int,
) -> None:
    for k in range(first, last):
        fleet_pu = (0.5 * (power_sum[k] + power_sum[k + 1]) - start_w) / base_w
        swing_step(state, table, two_h, damping, load[k] + fleet_pu, dt, work)
        history[pad + k + 1] = state[0] * f_nom
