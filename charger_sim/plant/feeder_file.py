"""Reads the project's feeder file (see ``config/feeders/example.toml``) for the plant.

A reader of its own: the plant shares no code with the engine that it judges. All impedances are
referred to the source's voltage, so that a transformer is a plain branch. Taps and shunts, which
the plant does not model, are refused rather than ignored.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from charger_sim.plant.feeder import Complex3x3, FeederError, PlantBranch, PlantFeeder, PlantLoad

MAX_FILE_BYTES = 32 * 1024 * 1024
_TRIANGLE = ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))
Row = dict[str, Any]


def load_feeder(path: Path) -> PlantFeeder:
    """Raises :class:`FeederError` naming the table and row, ``OSError``."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FeederError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return _feeder(data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FeederError(f"{path}: not TOML: {error}") from error
    except KeyError as error:
        raise FeederError(f"{path}: field {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise FeederError(f"{path}: wrong structure: {error}") from error
    except ValueError as error:
        raise FeederError(f"{path}: {error}") from error


def _feeder(data: Mapping[str, Any]) -> PlantFeeder:
    if data.get("shunts", {}).get("rows"):
        raise FeederError("[shunts]: the plant does not model shunts")
    source = data["source"]
    base_v = {str(source["bus"]): float(source["base_voltage_v"])}
    reference_v = float(source["base_voltage_v"])
    branches = []
    for n, row in _rows(data, "branches"):
        if any(f"tap_{phase}" in row for phase in "abc"):
            raise FeederError(f"[branches] row {n}: the plant does not model taps")
        from_bus, to_bus = str(row["from"]), str(row["to"])
        if from_bus not in base_v:
            raise FeederError(f"[branches] row {n}: {from_bus!r} is not connected yet")
        if to_bus in base_v:
            raise FeederError(f"[branches] row {n}: {to_bus!r} is fed twice (a loop)")
        base_v[to_bus] = float(row.get("to_base_voltage_v", base_v[from_bus]))
        z_ohm = _impedance(n, row, data.get("linecodes", {}))
        z_ohm = z_ohm * (reference_v / base_v[to_bus]) ** 2
        branches.append(PlantBranch(from_bus, to_bus, _as_scalar(z_ohm)))
    loads = tuple(
        PlantLoad(
            str(row["bus"]),
            str(row.get("phases", "abc")),
            float(row["p_w"]),
            float(row.get("q_var", 0.0)),
        )
        for _, row in _rows(data, "loads")
    )
    return PlantFeeder(
        name=str(data["name"]),
        bus_ids=tuple(base_v),
        branches=tuple(branches),
        loads=loads,
        v_base_ll_v=reference_v,
        slack_v_pu=float(source.get("voltage_pu", 1.0)),
    )


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
        z = _matrix(codes[row["linecode"]], "_ohm_per_km") * length_km
    else:
        z = _matrix(row, "_ohm")
    for k, phase in enumerate("abc"):
        if phase not in row.get("phases", "abc"):  # unused: decoupled, it carries nothing
            z[k, :] = z[:, k] = 0.0
            z[k, k] = np.trace(z) / 3.0 or 1.0
    return z


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
