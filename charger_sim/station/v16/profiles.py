"""SetChargingProfile, ClearChargingProfile and GetCompositeSchedule of 1.6."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from charger_sim.clock import iso
from charger_sim.station.expected import expected_schedule
from charger_sim.station.profiles import (
    PURPOSES,
    ProfileRefused,
    parse_profile,
)
from charger_sim.station.rpc import Payload

if TYPE_CHECKING:
    from charger_sim.station.station import Station


def set_charging_profile(st: Station, request: Payload) -> Payload:
    connector = request["connectorId"]
    if not st.settings.smart_charging_enabled:
        return {"status": "NotSupported"}
    if st.faults.reject_profiles:
        return {"status": "Rejected"}
    evse = st.evses.get(connector)
    tx = evse.tx if evse else None
    try:
        profile = parse_profile(request["csChargingProfiles"], st.clock.now())
        st.profiles.install(
            connector, profile, transaction_id=None if tx is None else str(tx.ocpp_id)
        )
    except (ProfileRefused, ValueError):
        return {"status": "Rejected"}
    st.rpc.after_reply(st.communication.profiles_changed)
    return {"status": "Accepted"}


def clear_charging_profile(st: Station, request: Payload) -> Payload:
    purpose = request.get("chargingProfilePurpose")
    removed = st.profiles.clear(
        profile_id=request.get("id"),
        evse_id=request.get("connectorId"),
        purpose=None if purpose is None else PURPOSES[purpose],
        stack_level=request.get("stackLevel"),
    )
    st.communication.profiles_changed()
    return {"status": "Accepted" if removed else "Unknown"}


def get_composite_schedule(st: Station, request: Payload) -> Payload:
    connector, unit = request["connectorId"], request.get("chargingRateUnit", "W")
    if connector != 0 and connector not in st.evses:
        return {"status": "Rejected"}
    steps = expected_schedule(st, connector, request["duration"], unit)
    return {
        "status": "Accepted",
        "connectorId": connector,
        "scheduleStart": iso(st.clock.now()),
        "chargingSchedule": {
            "duration": request["duration"],
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [
                {"startPeriod": int(offset_s), "limit": value} for offset_s, value in steps
            ],
        },
    }


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "SetChargingProfile": set_charging_profile,
    "ClearChargingProfile": clear_charging_profile,
    "GetCompositeSchedule": get_composite_schedule,
}
