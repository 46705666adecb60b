"""What the central system does when a station comes: make it safe, learn what it can do, install its grid controls.

Runs after each accepted boot and once per connection; every step is an ordinary command, so it shows in the time line
and a station that refuses one still gets the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from csms.domain.commands import (
    Command,
    CommandRecord,
    GetVariables,
    SetVariable,
    SetVariables,
    VariableRef,
)
from csms.domain.der import DerControl
from csms.domain.fleet import EvsePlace, StationState
from csms.ids import EvseKey, StationId
from csms.services import der
from csms.services.command_desk import CommandDesk
from csms.services.core import Core
from csms.services.setpoints import Setpoints, safe_default

ISSUER = "onboarding"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnboardingPlan:
    """What every station is to be given."""

    der_controls: Callable[[StationId], tuple[DerControl, ...]]
    """The default controls of a station that runs such (2.1 block R)."""
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
        await self._make_safe(station)
        await self._set_metering(station)
        if station.capabilities.der_controls:
            supported = await self._install_der(station)
            if not supported:  # then its profiles carry the droop
                await self._make_safe(station)
        if self._core.tariffs is not None:
            await self._core.tariffs.tell(station)
        self._core.live.publish("station", station.station_id)

    async def _make_safe(self, station: StationState) -> None:
        for evse in list(station.evses.values()):
            if evse.place is not None:
                power_w = self._plan.safe_power_w(evse.key, evse.place)
                curve = self._setpoints.curve(station, evse)
                await self._push(station, safe_default(station, evse, power_w, curve))

    async def _learn(self, station: StationState) -> None:
        """What is asked here reaches ``services.device_model`` as every answer with variables does."""
        if station.version == "1.6":
            await self._ask(station, "", "ChargingScheduleAllowedChargingRateUnit")
            return
        await self._ask(station, "SmartChargingCtrlr", "RateUnit", "PeriodsPerSchedule")
        if station.version == "2.1":
            station.capabilities.der_controls = station.capabilities.discharge
            await self._ask(station, "DCDERCtrlr", "Available")
            if station.capabilities.discharge:
                await self._ask(station, "V2XChargingCtrlr", "SupportedOperationModes")

    async def _ask(self, station: StationState, component: str, *variables: str) -> None:
        refs = tuple(VariableRef(component=component, variable=v) for v in variables)
        await self._push(station, GetVariables(variables=refs))

    async def _set_metering(self, station: StationState) -> None:
        interval = str(self._core.policy.meter_interval_s)
        if station.version == "1.6":
            ref = VariableRef(component="", variable="MeterValueSampleInterval")
        else:
            ref = VariableRef(component="SampledDataCtrlr", variable="TxUpdatedInterval")
        await self._push(station, SetVariables(values=(SetVariable(ref=ref, value=interval),)))

    async def _install_der(self, station: StationState) -> bool:
        return await der.install(
            self._core,
            station,
            self._plan.der_controls(station.station_id),
            partial(self._push, station),
            timeout_s=self._plan.timeout_s,
        )

    async def _push(self, station: StationState, command: Command) -> CommandRecord:
        return await self._desk.push(
            station.station_id, command, issued_by=ISSUER, timeout_s=self._plan.timeout_s
        )
