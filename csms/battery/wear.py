"""What a discharged kWh costs in battery life: as an interval over packs, and as dispatch segments.

The choice of model moves the marginal wear thirtyfold, so it is published as an interval, never as a
point. For dispatch the cost of a cycle of depth d, R Phi(d), becomes segments of equal depth: Xu et al.
2018, doi:10.1109/TPWRS.2017.2733339; the rainflow cost is convex in the schedule (arXiv:1703.07968).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.battery.degradation import advance, health, new_fleet
from csms.battery.errors import BatteryError
from csms.battery.packs import get_pack

Float = NDArray[np.float64]
HOURS_PER_YEAR = 8760


@dataclass(frozen=True, slots=True)
class PackWear:
    """Marginal wear of extra cycling by one pack."""

    pack: str
    chemistry: str
    pessimistic: bool
    capacity_base_frac: float  # at the end, without the extra cycling
    capacity_v2g_frac: float
    wear_eur_per_kwh: float  # per kWh discharged by the extra cycling


@dataclass(frozen=True, slots=True)
class MarginalWear:
    """Marginal wear as an interval; `by_pack` in ascending order of cost."""

    low_eur_per_kwh: float
    high_eur_per_kwh: float
    by_pack: tuple[PackWear, ...]
    extra_depth_frac: float
    years: int
    price_eur_per_kwh: float
    end_of_life_frac: float


def daily_profile(drive_depth: float, v2g_depth: float) -> Float:
    """(8760,) state of charge of a commuter: drives by day, feeds back in the evening, charges by night.

    Depths are fractions of the battery; charged to 80% by 6 h. Raises BatteryError when they do not fit.
    """
    if drive_depth < 0 or v2g_depth < 0 or drive_depth + v2g_depth > 0.8:
        raise BatteryError("drive_depth + v2g_depth must lie in 0..0.8")
    full, home = 0.8, 0.8 - drive_depth
    hours = [0.0, 6.0, 8.0, 9.0, 17.0, 18.0, 21.0, 23.0, 24.0]
    night = home - v2g_depth
    start = night + (full - night) / 7.0  # charging runs from 23 h to 6 h
    level = [
        start,
        full,
        full,
        full - drive_depth / 2,
        full - drive_depth / 2,
        home,
        night,
        night,
        start,
    ]
    return np.asarray(np.interp(np.arange(HOURS_PER_YEAR) % 24, hours, level))


def temperate_year(mean_c: float = 15.0, seasonal_c: float = 8.0, daily_c: float = 3.0) -> Float:
    """(8760,) battery temperature with a season and a day in it."""
    hour = np.arange(HOURS_PER_YEAR)
    season = -np.cos(2.0 * np.pi * hour / HOURS_PER_YEAR)
    day = -np.cos(2.0 * np.pi * (hour - 3) / 24.0)
    return mean_c + seasonal_c * season + daily_c * day


def marginal_wear(
    packs: Sequence[str],
    *,
    drive_depth: float = 0.3,
    extra_depth: float = 0.3,
    years: int = 10,
    price_eur_per_kwh: float = 100.0,
    end_of_life_frac: float = 0.8,
    temperature_c: Float | None = None,
) -> MarginalWear:
    """Wear of `extra_depth` a day on top of `drive_depth`, per kWh discharged by it.

    A battery is worth `price_eur_per_kwh` new and nothing at `end_of_life_frac`; loss is priced in
    proportion. Raises UnknownPackError, BatteryError.
    """
    if not packs:
        raise BatteryError("name at least one pack")
    if not (extra_depth > 0.0 and 1 <= years <= 50 and 0.0 < end_of_life_frac < 1.0):
        raise BatteryError("need extra_depth > 0, 1 <= years <= 50, 0 < end_of_life_frac < 1")
    temp = temperate_year() if temperature_c is None else temperature_c
    soc = np.stack([daily_profile(drive_depth, 0.0), daily_profile(drive_depth, extra_depth)])
    rows = []
    for name in packs:
        state = new_fleet(name, 2)
        for _ in range(years):
            state = advance(state, soc, temp, 1.0)
        base, cycled = health(state).capacity_frac
        lost_value = (base - cycled) / (1.0 - end_of_life_frac) * price_eur_per_kwh
        wear = float(lost_value / (extra_depth * 365.0 * years))
        pack = get_pack(name)
        rows.append(
            PackWear(name, pack.chemistry, pack.pessimistic, float(base), float(cycled), wear)
        )
    rows.sort(key=lambda r: r.wear_eur_per_kwh)
    return MarginalWear(
        rows[0].wear_eur_per_kwh, rows[-1].wear_eur_per_kwh, tuple(rows), extra_depth, years,
        price_eur_per_kwh, end_of_life_frac,
    )  # fmt: skip


def segment_costs(
    n_segments: int,
    *,
    coefficient: float = 5.24e-4,
    exponent: float = 2.03,
    efficiency: float = 0.95,
    price_eur_per_kwh: float = 100.0,
) -> Float:
    """EUR per kWh discharged in each of `n_segments` equal depths, ascending, (n_segments,).

    Phi(d) = coefficient * d ** exponent is the life used by one cycle of depth d; the cost is
    price * n * (Phi(j / n) - Phi((j - 1) / n)) / efficiency. Raises BatteryError unless convex.
    """
    if n_segments < 1 or exponent < 1.0 or coefficient <= 0.0 or not 0.0 < efficiency <= 1.0:
        raise BatteryError(
            "need n_segments >= 1, coefficient > 0, exponent >= 1, 0 < efficiency <= 1"
        )
    life = coefficient * (np.arange(n_segments + 1) / n_segments) ** exponent
    return np.asarray(price_eur_per_kwh * n_segments * np.diff(life) / efficiency)
