"""The part of a charging profile that 1.6 and 2.0.1 spell alike: periods with one limit of one decimal."""

from __future__ import annotations

from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.profile import ChargingProfile, Kind, OperationMode, Period
from csms.translate.charging_rules import tenths_toward_zero
from csms.translate.fields import Payload


def check_limit_only(profile: ChargingProfile, version: str) -> None:
    """Raises ``NotExpressible`` for whatever came with OCPP 2.1."""
    if profile.kind is Kind.DYNAMIC:
        raise NotExpressible(f"OCPP {version} has no Dynamic profiles")
    for name in ("max_offline_s", "invalid_after_offline", "dyn_update_interval_s"):
        if getattr(profile, name) is not None:
            raise NotExpressible(f"OCPP {version} profiles have no {name}")
    for period in profile.periods:
        if period.mode not in (None, OperationMode.CHARGING_ONLY):
            raise NotExpressible(f"OCPP {version} has no operation mode {period.mode}")
        for name in ("setpoint", "discharge_limit", "v2x_baseline_w"):
            if getattr(period, name) is not None:
                raise NotExpressible(f"OCPP {version} has no {name}; a limit may be negative")
        if period.freq_watt:
            raise NotExpressible(f"OCPP {version} has no frequency-watt curve")


def limit_period(period: Period) -> Payload:
    """Raises ``InvalidInput`` without a limit."""
    if period.limit is None:
        raise InvalidInput(f"period at {period.start_s} s has no limit")
    payload: Payload = {
        "startPeriod": period.start_s,
        "limit": tenths_toward_zero(period.limit),
    }
    if period.number_phases is not None:
        payload["numberPhases"] = period.number_phases
    if period.phase_to_use is not None:
        payload["phaseToUse"] = period.phase_to_use
    return payload
