"""Secondary regulation: AGC brings frequency and exchange back, generating units and a fleet share it.

Areas i joined by tie lines, per unit on a common base, dw speed deviation:

    2 H_i d(dw_i)/dt = pm_i + fleet_i + reserve_i - D_i dw_i - load_i - tie_i
    tie_i = sum_j x_ij,  d(x_ij)/dt = T_ij (dw_i - dw_j)
    T_G dv/dt = -dw/R + set - v,  T_T dpm/dt = v - pm          (governor, turbine)
    ACE_i = tie_i + B_i dw_i,  B = D + 1/R unless given         (tie-line bias control)
    signal_i = -(K_p ACE_i + K_i sum ACE_i dt), every `cycle_s`, held between

The units follow the signal at their ramp rate; the fleet covers what they have not yet delivered,
within its power and energy, and so is free again once they have arrived. A contingency reserve,
started by hand minutes later, relieves the units. All powers here are "up" > 0: more generation or
less import. Elgerd and Fosha, IEEE Trans. PAS-89(4), 1970, DOI 10.1109/TPAS.1970.292602.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from csms.grid.swing import (
    FloatArray,
    require_non_negative,
    require_positive,
    sample_times,
    step_count,
)

SECONDS_PER_HOUR = 3600.0
BEHIND_PU = 0.005  # delivery this far behind the signal stops AGC's integral
ACE_BAND_PU = 0.002  # settled: |ACE| within 0.2% of the base


# Columns of the table that the compiled loop reads, in the order of _row.
(
    _TWO_H,
    _DAMPING,
    _INV_DROOP,
    _GOVERNOR_S,
    _TURBINE_S,
    _RAMP,
    _REACH,
    _BIAS,
    _KP,
    _KI,
    _LOAD,
    _UP,
    _DOWN,
    _ENERGY,
    _BLEND,
    _DELAY,
    _RESERVE,
    _RESERVE_START,
    _RESERVE_RAMP,
) = range(19)


@dataclass(frozen=True, slots=True)
class FleetReserve:
    """A V2G fleet that follows AGC. Zero power: no fleet."""

    up_pu: float = 0.0
    down_pu: float = 0.0
    energy_pu_h: float = math.inf  # deliverable upward, on the system base
    lag_s: float = 0.5
    delay_s: float = 1.0  # communication, rounded to a step

    def __post_init__(self) -> None:
        require_non_negative(
            "FleetReserve",
            up_pu=self.up_pu,
            down_pu=self.down_pu,
            lag_s=self.lag_s,
            delay_s=self.delay_s,
        )
        if not self.energy_pu_h >= 0.0:
            raise ValueError(f"FleetReserve.energy_pu_h: expected >= 0, got {self.energy_pu_h}")


@dataclass(frozen=True, slots=True)
class ContingencyReserve:
    """Restoration reserve called at `start_s`, ramping to `power_pu`."""

    power_pu: float
    start_s: float
    ramp_pu_per_min: float


@dataclass(frozen=True, slots=True)
class ControlArea:
    """One area with its units, its AGC and its fleet."""

    inertia_s: float = 5.0
    damping_pu: float = 1.0
    droop_pu: float = 0.05
    governor_s: float = 0.2
    turbine_s: float = 0.5
    unit_ramp_pu_per_min: float = 0.01
    unit_reserve_pu: float = 0.2  # secondary reserve of the units, both ways
    bias_pu: float | None = None  # B; None = D + 1/R
    agc_kp: float = 0.3
    agc_ki_per_s: float = 0.04
    load_step_pu: float = 0.0
    fleet: FleetReserve = FleetReserve()
    reserve: ContingencyReserve | None = None

    def __post_init__(self) -> None:
        require_positive(
            "ControlArea",
            inertia_s=self.inertia_s,
            droop_pu=self.droop_pu,
            governor_s=self.governor_s,
            turbine_s=self.turbine_s,
        )
        require_non_negative(
            "ControlArea",
            damping_pu=self.damping_pu,
            unit_ramp_pu_per_min=self.unit_ramp_pu_per_min,
            unit_reserve_pu=self.unit_reserve_pu,
            agc_kp=self.agc_kp,
            agc_ki_per_s=self.agc_ki_per_s,
        )

    @property
    def frequency_bias_pu(self) -> float:
        """B, pu power per pu frequency."""
        return self.damping_pu + 1.0 / self.droop_pu if self.bias_pu is None else self.bias_pu


@dataclass(frozen=True, slots=True)
class RegulationTrace:
    """Arrays (n + 1, n_area) unless said; powers up > 0, pu."""

    t_s: FloatArray  # (n + 1,)
    deviation_hz: FloatArray
    tie_pu: FloatArray  # export
    ace_pu: FloatArray
    units_pu: FloatArray  # secondary set-point after the ramp limit
    fleet_pu: FloatArray
    reserve_pu: FloatArray


@dataclass(frozen=True, slots=True)
class Ace:
    """Area control error of the disturbed area, pu."""

    before: float  # of largest magnitude, before regulation has acted
    after: float  # mean of the last minute


@dataclass(frozen=True, slots=True)
class RegulationResult:
    """`settling_time_s`: from the step until |ACE| stays within 0.2%; None = it does not."""

    settling_time_s: float | None
    ace: Ace
    nadir_hz: float
    final_deviation_hz: float
    fleet_peak_pu: float
    fleet_energy_pu_h: float  # delivered upward
    fleet_share_frac: float  # of the secondary energy delivered until settled (or the end)
    trace: RegulationTrace


@dataclass(frozen=True, slots=True)
class RegulationStudy:
    """The disturbed area's figures with the fleet, and the same without it beside."""

    settling_time_s: float | None
    ace: Ace
    with_fleet: RegulationResult
    without_fleet: RegulationResult


