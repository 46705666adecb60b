"""One power for one EVSE, said in the station's own version, as a lease that ends safely (``ocpp.md``).

OCPP 2.1: a Dynamic TxProfile in CentralSetpoint once per transaction, then UpdateDynamicSchedule; its ``duration`` is
the dead man's switch (K28.FR.13-14). A station that cannot run droop as a DER control gets it in the profile:
LocalFrequency around the setpoint, replaced in place. 2.0.1 and 1.6: one short-lived profile replaced in place. When
the lease ends the station falls back to its safe default profile. Below what a car can take, the setpoint is a pause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from csms.clock import Clock
from csms.domain.commands import (
    Command,
    CommandRecord,
    CommandState,
    SetChargingProfile,
    UpdateDynamicSchedule,
)
from csms.domain.fleet import EvseState, StationState
from csms.domain.profile import (
    ChargingProfile,
    DynamicUpdate,
    Kind,
    OperationMode,
    Period,
    Purpose,
    RateUnit,
)
from csms.ids import EvseKey, TransactionId
from csms.services.command_desk import CommandDesk
from csms.services.live import LiveBus
from csms.services.profile_ids import SAFE_PROFILE_BASE, SETPOINT_PROFILE_BASE
from csms.units import NOMINAL_PHASE_V

ISSUER = "dispatch"
FreqWatt = tuple[tuple[float, float], ...]
"""(Hz, W) points, import > 0."""
REFUSALS_BELIEVED = 3
"""So many refusals in a row mean that the station does not take this kind of profile."""
_NEXT_PURPOSE = {Purpose.TX: Purpose.TX_DEFAULT, Purpose.TX_DEFAULT: Purpose.STATION_MAX}


@dataclass(slots=True)
class _Installed:
    """The Dynamic profile that an EVSE holds: valid for this transaction over this connection's lifetime."""

    transaction_id: TransactionId


