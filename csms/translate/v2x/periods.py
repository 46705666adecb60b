"""Charging schedule periods: 2.0.1 has limits only, 2.1 has operation modes that say which values go together."""

from __future__ import annotations

from typing import NamedTuple

from csms.domain.errors import InvalidInput
from csms.domain.profile import OperationMode, Period, RateUnit
from csms.translate.charging_rules import check_rate
from csms.translate.fields import Payload
from csms.translate.limit_only import limit_period

_MAX_CURVE = 20


class _Values(NamedTuple):
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


_LIMITS = frozenset({"limit", "discharge_limit"})
_SETPOINT = _Values(required=frozenset({"setpoint"}))
_OF_MODE = {
    OperationMode.CHARGING_ONLY: _Values(required=frozenset({"limit"})),
    OperationMode.CENTRAL_SETPOINT: _SETPOINT,  # and no limit: Q03.FR.02
    OperationMode.CENTRAL_FREQUENCY: _SETPOINT,  # and no limit: Q07.FR.03
    OperationMode.LOCAL_FREQUENCY: _Values(required=frozenset({"v2x_baseline_w", "freq_watt"})),
    OperationMode.EXTERNAL_SETPOINT: _Values(optional=_LIMITS),
    OperationMode.EXTERNAL_LIMITS: _Values(),
    OperationMode.LOCAL_LOAD_BALANCING: _Values(),
    OperationMode.IDLE: _Values(),
}
"""OCPP 2.1 part 2, block Q, table of limits and setpoints per operation mode, with its errata."""

_WIRE_NAME = {
    "limit": "limit",
    "discharge_limit": "dischargeLimit",
    "setpoint": "setpoint",
    "v2x_baseline_w": "v2xBaseline",
}


def period_v201(period: Period, _unit: RateUnit) -> Payload:
    return limit_period(period)


def period_v21(period: Period, unit: RateUnit) -> Payload:
    """Raises ``InvalidInput`` when the values do not fit the mode."""
    mode = period.mode or OperationMode.CHARGING_ONLY
    where = f"period at {period.start_s} s, {mode}"
    values = {name: getattr(period, name) for name in _WIRE_NAME}
    told = {name for name, value in values.items() if value is not None}
    if period.freq_watt:
        told.add("freq_watt")
    rule = _OF_MODE[mode]
    if missing := rule.required - told:
        raise InvalidInput(f"{where}: needs {_names(missing)}")
    if extra := told - rule.required - rule.optional:
        raise InvalidInput(f"{where}: takes no {_names(extra)}")
    payload: Payload = {"startPeriod": period.start_s}
    payload |= {wire: values[name] for name, wire in _WIRE_NAME.items() if name in told}
    if period.freq_watt:
        payload["v2xFreqWattCurve"] = _curve(period.freq_watt, unit, where)
    if period.mode is not None:
        payload["operationMode"] = period.mode.value
    if period.number_phases is not None:
        payload["numberPhases"] = period.number_phases
    if period.phase_to_use is not None:
        payload["phaseToUse"] = period.phase_to_use
    return payload


def _curve(points: tuple[tuple[float, float], ...], unit: RateUnit, where: str) -> list[Payload]:
    """Q08: at least two points, and a schedule in W."""
    if unit is not RateUnit.W:
        raise InvalidInput(f"{where}: a frequency-watt curve needs rate unit W (Q08)")
    if not 2 <= len(points) <= _MAX_CURVE:
        raise InvalidInput(f"{where}: {len(points)} curve points, expected 2 to {_MAX_CURVE}")
    for value in (value for point in points for value in point):
        check_rate(value, f"{where}: curve value")
    return [{"frequency": hz, "power": watt} for hz, watt in points]


def _names(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))