def regulate(
    areas: tuple[ControlArea, ...],
    tie_pu_per_s: FloatArray,
    *,
    f_nom_hz: float = 50.0,
    t_end_s: float = 900.0,
    step_t_s: float = 10.0,
    cycle_s: float = 4.0,
    dt_s: float = 0.02,
) -> RegulationResult:
    """Simulate; the result's scalars are those of area 0.

    `tie_pu_per_s` (n_area, n_area): symmetric T_ij >= 0, pu power per second and pu frequency
    difference (2 pi f times the synchronising power). Raises ValueError for a shape or a value
    out of range.
    """
    n_area = len(areas)
    tie = np.asarray(tie_pu_per_s, np.float64)
    if tie.shape != (n_area, n_area) or not np.array_equal(tie, tie.T) or (tie < 0.0).any():
        raise ValueError(f"tie_pu_per_s: expected symmetric ({n_area}, {n_area}) >= 0")
    n = step_count(t_end_s, dt_s)
    cycle = max(1, round(cycle_s / dt_s))
    table = np.array([_row(a, dt_s) for a in areas])
    out = _simulate(table, tie, n, dt_s, cycle, round(step_t_s / dt_s))
    t = sample_times(n + 1, dt_s)
    trace = RegulationTrace(t, out[0] * f_nom_hz, *out[1:])
    return _summary(trace, step_t_s, cycle_s)


def regulation_study(
    *,
    loss_pu: float = 0.05,
    fleet_up_pu: float = 0.04,
    fleet_energy_pu_h: float = 0.01,
    reserve_start_s: float = 300.0,
    t_end_s: float = 1500.0,
) -> RegulationStudy:
    """Two equal areas; area 0 loses `loss_pu` of generation; a fleet and a reserve stand there."""
    disturbed = ControlArea(
        load_step_pu=loss_pu,
        fleet=FleetReserve(fleet_up_pu, fleet_up_pu, fleet_energy_pu_h),
        reserve=ContingencyReserve(loss_pu, reserve_start_s, loss_pu / 15.0),
    )
    tie = np.array([[0.0, 2.0], [2.0, 0.0]])
    neighbour = ControlArea()
    with_fleet = regulate((disturbed, neighbour), tie, t_end_s=t_end_s)
    without = regulate((replace(disturbed, fleet=FleetReserve()), neighbour), tie, t_end_s=t_end_s)
    return RegulationStudy(with_fleet.settling_time_s, with_fleet.ace, with_fleet, without)


