"""Voltages of the plant by power-grid-model, on purpose not the central system's solver.

Symmetric for a balanced feeder whose chargers are all three-phase, else asymmetric. What that
solver does not know is put to it as an equal network: ratios per phase by :mod:`.referral`, loads
that depend on the voltage as what they draw at the last one, until that no longer changes.
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
from charger_sim.plant.loads import Loads
from charger_sim.plant.referral import Referral, refer
from charger_sim.plant.regulators import RegulatorBank

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
STIFF_SK_VA = 1e20
MAX_ITERATIONS = 100
MAX_ROUNDS = 50
ROUND_TOLERANCE_VA = 0.1
_PHASES = np.exp(-2j * np.pi / 3.0 * np.arange(3))


class PlantDiverged(RuntimeError):
    """The plant has no power-flow solution: its voltage has collapsed."""


@dataclass(frozen=True, slots=True)
class Injection:
    """Where one EVSE hangs: a bus and the phases it may draw from."""

    bus: str
    phases: str


@dataclass(frozen=True, slots=True)
class Solution:
    """``v_pu`` is (n_bus, 3) line-to-neutral magnitudes, NaN for phases that a bus does not have;
    ``loss_w`` total branch losses."""

    v_pu: Floats
    loss_w: float
    slack_p_w: float


class PowerFlow:
    """A feeder with ``injections``; solved again and again with other charger powers.

    Raises ``FeederError`` for a feeder that does not hang together.
    """

    def __init__(self, feeder: PlantFeeder, injections: Sequence[Injection]) -> None:
        self.feeder = feeder
        self._row = {bus: n for n, bus in enumerate(feeder.bus_ids)}
        self.regulators = RegulatorBank(feeder.regulators)
        self._referral = refer(feeder, self.regulators.gains())
        for injection in injections:
            if injection.bus not in self._row:
                raise ValueError(f"feeder {feeder.name} has no bus {injection.bus!r}")
            present = self._referral.phases[self._row[injection.bus]]
            if not all(present["abc".index(phase)] for phase in injection.phases):
                raise ValueError(
                    f"feeder {feeder.name}: bus {injection.bus!r} lacks one of the phases "
                    f"{injection.phases!r}"
                )
        if not feeder.branches:
            raise ValueError(f"feeder {feeder.name} has no branches")
        self._injections = tuple(injections)
        self.symmetric = feeder.balanced and all(len(i.phases) == 3 for i in injections)
        self._load = ComponentType.sym_load if self.symmetric else ComponentType.asym_load
        self._line = ComponentType.line if feeder.balanced else ComponentType.asym_line
        self._loads = Loads(feeder, self._referral.phases)
        self._v = np.tile(feeder.slack_v_pu * _PHASES, (len(self._row), 1))  # pu, true ratios
        branch_row = {(b.from_bus, b.to_bus): n for n, b in enumerate(feeder.branches)}
        self._regulated = [branch_row[r.from_bus, r.to_bus] for r in feeder.regulators]
        self._through_va = np.zeros((len(self._regulated), 3), dtype=np.complex128)
        self._model, self._load_ids = self._build(self._referral)

    def row(self, bus: str) -> int:
        return self._row[bus]

    def solve(self, powers_w: Iterable[tuple[float, int]] = ()) -> Solution:
        """Solves with (power W, phases in use) per injection, in the order of construction;
        an empty iterable means no charger draws. Raises :class:`PlantDiverged`."""
        fixed = self._loads.constant.copy()
        for injection, (power_w, n_phases) in zip(self._injections, powers_w, strict=False):
            used = injection.phases[: max(1, n_phases)]
            for phase in used:
                fixed[self._row[injection.bus], "abc".index(phase)] += power_w / len(used)
        if not self._loads.depend_on_voltage:
            return self._solved(fixed)
        varying = self._loads.varying(self._v)
        for _ in range(MAX_ROUNDS):
            solution = self._solved(fixed + varying)
            before, varying = varying, self._loads.varying(self._v)
            change_va = float(np.abs(varying - before).max())
            if change_va <= ROUND_TOLERANCE_VA:
                return solution
        raise PlantDiverged(
            f"feeder {self.feeder.name}: loads and voltages still differ by {change_va:.3g} VA "
            f"after {MAX_ROUNDS} rounds"
        )

    def advance(self, dt_s: float) -> None:
        """``dt_s`` seconds pass at the last solution; regulators wait and step."""
        if not self.feeder.regulators:
            return
        v_base_v = self.feeder.v_base_ll_v / 3.0**0.5
        seen = []
        for regulator, s_va in zip(self.feeder.regulators, self._through_va, strict=True):
            phase = "abc".index(regulator.phases[0])
            v_v = complex(self._v[self._row[regulator.to_bus], phase]) * v_base_v
            seen.append((v_v, (complex(s_va[phase]) / v_v).conjugate()))
        if self.regulators.advance(dt_s, seen):
            self._referral = refer(self.feeder, self.regulators.gains())
            self._model, self._load_ids = self._build(self._referral)

    def _build(self, referral: Referral) -> tuple[PowerGridModel, NDArray[np.int32]]:
        n_bus = len(self.feeder.bus_ids)
        node = initialize_array(DatasetType.input, ComponentType.node, n_bus)
        node["id"] = np.arange(n_bus)
        node["u_rated"] = self.feeder.v_base_ll_v
        source = initialize_array(DatasetType.input, ComponentType.source, 1)
        source["id"], source["node"], source["status"] = n_bus, 0, 1
        source["u_ref"], source["sk"] = self.feeder.slack_v_pu, STIFF_SK_VA
        shunts = self.feeder.shunts
        load = initialize_array(DatasetType.input, self._load, n_bus + len(shunts))
        load["id"] = n_bus + 1 + np.arange(len(load))
        load["status"] = 1
        load["node"] = [*range(n_bus), *(self._row[shunt.bus] for shunt in shunts)]
        load["type"] = LoadGenType.const_power
        load["p_specified"] = load["q_specified"] = 0.0
        for entry, shunt in zip(load[n_bus:], shunts, strict=True):
            at = self._row[shunt.bus]
            present = referral.phases[at] * referral.ratio[at] ** 2
            entry["type"] = LoadGenType.const_impedance
            entry["q_specified"] = -np.array(shunt.b_s) * present * self.feeder.v_base_ll_v**2 / 3.0
        data = {
            ComponentType.node: node,
            ComponentType.source: source,
            self._load: load,
            self._line: self._branches(referral, n_bus + 1 + len(load)),
        }
        return PowerGridModel(data), load["id"][:n_bus].copy()

    def _branches(self, referral: Referral, first_id: int) -> NDArray[np.void]:
        branches = self.feeder.branches
        lines = initialize_array(DatasetType.input, self._line, len(branches))
        lines["id"] = first_id + np.arange(len(branches))
        lines["from_node"] = [self._row[b.from_bus] for b in branches]
        lines["to_node"] = [self._row[b.to_bus] for b in branches]
        lines["from_status"] = lines["to_status"] = 1
        z = np.array([referral.z_ohm(b, self._row[b.to_bus]) for b in branches])
        if self._line is ComponentType.line:
            lines["r1"] = lines["r0"] = z[:, 0, 0].real
            lines["x1"] = lines["x0"] = z[:, 0, 0].imag
            for name in ("c1", "tan1", "c0", "tan0"):
                lines[name] = 0.0
        else:
            for i, a in enumerate("abc"):
                for j, b in enumerate("abc"[: i + 1]):
                    lines[f"r_{a}{b}"], lines[f"x_{a}{b}"] = z[:, i, j].real, z[:, i, j].imag
            lines["c0"] = lines["c1"] = 0.0
        return lines

    def _solved(self, total: Complexes) -> Solution:
        """The solution for constant powers ``total`` (n_bus, 3) VA; leaves ``_v`` at it."""
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

    def _read(self, result: dict[str, NDArray[np.void]], total: Complexes) -> Solution:
        node, referral = result["node"], self._referral
        if self.symmetric:
            magnitude = np.repeat(node["u_pu"][:, None], 3, axis=1)
            angle = node["u_angle"][:, None] + np.angle(_PHASES)
        else:
            magnitude, angle = node["u_pu"], node["u_angle"]
        v_pu = np.asarray(magnitude * referral.ratio, dtype=np.float64)
        self._v = v_pu * np.exp(1j * angle)
        line = result[self._line.value]
        if self._regulated:
            self._through_va = -(line["p_to"] + 1j * line["q_to"])[self._regulated]
        slack_w = float(np.sum(result["source"]["p"]))
        return Solution(
            v_pu=np.where(referral.phases, v_pu, np.nan),
            loss_w=slack_w - float(total.real.sum()),
            slack_p_w=slack_w,
        )
