"""What the specifications demand of a charging profile before it may be sent, in any version."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite

from csms.domain.errors import InvalidInput
from csms.domain.profile import ChargingProfile, Kind, Period, Purpose

_MAX_PERIODS = 1024
_MAX_RATE = 1e9
"""W or A. Far beyond any station; it keeps every number exact to a tenth."""


def check_profile(profile: ChargingProfile) -> None:
    """Raises ``InvalidInput`` naming the requirement of OCPP 2.x, where it has an id."""
    _check_kind(profile)
    if profile.stack_level < 0:
        raise InvalidInput(f"stack_level {profile.stack_level} is negative")
    if profile.purpose is Purpose.EXTERNAL:
        raise InvalidInput("only a station makes ChargingStationExternalConstraints (K01.FR.22)")
    if profile.purpose is not Purpose.TX and profile.transaction_id is not None:
        raise InvalidInput(f"a {profile.purpose} belongs to no transaction")
    if profile.duration_s is not None and profile.duration_s <= 0:
        raise InvalidInput(f"duration_s {profile.duration_s}: expected a positive number")
    _check_periods(profile.periods)


def check_place(profile: ChargingProfile, evse_id: int) -> None:
    """A TxProfile is for one EVSE (K01.FR.16), a station maximum for the station. Raises ``InvalidInput``."""
    if evse_id < 0:
        raise InvalidInput(f"evse_id {evse_id} is negative")
    if profile.purpose is Purpose.TX and evse_id == 0:
        raise InvalidInput("a TxProfile needs an evse_id above 0 (K01.FR.16)")
    if profile.purpose is Purpose.STATION_MAX and evse_id != 0:
        raise InvalidInput(f"a station maximum goes to evse_id 0, not {evse_id}")


def check_for_start(profile: ChargingProfile) -> None:
    """A remote start may carry a TxProfile that names no transaction yet (F01, F02). Raises ``InvalidInput``."""
    if profile.purpose is not Purpose.TX or profile.transaction_id is not None:
        raise InvalidInput("a remote start takes a TxProfile without a transaction_id")


def check_one_evse(evse_id: int) -> None:
    """Raises ``InvalidInput`` for the whole station where only an EVSE will do."""
    if evse_id < 1:
        raise InvalidInput(f"evse_id {evse_id}: expected one EVSE, 1 or above")


def _check_kind(profile: ChargingProfile) -> None:
    if (profile.kind is Kind.RECURRING) != (profile.recurrency is not None):
        raise InvalidInput("recurrency goes with kind Recurring and only with it")
    if profile.recurrency not in (None, "Daily", "Weekly"):
        raise InvalidInput(f"recurrency {profile.recurrency!r}: expected Daily or Weekly")
    if profile.kind is Kind.RELATIVE:
        if profile.start is not None:
            raise InvalidInput("a Relative profile has no start (K01.FR.41)")
        if profile.purpose is Purpose.STATION_MAX:
            raise InvalidInput("a station maximum cannot be Relative (K01.FR.38)")
    if profile.kind is Kind.DYNAMIC and len(profile.periods) != 1:
        raise InvalidInput("a Dynamic profile has exactly one period (K28.FR.01-02)")


def _check_periods(periods: tuple[Period, ...]) -> None:
    if not 1 <= len(periods) <= _MAX_PERIODS:
        raise InvalidInput(f"{len(periods)} periods: expected 1 to {_MAX_PERIODS}")
    if periods[0].start_s != 0:
        raise InvalidInput("the first period starts at 0 s (K01.FR.31)")
    if any(b.start_s <= a.start_s for a, b in pairwise(periods)):
        raise InvalidInput("periods are ordered by start_s (K01.FR.35)")
    for period in periods:
        _check_period(period)


def _check_period(period: Period) -> None:
    where = f"period at {period.start_s} s"
    for name in ("limit", "discharge_limit", "setpoint", "v2x_baseline_w"):
        check_rate(getattr(period, name), f"{where}: {name}")
    if period.discharge_limit is not None and period.discharge_limit > 0:
        raise InvalidInput(f"{where}: discharge_limit {period.discharge_limit} is above 0")
    if period.number_phases not in (None, 1, 2, 3):
        raise InvalidInput(f"{where}: number_phases {period.number_phases}: expected 1 to 3")
    if period.phase_to_use not in (None, 1, 2, 3):
        raise InvalidInput(f"{where}: phase_to_use {period.phase_to_use}: expected 1 to 3")
    if period.phase_to_use is not None and period.number_phases != 1:
        raise InvalidInput(f"{where}: phase_to_use only with number_phases 1 (K01.FR.19)")


def check_rate(value: float | None, what: str) -> None:
    """Raises ``InvalidInput`` for what no station can follow: nan, inf, beyond 1e9."""
    if value is not None and not (isfinite(value) and abs(value) <= _MAX_RATE):
        raise InvalidInput(f"{what} {value}: expected a number within +-{_MAX_RATE:g}")


def tenths_toward_zero(value: float) -> float:
    """One decimal, as 1.6 and 2.0.1 demand, never of greater magnitude than ``value``."""
    tenths = round(value * 10)
    if abs(tenths / 10) > abs(value):
        tenths -= 1 if value > 0 else -1
    return tenths / 10