class Setpoints:
    """Sends setpoints and keeps ``EvseState.commanded_w`` true to what stations accepted."""

    def __init__(
        self,
        desk: CommandDesk,
        live: LiveBus,
        clock: Clock,
        *,
        lease_s: int,
        freq_watt: Callable[[EvseState], FreqWatt] = lambda _evse: (),
    ) -> None:
        self._freq_watt = freq_watt
        self._desk = desk
        self._live = live
        self._clock = clock
        self._lease_s = lease_s
        self._dynamic: dict[EvseKey, _Installed] = {}
        self._refusals: dict[EvseKey, int] = {}

    async def apply(
        self, station: StationState, evse: EvseState, power_w: float
    ) -> CommandRecord | None:
        """Give the EVSE a new setpoint; ``None`` when it has no transaction or cannot be controlled."""
        tx = evse.transaction
        if tx is None or not tx.is_open or not station.capabilities.controllable:
            return None
        if power_w < 0.0 and not station.capabilities.discharge:
            power_w = 0.0
        command = self._command(station, evse, tx.transaction_id, power_w)
        record = await self._desk.push(
            station.station_id,
            command,
            issued_by=ISSUER,
            coalesce_key=f"setpoint/{evse.key.evse_id}",
            timeout_s=float(self._lease_s),
        )
        self._learn(station, evse, tx.transaction_id, command, power_w, record)
        return record

    def curve(self, station: StationState, evse: EvseState) -> FreqWatt:
        """The frequency-watt curve that the EVSE's profiles carry: its droop, where the station has no DER control
        for it; empty otherwise."""
        caps = station.capabilities
        return self._freq_watt(evse) if caps.local_frequency and not caps.der_controls else ()

    def forget(self, station: StationState) -> None:
        """After a reboot the station may hold nothing that it was told."""
        for evse in station.evses.values():
            self._dynamic.pop(evse.key, None)
            evse.commanded_w = evse.commanded_before_w = None

    def _command(
        self, station: StationState, evse: EvseState, tx_id: TransactionId, power_w: float
    ) -> Command:
        profile_id = SETPOINT_PROFILE_BASE + evse.key.evse_id
        curve = self.curve(station, evse)
        if curve:
            lease = self._lease(station, evse, tx_id, power_w)
            lease = msgspec.structs.replace(
                lease, unit=RateUnit.W, periods=(_on_curve(power_w, curve),)
            )
            return SetChargingProfile(evse_id=evse.key.evse_id, profile=lease)
        if not station.capabilities.dynamic_profiles:
            return SetChargingProfile(
                evse_id=evse.key.evse_id, profile=self._lease(station, evse, tx_id, power_w)
            )
        installed = self._dynamic.get(evse.key)
        if installed is not None and installed.transaction_id == tx_id:
            return UpdateDynamicSchedule(
                profile_id=profile_id, update=DynamicUpdate(setpoint=round(power_w, 1))
            )
        purpose = station.capabilities.setpoint_purpose
        return SetChargingProfile(
            evse_id=evse.key.evse_id,
            profile=ChargingProfile(
                profile_id=profile_id,
                stack_level=1,
                purpose=purpose,
                kind=Kind.DYNAMIC,
                unit=RateUnit.W,
                start=self._clock.now(),
                duration_s=self._lease_s,
                transaction_id=tx_id if purpose is Purpose.TX else None,
                periods=(Period(setpoint=round(power_w, 1), mode=OperationMode.CENTRAL_SETPOINT),),
            ),
        )

    def _lease(
        self, station: StationState, evse: EvseState, tx_id: TransactionId, power_w: float
    ) -> ChargingProfile:
        caps = station.capabilities
        purpose = caps.setpoint_purpose
        return ChargingProfile(
            profile_id=SETPOINT_PROFILE_BASE + evse.key.evse_id,
            stack_level=1,
            purpose=purpose,
            kind=Kind.ABSOLUTE,
            unit=caps.rate_unit,
            start=self._clock.now(),
            duration_s=self._lease_s,
            transaction_id=tx_id if purpose is Purpose.TX else None,
            periods=(Period(limit=in_unit(evse, caps.rate_unit, power_w)),),
        )

    def _learn(
        self,
        station: StationState,
        evse: EvseState,
        tx_id: TransactionId,
        command: Command,
        power_w: float,
        record: CommandRecord,
    ) -> None:
        if record.state is CommandState.ACCEPTED:
            if isinstance(command, SetChargingProfile) and command.profile.kind is Kind.DYNAMIC:
                self._dynamic[evse.key] = _Installed(tx_id)
            evse.commanded_before_w, evse.commanded_w = evse.commanded_w, power_w
            evse.commanded_s = self._clock.monotonic()
            self._refusals.pop(evse.key, None)
            return
        if record.state not in (CommandState.REJECTED, CommandState.FAILED):
            return  # not delivered: the loop tries again, the lease protects the feeder meanwhile
        self._dynamic.pop(evse.key, None)
        if isinstance(command, SetChargingProfile) and command.profile.periods[0].freq_watt:
            station.capabilities.local_frequency = False  # then without a curve of its own
            return
        if isinstance(command, UpdateDynamicSchedule):
            return  # it lost the profile: the next cycle installs it anew
        if not evse.is_charging:
            return  # the transaction ended under way
        refusals = self._refusals[evse.key] = self._refusals.get(evse.key, 0) + 1
        if refusals < REFUSALS_BELIEVED:
            return  # a 1.6 station may not have got its transaction id yet
        del self._refusals[evse.key]
        caps = station.capabilities
        following = _NEXT_PURPOSE.get(caps.setpoint_purpose)
        if following is None or (following is Purpose.STATION_MAX and len(station.evses) > 1):
            caps.controllable = False
            self._live.publish(
                "alarm", f"{station.station_id} refuses every kind of setpoint: {record.reason}"
            )
        else:
            caps.setpoint_purpose = following


def safe_default(
    station: StationState, evse: EvseState, power_w: float, curve: FreqWatt = ()
) -> SetChargingProfile:
    """What the EVSE does when nobody leads it: a TxDefaultProfile on the lowest stack level, without an end."""
    unit = RateUnit.W if curve else station.capabilities.rate_unit
    period = _on_curve(power_w, curve) if curve else Period(limit=in_unit(evse, unit, power_w))
    return SetChargingProfile(
        evse_id=evse.key.evse_id,
        profile=ChargingProfile(
            profile_id=SAFE_PROFILE_BASE + evse.key.evse_id,
            stack_level=0,
            purpose=Purpose.TX_DEFAULT,
            kind=Kind.RELATIVE,
            unit=unit,
            periods=(period,),
        ),
    )


def _on_curve(power_w: float, curve: FreqWatt) -> Period:
    """``power_w`` at nominal frequency, and beyond the dead band what the curve adds (Q08)."""
    return Period(
        mode=OperationMode.LOCAL_FREQUENCY, v2x_baseline_w=round(power_w, 1), freq_watt=curve
    )


def in_unit(evse: EvseState, unit: RateUnit, power_w: float) -> float:
    """Power as the profile's unit wants it. Amperes are per phase, taken at no less than nominal voltage, so that
    a station which multiplies by its own voltage never draws more than ``power_w``."""
    if unit is RateUnit.W:
        return round(power_w, 1)
    n_phases = evse.place.phases.n_phases if evse.place else 3
    measured = [v for v in (evse.reading.voltage_v if evse.reading else None) or () if v]
    phase_v = max([NOMINAL_PHASE_V, *measured])
    tenths = int(abs(power_w) / (n_phases * phase_v) * 10.0 + 1e-9)
    return tenths / 10.0 if power_w >= 0 else -tenths / 10.0
