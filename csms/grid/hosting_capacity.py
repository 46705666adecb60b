"""How much more load a feeder takes before a voltage or loading limit is met: AC and LinDistFlow side by side.

The linear figure is always the larger one (it leaves losses out); it is shown to be judged, never alone. A third figure
lets the added chargers answer their own voltage: what may be connected, and what of it is then served.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from csms.grid import controlled_flow, lindistflow, power_flow
from csms.grid.inverter_control import InverterControl
from csms.grid.network import Feeder, FloatArray

_RELATIVE_TOLERANCE = 1.0e-8
_MAX_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class ControlledCapacity:
    """With control inside the solve: what may be connected, W, and what happens at that point."""

    connected_w: float
    served_w: float
    q_var: float  # of all chargers, import > 0
    bus: int
    limited_by: str
    residual: float  # of the operating point, of rated power
    rounds: int


@dataclass(frozen=True, slots=True)
class HostingCapacity:
    """Load that may be added, W, and the bus that ends it (AC)."""

    ac_w: float
    lindistflow_w: float  # inf where the linear model sees no limit
    bus: int
    limited_by: str  # "voltage" or "loading"
    controlled: ControlledCapacity | None = None


def hosting_capacity(
    feeder: Feeder,
    share: FloatArray,
    *,
    v_min_pu: float,
    power_factor: float = 1.0,
    thermal: bool = False,
    control: InverterControl | None = None,
) -> HostingCapacity:
    """Largest total load, spread as ``share`` ((n,) of balanced totals or (n, 3), sum 1), that keeps ``v_min_pu``.

    With ``thermal`` the feeder's ampacities and ratings end it too (AC figure only). 0 where the feeder is below
    the limit already. With ``control`` every bit of the added load is a charger that answers its own voltage. Raises
    ``ValueError`` for a share that is no distribution, for one that nothing limits, and for a power factor beside
    ``control``; ``PowerFlowDivergedError`` where the feeder cannot bear its own loads.
    """
    share = np.asarray(share, float)
    if (
        not np.isfinite(share).all()
        or share.min() < 0
        or abs(share.sum() - 1.0) > 1e-9
        or share[0].any()
    ):
        raise ValueError(
            "share must be a distribution over the buses other than the source: >= 0, sum 1"
        )
    if not 0.0 < power_factor <= 1.0:
        raise ValueError(f"power_factor must be in (0, 1], got {power_factor}")
    if control is not None and power_factor != 1.0:
        raise ValueError("power_factor is 1 where a control sets the reactive power")
    p, q = _own_loads(feeder, share)
    tangent = np.tan(np.arccos(power_factor))
    power_flow.solve(
        feeder, p, q
    )  # a feeder that cannot bear its own loads has no capacity to speak of

    def state(total_w: float) -> power_flow.PowerFlow:
        return power_flow.solve(
            feeder, p + total_w * share, q + total_w * tangent * share, check=False
        )

    def holds(total_w: float) -> bool:
        return _within(feeder, state(total_w), v_min_pu, thermal=thermal)

    ac_w = _largest(holds)
    bus, limited_by = _what_ends_it(state(_beyond(ac_w)), v_min_pu)
    return HostingCapacity(
        ac_w, _linear(feeder, p, q, share, tangent, v_min_pu), bus, limited_by,
        None if control is None else _controlled(feeder, share, control, v_min_pu, thermal=thermal),
    )  # fmt: skip


def _controlled(
    feeder: Feeder, share: FloatArray, control: InverterControl, v_min_pu: float, *, thermal: bool
) -> ControlledCapacity:
    p, q = _own_loads(feeder, share)

    def state(total_w: float) -> controlled_flow.ControlledFlow | None:
        try:
            return controlled_flow.solve(feeder, p, q, total_w * share, control)
        except power_flow.PowerFlowDivergedError:
            return None

    def holds(total_w: float) -> bool:
        found = state(total_w)
        return found is not None and _within(feeder, found.flow, v_min_pu, thermal=thermal)

    connected_w = _largest(holds)
    at = controlled_flow.solve(feeder, p, q, connected_w * share, control)
    beyond = state(_beyond(connected_w))
    bus, limited_by = _what_ends_it((beyond or at).flow, v_min_pu)
    return ControlledCapacity(
        connected_w, float(at.p_w.sum()), float(at.q_var.sum()), bus, limited_by, at.residual, at.rounds,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class VoltageSweep:
    """The lowest voltage against the load added; NaN where there is no solution."""

    added_w: FloatArray  # (K,)
    ac_v_pu: FloatArray  # (K,)
    lindistflow_v_pu: FloatArray  # (K,)
    controlled_v_pu: FloatArray | None = None  # (K,)
    served_w: FloatArray | None = None  # (K,) of the load added, under control
    q_var: FloatArray | None = None  # (K,) of the chargers, import > 0


def voltage_sweep(
    feeder: Feeder,
    share: FloatArray,
    added_w: FloatArray,
    *,
    power_factor: float = 1.0,
    control: InverterControl | None = None,
) -> VoltageSweep:
    """The lowest voltage at each of the loads ``added_w`` (K,), spread as ``share``."""
    p, q = _own_loads(feeder, share)
    tangent = np.tan(np.arccos(power_factor))
    extra = np.multiply.outer(added_w, share)
    batch = power_flow.solve_batch(feeder, p + extra, q + tangent * extra, check=False)
    magnitude = np.abs(batch.v_pu).reshape(len(added_w), -1)
    magnitude[~batch.converged] = np.inf
    lowest = np.nanmin(magnitude, axis=1)
    linear = [
        np.sqrt(max(np.nanmin(lindistflow.voltages_squared(feeder, p + e, q + tangent * e)), 0.0))
        for e in extra
    ]
    sweep = (added_w, np.where(np.isinf(lowest), np.nan, lowest), np.array(linear))
    if control is None:
        return VoltageSweep(*sweep)
    found = controlled_flow.solve_batch(feeder, p, q, extra, control)
    totals = (part.reshape(len(added_w), -1).sum(axis=1) for part in (found.p_w, found.q_var))
    return VoltageSweep(*sweep, found.min_v_pu, *totals)


def at_bus(feeder: Feeder, bus: int) -> FloatArray:
    """All of it at one bus: (n,) where the feeder is balanced, else (n, 3) over the bus's phases."""
    shape = feeder.n_bus if feeder.balanced else (feeder.n_bus, 3)
    share = np.zeros(shape)
    mask = feeder.phase_mask[bus]
    share[bus] = 1.0 if feeder.balanced else mask / mask.sum()
    return share


