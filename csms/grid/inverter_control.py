"""Voltage response of chargers and inverters: curves as points, and the grid codes' defaults as presets.

A curve is piecewise linear and continuous, its end values hold beyond its ends; a node's answer therefore never jumps
and a common operating point of all nodes exists (Brouwer). Fractions are of rated apparent power (reactive, injection
> 0 as in the codes) and of the requested active power.

Sources, by clause; no text of any of them: IEEE 1547-2018 clause 5.3.3 (volt-var, categories A and B), clause 5.4.2
(volt-watt); EN 50549-1:2019 clauses 4.7.2.3 and 4.7.3, which leave the points to the national annex: those of
VDE-AR-N 4105:2018 are taken. The codes' volt-watt limits export at high voltage; for charging at low voltage the same
curve is mirrored about 1 pu, down to the least current of a charger (IEC 61851-1: 6 A, of 32 A). Linear droop of
charging: Geth et al., ISGT Europe 2012, doi:10.1109/ISGTEurope.2012.6465679.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from csms.grid.network import FloatArray

LEAST_CHARGE_FRAC = 6.0 / 32.0
Points = tuple[tuple[float, float], ...]
FULL: Points = ((0.5, 1.0), (1.5, 1.0))
NO_VAR: Points = ((0.5, 0.0), (1.5, 0.0))


@dataclass(frozen=True, slots=True)
class VoltageCurve:
    """Points (voltage in pu, fraction), ascending in voltage. Raises ``ValueError`` otherwise."""

    points: Points

    def __post_init__(self) -> None:
        x, y = np.array(self.points, float).T
        if len(x) < 2 or not np.isfinite([x, y]).all() or (np.diff(x) <= 0).any():
            raise ValueError(
                f"a curve needs two or more points ascending in voltage: {self.points}"
            )
        if np.abs(y).max() > 1.0:
            raise ValueError(f"a curve's fractions lie within -1 .. 1: {self.points}")

    def at(self, v_pu: FloatArray) -> FloatArray:
        """Fractions at voltages of any shape."""
        x, y = np.array(self.points, float).T
        return np.asarray(np.interp(v_pu, x, y), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class InverterControl:
    """How every inverter answers the voltage at its own terminals."""

    name: str
    source: str
    var: VoltageCurve  # reactive power injected over rated apparent power
    charge: VoltageCurve  # share of a request to charge that is drawn
    export: VoltageCurve  # share of a request to discharge that is fed in

    @property
    def var_max(self) -> float:
        return max(abs(y) for _, y in self.var.points)

    @property
    def va_per_w(self) -> float:
        """Rated apparent over rated active power: the codes ask for all reactive power at rated active power."""
        return 1.0 / math.sqrt(1.0 - self.var_max**2)


def _watt(name: str, source: str, charge: Points, export: Points = FULL) -> InverterControl:
    return InverterControl(
        name, source, VoltageCurve(NO_VAR), VoltageCurve(charge), VoltageCurve(export)
    )


def _var(name: str, source: str, points: Points) -> InverterControl:
    return InverterControl(
        name, source, VoltageCurve(points), VoltageCurve(FULL), VoltageCurve(FULL)
    )


_IEEE_WATT = (((0.90, LEAST_CHARGE_FRAC), (0.94, 1.0)), ((1.06, 1.0), (1.10, 0.0)))
PRESETS: dict[tuple[str, str], InverterControl] = {
    (control.name, curve): control
    for curve, control in (
        ("ieee1547-a", _var(
            "volt-var", "IEEE 1547-2018 5.3.3, category A default",
            ((0.90, 0.25), (1.00, 0.0), (1.10, -0.25)),
        )),
        ("ieee1547-b", _var(
            "volt-var", "IEEE 1547-2018 5.3.3, category B default",
            ((0.92, 0.44), (0.98, 0.0), (1.02, 0.0), (1.08, -0.44)),
        )),
        ("en50549", _var(
            "volt-var", "EN 50549-1 Q(U), points of VDE-AR-N 4105:2018, cos phi 0.9",
            ((0.93, 0.436), (0.97, 0.0), (1.03, 0.0), (1.07, -0.436)),
        )),
        ("ieee1547-a", _watt("volt-watt", "IEEE 1547-2018 5.4.2 default, mirrored", *_IEEE_WATT)),
        ("ieee1547-b", _watt("volt-watt", "IEEE 1547-2018 5.4.2 default, mirrored", *_IEEE_WATT)),
        ("en50549", _watt(
            "volt-watt", "EN 50549-1 P(U), 1.10 to 1.12 pu, mirrored",
            ((0.88, LEAST_CHARGE_FRAC), (0.90, 1.0)), ((1.10, 1.0), (1.12, 0.0)),
        )),
        *((curve, _watt(
            "droop", "linear from nominal voltage to the limit of EN 50160",
            ((0.90, LEAST_CHARGE_FRAC), (1.00, 1.0)), ((1.00, 1.0), (1.10, 0.0)),
        )) for curve in ("ieee1547-a", "ieee1547-b", "en50549")),
    )
}  # fmt: skip
NAMES = tuple(dict.fromkeys(name for name, _ in PRESETS))
CURVES = tuple(dict.fromkeys(curve for _, curve in PRESETS))


def preset(name: str, curve: str = "ieee1547-b") -> InverterControl:
    """A control by name (volt-var, volt-watt, droop) and grid code. Raises ``ValueError`` naming what there is."""
    for word, known, what in ((name, NAMES, "inverter control"), (curve, CURVES, "curve")):
        if word not in known:
            near = get_close_matches(word, known, 1, 0.5)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
            raise ValueError(f"no {what} {word!r}{hint}")
    return PRESETS[name, curve]
