"""What the loads of a feeder draw from each phase at a voltage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from charger_sim.plant.feeder import FeederError, PlantFeeder, PlantLoad

Complexes = NDArray[np.complex128]
_EXPONENT = {"power": 0, "current": 1, "impedance": 2}


class Loads:
    """``constant`` is what never depends on the voltage, (n_bus, 3) VA; :meth:`varying` the rest:
    loads of constant current or impedance, and loads between two phases."""

    def __init__(self, feeder: PlantFeeder, phases: NDArray[np.bool_]) -> None:
        row = {bus: n for n, bus in enumerate(feeder.bus_ids)}
        self.constant = np.zeros((len(row), 3), dtype=np.complex128)
        between: list[tuple[int, int, int, complex, int]] = []
        for load in feeder.loads:
            at = row[load.bus]
            if not all(phases[at, "abc".index(phase)] for phase in load.phases):
                raise FeederError(
                    f"feeder {feeder.name}: load on {load.phases!r} of bus {load.bus!r}, "
                    "which does not have them all"
                )
            pairs = _pairs(load)
            share = complex(load.p_w, load.q_var) / len(pairs)
            for front, back in pairs:
                if back < 0 and load.model == "power":
                    self.constant[at, front] += share
                else:
                    between.append((at, front, back, share, _EXPONENT[load.model]))
        table = np.array(between, dtype=object).reshape(-1, 5).T
        self._bus, self._front, self._back = (column.astype(np.intp) for column in table[:3])
        self._s_va = table[3].astype(np.complex128)
        self._exponent = table[4].astype(np.float64)
        self._delta = self._back >= 0

    @property
    def depend_on_voltage(self) -> bool:
        return len(self._bus) > 0

    def varying(self, v_pu: Complexes) -> Complexes:
        """(n_bus, 3) VA at the voltages ``v_pu`` (n_bus, 3), pu line to neutral."""
        front = v_pu[self._bus, self._front]
        back = np.where(self._delta, v_pu[self._bus, self._back], 0.0)
        across = front - back
        nominal = np.where(self._delta, 3.0**0.5, 1.0)
        s_va = self._s_va * (np.abs(across) / nominal) ** self._exponent
        drawn = np.zeros_like(v_pu)
        np.add.at(drawn, (self._bus, self._front), s_va * front / across)
        pairs = self._delta
        returned = s_va[pairs] * back[pairs] / across[pairs]
        np.subtract.at(drawn, (self._bus[pairs], self._back[pairs]), returned)
        return drawn


def _pairs(load: PlantLoad) -> list[tuple[int, int]]:
    """(phase, other phase or -1 for the neutral) of each part of a load."""
    order = ["abc".index(phase) for phase in load.phases]
    if not load.delta:
        return [(phase, -1) for phase in order]
    if len(order) == 2:
        return [(order[0], order[1])]
    return [(0, 1), (1, 2), (2, 0)]
