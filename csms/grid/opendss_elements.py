"""Admittance matrices of OpenDSS elements, from their properties.

Formulas follow the public OpenDSS documentation (R. C. Dugan, "OpenDSS level 2 training", "Transformer model").
Every function returns (nodes as bus.node names, Y in S); conductors beyond the phases default to earth.
"""

from __future__ import annotations

import math

import numpy as np

from csms.grid.network import ComplexArray
from csms.grid.opendss_script import matrix, number, numbers, words

Properties = dict[str, str]
METRES = {
    "none": 0.0, "mi": 1609.344, "kft": 304.8, "km": 1000.0, "m": 1.0, "ft": 0.3048, "in": 0.0254, "cm": 0.01,
    "mm": 0.001,
}  # fmt: skip
_EARTH = "0"


def terminal(bus: str, conductors: int, phases: int) -> list[str]:
    """``"a.2"`` with two conductors -> ``["a.2", "0"]``: unnamed phases count up, other conductors are earthed."""
    name, *given = bus.lower().split(".")
    nodes = [str(i + 1) if i < phases else _EARTH for i in range(conductors)]
    for i, node in enumerate(given[:conductors]):
        nodes[i] = node
    return [_EARTH if node == _EARTH else f"{name}.{node}" for node in nodes]


def line(
    p: Properties, code: Properties | None, frequency_hz: float
) -> tuple[list[str], ComplexArray, bool]:
    """A line or switch; the last value says whether it is a switch."""
    switch = p.get("switch", "n").lower()[0] in "yt"
    phases = int(number(p.get("phases", "3")))
    if code is not None:
        phases = int(number(code.get("nphases", "3")))
    length = number(p.get("length", "1"))
    units = p.get("units", "none").lower()
    constants: Properties = dict(code or {})
    scale = 1.0
    if switch:
        constants |= {"r1": "1", "x1": "1", "r0": "1", "x0": "1", "c1": "1.1", "c0": "1.0"}
        length = number(p.get("length", "0.001"))
    elif code is not None:
        own = METRES[code.get("units", "none").lower()]
        scale = METRES[units] / own if own and METRES[units] else 1.0
    if code is None or switch:
        constants |= {key: p[key] for key in ("r1", "x1", "r0", "x0", "c1", "c0") if key in p}
        constants |= {key: p[key] for key in ("rmatrix", "xmatrix", "cmatrix") if key in p}
    else:
        constants |= {key: p[key] for key in ("rmatrix", "xmatrix", "cmatrix") if key in p}
    z, c_nf = _line_constants(constants, phases)
    base_hz = number(constants.get("basefreq", str(frequency_hz)))
    z.imag *= frequency_hz / base_hz
    z *= length * scale
    half = 0.5j * 2.0 * math.pi * frequency_hz * c_nf * 1e-9 * length * scale
    series = np.linalg.inv(z)
    y = np.block([[series + half, -series], [-series, series + half]])
    return terminal(p["bus1"], phases, phases) + terminal(p["bus2"], phases, phases), y, switch


def _line_constants(p: Properties, phases: int) -> tuple[ComplexArray, np.ndarray]:
    """Ohm and nF per unit of length."""
    if "rmatrix" in p:
        z = np.array(matrix(p["rmatrix"], phases)) + 1j * np.array(matrix(p["xmatrix"], phases))
        c = (
            np.array(matrix(p["cmatrix"], phases))
            if "cmatrix" in p
            else _sequence(3.4, 1.6, phases).real
        )
        return z, c

    def value(key: str, default: float) -> float:
        return number(p.get(key, str(default)))

    z1, z0 = (
        complex(value("r1", 0.058), value("x1", 0.1206)),
        complex(value("r0", 0.1784), value("x0", 0.4047)),
    )
    if z1 == z0 == 0:
        z1 = z0 = 1e-9j
    return _sequence(z1, z0, phases), _sequence(value("c1", 3.4), value("c0", 1.6), phases).real


def _sequence(one: complex, zero: complex, phases: int) -> ComplexArray:
    """Own and mutual values from positive and zero sequence; a single phase takes the positive sequence."""
    if phases == 1:
        return np.array([[one]], complex)
    mutual = (zero - one) / 3.0
    return np.full((phases, phases), mutual, complex) + np.eye(phases) * one


