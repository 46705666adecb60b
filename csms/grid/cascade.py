"""What a fleet does to the system that disconnects it: together, staggered, or by droop.

A loss of generation in a low-inertia system (the numbers of `CASCADE_CASE`) meets a charging fleet
under one of four policies. Vehicles that trip together at one threshold and return together repeat
it for ever, a limit cycle; thresholds, trip delays and return delays that differ from vehicle to
vehicle arrest the fall with a part of the fleet and bring it back without a step; a droop needs no
trip at all. Vehicles only stop charging here; none discharges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from csms.grid.frequency import FrequencyCase, LoadStep, load_profile
from csms.grid.swing import (
    FloatArray,
    Governor,
    PowerSystem,
    governor_table,
    require_non_negative,
    require_positive,
    sample_times,
    soft_deadband,
    step_count,
    swing_step,
)

# H = 2 s, 16% lost; primary control and load damping as Anderson and Mirheydar's example.
CASCADE_CASE = FrequencyCase(
    system=PowerSystem(f_nom_hz=50.0, inertia_s=2.0, damping_pu=1.0),
    governors=(Governor(droop_pu=0.05, gain_pu=0.95, hp_frac=0.3, reheat_s=8.0),),
    steps=(LoadStep(0.0, 0.16),),
)
EV_SHARE_PU = 0.25  # charging load on the system base


@dataclass(frozen=True, slots=True, eq=False)
class RideThrough:
    """Each vehicle's trip and return, arrays (n_ev,).

    It trips once the frequency has been below `trip_hz` for `trip_delay_s` without a break, and
    returns once it has been at or above `return_hz` for `return_delay_s`. `droop_gain_frac_hz`
    lowers a connected vehicle's charging by that fraction per Hz, 0 = no droop.
    """

    trip_hz: FloatArray
    trip_delay_s: FloatArray
    return_delay_s: FloatArray
    return_hz: float = 49.8
    droop_gain_frac_hz: float = 0.0
    droop_deadband_hz: float = 0.0
    droop_lag_s: float = 0.2

    def __post_init__(self) -> None:
        shape = self.trip_hz.shape
        if len(shape) != 1 or not shape[0]:
            raise ValueError(f"RideThrough.trip_hz: expected (n_ev,), got {shape}")
        for name in ("trip_delay_s", "return_delay_s"):
            values = getattr(self, name)
            if values.shape != shape or not (values >= 0.0).all():
                raise ValueError(f"RideThrough.{name}: expected {shape}, all >= 0")
        require_positive("RideThrough", droop_lag_s=self.droop_lag_s, return_hz=self.return_hz)
        require_non_negative(
            "RideThrough",
            droop_gain_frac_hz=self.droop_gain_frac_hz,
            droop_deadband_hz=self.droop_deadband_hz,
        )


NEVER_HZ = 0.0  # a threshold that is never reached


def no_response(n_ev: int) -> RideThrough:
    """The fleet keeps charging."""
    return RideThrough(np.full(n_ev, NEVER_HZ), np.zeros(n_ev), np.zeros(n_ev))


def simultaneous(
    n_ev: int, *, trip_hz: float = 49.2, trip_delay_s: float = 0.2, return_delay_s: float = 5.0
) -> RideThrough:
    """One threshold, one delay, one return for all."""
    return RideThrough(
        np.full(n_ev, trip_hz), np.full(n_ev, trip_delay_s), np.full(n_ev, return_delay_s)
    )


def staggered(
    n_ev: int,
    rng: np.random.Generator,
    *,
    trip_hz: tuple[float, float] = (49.0, 49.6),
    trip_delay_s: tuple[float, float] = (0.2, 1.0),
    return_delay_s: tuple[float, float] = (5.0, 60.0),
) -> RideThrough:
    """Threshold, delay and return drawn apart, each spread evenly over its range."""

    def spread(low: float, high: float) -> FloatArray:
        return low + (high - low) * (rng.permutation(n_ev) + 0.5) / n_ev

    return RideThrough(spread(*trip_hz), spread(*trip_delay_s), spread(*return_delay_s))


def droop(
    n_ev: int,
    *,
    droop_pu: float = 0.02,
    deadband_hz: float = 0.015,
    lag_s: float = 0.2,
    f_nom_hz: float = 50.0,
) -> RideThrough:
    """No trips: charging falls by its whole for `droop_pu` of frequency beyond the deadband."""
    require_positive("droop", droop_pu=droop_pu, f_nom_hz=f_nom_hz)
    return RideThrough(
        np.full(n_ev, NEVER_HZ),
        np.zeros(n_ev),
        np.zeros(n_ev),
        droop_gain_frac_hz=1.0 / (droop_pu * f_nom_hz),
        droop_deadband_hz=deadband_hz,
        droop_lag_s=lag_s,
    )


@dataclass(frozen=True, slots=True)
class CascadeResult:
    """One policy. Frequencies are absolute. `trips_per_ev` is that of the worst-off vehicle."""

    nadir_hz: float
    peak_hz: float
    trips_per_ev: int
    mean_trips_per_ev: float
    t_s: FloatArray  # (n + 1,)
    f_hz: FloatArray  # (n + 1,)
    shed_pu: FloatArray  # (n + 1,) charging load not served, system base
    trips: NDArray[np.int64]  # (n_ev,)


@dataclass(frozen=True, slots=True)
class CascadeStudy:
    """Results by policy: none, simultaneous, staggered, droop."""

    policies: Mapping[str, CascadeResult]


def simulate_cascade(
    case: FrequencyCase,
    policy: RideThrough,
    *,
    ev_share_pu: float = EV_SHARE_PU,
    t_end_s: float = 120.0,
    dt_s: float = 0.01,
) -> CascadeResult:
    """The disturbance of `case` with a fleet of equal vehicles drawing `ev_share_pu` in all."""
    require_non_negative("simulate_cascade", ev_share_pu=ev_share_pu)
    n = step_count(t_end_s, dt_s)
    load = load_profile(case.steps, n, dt_s)
    deviation, shed, trips = _simulate(
        governor_table(case.governors),
        2.0 * case.system.inertia_s,
        case.system.damping_pu,
        load,
        dt_s,
        case.system.f_nom_hz,
        ev_share_pu,
        policy.trip_hz - case.system.f_nom_hz,
        policy.trip_delay_s,
        policy.return_delay_s,
        policy.return_hz - case.system.f_nom_hz,
        policy.droop_gain_frac_hz,
        policy.droop_deadband_hz,
        -np.expm1(-dt_s / policy.droop_lag_s),
    )
    f_hz = case.system.f_nom_hz + deviation
    return CascadeResult(
        nadir_hz=float(f_hz.min()),
        peak_hz=float(f_hz.max()),
        trips_per_ev=int(trips.max()),
        mean_trips_per_ev=float(trips.mean()),
        t_s=sample_times(n + 1, dt_s),
        f_hz=f_hz,
        shed_pu=shed,
        trips=trips,
    )


def cascade_study(
    rng: np.random.Generator, *, n_ev: int = 1000, t_end_s: float = 120.0
) -> CascadeStudy:
    """The four policies on `CASCADE_CASE`."""
    policies = {
        "none": no_response(n_ev),
        "simultaneous": simultaneous(n_ev),
        "staggered": staggered(n_ev, rng),
        "droop": droop(n_ev),
    }
    return CascadeStudy(
        {
            name: simulate_cascade(CASCADE_CASE, policy, t_end_s=t_end_s)
            for name, policy in policies.items()
        }
    )


@njit(cache=True, nogil=True)
def _simulate(
    table: FloatArray,
    two_h: float,
    damping: float,
    load: FloatArray,
    dt: float,
    f_nom: float,
    ev_share: float,
    trip: FloatArray,
    trip_delay: FloatArray,
    return_delay: FloatArray,
    return_at: float,
    droop_gain: float,
    droop_deadband: float,
    blend: float,
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    n, n_ev = load.shape[0], trip.shape[0]
    size = 1 + 2 * table.shape[0]
    state, work = np.zeros(size), np.zeros((5, size))
    connected = np.ones(n_ev, np.bool_)
    since = np.zeros(n_ev)  # how long the condition to change has held
    trips = np.zeros(n_ev, np.int64)
    deviation, shed = np.zeros(n), np.zeros(n)
    relief, off = 0.0, 0
    eps = 0.5 * dt
    for k in range(n):
        df = state[0] * f_nom
        for i in range(n_ev):
            holds = df < trip[i] if connected[i] else df >= return_at
            since[i] = since[i] + dt if holds else 0.0
            if connected[i] and holds and since[i] > trip_delay[i] - eps:
                connected[i] = False
                since[i] = 0.0
                trips[i] += 1
                off += 1
            elif not connected[i] and holds and since[i] > return_delay[i] - eps:
                connected[i] = True
                since[i] = 0.0
                off -= 1
        wanted = max(-soft_deadband(df, droop_deadband) * droop_gain, 0.0)
        relief += blend * (min(wanted, 1.0) - relief)
        shed[k] = ev_share * (off + (n_ev - off) * relief) / n_ev
        deviation[k] = df
        swing_step(state, table, two_h, damping, load[k] - shed[k], dt, work)
    return deviation, shed, trips
