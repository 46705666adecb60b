"""What an EV or an EVSE can do, and its form in the messages of AC and DC.

Powers and currents of discharge are positive magnitudes here and on the wire as we write it;
readers take the magnitude, since peers differ in the sign.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from charger_sim.iso15118.iso20.messages import Body
from charger_sim.iso15118.iso20.numbers import rational, real

Side: TypeAlias = Literal["EV", "EVSE"]


@dataclass(frozen=True, slots=True)
class Limits:
    """SI units, of all phases together. Currents and voltages count on DC only."""

    max_charge_w: float
    min_charge_w: float = 0.0
    max_charge_a: float = 0.0
    min_charge_a: float = 0.0
    max_v: float = 0.0
    min_v: float = 0.0
    max_discharge_w: float = 0.0
    min_discharge_w: float = 0.0
    max_discharge_a: float = 0.0
    min_discharge_a: float = 0.0

    def common(self, other: Limits) -> Limits:
        """What both can do."""
        return Limits(
            max_charge_w=min(self.max_charge_w, other.max_charge_w),
            min_charge_w=max(self.min_charge_w, other.min_charge_w),
            max_charge_a=min(self.max_charge_a, other.max_charge_a),
            min_charge_a=max(self.min_charge_a, other.min_charge_a),
            max_v=min(self.max_v, other.max_v),
            min_v=max(self.min_v, other.min_v),
            max_discharge_w=min(self.max_discharge_w, other.max_discharge_w),
            min_discharge_w=max(self.min_discharge_w, other.min_discharge_w),
            max_discharge_a=min(self.max_discharge_a, other.max_discharge_a),
            min_discharge_a=max(self.min_discharge_a, other.min_discharge_a),
        )


_FIELDS: Final = {
    "MaximumChargePower": "max_charge_w",
    "MinimumChargePower": "min_charge_w",
    "MaximumChargeCurrent": "max_charge_a",
    "MinimumChargeCurrent": "min_charge_a",
    "MaximumVoltage": "max_v",
    "MinimumVoltage": "min_v",
    "MaximumDischargePower": "max_discharge_w",
    "MinimumDischargePower": "min_discharge_w",
    "MaximumDischargeCurrent": "max_discharge_a",
    "MinimumDischargeCurrent": "min_discharge_a",
}
AC: Final = ("MaximumChargePower", "MinimumChargePower")
AC_BPT: Final = (*AC, "MaximumDischargePower", "MinimumDischargePower")
DC: Final = (
    *AC,
    "MaximumChargeCurrent",
    "MinimumChargeCurrent",
    "MaximumVoltage",
    "MinimumVoltage",
)
DC_BPT: Final = (
    *DC,
    "MaximumDischargePower",
    "MinimumDischargePower",
    "MaximumDischargeCurrent",
    "MinimumDischargeCurrent",
)
EV_LOOP: Final = (*AC, "MaximumChargeCurrent", "MaximumVoltage", "MinimumVoltage")
"""In DC_ChargeLoopReq."""
EVSE_LOOP: Final = (*AC, "MaximumChargeCurrent", "MaximumVoltage")
"""In DC_ChargeLoopRes."""
LOOP_DISCHARGE: Final = (
    "MaximumDischargePower",
    "MinimumDischargePower",
    "MaximumDischargeCurrent",
)
_PHASES: Final = ("", "_L2", "_L3")


def write(limits: Limits, side: Side, names: Iterable[str]) -> Body:
    """The fields `names` of a message, such as EVMaximumChargePower."""
    return {side + name: rational(getattr(limits, _FIELDS[name])) for name in names}


def read(body: Body, side: Side, base: Limits | None = None) -> Limits:
    """The limits in `body`, phases summed; what it leaves out is taken of `base`, else 0."""
    found = {}
    for name, field in _FIELDS.items():
        values = [real(body[key]) for phase in _PHASES if (key := side + name + phase) in body]
        if values:
            found[field] = abs(sum(values))
    if base is None:
        return Limits(**{"max_charge_w": 0.0, **found})
    return replace(base, **found)
