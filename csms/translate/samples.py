"""Sampled values of all OCPP versions -> ``MeterReading``: SI units, import > 0, phases apart.

The versions differ only in how a number and a signature are written; a ``Dialect`` holds that difference.

What counts:

- Only what is measured at the outlet, which is the default; for the station itself (EVSE 0) its grid inlet as well, and
  for a DC charger the voltages of the grid's phases there. State of charge and frequency count wherever measured.
- Net power is import minus export, of the totals where told, else of the phases told.
- Registers and power told per phase only are summed. Current and voltage told without a phase stand at L1.
- Line-to-line voltages count only as a complete triple and without phase voltages: |V_a| is then two thirds of the
  median of the triangle, exact when the zero-sequence voltage is zero.
- A state of charge outside 0-100 % is how stations say "unknown": not told.
- Measurands that the domain does not hold are skipped unread. A meter value that holds nothing else is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import sqrt
from typing import Any, NamedTuple

from csms.domain.values import MeterReading
from csms.translate.errors import BadValue
from csms.translate.fields import LARGEST, timestamp

Sample = dict[str, Any]
Row = list[float | None]
ByPhase = tuple[float | None, float | None, float | None]
_Finish = Callable[[Row, dict[str, Any]], None]


class Dialect(NamedTuple):
    """How one family of OCPP versions writes a sampled value."""

    unit_key: str
    """Holds the unit, or an object with unit and power-of-ten multiplier."""
    signature_key: str
    """Only samples with this property can hold a signed value."""
    signature: Callable[[Sample], str | None]
    """The signed value of a sample with that property, as JSON text."""
    signature_replaces_value: bool
    """Whether a signed sample has no number of its own."""


def read_meter_values(
    meter_values: Sequence[dict[str, Any]], path: str, evse_id: int | None, dialect: Dialect
) -> tuple[MeterReading, ...]:
    """One ``MeterReading`` for each instant told, in the order told.

    ``path`` is the JSON pointer of ``meter_values``; ``evse_id`` 0 is the station itself. Raises ``BadValue``.
    """
    readings = []
    for i, meter_value in enumerate(meter_values):
        reading = _read(meter_value, f"{path}/{i}", evse_id == 0, dialect)
        if reading is not None:
            readings.append(reading)
    return tuple(readings)


def _read(
    meter_value: dict[str, Any], path: str, at_station: bool, dialect: Dialect
) -> MeterReading | None:
    unit_key, signature_key, *_ = dialect
    row: Row | None = None
    finishes: dict[_Finish, None] = {}
    signed: tuple[str, ...] = ()
    context: str | None = None
    for k, sample in enumerate(meter_value["sampledValue"]):
        told = sample.get
        if context is None:
            context = told("context")
        if signature_key in sample and (signature := dialect.signature(sample)) is not None:
            signed = (*signed, signature)
            if dialect.signature_replaces_value:
                continue
        unit: Any = told(unit_key)
        exponent = 0
        if unit.__class__ is dict:
            unit, exponent = unit.get("unit"), unit.get("multiplier", 0)
        try:
            plan = _plan(
                told("measurand", _DEFAULT),
                told("phase"),
                told("location"),
                unit,
                exponent,
                at_station,
            )
            if plan is None:
                continue
            finish, column, factor, divisor = plan
            number = sample["value"]
            if number.__class__ is str and "_" in number:  # only Python reads that as a number
                raise ValueError(f"{number!r} is not a number")
            value = float(number) * factor / divisor
            if not -LARGEST < value < LARGEST:
                raise ValueError(f"{number!r} is not a finite measurement")
        except (ValueError, OverflowError) as error:
            raise BadValue(f"{path}/sampledValue/{k}", str(error)[:120]) from None
        if row is None:
            row = _EMPTY_ROW.copy()
        row[column] = value
        finishes[finish] = None
    if row is None and not signed:
        return None
    values: dict[str, Any] = {}
    if row is not None:
        for finish in finishes:
            finish(row, values)
    return MeterReading(
        at=timestamp(meter_value["timestamp"], f"{path}/timestamp"),
        context=context or "Sample.Periodic",
        signed=signed,
        **values,
    )


def _energy(row: Row, told: dict[str, Any]) -> None:
    told["energy_import_wh"] = _total(row, _ENERGY_IMPORT)
    told["energy_export_wh"] = _total(row, _ENERGY_EXPORT)


def _power(row: Row, told: dict[str, Any]) -> None:
    told["power_w"] = _net(_total(row, _POWER_IMPORT), _total(row, _POWER_EXPORT))
    told["power_by_phase_w"] = _net_by_phase(row, _POWER_IMPORT, _POWER_EXPORT)


def _reactive(row: Row, told: dict[str, Any]) -> None:
    told["reactive_var"] = _net(_total(row, _REACTIVE_IMPORT), _total(row, _REACTIVE_EXPORT))


def _current(row: Row, told: dict[str, Any]) -> None:
    phases = _net_by_phase(row, _CURRENT_IMPORT, _CURRENT_EXPORT)
    total = _net(row[_CURRENT_IMPORT], row[_CURRENT_EXPORT])
    if phases is None and total is not None:
        phases = (total, None, None)
    told["current_a"] = phases


def _voltage(row: Row, told: dict[str, Any]) -> None:
    total, a, b, c, ab, bc, ca = row[_VOLTAGE : _VOLTAGE + 7]
    if a is not None or b is not None or c is not None:
        told["voltage_v"] = (a, b, c)
    elif total is not None:
        told["voltage_v"] = (total, None, None)
    elif ab is not None and bc is not None and ca is not None:
        told["voltage_v"] = _from_triangle(ab, bc, ca)


def _frequency(row: Row, told: dict[str, Any]) -> None:
    told["frequency_hz"] = _first(row, _FREQUENCY)


def _soc(row: Row, told: dict[str, Any]) -> None:
    percent = _first(row, _SOC)
    if percent is not None and 0.0 <= percent <= 100.0:
        told["soc_frac"] = percent / 100.0


def _power_offered(row: Row, told: dict[str, Any]) -> None:
    told["power_offered_w"] = _total(row, _POWER_OFFERED)


def _current_offered(row: Row, told: dict[str, Any]) -> None:
    told["current_offered_a"] = _first(row, _CURRENT_OFFERED)


def _total(row: Row, column: int) -> float | None:
    """The value without a phase, else the sum of the phases told."""
    total = row[column]
    if total is not None:
        return total
    phases = row[column + 1 : column + 4]
    return None if phases == _UNTOLD else sum(value or 0.0 for value in phases)


def _first(row: Row, column: int) -> float | None:
    """The value without a phase, else that of the first phase told."""
    total = row[column]
    if total is not None:
        return total
    return next((value for value in row[column + 1 : column + 8] if value is not None), None)


def _net(imported: float | None, exported: float | None) -> float | None:
    if exported is None:
        return imported
    return (imported or 0.0) - exported


def _net_by_phase(row: Row, imported: int, exported: int) -> ByPhase | None:
    told_in, told_out = row[imported + 1 : imported + 4], row[exported + 1 : exported + 4]
    if told_out != _UNTOLD:
        told_in = list(map(_net, told_in, told_out))
    elif told_in == _UNTOLD:
        return None
    a, b, c = told_in
    return a, b, c


def _from_triangle(ab: float, bc: float, ca: float) -> ByPhase | None:
    """Phase magnitudes from line-to-line magnitudes; ``None`` when the three make no triangle."""
    ab2, bc2, ca2 = ab * ab, bc * bc, ca * ca
    squares = (
        (2 * ab2 + 2 * ca2 - bc2) / 9,
        (2 * ab2 + 2 * bc2 - ca2) / 9,
        (2 * bc2 + 2 * ca2 - ab2) / 9,
    )
    if min(squares) < 0.0:
        return None
    return sqrt(squares[0]), sqrt(squares[1]), sqrt(squares[2])


(
    _ENERGY_IMPORT,
    _ENERGY_EXPORT,
    _POWER_IMPORT,
    _POWER_EXPORT,
    _REACTIVE_IMPORT,
    _REACTIVE_EXPORT,
    _CURRENT_IMPORT,
    _CURRENT_EXPORT,
    _VOLTAGE,
    _FREQUENCY,
    _SOC,
    _POWER_OFFERED,
    _CURRENT_OFFERED,
) = range(0, 13 * 8, 8)
"""Where a quantity's columns begin in the one row of a meter value; each has a column for every phase."""
_EMPTY_ROW: Row = [None] * (13 * 8)
_UNTOLD: Row = [None] * 3
_COLUMN = {
    None: 0,
    "L1": 1,
    "L1-N": 1,
    "L2": 2,
    "L2-N": 2,
    "L3": 3,
    "L3-N": 3,
    "L1-L2": 4,
    "L2-L3": 5,
    "L3-L1": 6,
    "N": 7,
}
"""The column of a phase within its quantity."""

