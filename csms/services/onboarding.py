"""What the central system does when a station comes: make it safe, learn what it can do, install its droop.

Runs after each accepted boot and once per connection; every step is an ordinary command, so it shows in the time line
and a station that refuses one still gets the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from csms.domain.commands import (
    Command,
    CommandRecord,
    CommandState,
    GetDerControls,
    GetVariables,
    SetDerControl,
    SetVariable,
    SetVariables,
    VariableRef,
)
from csms.domain.der import DerControl, FreqDroop
from csms.domain.fleet import EvsePlace, StationState
from csms.ids import EvseKey
from csms.services.command_desk import CommandDesk
from csms.services.core import Core
from csms.services.setpoints import Setpoints, safe_default

ISSUER = "onboarding"
DROOP_CONTROL_ID = "csms-freq-droop"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnboardingPlan:
    """What every station is to be given."""

    droop: FreqDroop | None
    safe_power_w: Callable[[EvseKey, EvsePlace], float]
    settle_s: float = 0.1
    """Pause after the boot was answered, so that the answer is on the wire before the first command."""
    timeout_s: float = 10.0


class Onboarding:
    def __init__(
        self,
        core: Core,
        desk: CommandDesk,
        setpoints: Setpoints,
        plan: OnboardingPlan,
        places: dict[EvseKey, EvsePlace],
    ) -> None:
        self._core = core
        self._desk = desk
        self._setpoints = setpoints
        self._plan = plan
        self._places = places

    def place(self, station: StationState) -> None:
        """Put the station's EVSEs on the feeder as the site says."""
        for key, place in self._places.items():
            if key.station_id == station.station_id:
                evse = station.evse(key.evse_id)
                evse.place = place
                if place.max_discharge_w > 0.0:
                    station.capabilities.discharge = True

    async def run(self, station: StationState) -> None:
        await asyncio.sleep(self._plan.settle_s)
        self._setpoints.forget(station)
        await self._learn(station)
        for evse in list(station.evses.values()):
            if evse.place is not None:
                power_w = self._plan.safe_power_w(evse.key, evse.place)
                await self._push(station, safe_default(station, evse, power_w))
        await self._set_metering(station)
        if station.version == "2.1" and station.capabilities.discharge:
            await self._install_droop(station)
        self._core.live.publish("station", station.station_id)

    async def _learn(self, station: StationState) -> None:
        """What is asked here reaches ``services.device_model`` as every answer with variables does."""
        if station.version == "1.6":
            await self._ask(station, "", "ChargingScheduleAllowedChargingRateUnit")
            return
        await self._ask(station, "SmartChargingCtrlr", "RateUnit")
        if station.version == "2.1" and station.capabilities.discharge:
            await self._ask(station, "V2XChargingCtrlr", "SupportedOperationModes")

    async def _ask(self, station: StationState, component: str, variable: str) -> None:
        ref = VariableRef(component=component, variable=variable)
        await self._push(station, GetVariables(variables=(ref,)))

    async def _set_metering(self, station: StationState) -> None:
        interval = str(self._core.policy.meter_interval_s)
        if station.version == "1.6":
            ref = VariableRef(component="", variable="MeterValueSampleInterval")
        else:
            ref = VariableRef(component="SampledDataCtrlr", variable="TxUpdatedInterval")
        await self._push(station, SetVariables(values=(SetVariable(ref=ref, value=interval),)))

    async def _install_droop(self, station: StationState) -> None:
        droop = self._plan.droop
        if droop is None:
            return
        control = DerControl(
            control_id=DROOP_CONTROL_ID,
            control_type="FreqDroop",
            is_default=True,
            body={
                "priority": droop.priority,
                "overFreq": droop.over_freq_hz,
                "underFreq": droop.under_freq_hz,
                "overDroop": droop.over_droop_pu,
                "underDroop": droop.under_droop_pu,
                "responseTime": droop.response_time_s,
            },
        )
        record = await self._push(station, SetDerControl(control=control))
        if record.state is CommandState.ACCEPTED:
            await self._push(
                station,
                GetDerControls(request_id=1, is_default=True, control_type="FreqDroop"),
            )

    async def _push(self, station: StationState, command: Command) -> CommandRecord:
        return await self._desk.push(
            station.station_id, command, issued_by=ISSUER, timeout_s=self._plan.timeout_s
        )
