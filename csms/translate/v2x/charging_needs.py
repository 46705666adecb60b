"""What the car told over ISO 15118, as OCPP 2.x passes it on: its needs, and the schedule that it chose."""

from __future__ import annotations

from csms.domain.events import (
    ChargingNeedsReply,
    ChargingNeedsTold,
    EvScheduleReply,
    EvScheduleTold,
)
from csms.domain.profile import RateUnit
from csms.translate.fields import Payload, amount, timestamp, whole

_AC_PHASES = {"AC_single_phase": 1, "AC_two_phase": 2, "AC_three_phase": 3}


def charging_needs(payload: Payload) -> ChargingNeedsTold:
    """The AC power is an estimate from current, voltage and phases when the car told no power."""
    needs = payload["chargingNeeds"]
    ac = needs.get("acChargingParameters", {})
    dc = needs.get("dcChargingParameters", {})
    v2x = needs.get("v2xChargingParameters", {})
    mode = needs["requestedEnergyTransfer"]
    departure = needs.get("departureTime")
    return ChargingNeedsTold(
        evse_id=whole(payload["evseId"], "/evseId", low=1),
        requested_transfer=mode,
        departure=(
            None if departure is None else timestamp(departure, "/chargingNeeds/departureTime")
        ),
        energy_wh=_first(
            v2x.get("evTargetEnergyRequest"), ac.get("energyAmount"), dc.get("energyAmount")
        ),
        min_energy_wh=_first(v2x.get("evMinEnergyRequest")),
        max_charge_w=_first(
            _of_phases(v2x, "maxChargePower"), _dc_power(dc), _ac_power(ac, _AC_PHASES.get(mode))
        ),
        max_discharge_w=_max_discharge_w(v2x, mode),
        soc_frac=_frac(dc.get("stateOfCharge")),
        target_soc_frac=_frac(v2x.get("targetSoC")),
        capacity_wh=_first(dc.get("evEnergyCapacity")),
        control_mode=needs.get("controlMode"),
        max_periods=_max_periods(payload.get("maxScheduleTuples")),
        raw=payload,
    )


def charging_needs_reply(reply: ChargingNeedsReply) -> Payload:
    return {"status": reply.status}


def ev_schedule(payload: Payload) -> EvScheduleTold:
    """Raises ``BadValue``. What order the periods came in tells nothing: they say when they start."""
    schedule = payload["chargingSchedule"]
    where = "/chargingSchedule/chargingSchedulePeriod"
    periods = sorted(
        (float(whole(each["startPeriod"], where)), amount(_asked(each), where))
        for each in schedule["chargingSchedulePeriod"]
    )
    duration = schedule.get("duration")
    return EvScheduleTold(
        evse_id=whole(payload["evseId"], "/evseId"),
        start=timestamp(payload["timeBase"], "/timeBase"),
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=tuple(periods),
        duration_s=None if duration is None else whole(duration, "/chargingSchedule/duration"),
        raw=payload,
    )


def ev_schedule_reply(reply: EvScheduleReply) -> Payload:
    return {"status": reply.status}


def _asked(period: Payload) -> float:
    """What a period may draw; 2.1 has periods that say nothing of it."""
    return float(period["limit"] if "limit" in period else period.get("setpoint", 0.0))


def _max_periods(told: int | None) -> int | None:
    """0 would be no schedule at all: taken as not told."""
    return None if not told else whole(told, "/maxScheduleTuples")


def _first(*told: float | None) -> float | None:
    return next((amount(value, "/chargingNeeds") for value in told if value is not None), None)


def _of_phases(v2x: Payload, name: str) -> float | None:
    """The unsuffixed field is the sum of the phases unless L2 and L3 are told; then it is L1."""
    told = v2x.get(name)
    if told is None:
        return None
    return float(told + v2x.get(f"{name}_L2", 0.0) + v2x.get(f"{name}_L3", 0.0))


def _max_discharge_w(v2x: Payload, mode: str) -> float | None:
    if "BPT" not in mode:
        return 0.0
    told = _first(_of_phases(v2x, "maxDischargePower"))
    return None if told is None else abs(told)  # defined as >= 0; some write it like a setpoint


def _dc_power(dc: Payload) -> float | None:
    told = dc.get("evMaxPower")
    if told is None and dc:
        told = dc["evMaxCurrent"] * dc["evMaxVoltage"]
    return told


def _ac_power(ac: Payload, phases: int | None) -> float | None:
    """ISO 15118-2 tells the current per phase and the voltage from phase to neutral."""
    if not ac or phases is None:
        return None
    return float(ac["evMaxCurrent"] * ac["evMaxVoltage"] * phases)


def _frac(percent: float | None) -> float | None:
    return None if percent is None else percent / 100.0