_Units = Mapping[str | None, tuple[float, float]]
_BASE = (1.0, 1.0)
_KILO = (1e3, 1.0)

# Factor and divisor, for exact decimals. The schemas call Wh the default unit of everything, and code generators
# fill it in: it then means the base unit.
_ENERGY_UNITS: _Units = {None: _BASE, "Wh": _BASE, "kWh": _KILO}
_POWER_UNITS: _Units = {None: _BASE, "Wh": _BASE, "W": _BASE, "kW": _KILO}
_REACTIVE_UNITS: _Units = {None: _BASE, "Wh": _BASE, "var": _BASE, "kvar": _KILO}
_CURRENT_UNITS: _Units = {None: _BASE, "Wh": _BASE, "A": _BASE}
_VOLTAGE_UNITS: _Units = {None: _BASE, "Wh": _BASE, "V": _BASE, "kV": _KILO}
_FREQUENCY_UNITS: _Units = {
    None: _BASE,
    "Wh": _BASE,
    "Hz": _BASE,
    "Hertz": _BASE,
    "mHz": (1.0, 1e3),
}
_PERCENT_UNITS: _Units = {None: _BASE, "Wh": _BASE, "Percent": _BASE, "%": _BASE}


class _Quantity(NamedTuple):
    """A measurand: where its values go, and in which units they may come."""

    finish: _Finish
    column: int
    units: _Units
    anywhere: bool = False


