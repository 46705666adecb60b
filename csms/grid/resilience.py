"""An islanded microgrid carried by a V2G fleet: service, recovery time, energy not served.

Served power is the demand as far as the fleet's power, ramp and energy reach, local generation
first. Energy not served is the integral of (demand - served); the recovery time runs to the first
sustained return to the target. Phases of the resilience trapezoid after Panteli, Mancarella et
al., IEEE Trans. Power Systems 32(6), 2017, DOI 10.1109/TPWRS.2017.2664141.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csms.grid.swing import (
    FloatArray,
    require_non_negative,
    require_positive,
    sample_times,
    step_count,
)

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class FleetPool:
    """Equal vehicles that form the island together."""

    n_ev: int
    discharge_w: float = 10_000.0  # per vehicle
    capacity_wh: float = 60_000.0
    soc_frac: float = 0.6
    soc_min_frac: float = 0.2  # kept for driving
    plugged_frac: float = 0.8
    efficiency: float = 0.93  # battery to load
    start_s: float = 30.0  # from the outage to the island's first power
    ramp_frac_per_s: float = 0.01  # of the fleet's power, per second

    def __post_init__(self) -> None:
        if self.n_ev < 0:
            raise ValueError(f"FleetPool.n_ev: expected >= 0, got {self.n_ev}")
        for name in ("soc_frac", "soc_min_frac", "plugged_frac", "efficiency"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"FleetPool.{name}: expected 0..1, got {getattr(self, name)}")
        require_non_negative("FleetPool", discharge_w=self.discharge_w, start_s=self.start_s)
        require_positive(
            "FleetPool", capacity_wh=self.capacity_wh, ramp_frac_per_s=self.ramp_frac_per_s
        )

    @property
    def power_w(self) -> float:
        """Discharge power of the vehicles that are plugged in."""
        return self.n_ev * self.plugged_frac * self.discharge_w

    @property
    def energy_wh(self) -> float:
        """Energy at the load, down to the minimum state of charge."""
        usable = max(self.soc_frac - self.soc_min_frac, 0.0) * self.capacity_wh
        return self.n_ev * self.plugged_frac * usable * self.efficiency

    def ramp_power_w(self, since_outage_s: FloatArray) -> FloatArray:
        """Power that the start and the ramp allow, before energy."""
        rise = np.clip((since_outage_s - self.start_s) * self.ramp_frac_per_s, 0.0, 1.0)
        return np.asarray(rise * self.power_w, np.float64)


@dataclass(frozen=True, slots=True)
class Trapezoid:
    """Phases of service while the grid is away, levels as a fraction of demand."""

    depth_frac: float  # Lambda: lost at the lowest point
    degradation_frac_per_h: float  # Phi: slope of the fall; inf for an instant loss
    degraded_s: float  # E: time at the lowest point
    recovery_frac_per_h: float  # Pi: slope from the lowest point back to the target; 0 = none
    area_frac_h: float  # integral of (1 - served/demand)


@dataclass(frozen=True, slots=True)
class IslandResult:
    """`recovery_time_s` counts from the outage; None: no sustained return before the end."""

    recovery_time_s: float | None
    ens_kwh: float
    served_frac: float  # of the energy demanded during the outage
    power_margin_w: float  # fleet and generation less demand, at the worst instant; < 0 lacks
    energy_margin_kwh: float  # fleet energy less what the outage asks of it; < 0 lacks
    depleted_t_s: float | None  # when the fleet ran out
    trapezoid: Trapezoid
    t_s: FloatArray  # (n,)
    demand_w: FloatArray  # (n,)
    served_w: FloatArray  # (n,)
    fleet_w: FloatArray  # (n,) discharge
    energy_wh: FloatArray  # (n,) left at the load


@dataclass(frozen=True, slots=True)
class AdequacyMap:
    """Results over fleet size (rows) and state of charge (columns); NaN: not recovered."""

    n_ev: FloatArray  # (n_size,)
    soc_frac: FloatArray  # (n_soc,)
    ens_kwh: FloatArray  # (n_size, n_soc)
    recovery_time_s: FloatArray  # (n_size, n_soc)


@dataclass(frozen=True, slots=True)
class ResilienceStudy:
    """One case, and the map around it."""

    recovery_time_s: float | None
    ens_kwh: float
    case: IslandResult
    adequacy: AdequacyMap


def island(
    demand_w: FloatArray,
    generation_w: FloatArray,
    fleet: FleetPool,
    dt_s: float,
    *,
    outage_s: float,
    restore_s: float,
    target_frac: float = 0.95,
    hold_s: float = 300.0,
) -> IslandResult:
    """Service of a critical load `demand_w` (n,) through an outage from `outage_s` to `restore_s`.

    `generation_w` (n,): local generation, usable once the island is formed; surplus is curtailed.
    Recovery is the first time from which service stays at `target_frac` for `hold_s` (or to the
    end). The load is taken as sheddable in any amount; see `black_start` for blocks. Raises
    ValueError for shapes, a negative demand or times out of order.
    """
    require_positive("island", dt_s=dt_s, target_frac=target_frac)
    n = len(demand_w)
    for name, values in (("demand_w", demand_w), ("generation_w", generation_w)):
        if values.shape != (n,) or n < 2 or not (np.isfinite(values) & (values >= 0.0)).all():
            raise ValueError(f"{name}: expected ({n},), n >= 2, finite and >= 0")
    if not 0.0 <= outage_s < restore_s:
        raise ValueError(f"island: expected 0 <= outage_s < restore_s, got {outage_s}, {restore_s}")
    t = sample_times(n, dt_s)
    out = (t >= outage_s) & (t < restore_s)
    formed = t - outage_s >= fleet.start_s
    ramp = fleet.ramp_power_w(t - outage_s)
    local = np.where(out & formed, np.minimum(generation_w, demand_w), 0.0)
    residual = np.where(out, demand_w - local, 0.0)
    wanted = np.where(out, np.minimum(residual, ramp), 0.0)
    # Energy drains only by what is served, so the running total says when it is gone.
    drawn = np.minimum(np.cumsum(wanted) * dt_s / SECONDS_PER_HOUR, fleet.energy_wh)
    fleet_w = np.diff(drawn, prepend=0.0) * SECONDS_PER_HOUR / dt_s
    served = np.where(out, local + fleet_w, demand_w)
    missing = demand_w - served
    short = np.flatnonzero(wanted - fleet_w > 1e-9 * max(1.0, float(wanted.max())))
    demanded_wh = float(demand_w[out].sum()) * dt_s / SECONDS_PER_HOUR
    ens_kwh = float(missing.sum()) * dt_s / SECONDS_PER_HOUR / 1e3
    level = np.divide(served, demand_w, out=np.ones(n), where=demand_w > 0.0)
    possible = local + np.where(formed, fleet.power_w, 0.0)
    worst = possible[out & formed] - demand_w[out & formed]
    return IslandResult(
        recovery_time_s=recovery_time_s(t, level, outage_s, target_frac, hold_s),
        ens_kwh=ens_kwh,
        served_frac=1.0 - ens_kwh * 1e3 / demanded_wh if demanded_wh > 0.0 else 1.0,
        power_margin_w=float(worst.min()) if worst.size else 0.0,
        energy_margin_kwh=(
            fleet.energy_wh - float(residual[out & formed].sum()) * dt_s / SECONDS_PER_HOUR
        )
        / 1e3,
        depleted_t_s=float(t[short[0]]) if short.size else None,
        trapezoid=_trapezoid(t, level, outage_s, target_frac, dt_s),
        t_s=t,
        demand_w=demand_w,
        served_w=served,
        fleet_w=fleet_w,
        energy_wh=fleet.energy_wh - drawn,
    )


def recovery_time_s(
    t_s: FloatArray, level: FloatArray, outage_s: float, target_frac: float, hold_s: float
) -> float | None:
    """Time from the outage to the first return of `level` to the target that lasts `hold_s`.

    A return cut short by the end of the samples counts when it lasts to the end. 0 if service
    never fell below the target.
    """
    below = (level < target_frac - 1e-12) & (t_s >= outage_s)
    if not below.any():
        return 0.0
    edges = np.diff(below.astype(np.int8))
    falls = np.flatnonzero(edges == 1) + 1
    for start in np.flatnonzero(edges == -1) + 1:
        later = falls[falls > start]
        if not later.size or t_s[later[0]] - t_s[start] >= hold_s:
            return float(t_s[start] - outage_s)
    return None


def adequacy_map(
    demand_w: FloatArray,
    generation_w: FloatArray,
    fleet: FleetPool,
    dt_s: float,
    sizes: Sequence[int],
    socs_frac: Sequence[float],
    *,
    outage_s: float,
    restore_s: float,
) -> AdequacyMap:
    """`island` over fleet size and state of charge."""
    shape = (len(sizes), len(socs_frac))
    ens, recovery = np.empty(shape), np.empty(shape)
    for i, n_ev in enumerate(sizes):
        for j, soc in enumerate(socs_frac):
            result = island(
                demand_w,
                generation_w,
                replace(fleet, n_ev=n_ev, soc_frac=soc),
                dt_s,
                outage_s=outage_s,
                restore_s=restore_s,
            )
            ens[i, j] = result.ens_kwh
            recovery[i, j] = math.nan if result.recovery_time_s is None else result.recovery_time_s
    return AdequacyMap(np.array(sizes, np.float64), np.array(socs_frac, np.float64), ens, recovery)


def resilience_study(
    *,
    critical_load_w: float = 500_000.0,
    n_ev: int = 80,
    soc_frac: float = 0.6,
    outage_h: float = 6.0,
    dt_s: float = 10.0,
) -> ResilienceStudy:
    """A critical load with an evening peak (+-20% about its mean), cut off for `outage_h`."""
    require_positive("resilience_study", critical_load_w=critical_load_w, outage_h=outage_h)
    lead_s = 1800.0
    n = step_count(lead_s * 2.0 + outage_h * SECONDS_PER_HOUR, dt_s)
    phase = np.linspace(0.0, 2.0 * math.pi, n)
    demand = critical_load_w * (1.0 - 0.2 * np.cos(phase))
    generation = np.zeros(n)
    fleet = FleetPool(n_ev=n_ev, soc_frac=soc_frac)
    window = {"outage_s": lead_s, "restore_s": lead_s + outage_h * SECONDS_PER_HOUR}
    case = island(demand, generation, fleet, dt_s, **window)
    sizes = sorted({max(1, round(n_ev * x)) for x in (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)})
    socs = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    around = adequacy_map(demand, generation, fleet, dt_s, sizes, socs, **window)
    return ResilienceStudy(case.recovery_time_s, case.ens_kwh, case, around)


def _trapezoid(
    t_s: FloatArray, level: FloatArray, outage_s: float, target_frac: float, dt_s: float
) -> Trapezoid:
    """Phases of the first loss; slopes per hour."""
    area = float((1.0 - level).sum()) * dt_s / SECONDS_PER_HOUR
    after = t_s >= outage_s
    lowest = float(level[after].min()) if after.any() else 1.0
    if lowest >= target_frac:
        return Trapezoid(max(1.0 - lowest, 0.0), 0.0, 0.0, 0.0, area)
    at_lowest = after & (level <= lowest + 1e-9)
    first = int(np.argmax(at_lowest))
    end = first + int(np.argmin(np.append(at_lowest[first:], False)))
    fall_h = (t_s[first] - outage_s) / SECONDS_PER_HOUR
    back = np.flatnonzero(level[end:] >= target_frac)
    rise = 0.0
    if back.size:
        rise_h = float(back[0] + 1) * dt_s / SECONDS_PER_HOUR
        rise = (target_frac - lowest) / rise_h
    return Trapezoid(
        depth_frac=1.0 - lowest,
        degradation_frac_per_h=(1.0 - lowest) / fall_h if fall_h > 0.0 else math.inf,
        degraded_s=float(end - first) * dt_s,
        recovery_frac_per_h=rise,
        area_frac_h=area,
    )
