"""Voltages of the plant by power-grid-model, on purpose not the central system's solver.

Symmetric for a balanced feeder whose chargers are all three-phase, else asymmetric.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from power_grid_model import (
    CalculationMethod,
    ComponentType,
    DatasetType,
    LoadGenType,
    PowerGridModel,
    initialize_array,
)
from power_grid_model.errors import PowerGridError  # type: ignore[attr-defined]

from charger_sim.plant.feeder import PlantFeeder

Floats = NDArray[np.float64]
STIFF_SK_VA = 1e20
MAX_ITERATIONS = 100


class PlantDiverged(RuntimeError):
    """The plant has no power-flow solution: its voltage has collapsed."""


@dataclass(frozen=True, slots=True)
class Injection:
    """Where one EVSE hangs: a bus and the phases it may draw from."""

    bus: str
    phases: str


@dataclass(frozen=True, slots=True)
class Solution:
    """``v_pu`` is (n_bus, 3) line-to-neutral magnitudes; ``loss_w`` total branch losses."""

    v_pu: Floats
    loss_w: float
    slack_p_w: float


class PowerFlow:
    """A feeder with ``injections``; solved again and again with other charger powers."""

    def __init__(self, feeder: PlantFeeder, injections: Sequence[Injection]) -> None:
        self.feeder = feeder
        self._row = {bus: n for n, bus in enumerate(feeder.bus_ids)}
        for injection in injections:
            if injection.bus not in self._row:
                raise ValueError(f"feeder {feeder.name} has no bus {injection.bus!r}")
        self._injections = tuple(injections)
        self.symmetric = feeder.balanced and all(len(i.phases) == 3 for i in injections)
        self._load = ComponentType.sym_load if self.symmetric else ComponentType.asym_load
        self._base_w = self._fixed_loads()
        self._model, self._load_ids = self._build()

    def _fixed_loads(self) -> NDArray[np.complex128]:
        total = np.zeros((len(self.feeder.bus_ids), 3), dtype=np.complex128)
        for load in self.feeder.loads:
            share = complex(load.p_w, load.q_var) / len(load.phases)
            for phase in load.phases:
                total[self._row[load.bus], "abc".index(phase)] += share
        return total

    def _build(self) -> tuple[PowerGridModel, NDArray[np.int32]]:
        n_bus, n_branch = len(self.feeder.bus_ids), len(self.feeder.branches)
        node = initialize_array(DatasetType.input, ComponentType.node, n_bus)
        node["id"] = np.arange(n_bus)
        node["u_rated"] = self.feeder.v_base_ll_v
        source = initialize_array(DatasetType.input, ComponentType.source, 1)
        source["id"], source["node"], source["status"] = n_bus, 0, 1
        source["u_ref"], source["sk"] = self.feeder.slack_v_pu, STIFF_SK_VA
        load = initialize_array(DatasetType.input, self._load, n_bus)
        load_ids = n_bus + 1 + np.arange(n_bus, dtype=np.int32)
        load["id"], load["node"], load["status"] = load_ids, np.arange(n_bus), 1
        load["type"] = LoadGenType.const_power
        load["p_specified"] = load["q_specified"] = 0.0
        data = {
            ComponentType.node: node,
            ComponentType.source: source,
            self._load: load,
            **self._branches(2 * n_bus + 1),
        }
        if n_branch == 0:
            raise ValueError(f"feeder {self.feeder.name} has no branches")
        return PowerGridModel(data), load_ids

    def _branches(self, first_id: int) -> dict[ComponentType, NDArray[np.void]]:
        scalar = [b for b in self.feeder.branches if not isinstance(b.z_ohm, np.ndarray)]
        matrix = [b for b in self.feeder.branches if isinstance(b.z_ohm, np.ndarray)]
        line = initialize_array(DatasetType.input, ComponentType.line, len(scalar))
        asym = initialize_array(DatasetType.input, ComponentType.asym_line, len(matrix))
        for array, rows, offset in ((line, scalar, 0), (asym, matrix, len(scalar))):
            array["id"] = first_id + offset + np.arange(len(rows))
            array["from_node"] = [self._row[b.from_bus] for b in rows]
            array["to_node"] = [self._row[b.to_bus] for b in rows]
            array["from_status"] = array["to_status"] = 1
        z = np.array([complex(b.z_ohm) for b in scalar], dtype=np.complex128)
        line["r1"], line["x1"] = z.real, z.imag
        line["r0"], line["x0"] = z.real, z.imag
        for name in ("c1", "tan1", "c0", "tan0"):
            line[name] = 0.0
        for n, branch in enumerate(matrix):
            for i, a in enumerate("abc"):
                for j, b in enumerate("abc"[: i + 1]):
                    entry = np.asarray(branch.z_ohm)[i, j]
                    asym[f"r_{a}{b}"][n], asym[f"x_{a}{b}"][n] = entry.real, entry.imag
        asym["c0"] = asym["c1"] = 0.0
        found = {ComponentType.line: line, ComponentType.asym_line: asym}
        return {kind: array for kind, array in found.items() if len(array)}

    def solve(self, powers_w: Iterable[tuple[float, int]] = ()) -> Solution:
        """Solves with (power W, phases in use) per injection, in the order of construction;
        an empty iterable means no charger draws. Raises :class:`PlantDiverged`."""
        total = self._base_w.copy()
        for injection, (power_w, n_phases) in zip(self._injections, powers_w, strict=False):
            used = injection.phases[: max(1, n_phases)]
            for phase in used:
                total[self._row[injection.bus], "abc".index(phase)] += power_w / len(used)
        update = initialize_array(DatasetType.update, self._load, len(total))
        update["id"] = self._load_ids
        values = total.sum(axis=1) if self.symmetric else total
        update["p_specified"], update["q_specified"] = values.real, values.imag
        try:
            self._model.update(update_data={self._load: update})
            result = self._model.calculate_power_flow(
                symmetric=self.symmetric,
                calculation_method=CalculationMethod.newton_raphson,
                max_iterations=MAX_ITERATIONS,
                error_tolerance=1e-9,
            )
        except PowerGridError as error:
            raise PlantDiverged(
                f"feeder {self.feeder.name}: no power flow after {MAX_ITERATIONS} iterations "
                f"at {total.real.sum() / 1e3:.0f} kW: {error}"
            ) from error
        return self._read(result, total)

    def _read(self, result: dict[str, Floats], total: NDArray[np.complex128]) -> Solution:
        v = np.asarray(result["node"]["u_pu"], dtype=np.float64)  # type: ignore[call-overload]
        if self.symmetric:
            v = np.repeat(v[:, None], 3, axis=1)
        slack_w = float(np.sum(result["source"]["p"]))  # type: ignore[call-overload]
        return Solution(v_pu=v, loss_w=slack_w - float(total.real.sum()), slack_p_w=slack_w)

    def row(self, bus: str) -> int:
        return self._row[bus]