_DEFAULT = "Energy.Active.Import.Register"
_QUANTITIES = {
    _DEFAULT: _Quantity(_energy, _ENERGY_IMPORT, _ENERGY_UNITS),
    "Energy.Active.Export.Register": _Quantity(_energy, _ENERGY_EXPORT, _ENERGY_UNITS),
    "Power.Active.Import": _Quantity(_power, _POWER_IMPORT, _POWER_UNITS),
    "Power.Active.Export": _Quantity(_power, _POWER_EXPORT, _POWER_UNITS),
    "Power.Reactive.Import": _Quantity(_reactive, _REACTIVE_IMPORT, _REACTIVE_UNITS),
    "Power.Reactive.Export": _Quantity(_reactive, _REACTIVE_EXPORT, _REACTIVE_UNITS),
    "Current.Import": _Quantity(_current, _CURRENT_IMPORT, _CURRENT_UNITS),
    "Current.Export": _Quantity(_current, _CURRENT_EXPORT, _CURRENT_UNITS),
    "Voltage": _Quantity(_voltage, _VOLTAGE, _VOLTAGE_UNITS),
    "Frequency": _Quantity(_frequency, _FREQUENCY, _FREQUENCY_UNITS, anywhere=True),
    "SoC": _Quantity(_soc, _SOC, _PERCENT_UNITS, anywhere=True),
    "Power.Offered": _Quantity(_power_offered, _POWER_OFFERED, _POWER_UNITS),
    "Power.Import.Offered": _Quantity(_power_offered, _POWER_OFFERED, _POWER_UNITS),
    "Current.Offered": _Quantity(_current_offered, _CURRENT_OFFERED, _CURRENT_UNITS),
    "Current.Import.Offered": _Quantity(_current_offered, _CURRENT_OFFERED, _CURRENT_UNITS),
}
_MAX_EXPONENT = 15


@lru_cache(maxsize=4096)
def _plan(
    measurand: str,
    phase: str | None,
    location: str | None,
    unit: str | None,
    exponent: int,
    at_station: bool,
) -> tuple[_Finish, int, float, float] | None:
    """What to do with a value so described; ``None`` is to skip it. Raises ``ValueError``.

    Stations repeat a handful of descriptions for ever, so the cache holds the whole of the decision.
    """
    quantity = _QUANTITIES.get(measurand)
    if quantity is None:
        return None
    of_grid = at_station or (measurand == "Voltage" and phase is not None)
    at_outlet = location in (None, "Outlet") or (of_grid and location == "Inlet")
    if not at_outlet and not quantity.anywhere:
        return None
    if unit not in quantity.units:
        raise ValueError(f"unit {unit!r:.30} does not fit {measurand}")
    if abs(exponent) > _MAX_EXPONENT:
        raise ValueError(f"multiplier {exponent!r:.30}: expected within +-{_MAX_EXPONENT}")
    factor, divisor = quantity.units[unit]
    power = 10.0 ** abs(exponent)
    if exponent > 0:
        factor *= power
    else:
        divisor *= power
    return quantity.finish, quantity.column + _COLUMN[phase], factor, divisor
