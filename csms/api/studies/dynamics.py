"""Studies of frequency: response, fleets, damping, regulation, cascades, steps, and a recorded trace."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.studies.study import LazyPlots, Params, Study, StudyError, all_figures, text_of
from csms.grid import (
    cascade,
    fleet_studies,
    frequency_cases,
    mixed_fleet,
    regulation,
    stability,
)
from csms.grid.fleet_response import droop_gain_w_per_hz, make_fleet
from csms.grid.frequency_csv import read_frequency_csv
from csms.grid.frequency_trace import GapPolicy, clean_trace, live_samples

plots = LazyPlots("dynamics")
MAX_VALUES = 20
DELAY_POINTS = 25


class FrequencyParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str,
        Meta(
            max_length=40,
            description="A system and a disturbance: sfr, nordic, continental, continental-low or gb.",
        ),
    ] = "sfr"
    fleet_droop_gain_pu: Annotated[
        float, Meta(ge=0, le=1_000, description="Droop gain of a fleet, pu of the system.")
    ] = 0.0
    fleet_lag_s: Annotated[float, Meta(gt=0, le=60, description="Lag of that droop.")] = 0.1
    fleet_shape: Annotated[
        str,
        Meta(
            max_length=40,
            description="A fleet by a code or market: ieee1547, en50549, g99, fcr-n, fcr-d-up, fcr-d-down,"
            " fcr-continental, gb-dc, gb-dm, gb-dr, ffr-49.7, ffr-49.6 or ffr-49.5.",
        ),
    ] = ""
    fleet_share_pu: Annotated[
        float, Meta(gt=0, le=10, description="Rated power of that fleet, pu of the system.")
    ] = 0.05
    t_end_s: Annotated[float, Meta(gt=1, le=3_600)] = 60.0


class DampingParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str,
        Meta(max_length=40, description="The system; of those of frequency only sfr is linear."),
    ] = "sfr"
    droops: Annotated[
        str, Meta(max_length=200, description="Droops of the fleet, pu, separated by commas.")
    ] = "0.12,0.08,0.05,0.03,0.02"
    fleet_share_pu: Annotated[
        float, Meta(gt=0, le=10, description="Rated power of the fleet, pu of the system.")
    ] = 0.5
    lag_s: Annotated[float, Meta(ge=0, le=60, description="First-order lag of a vehicle.")] = 0.1
    max_delay_s: Annotated[float, Meta(gt=0, le=60, description="Delays from 0 to this.")] = 2.0


class MixedFleetParams(Params, frozen=True, kw_only=True):
    preset: Annotated[str, Meta(max_length=40, description="The system, as in frequency.")] = "gb"
    n_ev: Annotated[int, Meta(ge=1, le=100_000, description="Vehicles.")] = 100_000
    fleet_share_pu: Annotated[
        float, Meta(gt=0, le=10, description="Rated power of the fleet, pu of the system.")
    ] = 0.05
    ev_w: Annotated[float, Meta(gt=0, le=1e6, description="Rated power of each, W.")] = 11_000.0
    droop_pu: Annotated[float, Meta(gt=0, le=1, description="Middle of their droops.")] = 0.02
    delay_s: Annotated[float, Meta(ge=0, le=10, description="Middle of their delays.")] = 0.3
    spread: Annotated[
        float,
        Meta(ge=0, lt=1, description="Droop, deadband, lag and delay differ by up to this share."),
    ] = 0.5
    seed: Annotated[int, Meta(ge=0, description="Of their values, schedules and energies.")] = 1
    t_end_s: Annotated[float, Meta(gt=1, le=600)] = 60.0


class TraceParams(Params, frozen=True, kw_only=True):
    trace: Annotated[
        str,
        Meta(
            max_length=4 * 1024 * 1024,
            description="CSV file with a time, a frequency and perhaps a voltage column; over REST its text.",
        ),
    ] = ""
    f_nom_hz: Annotated[float, Meta(ge=16, le=400, description="Nominal frequency.")] = 50.0
    n_ev: Annotated[int, Meta(ge=1, le=100_000, description="Vehicles.")] = 1_000
    ev_w: Annotated[float, Meta(gt=0, le=1e6, description="Each charges and discharges, W.")] = (
        11_000.0
    )
    droop_pu: Annotated[float, Meta(gt=0, le=1, description="Rated power at this deviation.")] = (
        0.01
    )
    deadband_hz: Annotated[float, Meta(ge=0, le=5)] = 0.015
    max_gap_s: Annotated[
        float, Meta(ge=0, le=600, description="Longer gaps in the recording are refused.")
    ] = 10.0


class AmpereStepParams(Params, frozen=True, kw_only=True):
    n_ev: Annotated[int, Meta(ge=1, le=20_000, description="Vehicles.")] = 2_000
    droop_pu: Annotated[float, Meta(gt=0, lt=1, description="Droop of each.")] = 0.05
    delay_s: Annotated[float, Meta(ge=0, le=10, description="Delay of each.")] = 0.3
    fleet_share_pu: Annotated[
        float, Meta(gt=0, le=2, description="Rated power of the fleet, pu of the system.")
    ] = 0.2


class CascadeParams(Params, frozen=True, kw_only=True):
    n_ev: Annotated[int, Meta(ge=1, le=100_000, description="Vehicles.")] = 1_000
    seed: Annotated[int, Meta(ge=0, description="Of the staggered thresholds and delays.")] = 1
    t_end_s: Annotated[float, Meta(gt=1, le=3_600)] = 120.0


class RegulationParams(Params, frozen=True, kw_only=True):
    loss_pu: Annotated[float, Meta(gt=0, le=0.5, description="Generation lost.")] = 0.05
    fleet_up_pu: Annotated[float, Meta(ge=0, le=1, description="Power of the fleet.")] = 0.04
    fleet_energy_pu_h: Annotated[float, Meta(ge=0, le=10)] = 0.01
    reserve_start_s: Annotated[float, Meta(ge=0, le=3_600)] = 300.0
    t_end_s: Annotated[float, Meta(gt=10, le=7_200)] = 1_500.0


def _droops(text: str) -> list[float]:
    try:
        droops = [float(part) for part in text.split(",")]
    except ValueError:
        raise StudyError(f"droops: {text!r}, expected numbers such as 0.05,0.02") from None
    if len(droops) > MAX_VALUES or not all(0.0 < droop <= 1.0 for droop in droops):
        raise StudyError(f"droops: {text!r}, expected at most {MAX_VALUES} between 0 and 1 pu")
    return droops


def run_damping(params: DampingParams) -> stability.DampingStudy:
    return stability.damping_study(
        params.preset,
        gains_pu=[params.fleet_share_pu / droop for droop in _droops(params.droops)],
        delays_s=np.linspace(0.0, params.max_delay_s, DELAY_POINTS).tolist(),
        lag_s=params.lag_s,
        fleet_share_pu=params.fleet_share_pu,
    )


def damping_figures(study: stability.DampingStudy) -> dict[str, Any]:
    limits = [
        {
            "droop_pu": float(droop),
            "gain_pu": float(gain),
            "delay_limit_s": limit.delay_s,
            "oscillation_hz": limit.oscillation_hz,
            "damping_without_delay": float(ratio),
        }
        for droop, gain, limit, ratio in zip(
            study.droop_pu, study.gain_pu, study.limits, study.damping_ratio[:, 0], strict=True
        )
    ]
    return {
        "fleet_share_pu": study.fleet_share_pu,
        "limits": limits,
        "delay_s": study.delay_s,
        "damping_ratio": study.damping_ratio,
        "growth_per_s": study.growth_per_s,
    }


def run_trace(params: TraceParams) -> fleet_studies.TraceStudy:
    if not params.trace:
        raise StudyError("trace: the CSV of a recorded frequency is needed")
    raw = read_frequency_csv(text_of("trace", params.trace))
    n = len(raw.f_hz) if raw.v_pu is None else live_samples(raw.v_pu)
    trace = clean_trace(
        raw.f_hz[:n], raw.dt_s, GapPolicy("hold", params.max_gap_s),
        v_pu=None if raw.v_pu is None else raw.v_pu[:n],
    )  # fmt: skip
    fleet = make_fleet(
        params.n_ev,
        gain_w_per_hz=droop_gain_w_per_hz(params.ev_w, params.droop_pu, params.f_nom_hz),
        p_min_w=-params.ev_w,
        p_max_w=params.ev_w,
        deadband_hz=params.deadband_hz,
    )
    return fleet_studies.trace_study(
        fleet, trace, f_nom_hz=params.f_nom_hz, dt_s=min(0.1, raw.dt_s)
    )


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "frequency", "Primary response of a power system to a loss of generation.",
        FrequencyParams,
        lambda p: frequency_cases.frequency_study(
            p.preset, fleet_droop_gain_pu=p.fleet_droop_gain_pu, fleet_lag_s=p.fleet_lag_s,
            fleet_shape=p.fleet_shape, fleet_share_pu=p.fleet_share_pu, t_end_s=p.t_end_s,
        ),
        all_figures, plots.plot_frequency,
    ),
    Study(
        "damping", "Damping by a fleet's droop against its delay, and the delay at which it oscillates.",
        DampingParams, run_damping, damping_figures, plots.plot_damping,
    ),
    Study(
        "mixed-fleet", "Vehicles of which each has its own droop, deadband, lag, delay, limits and energy.",
        MixedFleetParams,
        lambda p: mixed_fleet.mixed_fleet_study(
            np.random.default_rng(p.seed), p.preset, n_ev=p.n_ev, fleet_share_pu=p.fleet_share_pu,
            rated_w=p.ev_w, droop_pu=p.droop_pu, spread=p.spread, delay_s=p.delay_s, t_end_s=p.t_end_s,
        ),
        all_figures, plots.plot_mixed_fleet,
    ),
    Study(
        "frequency-trace", "A fleet's answer to a recorded frequency.",
        TraceParams, run_trace, all_figures, plots.plot_trace, files=("trace",),
    ),
    Study(
        "ampere-steps", "Ripple of a fleet that moves in 1 A steps, with and without shifted curves.",
        AmpereStepParams,
        lambda p: fleet_studies.step_study(
            n_ev=p.n_ev, droop_pu=p.droop_pu, delay_s=p.delay_s, fleet_share_pu=p.fleet_share_pu
        ),
        all_figures, plots.plot_steps,
    ),
    Study(
        "regulation", "Secondary regulation and reserves bring the frequency back, with and without a fleet.",
        RegulationParams,
        lambda p: regulation.regulation_study(
            loss_pu=p.loss_pu, fleet_up_pu=p.fleet_up_pu, fleet_energy_pu_h=p.fleet_energy_pu_h,
            reserve_start_s=p.reserve_start_s, t_end_s=p.t_end_s,
        ),
        all_figures, plots.plot_regulation,
    ),
    Study(
        "cascade", "Simultaneous against staggered disconnection and return.",
        CascadeParams,
        lambda p: cascade.cascade_study(np.random.default_rng(p.seed), n_ev=p.n_ev, t_end_s=p.t_end_s),
        all_figures, plots.plot_cascade,
    ),
)  # fmt: skip