def uniform(feeder: Feeder) -> FloatArray:
    """Equal power at every bus but the source."""
    n = feeder.n_bus - 1
    return np.sum([at_bus(feeder, bus) for bus in range(1, feeder.n_bus)], axis=0) / n


def _own_loads(feeder: Feeder, share: FloatArray) -> tuple[FloatArray, FloatArray]:
    if share.ndim == 2:
        return feeder.p_w, feeder.q_var
    return feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)


def _within(feeder: Feeder, flow: power_flow.PowerFlow, v_min_pu: float, *, thermal: bool) -> bool:
    return (
        flow.converged and flow.min_v_pu >= v_min_pu and not (thermal and _overloaded(feeder, flow))
    )


def _beyond(total_w: float) -> float:
    return total_w * (1.0 + 1e-6) + 1.0


def _what_ends_it(flow: power_flow.PowerFlow, v_min_pu: float) -> tuple[int, str]:
    """The lowest bus, and whether it is too low: of the state just beyond the capacity."""
    by_voltage = not flow.converged or flow.min_v_pu < v_min_pu
    phases = 1 if flow.v_pu.ndim == 1 else flow.v_pu.shape[1]
    return int(np.nanargmin(flow.vm_pu)) // phases, "voltage" if by_voltage else "loading"


def _linear(
    feeder: Feeder, p: FloatArray, q: FloatArray, share: FloatArray, tangent: float, v_min_pu: float
) -> float:
    before = lindistflow.voltages_squared(feeder, p, q)
    per_w = before - lindistflow.voltages_squared(
        feeder, p + share * 1e3, q + tangent * share * 1e3
    )
    falls = per_w > 0  # false, too, on phases that are not there
    if not falls.any():  # load of this power factor moves no voltage of the linear model
        return math.inf
    room = (before[falls] - v_min_pu**2) / (per_w[falls] / 1e3)
    return max(0.0, float(room.min()))


def _overloaded(feeder: Feeder, flow: power_flow.PowerFlow) -> bool:
    current = flow.current_a(feeder)[1:].reshape(feeder.n_bus - 1, -1)
    power = np.abs(np.nansum(flow.flow_va(feeder).reshape(feeder.n_bus, -1), axis=1))[1:]
    return bool(
        (current > feeder.ampacity_a[1:, None]).any() or (power > feeder.rating_va[1:]).any()
    )


def _largest(holds: Callable[[float], bool]) -> float:
    if not holds(0.0):
        return 0.0
    high = 1.0e3
    for _ in range(_MAX_DOUBLINGS):
        if not holds(high):
            break
        high *= 2.0
    else:
        raise ValueError("nothing limits this share of load")
    low = 0.0 if high == 1.0e3 else high / 2.0
    while high - low > _RELATIVE_TOLERANCE * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
