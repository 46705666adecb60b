"""What nobody may tell a station that dispatch leads, whoever asks (G5): more than its safe power.

A charging profile on a higher stack level than the lease wins at the station, and one that replaces the safe default
stays when the lease has ended. Lower limits are free for all; higher ones go through dispatch, which asks the feeder.
"""

from __future__ import annotations

from collections.abc import Callable

from csms.domain.commands import (
    ClearChargingProfile,
    Command,
    RawCall,
    RemoteStart,
    SetChargingProfile,
    UpdateDynamicSchedule,
)
from csms.domain.errors import InvalidInput
from csms.domain.fleet import EvsePlace, Fleet
from csms.domain.profile import ChargingProfile, Purpose, RateUnit
from csms.ids import EvseKey, StationId
from csms.services.profile_ids import is_reserved
from csms.units import NOMINAL_PHASE_V

HIGHEST_PHASE_V = 1.1 * NOMINAL_PHASE_V
_RAW_POWER_ACTIONS = frozenset(
    {"SetChargingProfile", "UpdateDynamicSchedule", "ClearChargingProfile"}
)
_RAW_START_ACTIONS = frozenset({"RequestStartTransaction", "RemoteStartTransaction"})


class PowerGuard:
    """``safe_power_w`` is what an EVSE may draw when nobody leads it."""

    def __init__(self, fleet: Fleet, safe_power_w: Callable[[EvseKey, EvsePlace], float]) -> None:
        self._fleet = fleet
        self._safe_power_w = safe_power_w

    def check(self, station_id: StationId, command: Command) -> None:
        """Raises ``InvalidInput`` for a command that could lift an EVSE of the feeder above its safe power."""
        station = self._fleet.get(station_id)
        if station is None:
            return
        places = {n: evse.place for n, evse in station.evses.items() if evse.place is not None}
        if not places:
            return
        match command:
            case SetChargingProfile():
                is_lease = station.capabilities.setpoint_purpose is Purpose.STATION_MAX
                if command.profile.purpose is not Purpose.STATION_MAX or is_lease:
                    self._check_profile(station_id, places, command.evse_id, command.profile)
            case RemoteStart(profile=ChargingProfile()):
                assert command.profile is not None
                self._check_profile(station_id, places, command.evse_id or 0, command.profile)
            case UpdateDynamicSchedule():
                raise InvalidInput(f"{station_id}: its setpoints are dispatch's")
            case ClearChargingProfile():
                if command.profile_id is None or is_reserved(command.profile_id):
                    raise InvalidInput(
                        f"{station_id}: this would clear the profiles that keep it safe;"
                        " name one profile_id of yours"
                    )
            case RawCall():
                starts = command.action in _RAW_START_ACTIONS
                if command.action in _RAW_POWER_ACTIONS or (
                    starts and "chargingProfile" in command.payload
                ):
                    raise InvalidInput(
                        f"{station_id} is led by dispatch: send the typed command, not raw"
                        f" {command.action}"
                    )
            case _:
                pass

    def _check_profile(
        self,
        station_id: StationId,
        places: dict[int, EvsePlace],
        evse_id: int,
        profile: ChargingProfile,
    ) -> None:
        if is_reserved(profile.profile_id):
            raise InvalidInput(f"{station_id}: profile id {profile.profile_id} is dispatch's own")
        for n, place in places.items():
            if evse_id not in (0, n):
                continue
            most_w = self._safe_power_w(EvseKey(station_id, n), place)
            asked_w = _most_w(profile, place)
            if asked_w > most_w + 1.0:
                raise InvalidInput(
                    f"{station_id}: EVSE {n} stands on the feeder that dispatch protects;"
                    f" a profile may allow it at most {most_w:.0f} W, this allows {asked_w:.0f} W"
                )


def _most_w(profile: ChargingProfile, place: EvsePlace) -> float:
    """The highest power that any period allows; one without a limit allows the rating."""
    scale = 1.0
    if profile.unit is RateUnit.A:
        scale = HIGHEST_PHASE_V * place.phases.n_phases
    allowed = [p.limit if p.setpoint is None else p.setpoint for p in profile.periods]
    return max((place.max_power_w if a is None else a * scale for a in allowed), default=0.0)
