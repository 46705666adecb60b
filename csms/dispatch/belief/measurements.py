"""What meters say, as measurements for the state estimation, and who stands behind each. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.dispatch.optimum.solver import DispatchSolver
from csms.dispatch.sight.meters import V_CLASS_PU, VoltMeters
from csms.grid.network import BoolArray, Feeder, FloatArray
from csms.grid.power_flow import PowerFlow
from csms.grid.state_estimation import KINDS, Measurements, Quantity

V_DRIFT_PU_PER_S = 0.0005
MODEL_ERROR = 0.05
"""Of a voltage drop: what wrong impedances make of an honest meter."""
IMPORT_CLASS = 0.01
UNEVEN = 5.0
"""How much less sure one phase's share of a metered total is."""

MeterKey = tuple[int, int, int]
"""Kind of quantity; EVSE, or bus where several are one measurement; phase."""


@dataclass(frozen=True, slots=True, eq=False)
class Meters:
    """K measurements and what stands behind them."""

    told: Measurements
    who: NDArray[np.int64]  # EVSE, or bus
    beside: FloatArray  # part of the value that is not the meter's: the static load

    def key(self, k: int) -> MeterKey:
        return int(self.told.kind[k]), int(self.who[k]), int(self.told.phase[k])

    def has(self, key: MeterKey) -> BoolArray:
        """(K,) where this meter is."""
        kind, who, phase = key
        found: BoolArray = (self.told.kind == kind) & (self.who == who) & (self.told.phase == phase)
        return found

    def where(self, mask: BoolArray) -> Meters:
        one = self.told
        told = Measurements(
            one.kind[mask], one.bus[mask], one.phase[mask], one.value[mask], one.sigma[mask]
        )
        return Meters(told, self.who[mask], self.beside[mask])


def _one_kind(
    quantity: Quantity, who: NDArray[np.int64], bus: NDArray[np.int64], phase: NDArray[np.int64],
    value: FloatArray, sigma: FloatArray, beside: FloatArray,
) -> Meters:  # fmt: skip
    kind = np.full(len(bus), KINDS.index(quantity))
    return Meters(Measurements(kind, bus, phase, value, sigma), who, beside)


def together(*parts: Meters) -> Meters:
    told = [one.told for one in parts]
    return Meters(
        Measurements(
            np.concatenate([one.kind for one in told]),
            np.concatenate([one.bus for one in told]),
            np.concatenate([one.phase for one in told]),
            np.concatenate([one.value for one in told]),
            np.concatenate([one.sigma for one in told]),
        ),
        np.concatenate([one.who for one in parts]),
        np.concatenate([one.beside for one in parts]),
    )


def spread(solver: DispatchSolver, sigma_w: FloatArray) -> FloatArray:
    """Standard deviations (N,) of EVSEs as those of bus loads."""
    if solver.m == 1:
        return np.sqrt(solver.load_w(sigma_w**2))
    parts = [
        np.bincount(solver.bus, (solver.share[:, f] * sigma_w) ** 2, solver.feeder.n_bus)
        for f in range(3)
    ]
    return np.sqrt(np.stack(parts, axis=1))


def voltages(volts: VoltMeters, v: FloatArray, source_v_pu: float) -> Meters:
    """``v`` (n, m) as modelled: the farther below the source, the more an honest meter may differ from it."""
    off = MODEL_ERROR * np.abs(v[volts.bus, volts.phase] - source_v_pu)
    sigma = np.sqrt(V_CLASS_PU**2 + off**2 + (V_DRIFT_PU_PER_S * volts.age_s) ** 2)
    return _one_kind(
        Quantity.V_PU, volts.evse, volts.bus, volts.phase, volts.v_pu, sigma, 0.0 * sigma
    )


def powers(
    where: tuple[NDArray[np.int64], ...], shape: tuple[int, ...], own_w: FloatArray,
    p0: FloatArray, sigma_w: FloatArray,
) -> Meters:  # fmt: skip
    """The metered powers of a bus and phase as one measurement, static load ``own_w`` included."""
    bus, phase = where
    value, sigma, own = (part.reshape(shape)[bus, phase] for part in (p0, sigma_w, own_w))
    return _one_kind(Quantity.LOAD_W, bus, bus, phase, value, sigma, own)


def imports(feeder: Feeder, here: PowerFlow, import_w: float | None) -> Meters:
    """The head meter, where one branch carries all; a total over three phases is split as modelled."""
    heads = np.flatnonzero(feeder.parent == 0)
    none = np.zeros(0)
    phase: NDArray[np.int64]
    phase, share = none.astype(np.int64), none
    if import_w is not None and len(heads) == 1:
        flow = here.flow_va(feeder).reshape(feeder.n_bus, -1)[heads[0]].real
        total = float(np.nansum(flow))
        if abs(total) > 1.0:
            phase = np.flatnonzero(np.isfinite(flow))
            share = flow[phase] / total
    bus = np.repeat(heads[:1], len(phase)).astype(np.int64)
    value = (import_w or 0.0) * share
    sigma = np.maximum(1.0, IMPORT_CLASS * abs(import_w or 0.0)) * (
        1.0 if len(phase) == 1 else UNEVEN
    )
    return _one_kind(
        Quantity.FLOW_W, bus, bus, phase, value, np.full(len(phase), sigma), 0.0 * value
    )
