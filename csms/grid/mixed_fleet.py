"""A fleet of many vehicles, none like another, on a named power system: what each one's own values come to together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.grid.fleet_response import Fleet, closed_loop, droop_gain_w_per_hz, make_fleet
from csms.grid.frequency import simulate_frequency
from csms.grid.frequency_cases import preset_case
from csms.grid.swing import FloatArray, require_non_negative, require_positive

CAPACITY_WH = 60_000.0
ENERGY_FRAC = (0.2, 0.9)  # nobody discharges below the one or charges above the other
STEP_S = 0.02


@dataclass(frozen=True, slots=True)
class MixedFleetStudy:
    """Deviations from nominal, with the fleet and without; powers and energies of the whole fleet."""

    f_nom_hz: float
    n_ev: int
    nadir_hz: float
    nadir_without_hz: float
    steady_hz: float
    steady_without_hz: float
    fleet_peak_w: float  # largest relief: import given up and power fed back
    fleet_energy_wh: float  # the relief, integrated
    saturated: int  # vehicles at a limit of power at the end
    empty: int  # vehicles that have come to their least energy
    t_s: FloatArray  # (n + 1,)
    deviation_hz: FloatArray  # (n + 1,)
    without_hz: FloatArray  # (n + 1,)
    relief_w: FloatArray  # (n + 1,)


def draw_fleet(
    rng: np.random.Generator,
    n_ev: int,
    *,
    f_nom_hz: float,
    rated_w: float = 11_000.0,
    droop_pu: float = 0.02,
    spread: float = 0.5,
    delay_s: float = 0.3,
) -> Fleet:
    """Vehicles whose droop, lag and delay lie within `spread` of the middle, each with its own schedule and energy.

    `spread`: 0 (all alike in these three) to below 1. Raises ValueError.
    """
    require_positive("draw_fleet", n_ev=n_ev, rated_w=rated_w, droop_pu=droop_pu)
    require_non_negative("draw_fleet", spread=spread, delay_s=delay_s)
    if not spread < 1.0:
        raise ValueError(f"draw_fleet.spread: expected below 1, got {spread}")

    def around(middle: float) -> FloatArray:
        return np.asarray(middle * rng.uniform(1.0 - spread, 1.0 + spread, n_ev), np.float64)

    return make_fleet(
        n_ev,
        gain_w_per_hz=droop_gain_w_per_hz(rated_w, around(droop_pu), f_nom_hz),
        p_set_w=rng.uniform(0.0, rated_w, n_ev),
        p_min_w=np.where(rng.random(n_ev) < 0.5, -rated_w, 0.0),  # half of them can feed back
        p_max_w=rated_w,
        deadband_hz=around(0.02),
        lag_s=around(0.2),
        delay_s=around(delay_s),
        energy_wh=CAPACITY_WH * rng.uniform(*ENERGY_FRAC, n_ev),
        energy_min_wh=CAPACITY_WH * ENERGY_FRAC[0],
        energy_max_wh=CAPACITY_WH * ENERGY_FRAC[1],
    )


def mixed_fleet_study(
    rng: np.random.Generator,
    preset: str = "gb",
    *,
    n_ev: int = 100_000,
    fleet_share_pu: float = 0.05,
    rated_w: float = 11_000.0,
    droop_pu: float = 0.02,
    spread: float = 0.5,
    delay_s: float = 0.3,
    t_end_s: float = 60.0,
) -> MixedFleetStudy:
    """`preset` with a fleet of rated power `fleet_share_pu` on the system's base, and without it.

    Raises ValueError for an unknown preset and values out of range.
    """
    case = preset_case(preset)
    require_positive("mixed_fleet_study", fleet_share_pu=fleet_share_pu)
    fleet = draw_fleet(
        rng, n_ev, f_nom_hz=case.system.f_nom_hz, rated_w=rated_w, droop_pu=droop_pu, spread=spread,
        delay_s=delay_s,
    )  # fmt: skip
    base_w = n_ev * rated_w / fleet_share_pu
    found = closed_loop(fleet, case, base_w, t_end_s=t_end_s, dt_s=STEP_S)
    alone = simulate_frequency(
        case.system, case.governors, case.steps, t_end_s=t_end_s, dt_s=STEP_S
    )
    relief_w = found.fleet_power_w[0] - found.fleet_power_w
    edge_w = 1e-3 * rated_w
    saturated = (found.final_power_w <= fleet.p_min_w + edge_w) | (
        found.final_power_w >= fleet.p_max_w - edge_w
    )
    return MixedFleetStudy(
        f_nom_hz=case.system.f_nom_hz,
        n_ev=n_ev,
        nadir_hz=found.nadir_hz,
        nadir_without_hz=float(alone.deviation_hz.min()),
        steady_hz=float(found.deviation_hz[-1]),
        steady_without_hz=alone.steady_hz,
        fleet_peak_w=float(relief_w.max()),
        fleet_energy_wh=float(relief_w.sum()) * STEP_S / 3600.0,
        saturated=int(saturated.sum()),
        empty=int((found.final_energy_wh <= fleet.energy_min_wh).sum()),
        t_s=found.t_s,
        deviation_hz=found.deviation_hz,
        without_hz=alone.deviation_hz,
        relief_w=relief_w,
    )
