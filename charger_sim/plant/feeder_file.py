"""Reads the project's feeder file (see ``config/feeders/example.toml``) for the plant.

A reader of its own: the plant shares no code with the engine that it judges. Beyond what the
engine reads, ``[loads]`` may have the columns ``connection`` (``wye`` or ``delta``) and ``model``
(``power``, ``current`` or ``impedance``), and a table ``[regulators]`` may name the branches whose
taps move, with the fields of :class:`~charger_sim.plant.regulators.Regulator` as columns.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from charger_sim.plant.feeder import (
    Complex3x3,
    FeederError,
    PlantBranch,
    PlantFeeder,
    PlantLoad,
    PlantShunt,
)
from charger_sim.plant.regulators import Regulator

MAX_FILE_BYTES = 32 * 1024 * 1024
_TRIANGLE = ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))
_REGULATOR_WORDS = ("from", "to", "phases")
Row = dict[str, Any]


def load_feeder(path: Path) -> PlantFeeder:
    """Raises :class:`FeederError` naming the table and row, ``OSError``."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FeederError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FeederError(f"{path}: not UTF-8: {error.reason}") from error
    return parse_feeder(text, str(path))


def parse_feeder(text: str, origin: str) -> PlantFeeder:
    """From the text of a feeder file; ``origin`` is named in errors. Raises :class:`FeederError`."""
    try:
        return _feeder(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise FeederError(f"{origin}: not TOML: {error}") from error
    except KeyError as error:
        raise FeederError(f"{origin}: field {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise FeederError(f"{origin}: wrong structure: {error}") from error
    except ValueError as error:
        raise FeederError(f"{origin}: {error}") from error


def _feeder(data: Mapping[str, Any]) -> PlantFeeder:
    source = data["source"]
    base_v = {str(source["bus"]): float(source["base_voltage_v"])}
    reference_v = float(source["base_voltage_v"])
    branches = []
    for n, row in _rows(data, "branches"):
        from_bus, to_bus = str(row["from"]), str(row["to"])
        if from_bus not in base_v:
            raise FeederError(f"[branches] row {n}: {from_bus!r} is not connected yet")
        if to_bus in base_v:
            raise FeederError(f"[branches] row {n}: {to_bus!r} is fed twice (a loop)")
        base_v[to_bus] = float(row.get("to_base_voltage_v", base_v[from_bus]))
        z_ohm = _impedance(n, row, data.get("linecodes", {}))
        z_ohm = z_ohm * (reference_v / base_v[to_bus]) ** 2
        phases = str(row.get("phases", "abc"))
        tap_a, tap_b, tap_c = (float(row.get(f"tap_{phase}", 1.0)) for phase in "abc")
        branches.append(
            PlantBranch(from_bus, to_bus, _as_scalar(z_ohm), phases, (tap_a, tap_b, tap_c))
        )
    return PlantFeeder(
        name=str(data["name"]),
        bus_ids=tuple(base_v),
        branches=tuple(branches),
        loads=tuple(_load(n, row) for n, row in _rows(data, "loads")),
        v_base_ll_v=reference_v,
        slack_v_pu=float(source.get("voltage_pu", 1.0)),
        shunts=tuple(_shunt(n, row, base_v, reference_v) for n, row in _rows(data, "shunts")),
        regulators=tuple(_regulator(n, row) for n, row in _rows(data, "regulators")),
    )


def _load(n: int, row: Row) -> PlantLoad:
    connection, model = row.get("connection", "wye"), row.get("model", "power")
    if connection not in ("wye", "delta"):
        raise FeederError(f"[loads] row {n}: connection is wye or delta, got {connection!r}")
    if model not in ("power", "current", "impedance"):
        raise FeederError(f"[loads] row {n}: model is power, current or impedance, got {model!r}")
    return PlantLoad(
        str(row["bus"]),
        str(row.get("phases", "abc")),
        float(row["p_w"]),
        float(row.get("q_var", 0.0)),
        delta=connection == "delta",
        model=model,
    )


def _shunt(n: int, row: Row, base_v: Mapping[str, float], reference_v: float) -> PlantShunt:
    bus = str(row["bus"])
    if bus not in base_v:
        raise FeederError(f"[shunts] row {n}: unknown bus {bus!r}")
    scale = (base_v[bus] / reference_v) ** 2
    a, b, c = (float(row.get(f"b_{phase}_s", 0.0)) * scale for phase in "abc")
    return PlantShunt(bus, (a, b, c))


def _regulator(n: int, row: Row) -> Regulator:
    values = {key: value for key, value in row.items() if key not in _REGULATOR_WORDS}
    try:
        return Regulator(
            str(row["from"]),
            str(row["to"]),
            str(row.get("phases", "abc")),
            drop_v=complex(values.pop("r_v", 0.0), values.pop("x_v", 0.0)),
            **values,
        )
    except (TypeError, ValueError) as error:
        raise FeederError(f"[regulators] row {n}: {error}") from error


def _rows(data: Mapping[str, Any], table: str) -> Iterator[tuple[int, Row]]:
    """(row number from 1, cells that are not empty)."""
    content = data.get(table, {"columns": [], "rows": []})
    columns = content["columns"]
    for n, row in enumerate(content["rows"], start=1):
        if len(row) != len(columns):
            raise FeederError(f"[{table}] row {n}: {len(row)} cells for {len(columns)} columns")
        yield n, {k: v for k, v in zip(columns, row, strict=True) if v != ""}


def _impedance(n: int, row: Row, codes: Mapping[str, Row]) -> Complex3x3:
    """(3, 3) ohm at the branch's own voltage."""
    if "linecode" in row:
        if row["linecode"] not in codes:
            raise FeederError(f"[branches] row {n}: unknown linecode {row['linecode']!r}")
        length_km = float(row["length_m"]) / 1000.0
        return _matrix(codes[row["linecode"]], "_ohm_per_km") * length_km
    return _matrix(row, "_ohm")


def _matrix(values: Row, unit: str) -> Complex3x3:
    if f"r_matrix{unit}" in values:
        z = np.zeros((3, 3), dtype=np.complex128)
        pairs = zip(values[f"r_matrix{unit}"], values[f"x_matrix{unit}"], strict=True)
        for (i, j), (r, x) in zip(_TRIANGLE, pairs, strict=True):
            z[i, j] = z[j, i] = complex(r, x)
        return z
    z1 = complex(values[f"r1{unit}"], values[f"x1{unit}"])
    z0 = complex(values.get(f"r0{unit}", z1.real), values.get(f"x0{unit}", z1.imag))
    coupled = np.full((3, 3), (z0 - z1) / 3.0, dtype=np.complex128)
    return coupled + np.eye(3) * z1


def _as_scalar(z: Complex3x3) -> complex | Complex3x3:
    """A decoupled, even branch is a balanced one."""
    if np.allclose(z, np.eye(3) * z[0, 0], rtol=0.0, atol=1e-12):
        return complex(z[0, 0])
    return z