def transformer(p: Properties, windings: list[Properties]) -> tuple[list[str], ComplexArray]:
    """Two or three windings, wye or delta, by the 1 V primitive and its connection."""
    phases = int(number(p.get("phases", "3")))
    count = len(windings)
    kva = number(windings[0].get("kva", "1000"))
    va = kva * 1e3 / phases
    r = [number(w.get("%r", "0.2")) / 100.0 for w in windings]
    if "%loadloss" in p:
        r[0] = r[1] = float(p["%loadloss"]) / 200.0
    x = {
        (0, 1): number(p.get("xhl", "7")),
        (0, 2): number(p.get("xht", "35")),
        (1, 2): number(p.get("xlt", "30")),
    }

    def z(i: int, j: int) -> complex:
        return complex(r[i] + r[j], x[i, j] / 100.0)

    zb = np.zeros((count - 1, count - 1), complex)
    for i in range(count - 1):
        for j in range(count - 1):
            zb[i, j] = (
                z(0, i + 1)
                if i == j
                else (z(0, i + 1) + z(0, j + 1) - z(*sorted((i + 1, j + 1)))) / 2.0
            )
    star = np.vstack([np.ones(count - 1), -np.eye(count - 1)])
    y_1v = star @ np.linalg.inv(zb) @ star.T * va
    y_1v[1, 1] += (
        complex(number(p.get("%noloadloss", "0")), -number(p.get("%imag", "0"))) / 100.0 * va
    )
    ppm = number(p.get("ppm_antifloat", p.get("ppm", "1"))) * 1e-6

    nodes: list[str] = []
    size = count * (phases + 1)
    connect = np.zeros(
        (phases, count, size)
    )  # winding voltages of a phase unit from terminal voltages
    anti_float = np.zeros(size)
    rotation = _rotation(windings)
    for k, w in enumerate(windings):
        nodes += terminal(w["bus"], phases + 1, phases)
        delta, volts = is_delta(w), winding_volts(w, phases)
        per_volt = 1.0 / (volts * number(w.get("tap", "1")))
        base = k * (phases + 1)
        for f in range(phases):
            across = (f + rotation) % phases if phases > 1 else 1
            back = base + (across if delta else phases)
            connect[f, k, base + f] += per_volt
            connect[f, k, back] -= per_volt
            for end in (base + f, back):
                anti_float[end] += ppm * va / volts**2 / 2.0
    y = np.einsum("fka,kl,flb->ab", connect, y_1v, connect) - 1j * np.diag(anti_float)
    return nodes, y


def is_delta(w: Properties) -> bool:
    """Whether a winding or load is connected in delta."""
    return w.get("conn", "wye").lower().startswith(("d", "ll"))


def winding_volts(w: Properties, phases: int) -> float:
    """Rated volts across one winding."""
    volts = number(w.get("kv", "12.47")) * 1e3
    return volts if phases == 1 or is_delta(w) else volts / math.sqrt(3.0)


def _rotation(windings: list[Properties]) -> int:
    """Delta windings join phase f to f + 1 or f - 1, so that the low side lags by 30 degrees."""
    first, second = windings[0], windings[1]
    if is_delta(first) == is_delta(second):
        return 1
    high = first if float(first.get("kv", "12.47")) >= float(second.get("kv", "12.47")) else second
    return -1 if is_delta(high) else 1


def capacitor(p: Properties) -> tuple[list[str], ComplexArray]:
    """A shunt bank, wye or delta."""
    phases = int(number(p.get("phases", "3")))
    kv, kvar = numbers(p.get("kv", "12.47"))[0], sum(numbers(p.get("kvar", "1200")))
    if is_delta(p):
        volts, pairs = (
            kv * 1e3,
            [(f, (f + 1) % phases) for f in range(phases)] if phases > 1 else [(0, 1)],
        )
        nodes = terminal(p["bus1"], max(phases, 2), phases)
    else:
        volts = kv * 1e3 / (1.0 if phases == 1 else math.sqrt(3.0))
        pairs, nodes = (
            [(f, phases) for f in range(phases)],
            [*terminal(p["bus1"], phases, phases), _EARTH],
        )
    b = 1j * kvar * 1e3 / phases / volts**2
    y = np.zeros((len(nodes), len(nodes)), complex)
    for i, j in pairs:
        y[i, i] += b
        y[j, j] += b
        y[i, j] -= b
        y[j, i] -= b
    return nodes, y


