"""Reads and writes the feeder file: TOML, SI units, the unit in every key. See ``config/feeders/example.toml``.

Whatever is wrong is reported as :class:`FeederFileError` with the source, the line and the reason.
"""

from __future__ import annotations

import cmath
import math
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from csms.grid.builder import Branch, Load, build_feeder, phase_index, z_sequence
from csms.grid.network import ABC, ComplexArray, Feeder, FeederError

MAX_BYTES = 32 * 1024 * 1024
_TOP = ("name", "source", "linecodes", "branches", "loads", "shunts", "buses", "origin")
_SOURCE = ("bus", "base_voltage_v", "voltage_pu")
_SEQUENCE = ("r1_ohm_per_km", "x1_ohm_per_km", "r0_ohm_per_km", "x0_ohm_per_km")
_LINECODE = (*_SEQUENCE, "r_matrix_ohm_per_km", "x_matrix_ohm_per_km", "ampacity_a")
_BRANCH = (
    "from", "to", "phases", "r1_ohm", "x1_ohm", "r0_ohm", "x0_ohm", "r_matrix_ohm", "x_matrix_ohm", "linecode",
    "length_m", "ampacity_a", "rating_va", "to_base_voltage_v", "tap_a", "tap_b", "tap_c",
)  # fmt: skip
_LOAD = ("bus", "phases", "p_w", "q_var")
_SHUNT = ("bus", "b_a_s", "b_b_s", "b_c_s")
_BUS = ("bus", "x", "y")
_TRIANGLE = ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))


class FeederFileError(FeederError):
    """A feeder file that cannot be used; ``line`` counts from 1, 0 where no single line is to blame."""

    def __init__(self, source: str, line: int, reason: str):
        self.source, self.line, self.reason = source, line, reason
        super().__init__(f"{source}:{line}: {reason}" if line else f"{source}: {reason}")


def load(path: str | Path) -> Feeder:
    """Reads a feeder file. Raises :class:`FeederFileError`, ``OSError``."""
    path = Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise FeederFileError(str(path), 0, f"larger than {MAX_BYTES} bytes")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FeederFileError(str(path), 0, f"not UTF-8: {error.reason}") from None
    return loads(text, str(path))


def builtin_names() -> list[str]:
    """Names that :func:`builtin` knows."""
    folder = resources.files("csms.grid") / "feeders"
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".toml"))


def builtin(name: str) -> Feeder:
    """A feeder that ships with the program, such as ``ieee33``. Raises :class:`FeederError`."""
    names = builtin_names()
    if name not in names:
        raise FeederError(f"no built-in feeder {name!r}; there are {', '.join(names)}")
    text = (resources.files("csms.grid") / "feeders" / f"{name}.toml").read_text("utf-8")
    return loads(text, f"{name}.toml")


_FOREIGN = {".dss": "an OpenDSS script", ".json": "pandapower's format"}


