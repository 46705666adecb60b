"""Loads and generators of an OpenDSS circuit as rows between two nodes."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from csms.grid import opendss_elements as elements
from csms.grid.nodal import LoadTable
from csms.grid.opendss_elements import Properties
from csms.grid.opendss_script import number, numbers

_CONSTANT_POWER = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]


class LoadRow(NamedTuple):
    """One load between two nodes, named ``bus.node`` or ``0`` for earth."""

    front: str
    back: str
    s_va: complex
    v_base: float
    model: int
    band: tuple[float, float, float]  # vminpu, vmaxpu, vlowpu
    cvr: tuple[float, float]
    mix: list[float]


def load_rows(p: Properties, multiplier: float) -> list[LoadRow]:
    """The rows of a load; ``multiplier`` is the circuit's, which loads of another status than variable ignore.

    Raises ``KeyError``, ``ValueError``.
    """
    factor = multiplier if p.get("status", "v").lower().startswith("v") else 1.0
    mix = numbers(p["zipv"]) if "zipv" in p else _CONSTANT_POWER
    if len(mix) not in (6, 7):
        raise ValueError(f"zipv needs seven values, got {len(mix)}")
    model = int(_value(p, "model", "1"))
    # below it a ZIP load is off, the others are impedances
    low = (mix[6] if len(mix) == 7 else 0.0) if model == 8 else _value(p, "vlowpu", "0.5")
    band = _value(p, "vminpu", "0.95"), _value(p, "vmaxpu", "1.05"), low
    cvr = _value(p, "cvrwatts", "1"), _value(p, "cvrvars", "2")
    s = factor * _apparent(p, "10")
    return [LoadRow(a, b, s_va, volts, model, band, cvr, mix) for a, b, s_va, volts in _split(p, s)]


def generator_rows(p: Properties) -> list[LoadRow] | None:
    """The rows of a generator of constant power, as a negative load; ``None`` for other models.

    Raises ``KeyError``, ``ValueError``.
    """
    if int(_value(p, "model", "1")) != 1:
        return None
    band = _value(p, "vminpu", "0.9"), _value(p, "vmaxpu", "1.1"), 0.0
    s = -_apparent(p, "1000")
    return [
        LoadRow(a, b, s_va, volts, 1, band, (1.0, 2.0), _CONSTANT_POWER)
        for a, b, s_va, volts in _split(p, s)
    ]


def load_table(rows: list[LoadRow], node: Callable[[str], int]) -> LoadTable:
    def column(pick: Callable[[LoadRow], object], kind: type = float) -> np.ndarray:
        return np.array([pick(row) for row in rows], kind)

    return LoadTable(
        node=column(lambda row: node(row.front), int),
        back=column(lambda row: node(row.back), int),
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


def _split(p: Properties, s_va: complex) -> Iterable[tuple[str, str, complex, float]]:
    """(node, node, VA, rated volts) of each phase."""
    phases = elements.phase_count(p)
    volts = _value(p, "kv", "12.47") * 1e3
    if not volts > 0.0:
        raise ValueError(f"kv must be positive, got {volts / 1e3:g}")
    if elements.is_delta(p):
        names = elements.terminal(p["bus1"], 2 if phases == 1 else 3, phases)
        pairs = [(names[f], names[(f + 1) % len(names)]) for f in range(phases)]
    else:
        volts /= 1.0 if phases == 1 else math.sqrt(3.0)
        names = elements.terminal(p["bus1"], phases + 1, phases)
        pairs = [(names[f], names[phases]) for f in range(phases)]
    if not cmath.isfinite(s_va):
        raise ValueError(f"power must be finite, got {s_va.real:g} W and {s_va.imag:g} var")
    return [(front, back, s_va / phases, volts) for front, back in pairs]


def _value(p: Properties, key: str, default: str) -> float:
    return number(p.get(key, default))


def _apparent(p: Properties, default_kw: str) -> complex:
    """VA by whichever of kw, kvar and kva was set last: kw and kva go with the power factor, kvar with kw."""
    last = next((key for key in reversed(p) if key in ("kw", "kvar", "kva")), "kw")
    kw = _value(p, "kw", default_kw)
    if last == "kvar":
        return complex(kw, numbers(p["kvar"])[0]) * 1e3
    pf = _value(p, "pf", "0.88")
    if not 0.0 < abs(pf) <= 1.0:
        raise ValueError(f"pf must be within -1 .. 1 and not 0, got {pf}")
    if last == "kva":
        kw = _value(p, "kva", "0") * abs(pf)
    return complex(kw, math.copysign(1.0, pf) * kw * math.sqrt(1.0 / pf**2 - 1.0)) * 1e3


def settle_power_factor(p: Properties) -> None:
    """What OpenDSS does at the end of an edit: kw and kvar set the power factor that a later kw goes with."""
    last = next((key for key in reversed(p) if key in ("kw", "kvar", "kva")), "")
    if last == "kvar":
        kw, kvar = _value(p, "kw", "10"), numbers(p["kvar"])[0]
        if kw:
            p["pf"] = repr(math.copysign(abs(kw) / math.hypot(kw, kvar), kw * kvar))
