"""Charging profiles of OCPP 2.x."""

from __future__ import annotations

from csms.domain.commands import ClearChargingProfile, GetCompositeSchedule, SetChargingProfile
from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.events import ProfilesReported
from csms.domain.profile import ChargingProfile, Kind, OperationMode, Purpose
from csms.translate.charging_rules import check_place, check_profile
from csms.translate.family import WireCall
from csms.translate.fields import Payload, identifier, whole, wire_time
from csms.translate.limit_only import check_limit_only
from csms.translate.v2x.edition import Edition

_V2X_PURPOSES = frozenset({Purpose.TX, Purpose.TX_DEFAULT})


def set_charging_profile(edition: Edition, command: SetChargingProfile) -> WireCall:
    check_place(command.profile, command.evse_id)
    if command.profile.purpose is Purpose.TX and command.profile.transaction_id is None:
        raise InvalidInput("a TxProfile names its transaction_id (K01.FR.03)")
    return WireCall(
        "SetChargingProfile",
        {
            "evseId": command.evse_id,
            "chargingProfile": profile_to_wire(edition, command.profile),
        },
    )


def clear_charging_profile(edition: Edition, command: ClearChargingProfile) -> WireCall:
    """By id, or else by criteria. Raises ``InvalidInput`` without either (K10.FR.02)."""
    if command.profile_id is not None:
        return WireCall("ClearChargingProfile", {"chargingProfileId": command.profile_id})
    criteria: Payload = {}
    if command.evse_id is not None:
        criteria["evseId"] = command.evse_id
    if command.purpose is not None:
        criteria["chargingProfilePurpose"] = _purpose(edition, command.purpose)
    if command.stack_level is not None:
        criteria["stackLevel"] = command.stack_level
    if not criteria:
        raise InvalidInput("name the profiles: profile_id, evse_id, purpose or stack_level (K10)")
    return WireCall("ClearChargingProfile", {"chargingProfileCriteria": criteria})


def get_composite_schedule(_edition: Edition, command: GetCompositeSchedule) -> WireCall:
    payload: Payload = {"evseId": command.evse_id, "duration": command.duration_s}
    if command.unit is not None:
        payload["chargingRateUnit"] = command.unit.value
    return WireCall("GetCompositeSchedule", payload)


def profiles_reported(payload: Payload) -> ProfilesReported:
    return ProfilesReported(
        request_id=identifier(payload["requestId"], "/requestId"),
        evse_id=whole(payload["evseId"], "/evseId"),
        profiles=tuple(payload["chargingProfile"]),
        more=payload.get("tbc", False),
    )


def profile_to_wire(edition: Edition, profile: ChargingProfile) -> Payload:
    """The only schedule of a profile carries the profile's id.

    Raises ``InvalidInput`` or, for what only 2.1 can say, ``NotExpressible``.
    """
    check_profile(profile)
    if edition.v2x_profiles:
        _check_v2x(profile)
    else:
        check_limit_only(profile, edition.version)
    if profile.kind in (Kind.ABSOLUTE, Kind.RECURRING) and profile.start is None:
        raise InvalidInput(f"an {profile.kind} profile has a start (K01.FR.40)")
    payload: Payload = {
        "id": profile.profile_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": _purpose(edition, profile.purpose),
        "chargingProfileKind": profile.kind.value,
        "chargingSchedule": [_schedule(edition, profile)],
    }
    if profile.transaction_id is not None:
        payload["transactionId"] = profile.transaction_id
    if profile.recurrency is not None:
        payload["recurrencyKind"] = profile.recurrency
    if profile.valid_from is not None:
        payload["validFrom"] = wire_time(profile.valid_from)
    if profile.valid_to is not None:
        payload["validTo"] = wire_time(profile.valid_to)
    if profile.max_offline_s is not None:
        payload["maxOfflineDuration"] = profile.max_offline_s
    if profile.invalid_after_offline is not None:
        payload["invalidAfterOfflineDuration"] = profile.invalid_after_offline
    if profile.dyn_update_interval_s is not None:
        payload["dynUpdateInterval"] = profile.dyn_update_interval_s
    return payload


def _schedule(edition: Edition, profile: ChargingProfile) -> Payload:
    schedule: Payload = {
        "id": profile.profile_id,
        "chargingRateUnit": profile.unit.value,
        "chargingSchedulePeriod": [
            edition.period(period, profile.unit) for period in profile.periods
        ],
    }
    if profile.start is not None:
        schedule["startSchedule"] = wire_time(profile.start)
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    return schedule


def _check_v2x(profile: ChargingProfile) -> None:
    modes = {period.mode for period in profile.periods} - {None, OperationMode.CHARGING_ONLY}
    if modes and profile.purpose not in _V2X_PURPOSES:
        raise InvalidInput(f"a {profile.purpose} can only be ChargingOnly (K01.FR.71, Q)")
    dynamic = profile.kind is Kind.DYNAMIC
    if OperationMode.CENTRAL_FREQUENCY in modes and not dynamic:
        raise InvalidInput("CentralFrequency needs a Dynamic profile (Q07)")
    if profile.dyn_update_interval_s is not None and not dynamic:
        raise InvalidInput("dyn_update_interval_s only in a Dynamic profile (K01.FR.122)")
    if profile.purpose is Purpose.PRIORITY and profile.duration_s is not None:
        raise InvalidInput("a PriorityCharging profile has no duration (K01.FR.70)")


def _purpose(edition: Edition, purpose: Purpose) -> str:
    if purpose not in edition.purposes:
        raise NotExpressible(f"OCPP {edition.version} has no purpose {purpose}")
    return purpose.value
