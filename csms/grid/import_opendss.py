"""Imports an OpenDSS circuit: lines, transformers, regulators, capacitors, reactors and loads, as OpenDSS solves them.

    circuit = import_opendss.load("IEEE13Nodeckt.dss")
    flow = circuit.solve()              # regulators step until every one is inside its band

Left out, and listed in ``Circuit.ignored``: meters, monitors, shapes, fuses, generators, capacitor controls by time or
power factor (their banks stay as they are) and everything else that a snapshot of a passive feeder does not need.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from csms.grid import opendss_elements as elements
from csms.grid.capacitor_controls import CapacitorControl, capacitor_control
from csms.grid.nodal import LoadTable, NodalFlow, NodalNetwork, Part, Solver
from csms.grid.opendss_elements import Properties
from csms.grid.opendss_script import Command, OpenDssError, commands, number, numbers
from csms.grid.regulators import Regulator, step_regulators

MAX_CONTROL_ROUNDS = 200
_USED = (
    "line",
    "linecode",
    "transformer",
    "xfmrcode",
    "regcontrol",
    "capcontrol",
    "capacitor",
    "reactor",
    "load",
    "vsource",
    "circuit",
)
_WINDING = ("bus", "conn", "kv", "kva", "%r", "tap", "maxtap", "mintap", "numtaps")


@dataclass(slots=True, eq=False)
class _Element:
    where: str
    properties: Properties = field(default_factory=dict)
    windings: dict[int, Properties] = field(default_factory=dict)
    load_by_pf: bool = False


@dataclass(slots=True, eq=False)
class Circuit:
    """An imported circuit with its controls; :meth:`solve` moves the taps and switches the banks."""

    network: NodalNetwork
    regulators: list[Regulator]
    capacitor_controls: list[CapacitorControl]
    ignored: dict[str, int]  # class -> how many elements of it were left out
    _rebuild: Callable[[str, dict[int, float]], Part]

    def solve(self, *, controls: bool = True) -> NodalFlow:
        """The state with every regulator in its band and no bank about to switch (or with all as it stands).

        Raises ``PowerFlowDivergedError``; :class:`OpenDssError` where controls never come to rest.
        """
        solver = Solver(self.network)
        self._set_bases(solver)
        flow = solver.solve()
        for _ in range(MAX_CONTROL_ROUNDS):
            if not (controls and self._control(flow)):
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
    reader = _Reader()
    for command in commands(Path(path)):
        reader.take(command)
    return reader.circuit()


class _Reader:
    def __init__(self) -> None:
        self._elements: dict[str, dict[str, _Element]] = {name: {} for name in _USED}
        self._ignored: dict[str, int] = {}
        self._bases: tuple[float, ...] = ()
        self._frequency_hz = 60.0
        self._last: tuple[str, str] | None = None

    def take(self, command: Command) -> None:
        if command.verb in ("new", "edit"):
            self._object(command)
        elif command.verb == "set":
            for key, value in command.pairs:
                if key == "voltagebases":
                    self._bases = tuple(numbers(value))
                elif key == "defaultbasefrequency":
                    self._frequency_hz = number(value)

    def _object(self, command: Command) -> None:
        key, name = command.pairs[0] if command.pairs else ("nothing", "")
        if key not in ("", "object"):
            raise OpenDssError(f"{command.where}: New needs class.name, got {key}={name}")
        kind, _, label = name.strip("\"'").lower().partition(".")
        if kind not in self._elements:
            if command.verb == "new":
                self._ignored[kind] = self._ignored.get(kind, 0) + 1
            return
        if kind == "circuit" or (kind == "vsource" and label == "source"):
            kind, label = "circuit", "source"
        table = self._elements[kind]
        element = table.get(label)
        if element is None:
            if command.verb == "edit":
                raise OpenDssError(f"{command.where}: no {kind} {label!r} to edit")
            element = table[label] = _Element(command.where)
        try:
            self._fill(kind, element, command.pairs[1:])
        except (ValueError, IndexError, KeyError, ZeroDivisionError) as error:
            raise OpenDssError(f"{command.where}: {kind} {label!r}: {error}") from None

    def _fill(self, kind: str, element: _Element, pairs: tuple[tuple[str, str], ...]) -> None:
        winding = 1
        order, position = _POSITIONAL.get(kind, ()), 0
        for key, value in pairs:
            key = _ALIASES.get(key, key)
            if not key:  # a bare value belongs to the property after the last one
                if position >= len(order):
                    raise ValueError(f"value {value!r} without a name")
                key = order[position]
            position = order.index(key) + 1 if key in order else position
            if key in ("like", "xfmrcode"):
                other = self._elements[kind if key == "like" else "xfmrcode"][value.lower()]
                element.properties = other.properties | element.properties
                for k, part in other.windings.items():
                    element.windings[k] = part | element.windings.get(k, {})
                element.load_by_pf = other.load_by_pf
            elif kind in ("transformer", "xfmrcode") and key == "wdg":
                winding = int(number(value))
            elif kind in ("transformer", "xfmrcode") and key in _WINDING:
                text = value if key in ("bus", "conn") else repr(numbers(value)[0])
                element.windings.setdefault(winding, {})[key] = text
            else:
                if kind == "load" and key in ("pf", "kvar"):
                    element.load_by_pf = key == "pf"
                element.properties[key] = value

    def circuit(self) -> Circuit:
        if "source" not in self._elements["circuit"]:
            raise OpenDssError("the script defines no circuit")
        names, index = ["0"], {"0": 0}

        def node(label: str) -> int:
            if label not in index:
                index[label] = len(names)
                names.append(label)
            return index[label]

        parts: dict[str, Part] = {}
        for kind, build in (
            ("line", self._line), ("transformer", self._transformer), ("capacitor", _capacitor), ("reactor", _reactor),
        ):  # fmt: skip
            for label, element in self._elements[kind].items():
                if element.properties.get("enabled", "y").lower()[0] in "nf":
                    continue
                labels, y = self._built(kind, label, element, build)
                full = f"{kind}.{label}"
                parts[full] = Part(full, tuple(node(item) for item in labels), y)
        banks = {name: part for name, part in parts.items() if name.startswith("capacitor.")}
        for label, element in self._elements["capacitor"].items():
            states = element.properties.get("states")
            if f"capacitor.{label}" in parts and states and not any(numbers(states)):
                bank = banks[f"capacitor.{label}"]
                parts[bank.name] = replace(bank, y=np.zeros_like(bank.y))
        labels, y, v = elements.source(self._elements["circuit"]["source"].properties)
        loads = self._loads(node)
        network = NodalNetwork(
            "opendss", names, parts, tuple(node(item) for item in labels), y, v, loads
        )
        circuit = Circuit(
            network,
            self._regulators(parts),
            self._capacitor_controls(parts, banks),
            self._ignored,
            self._rebuild,
        )
        circuit.network_bases = self._bases
        return circuit

    def _built(
        self,
        kind: str,
        label: str,
        element: _Element,
        build: Callable[[_Element], tuple[list[str], np.ndarray]],
    ) -> tuple[list[str], np.ndarray]:
        try:
            labels, y = build(element)
        except (KeyError, ValueError, ZeroDivisionError, np.linalg.LinAlgError) as error:
            raise OpenDssError(
                f"{element.where}: {kind} {label!r}: {type(error).__name__} {error}"
            ) from None
        if not np.isfinite(y).all():
            raise OpenDssError(f"{element.where}: {kind} {label!r} has no finite admittance")
        return labels, y

    def _line(self, element: _Element) -> tuple[list[str], np.ndarray]:
        code = element.properties.get("linecode")
        if code is not None and code.lower() not in self._elements["linecode"]:
            raise ValueError(f"unknown linecode {code!r}")
        found = None if code is None else self._elements["linecode"][code.lower()].properties
        labels, y, _ = elements.line(element.properties, found, self._frequency_hz)
        return labels, y

    def _transformer(self, element: _Element) -> tuple[list[str], np.ndarray]:
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
            target = p["transformer"].lower()
            if target not in self._elements["transformer"]:
                raise OpenDssError(
                    f"{element.where}: regcontrol {label!r} names no transformer {target!r}"
                )
            transformer = self._elements["transformer"][target]
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

    def _loads(self, node: Callable[[str], int]) -> LoadTable:
        rows: list[_LoadRow] = []
        for label, element in self._elements["load"].items():
            try:
                rows += _load_rows(element, node)
            except (ValueError, IndexError, KeyError) as error:
                raise OpenDssError(f"{element.where}: load {label!r}: {error}") from None

        def column(pick: Callable[[_LoadRow], object], kind: type = float) -> np.ndarray:
            return np.array([pick(row) for row in rows], kind)

        return LoadTable(
            node=column(lambda row: row.front, int),
            back=column(lambda row: row.back, int),
            s_va=column(lambda row: row.s_va, complex),
            v_base=column(lambda row: row.v_base),
            model=column(lambda row: row.model, int),
            v_min=column(lambda row: row.band[0]),
            v_max=column(lambda row: row.band[1]),
            v_low=column(lambda row: row.band[2]),
            cvr=column(lambda row: row.cvr).reshape(-1, 2),
            zip_p=column(lambda row: row.mix[0:3]).reshape(-1, 3),
            zip_q=column(lambda row: row.mix[3:6]).reshape(-1, 3),
        )


class _LoadRow(NamedTuple):
    """One load between two nodes."""

    front: int
    back: int
    s_va: complex
    v_base: float
    model: int
    band: tuple[float, float, float]  # vminpu, vmaxpu, vlowpu
    cvr: tuple[float, float]
    mix: list[float]


def _load_rows(element: _Element, node: Callable[[str], int]) -> list[_LoadRow]:
    p = element.properties

    def value(key: str, default: str) -> float:
        return number(p.get(key, default))

    phases = int(value("phases", "3"))
    s = _apparent(p, value("kw", "10"), by_pf=element.load_by_pf or "kvar" not in p) / phases
    mix = numbers(p["zipv"]) if "zipv" in p else [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    volts = value("kv", "12.47") * 1e3
    if elements.is_delta(p):
        names = elements.terminal(p["bus1"], 2 if phases == 1 else 3, phases)
        pairs = [(names[f], names[(f + 1) % len(names)]) for f in range(phases)]
    else:
        volts /= 1.0 if phases == 1 else math.sqrt(3.0)
        names = elements.terminal(p["bus1"], phases + 1, phases)
        pairs = [(names[f], names[phases]) for f in range(phases)]
    band = value("vminpu", "0.95"), value("vmaxpu", "1.05"), value("vlowpu", "0.5")
    cvr = value("cvrwatts", "1"), value("cvrvars", "2")
    model = int(value("model", "1"))
    return [_LoadRow(node(a), node(b), s, volts, model, band, cvr, mix) for a, b in pairs]


def _capacitor(element: _Element) -> tuple[list[str], np.ndarray]:
    return elements.capacitor(element.properties)


def _reactor(element: _Element) -> tuple[list[str], np.ndarray]:
    return elements.reactor(element.properties)


def _apparent(p: Properties, kw: float, *, by_pf: bool) -> complex:
    if not by_pf:
        return complex(kw, numbers(p["kvar"])[0]) * 1e3
    pf = number(p.get("pf", "0.88"))
    if not 0.0 < abs(pf) <= 1.0:
        raise ValueError(f"pf must be within -1 .. 1 and not 0, got {pf}")
    return complex(kw, math.copysign(kw * math.sqrt(1.0 / pf**2 - 1.0), pf)) * 1e3


_ALIASES = {"buses": "buses", "ppm": "ppm_antifloat", "xfmr": "transformer"}
_POSITIONAL = {
    "line": ("bus1", "bus2", "linecode", "length", "phases", "r1", "x1", "r0", "x0", "c1", "c0"),
    "linecode": (
        "nphases", "r1", "x1", "r0", "x0", "c1", "c0", "units", "rmatrix", "xmatrix", "cmatrix", "basefreq",
        "normamps", "emergamps",
    ),
    "load": ("phases", "bus1", "kv", "kw", "pf"),
}  # fmt: skip
