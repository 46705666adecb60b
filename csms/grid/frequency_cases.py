"""Power systems and disturbances by name, and what a fleet does about them: a droop, or a shape of a code or market.

Each system is one mass with its load's relief, and its primary reserve as governors that start at the edge of a
deadband and end at the power that is held. Loads, reserves and inertia are public design values:

sfr: P. M. Anderson and M. Mirheydar, IEEE Trans. Power Systems 5(3), 1990, DOI 10.1109/59.65898, their example.
nordic: Nordic TSOs, "Technical requirements for frequency containment reserve provision in the Nordic synchronous
    area", 2023: 23,000 MW and (its background report "FCR-N design of requirements", 2017) 120 GW s in the case of
    least inertia; FCR-N 600 MW at 0.1 Hz; FCR-D 1,450 MW from 0.1 to 0.5 Hz, 86% of it 7.5 s after a step; loss
    1,450 MW. FCR-N is taken as a lag of 60 s (63% after 60 s), load relief as 0.5% per Hz.
continental: UCTE Operation Handbook, Appendix 1, 2004: 150 GW off peak, starting time 10 s (H = 5 s), relief 1% per
    Hz; Regulation (EU) 2017/1485, article 153 and annex V: loss 3,000 MW, reserve 3,000 MW at 0.2 Hz within 30 s
    (taken as 90% by then).
continental-low: the same with H = 2 s.
gb: National Energy System Operator, "Frequency Risk and Control Report", 2023: least inertia 120 GW s; the infrequent
    infeed loss of the Security and Quality of Supply Standard, 1,800 MW. 20 GW of demand with a relief of 2.5% per Hz,
    and 1,400 MW of Dynamic Containment by its service terms, are assumptions.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from csms.grid.frequency import (
    FrequencyCase,
    FrequencyResult,
    LoadStep,
    simulate_frequency,
)
from csms.grid.grid_codes import FFR, LN_10, SHAPES, FrequencyShape, shape
from csms.grid.swing import Governor, PowerSystem, require_positive

SFR_EXAMPLE = FrequencyCase(
    system=PowerSystem(f_nom_hz=60.0, inertia_s=4.0, damping_pu=1.0),
    governors=(Governor(droop_pu=0.05, gain_pu=0.95, hp_frac=0.3, reheat_s=8.0),),
    steps=(LoadStep(0.0, 0.1),),
)


def shape_governors(of: FrequencyShape, share_pu: float) -> tuple[Governor, ...]:
    """The shape as governors, one for each sloping piece: ``share_pu`` is its rated power on the system's base.

    A piecewise-linear shape is a sum of ramps, each of which starts at a deadband and ends at a limit.
    """
    require_positive("shape_governors", share_pu=share_pu)
    lag_s = of.response_s / LN_10
    found = []
    for (x0, y0), (x1, y1) in zip(of.points, of.points[1:], strict=False):
        rise = y1 - y0
        if rise == 0.0:
            continue
        for low, high, up in ((x0, min(x1, 0.0), True), (max(x0, 0.0), x1, False)):
            if high <= low:  # the piece is not on this side of the nominal frequency
                continue
            part = rise * (high - low) / (x1 - x0)
            found.append(
                Governor(
                    droop_pu=(high - low) / of.f_nom_hz / part,
                    gain_pu=share_pu,
                    servo_s=lag_s,
                    deadband_pu=min(abs(low), abs(high)) / of.f_nom_hz,
                    up_pu=part if up else 0.0,
                    down_pu=0.0 if up else part,
                )
            )
    return tuple(found)


def _nordic() -> FrequencyCase:
    base_mw = 23_000.0
    normal, disturbed = shape("fcr-n"), shape("fcr-d-up")
    return FrequencyCase(
        system=PowerSystem(50.0, inertia_s=120_000.0 / base_mw, damping_pu=0.005 * 50.0),
        governors=(
            *shape_governors(replace(normal, response_s=60.0 * LN_10), 600.0 / base_mw),
            *shape_governors(
                replace(disturbed, response_s=7.5 * LN_10 / math.log(1.0 / 0.14)), 1_450.0 / base_mw
            ),
        ),
        steps=(LoadStep(0.0, 1_450.0 / base_mw),),
    )


def _continental(inertia_s: float) -> FrequencyCase:
    base_mw = 150_000.0
    return FrequencyCase(
        system=PowerSystem(50.0, inertia_s=inertia_s, damping_pu=0.01 * 50.0),
        governors=shape_governors(shape("fcr-continental"), 3_000.0 / base_mw),
        steps=(LoadStep(0.0, 3_000.0 / base_mw),),
    )


def _gb() -> FrequencyCase:
    base_mw = 20_000.0
    return FrequencyCase(
        system=PowerSystem(50.0, inertia_s=120_000.0 / base_mw, damping_pu=0.025 * 50.0),
        governors=shape_governors(shape("gb-dc"), 1_400.0 / base_mw),
        steps=(LoadStep(0.0, 1_800.0 / base_mw),),
    )


PRESETS = {
    "sfr": SFR_EXAMPLE,
    "nordic": _nordic(),
    "continental": _continental(5.0),
    "continental-low": _continental(2.0),
    "gb": _gb(),
}
FAST = {f"ffr-{reserve.f_hz:g}": reserve for reserve in FFR}


def preset_case(preset: str) -> FrequencyCase:
    """The system and disturbance called `preset`; raises ValueError naming the known ones."""
    case = PRESETS.get(preset)
    if case is None:
        raise ValueError(f"frequency preset {preset!r}: expected one of {sorted(PRESETS)}")
    return case


def frequency_study(
    preset: str = "sfr",
    *,
    fleet_droop_gain_pu: float = 0.0,
    fleet_lag_s: float = 0.1,
    fleet_shape: str = "",
    fleet_share_pu: float = 0.05,
    t_end_s: float = 60.0,
) -> FrequencyResult:
    """A preset, optionally with a fleet: as one more (fast) governor, by a named shape, or as a fast reserve.

    `fleet_droop_gain_pu`: pu power on the system base per pu frequency; 0 = no fleet. `fleet_shape`: a name of
    `csms.grid.grid_codes.SHAPES`, with its own response time, or ffr-49.7, ffr-49.6, ffr-49.5: `fleet_share_pu` of
    power, at once when the time that its terms allow has passed, until its support ends.
    Raises ValueError for an unknown name and for a shape of another nominal frequency.
    """
    case = preset_case(preset)
    governors, steps = list(case.governors), list(case.steps)
    if fleet_droop_gain_pu:
        require_positive("frequency_study", fleet_droop_gain_pu=fleet_droop_gain_pu)
        governors.append(Governor(droop_pu=1.0 / fleet_droop_gain_pu, servo_s=fleet_lag_s))
    if fleet_shape and fleet_shape not in FAST:
        if fleet_shape not in SHAPES:
            raise ValueError(
                f"fleet shape {fleet_shape!r}: expected one of {sorted([*SHAPES, *FAST])}"
            )
        _require_nominal(case, fleet_shape, shape(fleet_shape).f_nom_hz)
        governors += shape_governors(shape(fleet_shape), fleet_share_pu)
    result = simulate_frequency(case.system, governors, steps, t_end_s=t_end_s)
    if fleet_shape not in FAST:
        return result
    reserve = FAST[fleet_shape]
    _require_nominal(case, fleet_shape, 50.0)
    below = np.flatnonzero(result.deviation_hz < reserve.f_hz - result.f_nom_hz)
    if not below.size:
        return result
    # what the reserve does changes nothing of how the frequency came to its threshold
    start_s = float(result.t_s[below[0]]) + reserve.activation_s
    for t_s, load_pu in ((start_s, -fleet_share_pu), (start_s + reserve.support_s, fleet_share_pu)):
        if t_s <= result.t_s[-1]:
            steps.append(LoadStep(t_s, load_pu))
    return simulate_frequency(case.system, governors, steps, t_end_s=t_end_s)


def _require_nominal(case: FrequencyCase, name: str, f_nom_hz: float) -> None:
    if case.system.f_nom_hz != f_nom_hz:
        raise ValueError(
            f"fleet shape {name!r} is for {f_nom_hz:g} Hz, the system has {case.system.f_nom_hz:g} Hz"
        )
