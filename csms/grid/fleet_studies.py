"""Studies of a fleet's frequency response: 1 A steps, and a measured frequency as input."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csms.grid.fleet_kernel import SECONDS_PER_HOUR
from csms.grid.fleet_response import (
    Fleet,
    FleetTrace,
    closed_loop,
    droop_gain_w_per_hz,
    make_fleet,
    respond_to_trace,
    spread_shift_hz,
)
from csms.grid.frequency import FrequencyCase, LoadStep
from csms.grid.frequency_trace import FrequencyTrace
from csms.grid.swing import Governor, PowerSystem

RIPPLE_WINDOW_S = 20.0
AMPERE_STEP_W = 3 * 230.0  # 1 A on three phases
OSCILLATION_CASE = FrequencyCase(
    system=PowerSystem(f_nom_hz=50.0, inertia_s=4.0, damping_pu=1.0),
    governors=(Governor(droop_pu=0.05, gain_pu=0.95, hp_frac=0.3, reheat_s=8.0),),
    steps=(LoadStep(1.0, 0.05),),
)


@dataclass(frozen=True, slots=True)
class StepStudy:
    """Ripple (peak to peak over the last 20 s, Hz) of the same fleet in three forms."""

    ripple_continuous_hz: float
    ripple_stepped_hz: float  # every charger in 1 A steps on the same curve
    ripple_shifted_hz: float  # the same with each curve shifted
    continuous: FleetTrace
    stepped: FleetTrace
    shifted: FleetTrace


@dataclass(frozen=True, slots=True)
class TraceStudy:
    """Answer of a fleet to a measured frequency. Powers and energies of the whole fleet."""

    min_hz: float
    n_gaps: int
    filled_samples: int
    least_import_w: float
    most_import_w: float
    exported_wh: float  # less import than scheduled, integrated
    imported_wh: float  # more import than scheduled, integrated
    f_nom_hz: float
    response: FleetTrace


def step_study(
    *,
    n_ev: int = 2000,
    droop_pu: float = 0.05,
    delay_s: float = 0.3,
    fleet_share_pu: float = 0.2,
    t_end_s: float = 60.0,
) -> StepStudy:
    """Why each droop curve is shifted: 1 A steps with and without it.

    `fleet_share_pu`: rated power of the fleet on the system base.
    """
    rated_w = 11_000.0
    continuous = make_fleet(
        n_ev,
        gain_w_per_hz=droop_gain_w_per_hz(rated_w, droop_pu, OSCILLATION_CASE.system.f_nom_hz),
        p_min_w=-rated_w,
        p_max_w=rated_w,
        delay_s=delay_s,
    )
    stepped = replace(continuous, quantum_w=np.full(n_ev, AMPERE_STEP_W))
    shifted = replace(stepped, shift_hz=spread_shift_hz(stepped))
    base_w = n_ev * rated_w / fleet_share_pu
    smooth, rough, spread = (
        closed_loop(f, OSCILLATION_CASE, base_w, t_end_s=t_end_s)
        for f in (continuous, stepped, shifted)
    )
    return StepStudy(
        ripple_continuous_hz=smooth.ripple_hz(RIPPLE_WINDOW_S),
        ripple_stepped_hz=rough.ripple_hz(RIPPLE_WINDOW_S),
        ripple_shifted_hz=spread.ripple_hz(RIPPLE_WINDOW_S),
        continuous=smooth,
        stepped=rough,
        shifted=spread,
    )


def trace_study(
    fleet: Fleet, trace: FrequencyTrace, *, f_nom_hz: float = 50.0, dt_s: float = 0.1
) -> TraceStudy:
    """Open-loop response of `fleet` to a cleaned trace, resampled to `dt_s`."""
    fine = trace.resampled(dt_s)
    response = respond_to_trace(fleet, fine.f_hz - f_nom_hz, dt_s)
    change = response.fleet_power_w - response.fleet_power_w[0]
    hours = dt_s / SECONDS_PER_HOUR
    return TraceStudy(
        min_hz=float(trace.f_hz.min()),
        n_gaps=trace.n_gaps,
        filled_samples=int(trace.filled.sum()),
        least_import_w=float(response.fleet_power_w.min()),
        most_import_w=float(response.fleet_power_w.max()),
        exported_wh=float(-np.minimum(change, 0.0).sum() * hours),
        imported_wh=float(np.maximum(change, 0.0).sum() * hours),
        f_nom_hz=f_nom_hz,
        response=response,
    )
