"""Admittance matrices of OpenDSS elements, from their properties.

Formulas follow the public OpenDSS documentation (R. C. Dugan, "OpenDSS level 2 training", "Transformer model").
Every function returns (nodes as bus.node names, Y in S); conductors beyond the phases default to earth.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from csms.grid.network import ComplexArray
from csms.grid.opendss_script import matrix, number, numbers, words

Properties = dict[str, str]
METRES = {
    "none": 0.0, "mi": 1609.344, "kft": 304.8, "km": 1000.0, "m": 1.0, "ft": 0.3048, "in": 0.0254, "cm": 0.01,
    "mm": 0.001,
}  # fmt: skip
_EARTH = "0"
MAX_PHASES = 64
_SEQUENCE = ("r1", "x1", "r0", "x0", "c1", "c0", "b1", "b0")
_MATRIX = ("rmatrix", "xmatrix", "cmatrix")


def phase_count(p: Properties, key: str = "phases") -> int:
    """1 to 64; raises ``ValueError``."""
    phases = int(number(p.get(key, "3")))
    if not 1 <= phases <= MAX_PHASES:
        raise ValueError(f"{key} must be 1 to {MAX_PHASES}, got {phases}")
    return phases


def terminal(bus: str, conductors: int, phases: int) -> list[str]:
    """``"a.2"`` with two conductors -> ``["a.2", "0"]``: unnamed phases count up, other conductors are earthed."""
    name, *given = bus.lower().split(".")
    nodes = [str(i + 1) if i < phases else _EARTH for i in range(conductors)]
    if not all(node.isdecimal() for node in given):
        raise ValueError(f"bus {bus!r}: nodes after the dots must be numbers")
    for i, node in enumerate(given[:conductors]):
        nodes[i] = node
    return [_EARTH if node == _EARTH else f"{name}.{node}" for node in nodes]


def line(
    p: Properties, code: Properties | None, frequency_hz: float
) -> tuple[list[str], ComplexArray, bool]:
    """A line or switch; the last value says whether it is a switch."""
    switch = p.get("switch", "n").lower()[0] in "yt"
    phases = phase_count(p)
    if code is not None:
        phases = phase_count(code, "nphases")
    length = number(p.get("length", "1"))
    units = p.get("units", "none").lower()
    constants: Properties = dict(code or {})
    scale = 1.0
    if switch:
        constants = {"r1": "1", "x1": "1", "r0": "1", "x0": "1", "c1": "1.1", "c0": "1.0"}
        length = number(p.get("length", "0.001"))
    elif code is not None:
        own = METRES[code.get("units", "none").lower()]
        scale = METRES[units] / own if own and METRES[units] else 1.0
    since = list(p)[list(p).index("linecode") + 1 :] if code is not None and not switch else list(p)
    later = [key for key in since if key in (*_SEQUENCE, *_MATRIX)]
    if later:
        if code is not None and not switch:
            scale = 1.0  # OpenDSS forgets the units of the code
        if later[-1] in _SEQUENCE:
            constants = {k: v for k, v in constants.items() if k not in _MATRIX}
            later = [key for key in later if key in _SEQUENCE]
        constants |= {key: p[key] for key in later}
    for key in ("b1", "b0"):
        if key in constants:
            nf = number(constants[key]) * 1e3 / (2.0 * math.pi * frequency_hz)
            constants["c" + key[1]] = repr(nf)
    z, c_nf = _line_constants(constants, phases)
    base_hz = number(constants.get("basefreq", str(frequency_hz)))
    if base_hz != frequency_hz:
        z = _at_frequency(z, constants, base_hz, frequency_hz / base_hz)
    z *= length * scale
    half = 0.5j * 2.0 * math.pi * frequency_hz * c_nf * 1e-9 * length * scale
    series = np.linalg.inv(z)
    y = np.block([[series + half, -series], [-series, series + half]])
    return terminal(p["bus1"], phases, phases) + terminal(p["bus2"], phases, phases), y, switch


def _at_frequency(z: ComplexArray, p: Properties, base_hz: float, ratio: float) -> ComplexArray:
    """Impedances given for ``base_hz`` at ``ratio`` times it, the return through earth corrected as in OpenDSS."""
    rg, xg = number(p.get("rg", "0.01805")), number(p.get("xg", "0.155081"))
    per_log = xg / math.log(658.5 * math.sqrt(number(p.get("rho", "100")) / base_hz))
    return np.asarray(
        z.real + rg * (ratio - 1.0) + 1j * ratio * (z.imag - 0.5 * per_log * math.log(ratio)),
        np.complex128,
    )


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
    """Two windings or more, wye or delta, by the 1 V primitive and its connection."""
    phases = phase_count(p)
    count = len(windings)
    kva = number(windings[0].get("kva", "1000"))
    va = kva * 1e3 / phases
    r = [number(w.get("%r", "0.2")) / 100.0 for w in windings]
    if "%loadloss" in p:
        r[0] = r[1] = number(p["%loadloss"]) / 200.0
    pairs = list(combinations(range(count), 2))
    x = dict(
        zip(
            pairs,
            [number(p.get(*key)) for key in (("xhl", "7"), ("xht", "35"), ("xlt", "30"))],
            strict=False,
        )
    )
    if "xscarray" in p:
        x = dict(zip(pairs, numbers(p["xscarray"]), strict=True))
    elif count > 3:
        raise ValueError(f"{count} windings need xscarray")

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
    rotation = _rotation(windings, leads=p.get("leadlag", "lag").lower()[:2] in ("le", "eu"))
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


def _rotation(windings: list[Properties], *, leads: bool) -> int:
    """Delta windings join phase f to f + 1 or f - 1, so that the low side lags (or ``leads``) by 30 degrees."""
    first, second = windings[0], windings[1]
    if is_delta(first) == is_delta(second):
        return 1
    high = first if float(first.get("kv", "12.47")) >= float(second.get("kv", "12.47")) else second
    return -1 if is_delta(high) != leads else 1


def capacitor(p: Properties, frequency_hz: float) -> tuple[list[str], ComplexArray]:
    """A bank, wye, delta or in series, with the steps that are on; with all of them where none is."""
    phases = phase_count(p)
    volts = _volts_across(p, phases)
    steps = int(number(p.get("numsteps", "1")))
    sizes, what = numbers(p.get("kvar", "1200")), 1e3 / phases / volts**2  # S per phase and kvar
    if "cuf" in p and ("kvar" not in p or list(p).index("cuf") > list(p).index("kvar")):
        sizes, what = numbers(p["cuf"]), 2e-6 * math.pi * frequency_hz
    if len(sizes) == 1:
        sizes = sizes * steps if "cuf" in p else [sizes[0] / steps] * steps
    states = numbers(p["states"]) if "states" in p else []
    on = [bool(states[k]) if k < len(states) else True for k in range(len(sizes))]
    y = (
        1j
        * what
        * sum(size for size, closed in zip(sizes, on, strict=True) if closed or not any(on))
    )
    damping = complex(sum(numbers(p.get("r", "0"))), sum(numbers(p.get("xl", "0"))))
    return _per_phase(p, phases, 1.0 / (1.0 / y + damping))


def reactor(p: Properties, frequency_hz: float) -> tuple[list[str], ComplexArray]:
    """R + jX in series or to earth, ohm per phase or of each sequence; or a shunt by its kvar."""
    phases = phase_count(p)
    if "z1" in p:
        z1 = complex(*numbers(p["z1"]))
        z0 = complex(*numbers(p["z0"])) if "z0" in p else z1
        return _two_ends(
            p, phases, np.asarray(np.linalg.inv(_sequence(z1, z0, phases)), np.complex128)
        )
    if "z" in p:
        z = complex(*numbers(p["z"]))
    else:
        z = complex(sum(numbers(p.get("r", "0"))), sum(numbers(p.get("x", "0"))))
        z += 2e-3j * math.pi * frequency_hz * number(p.get("lmh", "0"))
        if "kvar" in p:
            z += 1j * _volts_across(p, phases) ** 2 / (sum(numbers(p["kvar"])) * 1e3 / phases)
    return _per_phase(p, phases, 1.0 / z)


def _volts_across(p: Properties, phases: int) -> float:
    """Rated volts across one phase of a bank."""
    volts = numbers(p.get("kv", "12.47"))[0] * 1e3
    return volts if phases == 1 or is_delta(p) else volts / math.sqrt(3.0)


def _per_phase(p: Properties, phases: int, y: complex) -> tuple[list[str], ComplexArray]:
    """``y`` S in each phase: to earth, between phases (delta), or on to a second bus."""
    if not is_delta(p) or "bus2" in p:
        return _two_ends(p, phases, y * np.eye(phases, dtype=np.complex128))
    nodes = terminal(p["bus1"], max(phases, 2), phases)
    out = np.zeros((len(nodes), len(nodes)), complex)
    for i, j in [(f, (f + 1) % phases) for f in range(phases)] if phases > 1 else [(0, 1)]:
        out[np.ix_([i, j], [i, j])] += y * np.array([[1, -1], [-1, 1]])
    return nodes, out


def _two_ends(p: Properties, phases: int, series: ComplexArray) -> tuple[list[str], ComplexArray]:
    far = terminal(p["bus2"], phases, phases) if "bus2" in p else [_EARTH] * phases
    return (
        terminal(p["bus1"], phases, phases) + far,
        np.block([[series, -series], [-series, series]]),
    )


def source(p: Properties) -> tuple[list[str], ComplexArray, ComplexArray]:
    """(nodes, Y, V behind the impedance) of the circuit's Thevenin source."""
    phases = phase_count(p)
    kv = number(p.get("basekv", "115"))
    for key, default in (("basekv", "115"), ("pu", "1")):
        if not (math.isfinite(number(p.get(key, default))) and number(p.get(key, default)) > 0.0):
            raise ValueError(f"{key} must be finite and positive, got {p[key]}")
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
    if "z1" in p:
        z1 = complex(*numbers(p["z1"]))
        return z1, complex(*numbers(p["z0"])) if "z0" in p else z1
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
