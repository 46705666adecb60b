"""Frequency response of a large EV fleet, each vehicle with its own curve, lag, delay and limits.

Sign: import (charging) > 0, so a fall of frequency lowers the import. For vehicle i, with df the
deviation it measured `delay_s` ago:

    target = clip(p_set + gain * deadband(df - shift), p_min, p_max), rounded to its quantum within
    the limits
    lag dp/dt = target - p          (exact for a target held over one step)

A vehicle out of energy does not discharge, a full one does not charge. A charger that moves in 1 A
steps makes identical curves switch together and the fleet oscillate; `spread_shift_hz` offsets each
curve within one step so that the sum is straight again (SINTEF publication 1735750).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from csms.grid.fleet_kernel import CHUNK, IntArray, simulate_fleet
from csms.grid.frequency import FrequencyCase, load_profile
from csms.grid.swing import (
    FloatArray,
    governor_table,
    require_positive,
    sample_times,
    step_count,
)

ENERGY_CHECK_S = 1.0  # the energy limits are looked at this often, or oftener
CONTINUOUS_W = 1e-6  # rounding of a continuous vehicle in a fleet where others move in steps


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
    require_positive("respond_to_trace", dt_s=dt_s)
    run = _Run(fleet, dt_s, len(deviation) - 1)
    run.history[run.pad :] = deviation
    run.simulate(_REST, 1.0, 1.0)
    return run.result()


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
    swing = _Swing(
        governor_table(case.governors),
        2.0 * case.system.inertia_s,
        case.system.damping_pu,
        load,
        closed=True,
    )
    run.simulate(swing, base_w, case.system.f_nom_hz)
    return run.result()


class _Swing(NamedTuple):
    """The system for the compiled loop; with `closed` False the frequency is already known."""

    table: FloatArray  # (n_gov, 8)
    two_h: float
    damping: float
    load: FloatArray  # (n + 1,)
    closed: bool


_REST = _Swing(np.zeros((0, 8)), 1.0, 0.0, np.zeros(1), closed=False)


class _Run:
    """Mutable state of one simulation.

    Vehicles are held in the order of their delays, so that all of a segment see the same sample of
    `history`: the hot loop then has no gather and runs as SIMD. `history` is preceded by `pad`
    samples at rest.
    """

    def __init__(self, fleet: Fleet, dt_s: float, n: int) -> None:
        self.dt_s = dt_s
        delay = np.rint(fleet.delay_s / dt_s).astype(np.int64)
        self.order = np.argsort(delay, kind="stable")
        self.fleet = Fleet(**{x.name: getattr(fleet, x.name)[self.order] for x in fields(fleet)})
        self.segments = _segments(delay[self.order])
        self.pad = int(delay.max())
        self.history = np.zeros(self.pad + n + 1)
        quantum = self.fleet.quantum_w
        self.quantum = np.where(quantum > 0.0, quantum, CONTINUOUS_W)
        self.power = self.fleet.p_set_w.copy()
        stepped = quantum > 0.0
        self.power[stepped] = (self.quantum * np.rint(self.power / self.quantum))[stepped]
        self.energy = self.fleet.energy_wh.copy()
        self.power_sum = np.zeros(n + 1)
        self.power_sum[0] = self.power.sum()

    def simulate(self, swing: _Swing, base_w: float, f_nom_hz: float) -> None:
        """Run every step; fills `history` where the loop is closed."""
        f = self.fleet
        with np.errstate(divide="ignore"):
            blend = np.where(f.lag_s > 0.0, -np.expm1(-self.dt_s / f.lag_s), 1.0)
        low, high = (
            np.where(f.quantum_w > 0.0, self.quantum * np.trunc(limit / self.quantum), limit)
            for limit in (f.p_min_w, f.p_max_w)
        )  # the last step within the limit
        vehicles = np.stack(
            (
                blend, f.p_set_w, low, high, f.gain_w_per_hz,
                f.shift_hz - f.deadband_hz, f.shift_hz + f.deadband_hz,
                f.energy_min_wh, f.energy_max_wh, self.quantum, 1.0 / self.quantum,
            )
        )  # fmt: skip
        simulate_fleet(
            vehicles,
            self.power,
            self.energy,
            self.segments,
            bool((f.quantum_w > 0.0).any()),
            max(1, int(ENERGY_CHECK_S / self.dt_s)),
            self.history,
            self.pad,
            self.power_sum,
            self.dt_s,
            swing.table,
            swing.two_h,
            swing.damping,
            swing.load,
            swing.closed,
            base_w,
            f_nom_hz,
        )

    def result(self) -> FleetTrace:
        final_power, final_energy = np.empty_like(self.power), np.empty_like(self.energy)
        final_power[self.order], final_energy[self.order] = self.power, self.energy
        return FleetTrace(
            t_s=sample_times(len(self.power_sum), self.dt_s),
            deviation_hz=self.history[self.pad :].copy(),
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