def load_feeder(name_or_path: str) -> Feeder:
    """A built-in feeder by name, else a feeder file. Raises :class:`FeederError` that names the nearest there is."""
    names = builtin_names()
    if name_or_path in names:
        return builtin(name_or_path)
    path = Path(name_or_path)
    if path.suffix.lower() in _FOREIGN and path.exists():
        what = _FOREIGN[path.suffix.lower()]
        raise FeederError(
            f"{path}: {what}, no feeder file; make one of it: csms feeder import {path} --to FILE"
        )
    if path.is_file():
        return load(path)
    beside = path.parent
    files = [f"{beside / item.name}" for item in beside.glob("*.toml")] if beside.is_dir() else []
    near = get_close_matches(name_or_path, [*names, *files], 1, 0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise FeederError(
        f"feeder {name_or_path!r} is neither a file nor built in ({', '.join(names)}){hint}"
    )


def loads(text: str, source: str = "<text>") -> Feeder:
    """Parses the text of a feeder file. Raises :class:`FeederFileError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        reason = re.sub(r" ?\(at (line .*|end of document)\)$", "", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        raise FeederFileError(source, line, f"not valid TOML: {reason}") from None
    return _Reader(text, source).feeder(data)


class _Table(NamedTuple):
    """One row of a table as a mapping, and where it stands."""

    line: int
    values: dict[str, Any]


class _Reader:
    def __init__(self, text: str, source: str):
        self._text, self._source = text, source

    def feeder(self, data: dict[str, Any]) -> Feeder:
        self._known(data, _TOP, "")
        head = self._section(data, "source", _SOURCE)
        where = self._line("source")
        codes = self._linecodes(data.get("linecodes", {}))
        branches: list[tuple[int, Branch]] = [
            (row.line, self._at(row.line, self._branch, row.values, codes))
            for row in self._rows(data, "branches", _BRANCH, required=("from", "to"))
        ]
        if not branches:
            raise self._error(
                self._line("branches"),
                "no branches: a [branches] table with columns and rows is needed",
            )
        load_rows = self._rows(data, "loads", _LOAD, required=("bus", "p_w"))
        loads = [
            Load(
                str(row.values["bus"]),
                self._number(row, "p_w"),
                self._number(row, "q_var", 0.0),
                self._phases(row),
            )
            for row in load_rows
        ]
        shunts = {
            str(row.values["bus"]): (
                self._number(row, "b_a_s", 0.0), self._number(row, "b_b_s", 0.0), self._number(row, "b_c_s", 0.0),
            )
            for row in self._rows(data, "shunts", _SHUNT, required=("bus",))
        }  # fmt: skip
        places = {
            str(row.values["bus"]): (self._number(row, "x"), self._number(row, "y"))
            for row in self._rows(data, "buses", _BUS, required=("bus", "x", "y"))
        }
        base_ll_v = self._positive(head, "base_voltage_v", where)
        source_v_pu = self._positive(head, "voltage_pu", where, 1.0)
        try:
            return build_feeder(
                str(data.get("name", Path(self._source).stem)),
                str(head.get("bus", "")),
                base_ll_v,
                [branch for _, branch in branches],
                loads,
                source_v_pu=source_v_pu,
                shunts_s=shunts,
                xy=places,
                source=str(data.get("origin", "")),
            )
        except FeederFileError:
            raise
        except FeederError as error:
            raise self._error(
                self._blame(str(error), branches, load_rows, where), str(error)
            ) from None

    def _positive(
        self, table: dict[str, Any], key: str, where: int, default: float | None = None
    ) -> float:
        line = self._key_line(key, where)
        value = self._number(_Table(line, table), key, default)
        if not 0.0 < value < math.inf:
            raise self._error(line, f"{key} must be finite and positive, got {value}")
        return value

    def _branch(
        self, row: Mapping[str, Any], codes: Mapping[str, tuple[ComplexArray, float]]
    ) -> Branch:
        values = _Table(0, dict(row))
        ampacity = self._number(values, "ampacity_a", math.inf)
        if "linecode" in row:
            name = str(row["linecode"])
            if name not in codes:
                raise FeederError(f"unknown linecode {name!r}{_did_you_mean(name, codes)}")
            z_per_km, code_ampacity = codes[name]
            length_m = self._number(values, "length_m")
            if not length_m > 0.0:
                raise FeederError(f"length_m must be positive, got {length_m}")
            z = z_per_km * (length_m / 1000.0)
            ampacity = min(ampacity, code_ampacity)
        else:
            z = _impedance(values, "_ohm", self._number)
        base = row.get("to_base_voltage_v")
        tap = (
            self._number(values, "tap_a", 1.0),
            self._number(values, "tap_b", 1.0),
            self._number(values, "tap_c", 1.0),
        )
        return Branch(
            str(row["from"]), str(row["to"]), z, self._phases(values), ampacity,
            self._number(values, "rating_va", math.inf), None if base is None else float(base),
            tap,
        )  # fmt: skip

    def _linecodes(self, data: Any) -> dict[str, tuple[ComplexArray, float]]:
        codes: dict[str, tuple[ComplexArray, float]] = {}
        for name, entry in data.items() if isinstance(data, dict) else ():
            line = self._line(f"linecodes.{name}") or self._line("linecodes")
            if not isinstance(entry, dict):
                raise self._error(line, f"linecode {name!r} must be a table")
            self._known(entry, _LINECODE, f"linecodes.{name}")
            row = _Table(line, entry)
            z = self._at(line, _impedance, row, "_ohm_per_km", self._number)
            codes[name] = (z, self._number(row, "ampacity_a", math.inf))
        return codes

    def _section(self, data: dict[str, Any], name: str, keys: tuple[str, ...]) -> dict[str, Any]:
        section = data.get(name)
        if not isinstance(section, dict):
            raise self._error(0, f"the table [{name}] is missing")
        self._known(section, keys, name)
        for key in keys[:2]:
            if key not in section:
                raise self._error(self._line(name), f"[{name}] needs {key}")
        return section

    def _rows(
        self, data: dict[str, Any], name: str, columns: tuple[str, ...], required: tuple[str, ...]
    ) -> list[_Table]:
        table = data.get(name)
        if table is None:
            return []
        line = self._line(name)
        if not isinstance(table, dict) or set(table) != {"columns", "rows"}:
            raise self._error(line, f"[{name}] must hold exactly the keys columns and rows")
        head, rows = table["columns"], table["rows"]
        if (
            not isinstance(head, list)
            or not isinstance(rows, list)
            or len(set(map(str, head))) != len(head)
        ):
            raise self._error(
                line, f"[{name}] columns must be different names, rows a list of lists"
            )
        for column in head:
            if column not in columns:
                raise self._error(
                    line, f"[{name}] unknown column {column!r}{_did_you_mean(str(column), columns)}"
                )
        for column in required:
            if column not in head:
                raise self._error(line, f"[{name}] needs the column {column!r}")
        lines = _row_lines(self._text, line)
        tables = []
        for k, row in enumerate(rows):
            at = lines[k] if k < len(lines) else line
            if not isinstance(row, list) or len(row) != len(head):
                raise self._error(at, f"[{name}] a row needs {len(head)} values: {', '.join(head)}")
            tables.append(_Table(at, {c: v for c, v in zip(head, row, strict=True) if v != ""}))
            for column in required:
                if column not in tables[-1].values:
                    raise self._error(at, f"[{name}] {column} is empty")
        return tables

    def _number(self, row: _Table, key: str, default: float | None = None) -> float:
        value = row.values.get(key, default)
        if value is None:
            raise (
                self._error(row.line, f"{key} is missing")
                if row.line
                else FeederError(f"{key} is missing")
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            reason = f"{key} must be a number, got {value!r}"
            raise self._error(row.line, reason) if row.line else FeederError(reason)
        return float(value)

    def _phases(self, row: _Table) -> str:
        phases = str(row.values.get("phases", ABC))
        try:
            phase_index(phases)
        except FeederError as error:
            if row.line:
                raise self._error(row.line, str(error)) from None
            raise
        return phases

    def _known(self, table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in keys:
                line = self._key_line(key, self._line(where) if where else 0)
                label = f"[{where}] " if where else ""
                raise self._error(line, f"{label}unknown key {key!r}{_did_you_mean(key, keys)}")

    def _at(self, line: int, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except FeederFileError:
            raise
        except FeederError as error:
            raise self._error(line, str(error)) from None

    def _blame(
        self, message: str, branches: list[tuple[int, Branch]], loads: list[_Table], source: int
    ) -> int:
        """The line at fault: the load named, the last branch between two buses named, or the source."""
        load = re.match(r"load at bus '(.*?)'(?: is on phases '(.*?)'|,| )", message)
        if load:
            bus, phases = load.groups()
            at_bus = [row for row in loads if str(row.values["bus"]) == bus]
            same = [row for row in at_bus if phases in (None, row.values.get("phases", ABC))]
            return (same or at_bus)[0].line
        words = {
            one or other.rstrip(",:") for one, other in re.findall(r"'([^']*)'|(\S+)", message)
        }
        for line, branch in reversed(branches):
            if branch.from_bus in words and branch.to_bus in words:
                return line
        return source if "source bus" in message else 0

    def _line(self, table: str) -> int:
        parts = [rf"[\"']?{re.escape(part)}[\"']?" for part in table.split(".", 1)]
        pattern = r"^\s*\[\s*" + r"\s*\.\s*".join(parts) + r"\s*\]"
        return self._find(pattern, 0)

    def _key_line(self, key: str, start: int) -> int:
        quoted = re.escape(key)
        return self._find(rf"^\s*(\[\s*)?[\"']?{quoted}[\"']?\s*(=|\]|\.)", start)

    def _find(self, pattern: str, start: int) -> int:
        for number, line in enumerate(self._text.splitlines(), start=1):
            if number > start and re.match(pattern, line):
                return number
        return start

    def _error(self, line: int, reason: str) -> FeederFileError:
        return FeederFileError(self._source, line, reason)


def _impedance(row: _Table, unit: str, number: Any) -> ComplexArray:
    """3x3 ohm from a lower triangle or from sequence values."""
    if f"r_matrix{unit}" in row.values:
        z = np.zeros((3, 3), complex)
        for part, factor in (("r", 1.0), ("x", 1j)):
            triangle = row.values.get(f"{part}_matrix{unit}")
            if not isinstance(triangle, list) or len(triangle) != 6:
                raise FeederError(
                    f"{part}_matrix{unit} must be the six values aa, ab, bb, ac, bc, cc"
                )
            for (i, j), value in zip(_TRIANGLE, triangle, strict=True):
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise FeederError(f"{part}_matrix{unit} must hold numbers, got {value!r}")
                z[i, j] += factor * value
                if i != j:
                    z[j, i] += factor * value
        return z
    z1 = complex(number(row, f"r1{unit}"), number(row, f"x1{unit}"))
    z0 = complex(number(row, f"r0{unit}", z1.real), number(row, f"x0{unit}", z1.imag))
    if not (cmath.isfinite(z1) and cmath.isfinite(z0)):
        raise FeederError("impedance is not finite")
    return z_sequence(z1, z0)


def _row_lines(text: str, table_line: int) -> list[int]:
    """Line of each row of the ``rows`` array of the table that starts at ``table_line``."""
    lines: list[int] = []
    depth, quote, inside = 0, "", False
    for number, line in enumerate(text.splitlines(), start=1):
        if number <= table_line:
            continue
        begin = 0
        if not inside:
            found = re.match(r"\s*rows\s*=\s*", line)
            if not found:
                continue
            inside, begin = True, found.end()
        for letter in line[begin:]:
            if quote:
                quote = "" if letter == quote else quote
            elif letter in "\"'":
                quote = letter
            elif letter == "#":
                break
            elif letter == "[":
                depth += 1
                if depth == 2:
                    lines.append(number)
            elif letter == "]":
                depth -= 1
                if depth == 0:
                    return lines
    return lines


def _did_you_mean(word: str, known: Any) -> str:
    near = get_close_matches(word, [str(item) for item in known], 1, 0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(map(str, known))}"
