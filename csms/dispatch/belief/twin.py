"""How sure the twin is of the feeder's state, and which meters it does not believe.

Every few cycles the state is estimated from the EVSEs' voltages and powers, the head meter and the loads' forecast
(:mod:`csms.grid.state_estimation`). The dispatcher keeps its own correction by measured voltages
(:mod:`csms.dispatch.optimum.ac_check`): as operating point the estimate served no more than that on IEEE 33 with exact
meters and a model 10% wrong, and with noisy ones it served more only by using up the voltage margin.

What the estimate decides is which readings may *relax* a limit. A meter that no estimate has judged counts at most as
what is expected there; one that the others contradict, at most as that less ``CAUTION`` standard deviations. So a meter
that reads 10% too high relaxes nothing, and nothing is relaxed that believing every meter would have held back. One
that reads too low still curtails, for the truth may be a load that nobody foresaw, unless two others at its bus and
phase outvote it; it is named. A lie of less than four standard deviations, some 2% of voltage, is not told from noise.

CPU with 10,000 EVSEs on 33, 1,000 and 10,000 buses: 4, 5 and 10 ms an estimate (``tests/bench/twin_bench.py``), in one
cycle of five; the cycles between pay 0.3 ms to judge the readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np

from csms.dispatch.belief._cautious import most_cautious
from csms.dispatch.belief.measurements import (
    MeterKey,
    Meters,
    imports,
    powers,
    spread,
    together,
    voltages,
)
from csms.dispatch.optimum.solver import DispatchSolver
from csms.dispatch.sight.meters import V_CLASS_PU, VoltMeters
from csms.domain.feeder_view import EstimateView, RejectedMeter
from csms.grid.lindistflow import voltages_squared
from csms.grid.network import ABC, BoolArray, FloatArray
from csms.grid.power_flow import PowerFlow, PowerFlowDivergedError
from csms.grid.state_estimation import (
    KINDS,
    Estimate,
    EstimationError,
    Quantity,
    estimate,
    warm_up,
)

EVERY_CYCLES = 5
"""Less than the window of :class:`csms.dispatch.belief.steady.SteadyOffsets`: a meter that begins to lie is judged
before its first honest difference is forgotten."""
CAUTION = 2.0
THRESHOLD_SIGMA = 4.0
MAX_REJECTED = 2
"""New ones in one estimate: each costs a solve. While that is not enough, the next cycle estimates again."""
READMIT_AFTER = 12
"""Estimates in a row, a minute, in which a rejected meter agrees with the others."""
SOURCE_SIGMA_PU = 0.01
LOAD_SIGMA_FRAC = 0.5
LEVEL_FRAC = (0.2, 2.0)
IMPORT = "import"
_CLEAR_SLOPE_PU = 0.002
_LEAST_WITNESSES = 3
_MOST_NAMED = 3
_GAUSS_NEWTON_SIGMA = 0.05


@dataclass(slots=True)
class _Suspect:
    view: RejectedMeter
    agreed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Believed:
    """The last estimate by bus; it is shown for several cycles."""

    v_pu: FloatArray  # (n, m), NaN where a phase is absent
    sigma_pu: FloatArray  # (n, m)
    view: EstimateView


class Twin:
    """Keeps the last estimate of one feeder and the meters that it rejected."""

    def __init__(self, solver: DispatchSolver, names: Sequence[str], rating_w: FloatArray) -> None:
        self._solver, self._feeder = solver, solver.feeder
        self._names, self._rating_w = tuple(names), rating_w
        self._suspects: dict[MeterKey, _Suspect] = {}
        shape = (self._feeder.n_bus, solver.m)
        self._judged: BoolArray = np.zeros((len(rating_w), solver.m), bool)
        self._offset, self._sigma = np.zeros(shape), np.full(shape, SOURCE_SIGMA_PU)
        present = solver.load_w(np.ones(len(rating_w))).reshape(shape) > 0.0
        self._evse_buses = np.nonzero(present)
        warm_up(balanced=solver.m == 1)
        self._drop: tuple[FloatArray, FloatArray, FloatArray] | None = None
        self._wait = 0
        self._failed: str | None = None
        self.believed: Believed | None = None

    def is_due(self) -> bool:
        """Counts the cycle. Whether it is time to estimate."""
        self._wait -= 1
        return self._wait < 0

    def judge(
        self,
        here: PowerFlow,
        base_p_w: FloatArray,
        base_q_var: FloatArray,
        volts: VoltMeters,
        power_w: FloatArray,
        power_sigma_w: FloatArray,
        import_w: float | None,
        at: datetime,
    ) -> None:
        """Estimate anew. ``here``: the AC state as modelled; ``power_w``, ``power_sigma_w`` (N,) of the EVSEs; the base
        loads in the solver's shape. A state that cannot be estimated is an alarm, and all meters count as not judged.
        """
        self._wait = EVERY_CYCLES - 1
        v = np.abs(here.v_pu).reshape(self._offset.shape)
        suspected = self._of(volts)
        level = self._load_level(here, base_p_w, base_q_var, volts, ~suspected)
        p0, q0 = level * base_p_w + self._solver.load_w(power_w), level * base_q_var
        own_sigma = LOAD_SIGMA_FRAC * np.abs(level * base_p_w)
        unsure = np.sqrt(own_sigma**2 + spread(self._solver, 0.5 * self._rating_w) ** 2)
        metered = np.hypot(own_sigma, spread(self._solver, power_sigma_w))
        meters = together(
            voltages(volts, v, self._feeder.source_v_pu),
            powers(self._evse_buses, v.shape, level * base_p_w, p0, metered),
            imports(self._feeder, here, import_w),
        )
        known = np.ones(len(meters.who), bool)
        for key in self._suspects:
            known &= ~meters.has(key)
        kept = meters.where(known)
        try:
            found = estimate(
                self._feeder, p0, q0, unsure, LOAD_SIGMA_FRAC * np.abs(q0),
                kept.told, source_sigma_pu=SOURCE_SIGMA_PU,
                threshold_sigma=THRESHOLD_SIGMA, max_rejected=MAX_REJECTED,
                tolerance_sigma=_GAUSS_NEWTON_SIGMA,
            )  # fmt: skip
        except (EstimationError, PowerFlowDivergedError) as error:
            self._failed, self.believed = str(error), None
            self._judged[:] = False
            return
        self._failed = None
        if len(found.rejected) == MAX_REJECTED:
            self._wait = 0
        self._reconsider(meters, found, at)
        for k in found.rejected:
            self._suspects[kept.key(k)] = _Suspect(self._rejected(kept, k, found, at))
        self._judged[:] = False
        self._judged[volts.evse, volts.phase] = True
        estimated = found.flow.vm_pu.reshape(v.shape)
        self._offset = np.nan_to_num(estimated - v)
        self._sigma = np.nan_to_num(found.v_sigma_pu.reshape(v.shape))
        lowest = int(np.nanargmin(estimated))
        self.believed = Believed(
            estimated,
            found.v_sigma_pu.reshape(v.shape),
            EstimateView(
                at=at,
                lowest_v_pu=float(estimated.flat[lowest]),
                lowest_sigma_pu=float(found.v_sigma_pu.flat[lowest]),
                lowest_bus=self._feeder.bus_names[lowest // v.shape[1]],
                meters=len(kept.who) - len(found.rejected),
                rejected=tuple(one.view for one in self._suspects.values()),
                load_level_frac=level,
            ),
        )

    def measured_v_pu(self, modelled_v_pu: FloatArray, volts: VoltMeters) -> FloatArray:
        """(n, m) what the dispatcher may take as measured, NaN where nothing is.

        Of several meters the most cautious one: the lowest where the voltage is low, else the highest.
        """
        shape = modelled_v_pu.shape
        suspected = self._of(volts)
        found, floor, witnesses = np.empty(shape), np.empty(shape), np.empty(shape, np.int64)
        most_cautious(
            volts.bus, volts.phase, volts.v_pu, self._judged[volts.evse, volts.phase] & ~suspected,
            suspected, modelled_v_pu, self._offset, self._sigma, CAUTION, witnesses, floor, found,
        )  # fmt: skip
        return found

    def alarms(self) -> tuple[str, ...]:
        """One per meter that is not believed; the text stays the same while it lasts."""
        told = [
            f"{one.view.meter}: its {one.view.quantity} meter is not believed, the others contradict it"
            for one in self._suspects.values()
        ]
        return (*told, *([f"no state estimate: {self._failed}"] if self._failed else []))

    def _of(self, volts: VoltMeters) -> BoolArray:
        """(K,) which voltages are of rejected meters."""
        mask = np.zeros_like(self._judged)
        for kind, evse, phase in self._suspects:
            if KINDS[kind] is Quantity.V_PU:
                mask[evse, phase] = True
        return mask[volts.evse, volts.phase]

    def _load_level(
        self, here: PowerFlow, base_p_w: FloatArray, base_q_var: FloatArray, volts: VoltMeters,
        which: BoolArray,
    ) -> float:  # fmt: skip
        """How high the static loads stand together against the file: the weighted median of what each voltage says, so
        that one liar among three moves nothing; drawn towards 1 where the voltages hardly depend on it."""
        v = np.abs(here.v_pu).reshape(self._offset.shape)
        drop = self._drop_by_loads(base_p_w, base_q_var)
        at = (volts.bus[which], volts.phase[which])
        slope = drop[at] / (2.0 * v[at])  # of the voltage, as the level falls
        clear = slope > _CLEAR_SLOPE_PU
        if int(clear.sum()) < _LEAST_WITNESSES:
            return 1.0
        slope, lower = slope[clear], (v[at] - volts.v_pu[which])[clear]
        told = lower / slope
        order = np.argsort(told)
        weight = np.cumsum(slope[order])
        median = float(told[order][np.searchsorted(weight, 0.5 * weight[-1])])
        known = float(np.sum(slope**2))
        share = known / (known + (V_CLASS_PU / LOAD_SIGMA_FRAC) ** 2)
        return float(np.clip(1.0 + share * median, *LEVEL_FRAC))

    def _drop_by_loads(self, base_p_w: FloatArray, base_q_var: FloatArray) -> FloatArray:
        """(n, m) squared, by the linear model; kept while the loads are the same arrays."""
        if self._drop is None or self._drop[0] is not base_p_w or self._drop[1] is not base_q_var:
            unloaded = voltages_squared(self._feeder, 0.0 * base_p_w, 0.0 * base_q_var)
            loaded = voltages_squared(self._feeder, base_p_w, base_q_var)
            drop = (unloaded - loaded).reshape(self._offset.shape)
            self._drop = (base_p_w, base_q_var, drop)
        return self._drop[2]

    def _reconsider(self, meters: Meters, found: Estimate, at: datetime) -> None:
        """Rejected meters against what the others say; those that are gone are forgotten."""
        for key, suspect in list(self._suspects.items()):
            (there,) = np.nonzero(meters.has(key))
            if not there.size:
                del self._suspects[key]
                continue
            view = self._rejected(meters, int(there[0]), found, at)
            suspect.agreed = suspect.agreed + 1 if view.sigmas < 0.5 * THRESHOLD_SIGMA else 0
            suspect.view = msgspec.structs.replace(view, since=suspect.view.since)
            if suspect.agreed >= READMIT_AFTER:
                del self._suspects[key]

    def _rejected(self, meters: Meters, k: int, found: Estimate, at: datetime) -> RejectedMeter:
        kind, who, phase = meters.key(k)
        bus, value, shape = int(meters.told.bus[k]), float(meters.told.value[k]), self._offset.shape
        spread = 0.0
        match KINDS[kind]:
            case Quantity.V_PU:
                name, quantity = self._names[who], "voltage"
                expected = found.flow.vm_pu.reshape(shape)[bus, phase]
                spread = float(found.v_sigma_pu.reshape(shape)[bus, phase])
            case Quantity.LOAD_W:
                name, quantity = self._neighbours(bus), "power"
                expected = found.p_w.reshape(shape)[bus, phase]
            case _:
                name, quantity = IMPORT, "power"
                expected = found.flow.flow_va(self._feeder).reshape(shape)[bus, phase].real
        return RejectedMeter(
            meter=name,
            bus=self._feeder.bus_names[bus],
            phase=ABC[phase] if shape[1] == 3 else "",
            quantity=quantity,
            told=value - float(meters.beside[k]),
            expected=float(expected) - float(meters.beside[k]),
            sigmas=float(abs(value - expected) / np.hypot(meters.told.sigma[k], spread)),
            since=at,
        )

    def _neighbours(self, bus: int) -> str:
        """The EVSEs at a bus: their powers are judged together."""
        there = [self._names[i] for i in np.flatnonzero(self._solver.bus == bus)]
        return ", ".join(there[:_MOST_NAMED]) + (" ..." if len(there) > _MOST_NAMED else "")
