"""Writes a :class:`Feeder` in the file format that :mod:`csms.grid.feeder_file` reads."""

from __future__ import annotations

import json
import math

import numpy as np

from csms.grid.network import ABC, Feeder, FloatArray

_LOWER = ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))


def dumps(feeder: Feeder, comment: str = "") -> str:
    """The feeder as text; reading it back gives the same arrays to the last bit of their decimals."""
    out = [f"# {line}".rstrip() for line in comment.splitlines()]
    out += [f"name = {_text(feeder.name)}"]
    if feeder.source:
        out += [f"origin = {_text(feeder.source)}"]
    out += [
        "",
        "[source]",
        f"bus = {_text(feeder.bus_names[0])}",
        f"base_voltage_v = {_number(_line_to_line(feeder.base_v[0]))}  # line to line",
        f"voltage_pu = {_number(feeder.source_v_pu)}",
        "",
    ]
    out += _branches(feeder) + _loads(feeder)
    if feeder.b_shunt_s is not None:
        rows = [
            [_text(feeder.bus_names[i]), *(_number(b) for b in feeder.b_shunt_s[i])]
            for i in np.flatnonzero(feeder.b_shunt_s.any(axis=1))
        ]
        out += _table("shunts", ["bus", "b_a_s", "b_b_s", "b_c_s"], rows)
    if feeder.xy is not None:
        rows = [
            [_text(name), *(_number(round(float(c), 3)) for c in place)]
            for name, place in zip(feeder.bus_names, feeder.xy, strict=True)
            if np.isfinite(place).all()
        ]
        out += _table("buses", ["bus", "x", "y"], rows)
    return "\n".join(out).rstrip() + "\n"


def _branches(feeder: Feeder) -> list[str]:
    n = feeder.n_bus
    sequence = all(_is_sequence(feeder.z_ohm[i]) for i in range(1, n)) and feeder.phase_mask.all()
    coupled = sequence and any(feeder.z_ohm[i, 0, 1] != 0 for i in range(1, n))
    columns = ["from", "to"]
    if not feeder.phase_mask.all():
        columns.append("phases")
    if sequence:
        columns += ["r1_ohm", "x1_ohm"] + (["r0_ohm", "x0_ohm"] if coupled else [])
    else:
        columns += ["r_matrix_ohm", "x_matrix_ohm"]
    for name, used in (
        ("ampacity_a", np.isfinite(feeder.ampacity_a[1:]).any()),
        ("rating_va", np.isfinite(feeder.rating_va[1:]).any()),
        ("to_base_voltage_v", np.any(feeder.base_v != feeder.base_v[0])),
        ("tap_a", feeder.tap is not None),
        ("tap_b", feeder.tap is not None),
        ("tap_c", feeder.tap is not None),
    ):
        columns += [name] if used else []
    rows = []
    for i in range(1, n):
        z, k = feeder.z_ohm[i], int(feeder.parent[i])
        mutual = z[0, 1]
        z1, z0 = z[0, 0] - mutual, z[0, 0] + 2.0 * mutual
        cells = {
            "from": _text(feeder.bus_names[k]),
            "to": _text(feeder.bus_names[i]),
            "phases": _text("".join(c for c, m in zip(ABC, feeder.phase_mask[i], strict=True) if m)),
            "r1_ohm": _number(z1.real), "x1_ohm": _number(z1.imag),
            "r0_ohm": _number(z0.real), "x0_ohm": _number(z0.imag),
            "r_matrix_ohm": _triangle(z.real), "x_matrix_ohm": _triangle(z.imag),
            "ampacity_a": _optional(feeder.ampacity_a[i]), "rating_va": _optional(feeder.rating_va[i]),
            "to_base_voltage_v":
                _number(_line_to_line(feeder.base_v[i])) if feeder.base_v[i] != feeder.base_v[k] else '""',
        }  # fmt: skip
        if feeder.tap is not None:
            cells |= {f"tap_{c}": _number(t) for c, t in zip(ABC, feeder.tap[i], strict=True)}
        rows.append([cells[column] for column in columns])
    return _table("branches", columns, rows)


def _loads(feeder: Feeder) -> list[str]:
    rows = []
    for i in range(feeder.n_bus):
        p, q, mask = feeder.p_w[i], feeder.q_var[i], feeder.phase_mask[i]
        if mask.all() and np.all(p == p[0]) and np.all(q == q[0]):
            if p[0] or q[0]:
                rows.append(
                    [_text(feeder.bus_names[i]), '"abc"', _number(3 * p[0]), _number(3 * q[0])]
                )
            continue
        rows += [
            [_text(feeder.bus_names[i]), _text(ABC[f]), _number(p[f]), _number(q[f])]
            for f in range(3)
            if p[f] or q[f]
        ]
    return _table("loads", ["bus", "phases", "p_w", "q_var"], rows)


def _table(name: str, columns: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    head = ", ".join(f'"{column}"' for column in columns)
    body = [f"  [{', '.join(row)}]," for row in rows]
    return [f"[{name}]", f"columns = [{head}]", "rows = [", *body, "]", ""]


def _is_sequence(z: np.ndarray) -> bool:
    off = z[~np.eye(3, dtype=bool)]
    return bool(np.all(np.diagonal(z) == z[0, 0]) and np.all(off == off[0]))


def _line_to_line(base_v: float) -> float:
    return float(base_v) * math.sqrt(3.0)


def _triangle(part: FloatArray) -> str:
    return "[" + ", ".join(_number(part[i, j]) for i, j in _LOWER) + "]"


def _optional(value: float) -> str:
    return '""' if math.isinf(value) else _number(value)


def _number(value: float) -> str:
    """At most 12 significant digits: below what any cable table knows, and free of 0.30000000000000004."""
    return f"{float(value):.12g}"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
