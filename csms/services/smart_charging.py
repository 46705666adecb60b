"""What cars and stations say about smart charging (OCPP block K)."""

from __future__ import annotations

from csms.domain.events import (
    ChargingNeedsReply,
    ChargingNeedsTold,
    DynamicUpdatePulled,
    DynamicUpdateReply,
    EvScheduleReply,
    EvScheduleTold,
)
from csms.domain.fleet import StationState
from csms.domain.profile import DynamicUpdate
from csms.domain.records import NotificationRecord
from csms.services.core import Core
from csms.services.profile_ids import SETPOINT_PROFILE_BASE


async def charging_needs(
    core: Core, station: StationState, event: ChargingNeedsTold
) -> ChargingNeedsReply:
    station.evse(event.evse_id).needs = event
    core.live.publish("evse", station.evse(event.evse_id).key)
    if core.negotiation is None:
        return ChargingNeedsReply(status="Rejected")  # K15.FR.04
    return core.negotiation.needs_told(station, event)


async def ev_schedule(core: Core, station: StationState, event: EvScheduleTold) -> EvScheduleReply:
    await core.journal.commit(
        NotificationRecord(
            station_id=station.station_id,
            action="NotifyEVChargingSchedule",
            received=core.clock.now(),
            payload=event.raw,
        )
    )
    if core.negotiation is None:
        return EvScheduleReply()
    return core.negotiation.schedule_told(station, event)


async def dynamic_update_pulled(
    core: Core,  # noqa: ARG001
    station: StationState,
    event: DynamicUpdatePulled,
) -> DynamicUpdateReply:
    """Answer with the setpoint in force (K28.FR.07); unknown ids are Rejected (K28.FR.12)."""
    evse = station.evses.get(event.profile_id - SETPOINT_PROFILE_BASE)
    if evse is None or evse.commanded_w is None:
        return DynamicUpdateReply(update=None)
    return DynamicUpdateReply(update=DynamicUpdate(setpoint=evse.commanded_w))
