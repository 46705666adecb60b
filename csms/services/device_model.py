"""The device model as stations report it (OCPP block B; 1.6 configuration keys), and what it says they can do."""

from __future__ import annotations

from csms.domain.events import Acknowledged, ProfilesReported, ReportPart, VariableReported
from csms.domain.fleet import StationState
from csms.domain.profile import RateUnit
from csms.domain.records import NotificationRecord, VariableRecord
from csms.services.core import Core


async def report_part(core: Core, station: StationState, event: ReportPart) -> Acknowledged:
    await record_variables(core, station, event.variables)
    return Acknowledged()


async def record_variables(
    core: Core, station: StationState, variables: tuple[VariableReported, ...]
) -> None:
    at = core.clock.now()
    for variable in variables:
        learn(station, variable)
    await core.journal.commit(
        *(
            VariableRecord(
                station_id=station.station_id,
                component=v.component,
                variable=v.variable,
                value=v.value,
                at=at,
                evse_id=v.evse_id or 0,
                instance=v.instance or "",
                attribute=v.attribute,
                mutability=v.mutability,
                unit=v.unit,
            )
            for v in variables
        )
    )


def learn(station: StationState, variable: VariableReported) -> None:
    """Take from one variable what the central system acts upon."""
    value = variable.value or ""
    match variable.variable:
        case "ChargingScheduleAllowedChargingRateUnit" | "RateUnit":
            words = {word.strip().casefold() for word in value.split(",")}
            watts = bool(words & {"power", "w"})
            station.capabilities.rate_unit = RateUnit.W if watts else RateUnit.A
        case "PeriodsPerSchedule" if value.isdecimal() and int(value[:6]) > 0:
            station.capabilities.periods_per_schedule = int(value[:6])
        case "SupportedOperationModes":
            station.capabilities.dynamic_profiles = "CentralSetpoint" in value
            station.capabilities.local_frequency = "LocalFrequency" in value
        case "Available" if variable.component in ("DCDERCtrlr", "ACDERCtrlr"):
            station.capabilities.der_controls = value.casefold() == "true"


async def profiles_reported(
    core: Core, station: StationState, event: ProfilesReported
) -> Acknowledged:
    await core.journal.commit(
        NotificationRecord(
            station_id=station.station_id,
            action="ReportChargingProfiles",
            received=core.clock.now(),
            payload={
                "requestId": event.request_id,
                "evseId": event.evse_id,
                "chargingProfile": list(event.profiles),
            },
        )
    )
    return Acknowledged()
