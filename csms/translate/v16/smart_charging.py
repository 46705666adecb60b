"""Charging profiles of OCPP 1.6: limits only, one decimal, no per-mode setpoints."""

from __future__ import annotations

from csms.domain.commands import ClearChargingProfile, GetCompositeSchedule, SetChargingProfile
from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.profile import ChargingProfile, Purpose
from csms.translate.charging_rules import check_place, check_profile
from csms.translate.family import WireCall
from csms.translate.fields import Payload, wire_time
from csms.translate.limit_only import check_limit_only, limit_period

_PURPOSE = {
    Purpose.STATION_MAX: "ChargePointMaxProfile",
    Purpose.TX_DEFAULT: "TxDefaultProfile",
    Purpose.TX: "TxProfile",
}


def set_charging_profile(command: SetChargingProfile) -> WireCall:
    check_place(command.profile, command.evse_id)
    return WireCall(
        "SetChargingProfile",
        {"connectorId": command.evse_id, "csChargingProfiles": profile_to_wire(command.profile)},
    )


def clear_charging_profile(command: ClearChargingProfile) -> WireCall:
    payload: Payload = {}
    if command.profile_id is not None:
        payload["id"] = command.profile_id
    if command.evse_id is not None:
        payload["connectorId"] = command.evse_id
    if command.purpose is not None:
        payload["chargingProfilePurpose"] = _purpose(command.purpose)
    if command.stack_level is not None:
        payload["stackLevel"] = command.stack_level
    return WireCall("ClearChargingProfile", payload)


def get_composite_schedule(command: GetCompositeSchedule) -> WireCall:
    payload: Payload = {"connectorId": command.evse_id, "duration": command.duration_s}
    if command.unit is not None:
        payload["chargingRateUnit"] = command.unit.value
    return WireCall("GetCompositeSchedule", payload)


def profile_to_wire(profile: ChargingProfile) -> Payload:
    """Raises ``InvalidInput`` or, for what only later versions can say, ``NotExpressible``."""
    check_profile(profile)
    check_limit_only(profile, "1.6")
    schedule: Payload = {
        "chargingRateUnit": profile.unit.value,
        "chargingSchedulePeriod": [limit_period(period) for period in profile.periods],
    }
    if any("phaseToUse" in period for period in schedule["chargingSchedulePeriod"]):
        raise NotExpressible("OCPP 1.6 cannot choose the phase of a charging profile")
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    if profile.start is not None:
        schedule["startSchedule"] = wire_time(profile.start)
    payload: Payload = {
        "chargingProfileId": profile.profile_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": _purpose(profile.purpose),
        "chargingProfileKind": profile.kind.value,
        "chargingSchedule": schedule,
    }
    if profile.transaction_id is not None:
        payload["transactionId"] = transaction_number(profile.transaction_id)
    if profile.recurrency is not None:
        payload["recurrencyKind"] = profile.recurrency
    if profile.valid_from is not None:
        payload["validFrom"] = wire_time(profile.valid_from)
    if profile.valid_to is not None:
        payload["validTo"] = wire_time(profile.valid_to)
    return payload


def transaction_number(transaction_id: str) -> int:
    """Raises ``InvalidInput``: OCPP 1.6 transaction ids are integers."""
    try:
        return int(transaction_id)
    except ValueError:
        raise InvalidInput(
            f"transaction {transaction_id!r}: OCPP 1.6 numbers its transactions"
        ) from None


def _purpose(purpose: Purpose) -> str:
    word = _PURPOSE.get(purpose)
    if word is None:
        raise NotExpressible(f"OCPP 1.6 has no purpose {purpose}")
    return word
