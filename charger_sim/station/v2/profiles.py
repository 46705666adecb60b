"""Charging profiles of 2.x; Dynamic ones and their updates in 2.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from charger_sim.clock import iso
from charger_sim.station.expected import expected_schedule
from charger_sim.station.profiles import PURPOSES, Profile, ProfileRefused, parse_profile
from charger_sim.station.rpc import Payload

if TYPE_CHECKING:
    from charger_sim.station.station import Station


def _refused(reason: str, detail: str = "") -> Payload:
    info = {"reasonCode": reason[:20]}
    if detail:
        info["additionalInfo"] = detail[:512]
    return {"status": "Rejected", "statusInfo": info}


def set_charging_profile(st: Station, request: Payload) -> Payload:
    evse_id, wire = request["evseId"], request["chargingProfile"]
    if st.faults.reject_profiles:
        return _refused("InvalidProfile", "fault injected")
    if wire["chargingProfilePurpose"] == "TxProfile" and "transactionId" not in wire:
        return _refused("MissingParam", "a TxProfile needs a transactionId (K01.FR.03)")
    evse = st.evses.get(evse_id)
    tx = evse.tx if evse else None
    try:
        profile = parse_profile(wire, st.clock.now())
        st.profiles.install(evse_id, profile, transaction_id=tx.key if tx else None)
    except ProfileRefused as refusal:
        return _refused(refusal.reason, refusal.detail)
    except ValueError as error:
        return _refused("InvalidSchedule", str(error))
    st.rpc.after_reply(st.communication.profiles_changed)
    if profile.kind == "Dynamic" and profile.pull_interval_s:
        _schedule_pull(st, profile.id, profile.pull_interval_s)
    return {"status": "Accepted"}


def _schedule_pull(st: Station, profile_id: int, interval_s: float) -> None:
    """One timer per profile, however often it is replaced."""
    earlier = st.pull_timers.pop(profile_id, None)
    if earlier is not None:
        earlier.cancel()
    st.pull_timers[profile_id] = st.timers.after(
        interval_s, lambda: _pull(st, profile_id, interval_s)
    )


def _pull(st: Station, profile_id: int, interval_s: float) -> None:
    """PullDynamicScheduleUpdate every dynUpdateInterval while the profile is held (K28.FR.12)."""
    del st.pull_timers[profile_id]
    if not any(p.id == profile_id for _, p in st.profiles):
        return

    def answered(reply: Payload) -> None:
        if reply["status"] == "Accepted" and "scheduleUpdate" in reply:
            _apply(st, profile_id, reply["scheduleUpdate"])

    st.ask("PullDynamicScheduleUpdate", {"chargingProfileId": profile_id}, answered)
    _schedule_pull(st, profile_id, interval_s)


def _apply(st: Station, profile_id: int, update: dict[str, Any]) -> Payload:
    try:
        st.profiles.update_dynamic(profile_id, update, st.clock.now())
        st.communication.profiles_changed()
    except ProfileRefused as refusal:
        return _refused(refusal.reason, refusal.detail)
    return {"status": "Accepted"}


def update_dynamic_schedule(st: Station, request: Payload) -> Payload:
    if st.faults.reject_profiles:
        return _refused("InvalidProfile", "fault injected")
    return _apply(st, request["chargingProfileId"], request["scheduleUpdate"])


def clear_charging_profile(st: Station, request: Payload) -> Payload:
    criteria = request.get("chargingProfileCriteria", {})
    purpose = criteria.get("chargingProfilePurpose")
    removed = st.profiles.clear(
        profile_id=request.get("chargingProfileId"),
        evse_id=criteria.get("evseId"),
        purpose=None if purpose is None else PURPOSES[purpose],
        stack_level=criteria.get("stackLevel"),
    )
    st.communication.profiles_changed()
    return {"status": "Accepted" if removed else "Unknown"}


def get_composite_schedule(st: Station, request: Payload) -> Payload:
    evse_id, unit = request["evseId"], request.get("chargingRateUnit", "W")
    if evse_id != 0 and evse_id not in st.evses:
        return _refused("UnknownEvse")
    steps = expected_schedule(st, evse_id, request["duration"], unit)
    return {
        "status": "Accepted",
        "schedule": {
            "evseId": evse_id,
            "duration": request["duration"],
            "scheduleStart": iso(st.clock.now()),
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [
                {"startPeriod": int(offset_s), "limit": value} for offset_s, value in steps
            ],
        },
    }


def get_charging_profiles(st: Station, request: Payload) -> Payload:
    found = [(e, p) for e, p in st.profiles if _matches(e, p, request)]
    if not found:
        return {"status": "NoProfiles"}
    by_evse: dict[int, list[Profile]] = {}
    for evse_id, profile in found:
        by_evse.setdefault(evse_id, []).append(profile)

    def report() -> None:
        for n, (evse_id, profiles) in enumerate(by_evse.items(), start=1):
            st.ask(
                "ReportChargingProfiles",
                {
                    "requestId": request["requestId"],
                    "chargingLimitSource": "CSO",
                    "chargingProfile": [p.wire for p in profiles],
                    "evseId": evse_id,
                    "tbc": n < len(by_evse),
                },
            )

    st.rpc.after_reply(report)
    return {"status": "Accepted"}


def _matches(evse_id: int, profile: Profile, request: Payload) -> bool:
    criterion = request["chargingProfile"]
    ids, purpose = criterion.get("chargingProfileId"), criterion.get("chargingProfilePurpose")
    sources = criterion.get("chargingLimitSource")
    return (
        request.get("evseId") in {None, evse_id}
        and (ids is None or profile.id in ids)
        and (purpose is None or profile.purpose == PURPOSES[purpose])
        and criterion.get("stackLevel") in {None, profile.stack_level}
        and (sources is None or "CSO" in sources)
    )


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "SetChargingProfile": set_charging_profile,
    "ClearChargingProfile": clear_charging_profile,
    "GetCompositeSchedule": get_composite_schedule,
    "GetChargingProfiles": get_charging_profiles,
}
HANDLERS_21: dict[str, Callable[[Station, Payload], Payload]] = {
    "UpdateDynamicSchedule": update_dynamic_schedule,
}
