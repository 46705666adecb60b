"""What an OpenDSS script leaves behind: its objects with their properties as last set, before they mean admittances."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field

from csms.grid.opendss_elements import Properties
from csms.grid.opendss_loads import settle_power_factor
from csms.grid.opendss_properties import ORDER, full_name, unheeded
from csms.grid.opendss_script import Command, OpenDssError, number, numbers

_WINDING = ("bus", "conn", "kv", "kva", "%r", "tap", "maxtap", "mintap", "numtaps")
_PER_WINDING_LISTS = ("buses", "conns", "kvs", "kvas", "%rs", "taps")
_SILENT_VERBS = frozenset((
    "clear", "clearall", "solve", "calcvoltagebases", "calcv", "buscoords", "latlongcoords", "plot", "show", "export",
    "interpolate", "help", "summary", "visualize", "fileedit", "get", "?", "about", "reset", "sample", "makebuslist",
    "rebuild",
))  # fmt: skip
"""Commands that change nothing about the circuit as it stands at the end of the script."""
_OPTIONS_WITH_EFFECT = frozenset(
    ["loadmodel", "frequency", "allocationfactors", "genmult", "year", "hour"]
)


@dataclass(slots=True, eq=False)
class Element:
    """One object; ``properties`` in the order in which they were last set."""

    where: str
    properties: Properties = field(default_factory=dict)
    windings: dict[int, Properties] = field(default_factory=dict)
    open_conductors: set[tuple[int, int]] = field(default_factory=set)
    """(terminal, conductor), conductor 0 for all of them."""

    @property
    def enabled(self) -> bool:
        return self.properties.get("enabled", "y").lower()[:1] not in ("n", "f")


class Objects:
    """Takes the commands of a script. ``left_out`` counts what was not understood, by name."""

    def __init__(self) -> None:
        self.elements: dict[str, dict[str, Element]] = {name: {} for name in ORDER}
        self.left_out: Counter[str] = Counter()
        self.bases_kv: tuple[float, ...] = ()
        self.frequency_hz = 60.0
        self.load_multiplier = 1.0
        self.controls = True

    def take(self, command: Command) -> None:
        """Raises :class:`OpenDssError`."""
        try:
            if command.verb in ("new", "edit"):
                self._object(command)
            elif command.verb in ("open", "close", "enable", "disable"):
                self._switch(command)
            elif command.verb == "batchedit":
                self._batch_edit(command)
            elif command.verb == "set":
                self._set(command)
            elif command.verb not in _SILENT_VERBS:
                self.left_out[f"command {command.verb}"] += 1
        except OpenDssError:
            raise
        except (ValueError, IndexError, KeyError, ZeroDivisionError, OverflowError) as error:
            raise OpenDssError(f"{command.where}: {error}") from None

    def _set(self, command: Command) -> None:
        for key, value in command.pairs:
            if key == "voltagebases":
                self.bases_kv = tuple(numbers(value))
                if not all(0.0 < base < math.inf for base in self.bases_kv):
                    raise ValueError(f"voltagebases must be finite and positive, got {value}")
            elif key in ("defaultbasefrequency", "defaultbasefreq"):
                self.frequency_hz = number(value)
            elif key == "loadmult":
                self.load_multiplier = number(value)
            elif key == "controlmode":
                self.controls = not value.lower().startswith("off")
            elif key == "mode" and not value.lower().startswith("s"):
                self.left_out[f"set mode={value.lower()}"] += 1
            elif key in _OPTIONS_WITH_EFFECT and value not in ("0", "1"):
                self.left_out[f"set {key}"] += 1

    def _object(self, command: Command) -> None:
        kind, label = self._named(command)
        if kind not in self.elements:
            if command.verb == "new":
                self.left_out[kind] += 1
            return
        if kind == "circuit":
            label = "source"
        table = self.elements[kind]
        element = table.get(label)
        if element is None:
            if command.verb == "edit":
                raise OpenDssError(f"{command.where}: no {kind} {label!r} to edit")
            element = table[label] = Element(command.where)
        self._fill_named(command.where, kind, label, element, command.pairs[1:])

    def _batch_edit(self, command: Command) -> None:
        kind, pattern = self._named(command)
        try:
            matching = re.compile(pattern, re.IGNORECASE).search
        except re.error as error:
            raise OpenDssError(f"{command.where}: {pattern!r} is no pattern: {error}") from None
        for label, element in self.elements.get(kind, {}).items():
            if matching(label):
                self._fill_named(command.where, kind, label, element, command.pairs[1:])

    def _fill_named(
        self,
        where: str,
        kind: str,
        label: str,
        element: Element,
        pairs: tuple[tuple[str, str], ...],
    ) -> None:
        try:
            self._fill(kind, element, pairs)
        except (ValueError, IndexError, KeyError, ZeroDivisionError, OverflowError) as error:
            raise OpenDssError(f"{where}: {kind} {label!r}: {error}") from None

    def _switch(self, command: Command) -> None:
        kind, label = self._named(command)
        element = self.elements.get(kind, {}).get(label)
        if element is None:
            raise OpenDssError(f"{command.where}: no {kind} {label!r} to {command.verb}")
        if command.verb in ("enable", "disable"):
            element.properties["enabled"] = "y" if command.verb == "enable" else "n"
            return
        given = dict(zip(("term", "cond"), ("1", "0"), strict=True))
        for position, (key, value) in enumerate(command.pairs[1:3]):
            given[key or ("term", "cond")[position]] = value
        self.operate(
            element, int(number(given["term"])), int(number(given["cond"])), command.verb == "open"
        )

    @staticmethod
    def operate(element: Element, terminal: int, conductor: int, opens: bool) -> None:
        """Opens or closes a conductor of a terminal; conductor 0 for all."""
        if opens:
            element.open_conductors.add((terminal, conductor))
        else:
            element.open_conductors -= {
                pair
                for pair in element.open_conductors
                if pair[0] == terminal and conductor in (0, pair[1])
            }

    def _named(self, command: Command) -> tuple[str, str]:
        key, name = command.pairs[0] if command.pairs else ("nothing", "")
        if key not in ("", "object"):
            raise OpenDssError(
                f"{command.where}: {command.verb} needs class.name, got {key}={name}"
            )
        kind, _, label = name.lower().partition(".")
        return ("circuit", "source") if (kind, label) == ("vsource", "source") else (kind, label)

    def _fill(self, kind: str, element: Element, pairs: tuple[tuple[str, str], ...]) -> None:
        winding, position, order = 1, 0, ORDER[kind]
        wound = kind in ("transformer", "xfmrcode")
        for key, value in pairs:
            # a bare value belongs to the property after the last one
            key = full_name(kind, key) if key else order[position]
            position = order.index(key) + 1 if key in order else position
            if key in ("like", "xfmrcode"):
                self._copy(kind if key == "like" else "xfmrcode", value.lower(), element)
            elif wound and key == "wdg":
                winding = int(number(value))
            elif wound and key in _WINDING:
                text = value if key in ("bus", "conn") else repr(numbers(value)[0])
                element.windings.setdefault(winding, {})[key] = text
            else:
                if wound and key in _PER_WINDING_LISTS:
                    winding = int(number(element.properties.get("windings", "2")))
                if unheeded(kind, key, value):
                    self.left_out[f"{kind} {key}"] += 1
                element.properties.pop(key, None)
                element.properties[key] = value
        if kind in ("load", "generator"):
            settle_power_factor(element.properties)

    def _copy(self, kind: str, label: str, element: Element) -> None:
        if label not in self.elements[kind]:
            raise ValueError(f"no {kind} {label!r} to take after")
        other = self.elements[kind][label]
        element.properties = other.properties | element.properties
        for k, part in other.windings.items():
            element.windings[k] = part | element.windings.get(k, {})