def settling_time_s(
    t_s: FloatArray, error: FloatArray, band: float, start_s: float
) -> float | None:
    """Time from `start_s` until |error| stays within `band` to the end; None if it never does."""
    outside = np.flatnonzero((np.abs(error) > band) & (t_s >= start_s))
    if not outside.size:
        return 0.0
    if outside[-1] == len(t_s) - 1:
        return None
    return float(t_s[outside[-1] + 1] - start_s)


def _summary(trace: RegulationTrace, start_s: float, cycle_s: float) -> RegulationResult:
    t, ace = trace.t_s, trace.ace_pu[:, 0]
    settled = settling_time_s(t, ace, ACE_BAND_PU, start_s)
    early = ace[(t >= start_s) & (t <= start_s + cycle_s)]
    dt_h = (t[1] - t[0]) / SECONDS_PER_HOUR
    fleet, units, reserve = trace.fleet_pu[:, 0], trace.units_pu[:, 0], trace.reserve_pu[:, 0]
    end = len(t) if settled is None else int(np.searchsorted(t, start_s + settled)) + 1
    secondary = float((fleet + units + reserve)[:end].sum())
    return RegulationResult(
        settling_time_s=settled,
        ace=Ace(
            before=float(early[np.argmax(np.abs(early))]),
            after=float(ace[t >= t[-1] - 60.0].mean()),
        ),
        nadir_hz=float(trace.deviation_hz[:, 0].min()),
        final_deviation_hz=float(trace.deviation_hz[-1, 0]),
        fleet_peak_pu=float(np.abs(fleet).max()),
        fleet_energy_pu_h=float(np.maximum(fleet, 0.0).sum() * dt_h),
        fleet_share_frac=float(fleet[:end].sum()) / secondary if secondary > 0.0 else 0.0,
        trace=trace,
    )


def _row(area: ControlArea, dt_s: float) -> tuple[float, ...]:
    fleet, reserve = area.fleet, area.reserve
    return (
        2.0 * area.inertia_s,
        area.damping_pu,
        1.0 / area.droop_pu,
        area.governor_s,
        area.turbine_s,
        area.unit_ramp_pu_per_min / 60.0,
        area.unit_reserve_pu,
        area.frequency_bias_pu,
        area.agc_kp,
        area.agc_ki_per_s,
        area.load_step_pu,
        fleet.up_pu,
        fleet.down_pu,
        fleet.energy_pu_h * SECONDS_PER_HOUR,
        -math.expm1(-dt_s / fleet.lag_s) if fleet.lag_s > 0.0 else 1.0,
        float(round(fleet.delay_s / dt_s)),
        reserve.power_pu if reserve else 0.0,
        reserve.start_s if reserve else math.inf,
        reserve.ramp_pu_per_min / 60.0 if reserve else 0.0,
    )


@njit(cache=True, nogil=True)
def _derivative(
    state: FloatArray, table: FloatArray, tie: FloatArray, push: FloatArray, out: FloatArray
) -> None:
    """state (n_area, 4): dw, servo, turbine, and the angle whose differences drive the ties."""
    n_area = table.shape[0]
    for i in range(n_area):
        flow = 0.0
        for j in range(n_area):
            flow += tie[i, j] * (state[i, 3] - state[j, 3])
        dw, servo, turbine = state[i, 0], state[i, 1], state[i, 2]
        out[i, 0] = (turbine + push[i, 1] - table[i, _DAMPING] * dw - flow) / table[i, _TWO_H]
        out[i, 1] = (push[i, 0] - dw * table[i, _INV_DROOP] - servo) / table[i, _GOVERNOR_S]
        out[i, 2] = (servo - turbine) / table[i, _TURBINE_S]
        out[i, 3] = dw