def reactor(p: Properties) -> tuple[list[str], ComplexArray]:
    """A series (or earthing) R + jX, ohm per phase."""
    phases = int(number(p.get("phases", "3")))
    series = (
        1.0 / complex(sum(numbers(p.get("r", "0"))), sum(numbers(p.get("x", "0")))) * np.eye(phases)
    )
    y = np.block([[series, -series], [-series, series]])
    far = terminal(p["bus2"], phases, phases) if "bus2" in p else [_EARTH] * phases
    return terminal(p["bus1"], phases, phases) + far, y


def source(p: Properties) -> tuple[list[str], ComplexArray, ComplexArray]:
    """(nodes, Y, V behind the impedance) of the circuit's Thevenin source."""
    phases = int(number(p.get("phases", "3")))
    kv = number(p.get("basekv", "115"))
    z1, z0 = _source_impedance(p, kv, math.sqrt(3.0) if phases > 1 else 1.0)
    mutual = (z0 - z1) / 3.0
    z = np.full((phases, phases), mutual if phases > 1 else 0.0, complex) + np.eye(phases) * z1
    if phases > 1:
        magnitude = kv * 1e3 * number(p.get("pu", "1")) / (2.0 * math.sin(math.pi / phases))
    else:
        magnitude = kv * 1e3 * number(p.get("pu", "1"))
    angle = math.radians(number(p.get("angle", "0"))) - 2.0 * math.pi / phases * np.arange(phases)
    return (
        terminal(p.get("bus1", "sourcebus"), phases, phases),
        np.linalg.inv(z),
        magnitude * np.exp(1j * angle),
    )


def _source_impedance(p: Properties, kv: float, factor: float) -> tuple[complex, complex]:
    if {"r1", "x1"} & set(p):
        return (
            complex(number(p.get("r1", "1.65")), number(p.get("x1", "6.6"))),
            complex(number(p.get("r0", "1.9")), number(p.get("x0", "5.7"))),
        )
    x1r1, x0r0 = number(p.get("x1r1", "4")), number(p.get("x0r0", "3"))
    if {"isc3", "isc1"} & set(p):
        i3, i1 = number(p.get("isc3", "10000")), number(p.get("isc1", "10500"))
        x1 = kv * 1e3 / factor / i3 / math.sqrt(1.0 + 1.0 / x1r1**2)
    else:
        mva3, mva1 = number(p.get("mvasc3", "2000")), number(p.get("mvasc1", "2100"))
        x1 = kv**2 / mva3 / math.sqrt(1.0 + 1.0 / x1r1**2)
        i1 = mva1 * 1e3 / (factor * kv)
    r1 = x1 / x1r1
    a, b = 1.0 + x0r0**2, 4.0 * (r1 + x1 * x0r0)
    c = 4.0 * (r1**2 + x1**2) - (3.0 * kv * 1e3 / factor / i1) ** 2
    r0 = (-b + math.sqrt(max(b * b - 4.0 * a * c, 0.0))) / (2.0 * a)
    return complex(r1, x1), complex(r0, r0 * x0r0)


def winding_list(p: Properties, per_winding: dict[int, Properties]) -> list[Properties]:
    """Windings from ``wdg=`` edits and from the list properties ``buses``, ``kvs``, ``conns``, ``kvas``, ``%rs``."""
    count = int(number(p.get("windings", "2")))
    windings: list[Properties] = [{} for _ in range(count)]
    for plural, single in (
        ("buses", "bus"),
        ("conns", "conn"),
        ("kvs", "kv"),
        ("kvas", "kva"),
        ("%rs", "%r"),
        ("taps", "tap"),
    ):
        if plural in p:
            values = (
                words(p[plural])
                if single in ("bus", "conn")
                else [repr(v) for v in numbers(p[plural])]
            )
            for w, value in zip(windings, values, strict=False):
                w[single] = value
    for k, changes in per_winding.items():
        if 0 < k <= count:
            windings[k - 1] |= changes
    return windings
