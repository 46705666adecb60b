"""Studies of frequency, protection and resilience."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.plots import dynamics as plots
from csms.api.studies.grid import FeederName, named_feeder
from csms.api.studies.study import Params, Study, all_figures
from csms.grid import cascade, frequency, protection, regulation, resilience


class FrequencyParams(Params, frozen=True, kw_only=True):
    preset: Annotated[str, Meta(max_length=40, description="A system and a disturbance.")] = "sfr"
    fleet_droop_gain_pu: Annotated[
        float, Meta(ge=0, le=1_000, description="Droop gain of a fleet, pu of the system.")
    ] = 0.0
    fleet_lag_s: Annotated[float, Meta(gt=0, le=60, description="Lag of the fleet.")] = 0.1
    t_end_s: Annotated[float, Meta(gt=1, le=3_600)] = 60.0


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


class ProtectionParams(Params, frozen=True, kw_only=True):
    feeder: FeederName = "ieee33"
    fleet_bus: Annotated[str, Meta(max_length=100, description="Where the fleet stands.")] = "24"
    fleet_va: Annotated[float, Meta(gt=0, le=1e9, description="The fleet of today, VA.")] = 1e6
    max_fleet_va: Annotated[float, Meta(gt=0, le=1e9, description="It grows to, VA.")] = 4e6
    k: Annotated[float, Meta(gt=0, le=5, description="Fault current over rated current.")] = 1.2


class ResilienceParams(Params, frozen=True, kw_only=True):
    critical_load_w: Annotated[float, Meta(gt=0, le=1e9)] = 500_000.0
    n_ev: Annotated[int, Meta(ge=1, le=100_000, description="Vehicles.")] = 80
    soc_frac: Annotated[float, Meta(gt=0, le=1, description="Their state of charge.")] = 0.6
    outage_h: Annotated[float, Meta(gt=0, le=72)] = 6.0


def _run_protection(params: ProtectionParams) -> protection.ProtectionResult:
    feeder = named_feeder(params.feeder)
    return protection.protection_study(
        feeder, protection.ieee33_relays(feeder), fleet_bus=params.fleet_bus,
        fleet_va=params.fleet_va, max_fleet_va=params.max_fleet_va, k=params.k,
    )  # fmt: skip


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "frequency", "Primary response of a power system to a loss of generation.",
        FrequencyParams,
        lambda p: frequency.frequency_study(
            p.preset, fleet_droop_gain_pu=p.fleet_droop_gain_pu, fleet_lag_s=p.fleet_lag_s,
            t_end_s=p.t_end_s,
        ),
        all_figures, plots.plot_frequency,
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
    Study(
        "protection", "Fault levels and relay coordination, without and with a fleet.",
        ProtectionParams, _run_protection, all_figures, plots.plot_protection,
    ),
    Study(
        "resilience", "A microgrid carried through an outage by its vehicles.",
        ResilienceParams,
        lambda p: resilience.resilience_study(
            critical_load_w=p.critical_load_w, n_ev=p.n_ev, soc_frac=p.soc_frac, outage_h=p.outage_h
        ),
        all_figures, plots.plot_resilience,
    ),
)  # fmt: skip
