"""What cars and stations say about smart charging (OCPP block K)."""

from __future__ import annotations

from csms.domain.events import (
    ChargingNeedsReply,
    ChargingNeedsTold,
    DynamicUpdatePulled,
    DynamicUpdateReply,
)
from csms.domain.fleet import StationState
from csms.domain.profile import DynamicUpdate
from csms.services.core import Core

SETPOINT_PROFILE_BASE = 1000
"""The setpoint profile of EVSE n has id 1000 + n: replaced in place, never piled up."""
SAFE_PROFILE_BASE = 100
"""The safe default profile of EVSE n has id 100 + n."""


async def charging_needs(
    core: Core, station: StationState, event: ChargingNeedsTold
) -> ChargingNeedsReply:
    station.evse(event.evse_id).needs = event
    core.live.publish("evse", station.evse(event.evse_id).key)
    return ChargingNeedsReply(status="Accepted")


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
