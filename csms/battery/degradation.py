"""The degradation twin of many vehicles at once: state in, samples of charge and temperature, state out.

Calendar and cycling losses add (and a knee may bind earlier); capacity is a fraction of new. The depth
of a cycle is that of the state of charge given: energy that stays the same while the capacity shrinks
must come in as deeper cycles, which a metered history does by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from csms.battery import ageing_kernel as kernel
from csms.battery.errors import HistoryError
from csms.battery.packs import Knee, get_pack

Float = NDArray[np.float64]
ZERO_C_K = 273.15
TEMP_C = np.linspace(-40.0, 80.0, 241)
SOC = np.linspace(0.0, 1.0, 513)
CYCLE_TEMP_C = np.linspace(-40.0, 80.0, 49)
DOD = np.linspace(0.0, 1.0, 41)
C_RATE = np.linspace(0.0, 2.0, 21)


@dataclass(frozen=True, slots=True)
class FleetState:
    """Ageing state of n vehicles of one pack. Arrays are not shared between states."""

    pack: str
    accumulators: Float  # (n_veh, N_STATE)
    open_soc: Float  # (n_veh, STACK) open turning points of the rainflow count
    open_h: Float  # (n_veh, STACK) and when they were, hours


@dataclass(frozen=True, slots=True)
class Health:
    """Arrays (n_veh,). Losses are fractions of the new capacity."""

    capacity_frac: Float
    calendar_loss_frac: Float
    cycling_loss_frac: Float
    knee_loss_frac: Float  # zero for packs without a knee
    equivalent_full_cycles: Float


@dataclass(frozen=True, slots=True)
class _Tables:
    calendar: Float
    calendar_axes: Float
    cycling: Float
    cycling_axes: Float
    knee: Float


def new_fleet(pack: str, n_vehicles: int) -> FleetState:
    """Vehicles with new batteries. Raises UnknownPackError."""
    get_pack(pack)
    return FleetState(
        pack,
        np.zeros((n_vehicles, kernel.N_STATE)),
        np.zeros((n_vehicles, kernel.STACK)),
        np.zeros((n_vehicles, kernel.STACK)),
    )


def advance(state: FleetState, soc_frac: Float, temperature_c: Float, dt_h: float) -> FleetState:
    """The state after samples `dt_h` hours apart.

    soc_frac: (n_veh, n_t), 0..1; temperature_c: (n_veh, n_t) or (n_t,), -40..80. Raises HistoryError
    for a bad shape or a value that is not finite or out of range, naming vehicle and sample.
    """
    soc = np.ascontiguousarray(soc_frac, dtype=np.float64)
    temp = np.ascontiguousarray(np.atleast_2d(temperature_c), dtype=np.float64)
    n = len(state.accumulators)
    if soc.ndim != 2 or len(soc) != n or len(temp) not in {1, n} or temp.shape[1] != soc.shape[1]:
        raise HistoryError(f"charge {soc.shape} and temperature {temp.shape} for {n} vehicles")
    if soc.shape[1] == 0:
        raise HistoryError("empty history: no sample")
    if not (np.isfinite(dt_h) and dt_h > 0.0):
        raise HistoryError(f"dt_h must be positive, not {dt_h}")
    moved = FleetState(
        state.pack, state.accumulators.copy(), state.open_soc.copy(), state.open_h.copy()
    )
    t = _tables(state.pack)
    done = kernel.advance(
        soc, temp, dt_h, moved.accumulators, moved.open_soc, moved.open_h,
        t.calendar, t.calendar_axes, t.cycling, t.cycling_axes, t.knee,
    )  # fmt: skip
    if done < n:
        _refuse(soc, temp)
    return moved


def health(state: FleetState, temperature_c: Float | float = 25.0) -> Health:
    """Capacity now, open cycles counted as halves (at `temperature_c`)."""
    pack, t = get_pack(state.pack), _tables(state.pack)
    settled = state.accumulators.copy()
    now_c = np.ascontiguousarray(
        np.broadcast_to(np.asarray(temperature_c, dtype=np.float64), (len(settled),))
    )
    kernel.settle(now_c, settled, state.open_soc, state.open_h, t.cycling, t.cycling_axes, t.knee)
    calendar = settled[:, kernel.CALENDAR] ** pack.calendar_exponent
    cycling = settled[:, kernel.CYCLING] ** pack.cycling_exponent
    capacity = 1.0 - calendar - cycling
    lost = np.zeros(len(settled))
    if pack.knee is not None:
        lost = np.tanh(settled[:, kernel.KNEE] ** pack.knee.exponent / 2.0)
        capacity = np.minimum(capacity, 1.0 + pack.knee.headroom - lost)
    return Health(np.maximum(capacity, 0.0), calendar, cycling, lost, settled[:, kernel.EFC])


@lru_cache(maxsize=8)
def _tables(name: str) -> _Tables:
    pack = get_pack(name)
    calendar = pack.calendar(TEMP_C[:, None] + ZERO_C_K, SOC[None, :])
    calendar = calendar ** (1.0 / pack.calendar_exponent)
    kelvin = CYCLE_TEMP_C[:, None, None] + ZERO_C_K
    cycling = pack.cycling(kelvin, DOD[None, :, None], C_RATE[None, None, :])
    cycling = np.broadcast_to(cycling, (len(CYCLE_TEMP_C), len(DOD), len(C_RATE)))
    return _Tables(
        np.ascontiguousarray(calendar),
        np.concatenate([_axis(TEMP_C), _axis(SOC)]),
        np.ascontiguousarray(cycling ** (1.0 / pack.cycling_exponent)),
        np.concatenate([_axis(CYCLE_TEMP_C), _axis(DOD), _axis(C_RATE)]),
        _knee(pack.knee),
    )


def _axis(grid: Float) -> Float:
    return np.array([grid[0], 1.0 / (grid[1] - grid[0])])


def _knee(knee: Knee | None) -> Float:
    if knee is None:
        return np.zeros(4)
    return np.array([knee.base_efc, knee.slope_efc_per_k, knee.t_ref_k, knee.soc_ref])


def _refuse(soc: Float, temp: Float) -> NoReturn:
    for name, values, low, high in (
        ("soc_frac", soc, 0.0, 1.0), ("temperature_c", temp, TEMP_C[0], TEMP_C[-1]),
    ):  # fmt: skip
        outside = np.argwhere(~((values >= low) & (values <= high)))
        if len(outside):
            vehicle, sample = outside[0]
            raise HistoryError(
                f"{name} of vehicle {vehicle}, sample {sample}: {values[vehicle, sample]}"
                f" is outside {low:g}..{high:g}"
            )
    raise HistoryError("a sample lies outside of the model's axes")
