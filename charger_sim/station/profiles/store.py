"""Which charging profiles a station holds, and the rules under which it takes one in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from charger_sim.station.profiles.model import Profile, Purpose, with_update

STATION = 0
V2X_MODES = {"CentralSetpoint", "CentralFrequency", "LocalFrequency"}


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """What this station accepts; every number is one a station reports about itself."""

    version: str
    units: frozenset[str] = frozenset({"W", "A"})
    max_stack_level: int = 10
    max_periods: int = 24
    max_profiles: int = 50
    v2x: bool = False
    discharge_by_limit: bool = False


class ProfileRefused(Exception):
    """``reason`` is a reason code of the 2.x appendix, at most 20 characters."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class ProfileStore:
    """Profiles by (EVSE, id); EVSE 0 is the whole station."""

    def __init__(self, rules: ProfileRules, evse_ids: tuple[int, ...]) -> None:
        self.rules = rules
        self._evse_ids = evse_ids
        self._held: dict[tuple[int, int], Profile] = {}

    def __iter__(self) -> Iterator[tuple[int, Profile]]:
        return iter([(evse_id, p) for (evse_id, _), p in self._held.items()])

    def __len__(self) -> int:
        return len(self._held)

    def of(self, evse_id: int, purpose: Purpose) -> list[Profile]:
        """Profiles of one purpose at one EVSE, highest stack level first."""
        found = [p for (e, _), p in self._held.items() if e == evse_id and p.purpose == purpose]
        return sorted(found, key=lambda p: -p.stack_level)

    def lasting(self) -> ProfileStore:
        """Without the set-points: those that end by themselves, or are updated from moment to moment."""
        store = ProfileStore(self.rules, self._evse_ids)
        store._held = {key: p for key, p in self._held.items() if not p.is_set_point}
        return store

    def install(self, evse_id: int, profile: Profile, *, transaction_id: str | None) -> None:
        """Takes a profile in, replacing the one with its id, and in 1.6 also the one with its
        purpose and stack level. ``transaction_id`` is the running one at the EVSE.

        Raises :class:`ProfileRefused`.
        """
        self._check(evse_id, profile, transaction_id)
        replaced: list[tuple[int, int]] = []
        for key, held in self._held.items():
            same_place = (key[0], held.purpose, held.stack_level) == (
                evse_id,
                profile.purpose,
                profile.stack_level,
            )
            if held.id == profile.id or (same_place and self.rules.version == "1.6"):
                replaced.append(key)
            elif same_place and _overlap(held, profile):
                raise ProfileRefused(  # K01.FR.06
                    "DuplicateProfile",
                    f"profile {held.id} has stack level {held.stack_level} already",
                )
        if len(self._held) - len(replaced) >= self.rules.max_profiles:
            raise ProfileRefused("InternalError", "no room for more profiles")
        for key in replaced:
            del self._held[key]
        self._held[evse_id, profile.id] = profile

    def _check(self, evse_id: int, profile: Profile, transaction_id: str | None) -> None:
        rules, schedule = self.rules, profile.schedule
        if evse_id != STATION and evse_id not in self._evse_ids:
            raise ProfileRefused("UnknownEvse", f"no EVSE {evse_id}")
        if profile.purpose in {"External", "LocalGeneration"}:
            raise ProfileRefused("InvalidProfile", "set by local systems only (K01.FR.22)")
        if profile.purpose == "Priority":
            raise ProfileRefused("InvalidProfile", "priority charging is not supported")
        if profile.purpose == "StationMax" and evse_id != STATION:
            raise ProfileRefused("InvalidProfile", "a station maximum belongs to EVSE 0")
        if profile.purpose == "Tx":
            if evse_id == STATION:
                raise ProfileRefused("InvalidProfile", "a TxProfile needs an EVSE (K01.FR.16)")
            if transaction_id is None:
                raise ProfileRefused("TxNotFound", f"no transaction on EVSE {evse_id}")
            if profile.transaction_id not in {None, transaction_id}:
                raise ProfileRefused("TxNotFound", f"no transaction {profile.transaction_id}")
        if profile.stack_level > rules.max_stack_level:
            raise ProfileRefused("InvalidProfile", f"stack level above {rules.max_stack_level}")
        if len(schedule.periods) > rules.max_periods:
            raise ProfileRefused("InvalidSchedule", f"more than {rules.max_periods} periods")
        if schedule.unit not in rules.units:
            raise ProfileRefused("UnsupportedRateUnit", f"unit {schedule.unit} is not supported")
        if profile.kind == "Recurring" and (profile.recurrency is None or schedule.start is None):
            raise ProfileRefused("InvalidProfile", "Recurring needs recurrencyKind and a start")
        if profile.kind == "Dynamic" and len(schedule.periods) != 1:  # K28.FR.01-02
            raise ProfileRefused("InvalidSchedule", "a Dynamic profile has exactly one period")
        for period in schedule.periods:
            if period.mode in V2X_MODES:
                self._check_v2x(profile, period.mode)
                if period.mode == "LocalFrequency":
                    if len(period.freq_watt) < 2 or schedule.unit != "W":  # Q08.FR.01-05
                        raise ProfileRefused("InvalidSchedule", "LocalFrequency needs a W curve")
                elif period.setpoint is None:
                    raise ProfileRefused("InvalidSchedule", f"{period.mode} needs a setpoint")
                elif period.limit is not None or period.discharge_limit is not None:
                    raise ProfileRefused(  # Q03.FR.02, Q07.FR.03
                        "InvalidSchedule", f"{period.mode} must not carry limits"
                    )
            elif period.mode not in {"ChargingOnly", "Idle"}:
                raise ProfileRefused("UnsupportedMode", f"{period.mode} is not supported")
            elif period.mode == "ChargingOnly" and period.limit is None:
                raise ProfileRefused("InvalidSchedule", "ChargingOnly needs a limit")

    def _check_v2x(self, profile: Profile, mode: str) -> None:
        if not self.rules.v2x:
            raise ProfileRefused("UnsupportedMode", f"{mode}: this station is not bidirectional")
        if profile.purpose not in {"Tx", "TxDefault"}:
            raise ProfileRefused("InvalidProfile", f"{mode} in a {profile.purpose} profile")

    def update_dynamic(self, profile_id: int, update: dict[str, Any], now: datetime) -> None:
        """UpdateDynamicSchedule, or the answer of PullDynamicScheduleUpdate; revives an expired
        one (K28.FR.13-14). Raises :class:`ProfileRefused` (K28.FR.11)."""
        for key, profile in self._held.items():
            if profile.id == profile_id:
                if profile.kind != "Dynamic":
                    raise ProfileRefused("InvalidProfile", f"profile {profile_id} is not Dynamic")
                self._held[key] = with_update(profile, update, now)
                return
        raise ProfileRefused("InvalidProfile", f"no profile {profile_id}")

    def clear(
        self,
        *,
        profile_id: int | None = None,
        evse_id: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> int:
        """Removes every profile that fits all given criteria; returns how many."""
        doomed = [
            key
            for key, p in self._held.items()
            if (profile_id is None or p.id == profile_id)
            and (evse_id is None or key[0] == evse_id)
            and (purpose is None or p.purpose == purpose)
            and (stack_level is None or p.stack_level == stack_level)
            and p.purpose != "External"
        ]
        for key in doomed:
            del self._held[key]
        return len(doomed)

    def transaction_ended(self, evse_id: int) -> None:
        """A TxProfile does not outlive its transaction."""
        self.clear(evse_id=evse_id, purpose="Tx")

    def back_online(self, offline_s: float) -> None:
        """Drops what its sender wanted dropped after so long an outage (2.1)."""
        for key, p in list(self._held.items()):
            if (
                p.invalid_after_offline
                and p.max_offline_s is not None
                and offline_s > p.max_offline_s
            ):
                del self._held[key]


def _overlap(a: Profile, b: Profile) -> bool:
    a_ends_first = (
        a.valid_to is not None and b.valid_from is not None and a.valid_to <= b.valid_from
    )
    b_ends_first = (
        b.valid_to is not None and a.valid_from is not None and b.valid_to <= a.valid_from
    )
    return not (a_ends_first or b_ends_first)
