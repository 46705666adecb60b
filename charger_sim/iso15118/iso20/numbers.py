"""RationalNumber: a 16-bit value times a power of ten."""

from __future__ import annotations

import math
from typing import Final

_MAX_VALUE: Final = 32_767
_EXPONENTS: Final = range(-3, 128)


def rational(value: float) -> dict[str, int]:
    """`value` with the finest exponent, from -3 on, that fits. Raises ValueError unless finite."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be sent as a RationalNumber")
    for exponent in _EXPONENTS:
        scaled = round(value * 10.0**-exponent)
        if abs(scaled) <= _MAX_VALUE:
            return {"Exponent": exponent, "Value": scaled}
    raise ValueError(f"{value} is out of range of a RationalNumber")


def real(number: dict[str, int]) -> float:
    """The value of a RationalNumber; always finite, its exponent is one octet."""
    if number["Exponent"] < 0:
        return float(number["Value"] / 10 ** -number["Exponent"])
    return float(number["Value"] * 10 ** number["Exponent"])
