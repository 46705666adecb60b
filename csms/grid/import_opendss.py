"""Imports an OpenDSS circuit: lines, transformers, regulators, capacitors, reactors and loads, as OpenDSS solves them.

    circuit = import_opendss.load("IEEE13Nodeckt.dss")
    flow = circuit.solve()              # regulators step until every one is inside its band

Left out, and counted by name in ``Circuit.ignored``: meters, monitors, shapes, photovoltaics, storage, generators other
than of constant power, further sources, capacitor controls by time or power factor (their banks stay as they are), the
buses that no source reaches, and every property, option or command that would count but is not known here. A line by
its geometry is refused: what would be left of it is no line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from csms.grid import opendss_elements as elements
from csms.grid.capacitor_controls import CapacitorControl, capacitor_control
from csms.grid.nodal import NodalFlow, NodalNetwork, Part, Solver
from csms.grid.opendss_loads import LoadRow, generator_rows, load_rows, load_table
from csms.grid.opendss_objects import Element, Objects
from csms.grid.opendss_script import OpenDssError, commands, number, numbers
from csms.grid.regulators import Regulator, step_regulators

MAX_CONTROL_ROUNDS = 200
_REFUSED_OF_LINES = ("geometry", "spacing", "wires", "cncables", "tscables")


@dataclass(slots=True, eq=False)
class Circuit:
    """An imported circuit with its controls; :meth:`solve` moves the taps and switches the banks."""

    network: NodalNetwork
    regulators: list[Regulator]
    capacitor_controls: list[CapacitorControl]
    ignored: dict[str, int]  # class -> how many elements of it were left out
    _rebuild: Callable[[str, dict[int, float]], Part]
    controls: bool = True  # whether the script lets them act

    def solve(self, *, controls: bool = True) -> NodalFlow:
        """The state with every regulator in its band and no bank about to switch (or with all as it stands).

        Raises ``PowerFlowDivergedError``; :class:`OpenDssError` where controls never come to rest.
        """
        solver = Solver(self.network)
        self._set_bases(solver)
        flow = solver.solve()
        for _ in range(MAX_CONTROL_ROUNDS):
            if not (controls and self.controls and self._control(flow)):
                return flow
            flow = Solver(self.network).solve(flow.v)
        raise OpenDssError(f"controls still act after {MAX_CONTROL_ROUNDS} rounds")

    def _control(self, flow: NodalFlow) -> bool:
        """Lets those act whose delay ends first. Whether any did."""
        banks = [c for c in self.capacitor_controls if c.wants_change(self.network, flow)]
        first_s = min((bank.delay_s for bank in banks), default=math.inf)
        moved = step_regulators(self.regulators, self.network, flow, before_s=first_s)
        for regulator in moved:
            name = regulator.transformer
            self.network.parts[name] = self._rebuild(name, {regulator.winding: regulator.tap})
        if not moved:
            for bank in banks:
                if bank.delay_s == first_s:
                    bank.switch(self.network)
        return bool(moved or banks)

    def _set_bases(self, solver: Solver) -> None:
        bases = np.array(sorted(self.network_bases)) / math.sqrt(3.0) * 1e3
        v = np.abs(solver.unloaded())
        by_bus: dict[str, float] = {}
        base = np.ones(len(v))
        for k, name in enumerate(self.network.node_names[1:], start=1):
            bus = name.split(".")[0]
            if bus not in by_bus:
                by_bus[bus] = (
                    float(bases[np.argmin(np.abs(1.0 - v[k] / bases))])
                    if len(bases)
                    else float(v[k])
                )
            base[k] = by_bus[bus]
        self.network.base_v = base

    network_bases: tuple[float, ...] = ()


def load(path: str | Path) -> Circuit:
    """Reads a circuit. Raises :class:`OpenDssError` naming file and line, ``OSError``."""
    objects = Objects()
    for command in commands(Path(path)):
        objects.take(command)
    return _Reader(objects).circuit()


class _Reader:
    """Makes a circuit of objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects, self._elements = objects, objects.elements
        self._ignored = objects.left_out

    def circuit(self) -> Circuit:
        if "source" not in self._elements["circuit"]:
            raise OpenDssError("the script defines no circuit")
        self._operate_switches()
        built: dict[str, tuple[list[str], np.ndarray]] = {}
        for kind, build in (
            ("line", self._line), ("transformer", self._transformer), ("capacitor", self._capacitor),
            ("reactor", self._reactor),
        ):  # fmt: skip
            for label, element in self._elements[kind].items():
                if element.enabled:
                    built[f"{kind}.{label}"] = self._built(kind, label, element, build)
        source_labels, y, v = self._source()
        rows = self._load_rows()
        supplied = _supplied(source_labels, [labels for labels, _ in built.values()], rows)
        self._count_unsupplied(supplied, built, rows)

        names, index = ["0"], {"0": 0}

        def node(label: str) -> int:
            if label not in index:
                index[label] = len(names)
                names.append(label)
            return index[label]

        parts = {
            name: Part(name, tuple(node(item) for item in labels), part_y)
            for name, (labels, part_y) in built.items()
            if supplied.issuperset(labels)
        }
        if not parts:
            raise OpenDssError("the script joins nothing to the source of its circuit")
        banks = {name: part for name, part in parts.items() if name.startswith("capacitor.")}
        for name, bank in banks.items():
            states = self._elements["capacitor"][name.split(".", 1)[1]].properties.get("states")
            if states and not any(numbers(states)):
                parts[name] = replace(bank, y=np.zeros_like(bank.y))
        source_nodes = tuple(node(item) for item in source_labels)
        loads = load_table(
            [row for row in rows if row.front in supplied and row.back in supplied], node
        )
        network = NodalNetwork("opendss", names, parts, source_nodes, y, v, loads)
        try:
            regulators = self._regulators(parts)
        except OpenDssError:
            raise
        except (IndexError, KeyError, ValueError, ArithmeticError) as error:
            raise OpenDssError(f"regcontrol: {type(error).__name__} {error}") from None
        controls = self._capacitor_controls(parts, banks)
        return Circuit(
            network, regulators, controls, dict(self._ignored), self._rebuild, self._objects.controls,
            network_bases=self._objects.bases_kv,
        )  # fmt: skip

    def _operate_switches(self) -> None:
        for label, element in self._elements["swtcontrol"].items():
            p = element.properties
            state = next((p[key] for key in reversed(p) if key in ("action", "state")), None)
            state = state or p.get("normal", "closed")
            kind, _, name = p.get("switchedobj", "").lower().partition(".")
            switched = self._elements.get(kind, {}).get(name)
            if switched is None:
                raise OpenDssError(
                    f"{element.where}: swtcontrol {label!r} names no element {kind}.{name}"
                )
            if element.enabled and state.lower().startswith(("o", "[o", "(o")):
                try:
                    terminal = int(number(p.get("switchedterm", "1")))
                except (ValueError, ArithmeticError) as error:
                    raise OpenDssError(f"{element.where}: swtcontrol {label!r}: {error}") from None
                self._objects.operate(switched, terminal, 0, opens=True)

    def _source(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        element = self._elements["circuit"]["source"]
        try:
            return elements.source(element.properties)
        except np.linalg.LinAlgError:
            raise OpenDssError(f"{element.where}: circuit: the source has no impedance") from None
        except (KeyError, ValueError, ZeroDivisionError, TypeError) as error:
            raise OpenDssError(f"{element.where}: circuit: {error}") from None

    def _count_unsupplied(
        self,
        supplied: set[str],
        built: dict[str, tuple[list[str], np.ndarray]],
        rows: list[LoadRow],
    ) -> None:
        there = {label for labels, _ in built.values() for label in labels}
        there |= {label for row in rows for label in (row.front, row.back)}
        dark = {label.split(".")[0] for label in there - supplied}
        if dark:
            self._ignored["buses without supply"] = len(dark)

    def _built(
        self,
        kind: str,
        label: str,
        element: Element,
        build: Callable[[Element], tuple[list[str], np.ndarray]],
    ) -> tuple[list[str], np.ndarray]:
        try:
            labels, y = _without_open(*build(element), element)
        except (LookupError, ValueError, TypeError, ArithmeticError) as error:
            raise OpenDssError(
                f"{element.where}: {kind} {label!r}: {type(error).__name__} {error}"
            ) from None
        if not np.isfinite(y).all():
            raise OpenDssError(f"{element.where}: {kind} {label!r} has no finite admittance")
        return labels, y

    def _line(self, element: Element) -> tuple[list[str], np.ndarray]:
        p = element.properties
        refused = [key for key in _REFUSED_OF_LINES if key in p]
        if refused and not {"r1", "rmatrix", "linecode"} & set(
            list(p)[list(p).index(refused[-1]) :]
        ):
            raise ValueError(f"{refused[0]} is not supported; give r1, x1, r0, x0 or a linecode")
        code = p.get("linecode")
        if code is not None and code.lower() not in self._elements["linecode"]:
            raise ValueError(f"unknown linecode {code!r}")
        found = None if code is None else self._elements["linecode"][code.lower()].properties
        labels, y, _ = elements.line(p, found, self._objects.frequency_hz)
        return labels, y

    def _capacitor(self, element: Element) -> tuple[list[str], np.ndarray]:
        return elements.capacitor(element.properties, self._objects.frequency_hz)

    def _reactor(self, element: Element) -> tuple[list[str], np.ndarray]:
        return elements.reactor(element.properties, self._objects.frequency_hz)

    def _transformer(self, element: Element) -> tuple[list[str], np.ndarray]:
        return elements.transformer(
            element.properties, elements.winding_list(element.properties, element.windings)
        )

    def _rebuild(self, full_name: str, taps: dict[int, float]) -> Part:
        label = full_name.split(".", 1)[1]
        element = self._elements["transformer"][label]
        for winding, tap in taps.items():
            element.windings.setdefault(winding, {})["tap"] = repr(tap)
        _, y = self._transformer(element)
        return Part(full_name, self._nodes[full_name], y)

    _nodes: dict[str, tuple[int, ...]]

    def _regulators(self, parts: dict[str, Part]) -> list[Regulator]:
        self._nodes = {name: part.nodes for name, part in parts.items()}
        found = []
        for label, element in self._elements["regcontrol"].items():
            p = element.properties
            target = p.get("transformer", "").lower()
            if target not in self._elements["transformer"]:
                raise OpenDssError(
                    f"{element.where}: regcontrol {label!r} names no transformer {target!r}"
                )
            transformer = self._elements["transformer"][target]
            if not element.enabled or f"transformer.{target}" not in parts:
                continue
            windings = elements.winding_list(transformer.properties, transformer.windings)
            winding = int(number(p.get("winding", "1")))
            w = windings[winding - 1]
            phases = int(number(transformer.properties.get("phases", "3")))
            high, low = number(w.get("maxtap", "1.1")), number(w.get("mintap", "0.9"))
            found.append(
                Regulator(
                    name=label, transformer=f"transformer.{target}", winding=winding,
                    offset=(winding - 1) * (phases + 1), phases=phases, delta=elements.is_delta(w),
                    winding_volts=elements.winding_volts(w, phases),
                    v_reg=number(p.get("vreg", "120")), band=number(p.get("band", "3")),
                    pt_ratio=number(p.get("ptratio", "60")),
                    ct_primary_a=number(p.get("ctprim", "300")),
                    drop=complex(number(p.get("r", "0")), number(p.get("x", "0"))),
                    delay_s=number(p.get("delay", "15")),
                    max_change=int(number(p.get("maxtapchange", "16"))), tap=number(w.get("tap", "1")),
                    low=low, high=high,
                    step=(high - low) / number(w.get("numtaps", "32")),
                )
            )  # fmt: skip
        return found

    def _capacitor_controls(
        self, parts: dict[str, Part], banks: dict[str, Part]
    ) -> list[CapacitorControl]:
        found = []
        for label, element in self._elements["capcontrol"].items():
            if not element.enabled:
                continue
            try:
                control = capacitor_control(label, element.properties, parts, banks)
            except (KeyError, ValueError) as error:
                raise OpenDssError(
                    f"{element.where}: capcontrol {label!r}: {type(error).__name__} {error}"
                ) from None
            if control is None:
                self._ignored["capcontrol"] = self._ignored.get("capcontrol", 0) + 1
            else:
                found.append(control)
        return found

    def _load_rows(self) -> list[LoadRow]:
        rows: list[LoadRow] = []
        for kind in ("load", "generator"):
            for label, element in self._elements[kind].items():
                if not element.enabled or element.open_conductors:
                    continue
                p = element.properties
                try:
                    found = (
                        load_rows(p, self._objects.load_multiplier)
                        if kind == "load"
                        else generator_rows(p)
                    )
                except (ValueError, IndexError, KeyError, ArithmeticError) as error:
                    raise OpenDssError(f"{element.where}: {kind} {label!r}: {error}") from None
                if found is None:
                    self._ignored[kind] += 1
                rows += found or []
        return rows


def _supplied(source: list[str], joined: list[list[str]], rows: list[LoadRow]) -> set[str]:
    """The nodes that some element connects to the source; earth is one of them and connects nothing."""
    near: dict[str, list[list[str]]] = {}
    for group in [*joined, *([row.front, row.back] for row in rows)]:
        for label in group:
            near.setdefault(label, []).append(group)
    seen, queue = {"0", *source}, [label for label in source if label != "0"]
    while queue:
        for group in near.pop(queue.pop(), []):
            fresh = {label for label in group if label not in seen}
            seen |= fresh
            queue += fresh
    return seen


def _without_open(
    labels: list[str], y: np.ndarray, element: Element
) -> tuple[list[str], np.ndarray]:
    """The element as seen from its other ends, where conductors are open: their currents are zero."""
    if not element.open_conductors:
        return labels, y
    wound = element.windings or "buses" in element.properties
    ends = elements.winding_list(element.properties, element.windings) if wound else "12"
    size = len(labels) // len(ends)
    out = {
        (terminal - 1) * size + k
        for terminal, conductor in element.open_conductors
        for k in (range(size) if conductor == 0 else [conductor - 1])
    }
    out = {k for k in out if k < len(labels)}
    kept = [k for k in range(len(labels)) if k not in out]
    gone = sorted(out)
    inner = np.linalg.pinv(y[np.ix_(gone, gone)])
    reduced = y[np.ix_(kept, kept)] - y[np.ix_(kept, gone)] @ inner @ y[np.ix_(gone, kept)]
    return [labels[k] for k in kept], reduced