@njit(cache=True, nogil=True)
def _rk4_step(
    state: FloatArray,
    table: FloatArray,
    tie: FloatArray,
    push: FloatArray,
    dt: float,
    work: FloatArray,  # (5, n_area, 4)
) -> None:
    trial = work[4]
    _derivative(state, table, tie, push, work[0])
    for stage in range(1, 4):
        reach = dt if stage == 3 else 0.5 * dt
        for i in range(state.shape[0]):
            for j in range(4):
                trial[i, j] = state[i, j] + reach * work[stage - 1, i, j]
        _derivative(trial, table, tie, push, work[stage])
    for i in range(state.shape[0]):
        for j in range(4):
            slope = work[0, i, j] + 2.0 * work[1, i, j] + 2.0 * work[2, i, j] + work[3, i, j]
            state[i, j] += dt / 6.0 * slope


@njit(cache=True, nogil=True)
def _simulate(
    table: FloatArray, tie: FloatArray, n: int, dt: float, cycle: int, step_at: int
) -> FloatArray:
    n_area = table.shape[0]
    state = np.zeros((n_area, 4))  # dw, servo, turbine, integral of dw
    work = np.zeros((5, n_area, 4))
    push = np.zeros((n_area, 2))  # set-point of the units; net power beside the turbine
    integral, signal = np.zeros(n_area), np.zeros(n_area)
    units, fleet, reserve = np.zeros(n_area), np.zeros(n_area), np.zeros(n_area)
    energy = table[:, _ENERGY].copy()
    sent = np.zeros((n + 1, n_area))  # fleet command by step, read back `delay` later
    out = np.zeros((6, n + 1, n_area))
    for k in range(n + 1):
        for i in range(n_area):
            flow = 0.0
            for j in range(n_area):
                flow += tie[i, j] * (state[i, 3] - state[j, 3])
            ace = flow + table[i, _BIAS] * state[i, 0]
            out[0, k, i], out[1, k, i], out[2, k, i] = state[i, 0], flow, ace
            out[3, k, i], out[4, k, i], out[5, k, i] = units[i], fleet[i], reserve[i]
            if k % cycle == 0:
                reach = table[i, _REACH]
                step = integral[i] + table[i, _KI] * ace * cycle * dt
                wanted = -(table[i, _KP] * ace + step)
                behind = abs(signal[i] - units[i] - fleet[i])
                # The integral waits while the reserves are exhausted or still ramping (windup).
                if (abs(wanted) <= reach and behind <= BEHIND_PU) or abs(step) < abs(integral[i]):
                    integral[i] = step
                signal[i] = min(max(wanted, -reach), reach)
            ramp = table[i, _RAMP] * dt
            units[i] += min(max(signal[i] - units[i], -ramp), ramp)
            sent[k, i] = min(max(signal[i] - units[i], -table[i, _DOWN]), table[i, _UP])
            late = k - int(table[i, _DELAY])
            command = sent[late, i] if late >= 0 else 0.0
            if energy[i] <= 0.0:
                command = min(command, 0.0)
            fleet[i] += table[i, _BLEND] * (command - fleet[i])
            energy[i] -= fleet[i] * dt
            if k * dt >= table[i, _RESERVE_START] and reserve[i] < table[i, _RESERVE]:
                reserve[i] = min(reserve[i] + table[i, _RESERVE_RAMP] * dt, table[i, _RESERVE])
            load = table[i, _LOAD] if k >= step_at else 0.0
            push[i, 0] = units[i]
            push[i, 1] = fleet[i] + reserve[i] - load
        _rk4_step(state, table, tie, push, dt, work)
    return out
