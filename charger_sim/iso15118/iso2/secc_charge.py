"""Handlers of the charger: parameters, schedules, power, and the AC charge loop."""

from __future__ import annotations

from typing import Any, Final

from charger_sim.iso15118 import timeouts
from charger_sim.iso15118.backend import (
    ChargingNeeds,
    MakeSchedule,
    PowerSchedule,
    ReportSchedule,
)
from charger_sim.iso15118.iso2 import messages
from charger_sim.iso15118.iso2.messages import Message, physical, quantity
from charger_sim.iso15118.iso2.secc_context import Answer, Question, Refusal, Reply, SeccContext
from charger_sim.iso15118.iso2.secc_table import State
from charger_sim.iso15118.machine import PENDING
from charger_sim.iso15118.physical import Notification
from pki.xmlsig import SignatureRejectedError, check

_REPORT_PATIENCE_S: Final = 0.5
_POWER_SLACK_W: Final = 1.0
"""Rounding of physical values."""
_MAX_TUPLES: Final = 3


def charge_parameter_discovery(context: SeccContext, message: Message, now_s: float) -> Answer:
    """Tells the needs to the backend, and answers with its schedules."""
    data = context.data
    needs = _needs(context, message.body)
    question = MakeSchedule(needs, data.renegotiations)

    def then(answer: tuple[PowerSchedule, ...] | object, at_s: float) -> Answer:
        if answer is PENDING:
            if data.ongoing_since_s is None:
                data.ongoing_since_s = now_s
            if at_s - data.ongoing_since_s > timeouts.ISO_2.ongoing_performance_s:
                raise Refusal("FAILED", "no schedule in time")
            body = {"EVSEProcessing": "Ongoing", **_evse_parameter(context, data.is_dc)}
            return Reply(State.PARAMETERS, body)
        if not isinstance(answer, tuple) or not answer:
            raise Refusal("FAILED", "the backend gave no schedule")
        data.ongoing_since_s = None
        data.schedules = answer[:_MAX_TUPLES]
        body = {
            "EVSEProcessing": "Finished",
            "SAScheduleList": {"SAScheduleTuple": [_tuple(each) for each in data.schedules]},
            **_evse_parameter(context, data.is_dc),
        }
        has_tariff = any(each.tariff for each in data.schedules)
        return Reply(
            State.DC_CABLE_CHECK if data.is_dc else State.AC_READY,
            body,
            key=context.config.tariff_key if has_tariff else None,
        )

    data.needs = needs
    data.is_dc = needs.energy_transfer_mode.startswith("DC")
    return Question(question, then, context.config.schedule_patience_s)


def _needs(context: SeccContext, body: dict[str, Any]) -> ChargingNeeds:
    mode = body["RequestedEnergyTransferMode"]
    if mode not in context.config.energy_transfer_modes:
        raise Refusal("FAILED_WrongEnergyTransferMode", f"{mode} is not offered")
    entries = body.get("MaxEntriesSAScheduleTuple", 1024)
    if mode.startswith("AC"):
        ac = body.get("AC_EVChargeParameter")
        if ac is None:
            raise Refusal("FAILED_WrongChargeParameter", f"no AC parameters for {mode}")
        return ChargingNeeds(
            mode,
            departure_s=ac.get("DepartureTime"),
            energy_wh=_positive(ac, "EAmount"),
            voltage_max_v=_positive(ac, "EVMaxVoltage"),
            current_max_a=_positive(ac, "EVMaxCurrent"),
            current_min_a=_positive(ac, "EVMinCurrent"),
            max_schedule_entries=entries,
        )
    dc = body.get("DC_EVChargeParameter")
    if dc is None:
        raise Refusal("FAILED_WrongChargeParameter", f"no DC parameters for {mode}")
    return ChargingNeeds(
        mode,
        departure_s=dc.get("DepartureTime"),
        energy_wh=_positive(dc, "EVEnergyRequest"),
        power_max_w=_positive(dc, "EVMaximumPowerLimit"),
        voltage_max_v=_positive(dc, "EVMaximumVoltageLimit"),
        current_max_a=_positive(dc, "EVMaximumCurrentLimit"),
        soc_frac=dc["DC_EVStatus"]["EVRESSSOC"] / 100.0,
        capacity_wh=_positive(dc, "EVEnergyCapacity"),
        max_schedule_entries=entries,
    )


def _positive(values: dict[str, Any], name: str) -> float | None:
    if name not in values:
        return None
    value = quantity(values[name])
    if value < 0.0:
        raise Refusal("FAILED_WrongChargeParameter", f"{name} is {value}")
    return value


def _evse_parameter(context: SeccContext, is_dc: bool) -> dict[str, Any]:
    limits = context.evse.limits
    if not is_dc:
        parameter = {
            "AC_EVSEStatus": ac_status(context),
            "EVSENominalVoltage": physical(limits.voltage_max_v, "V"),
            "EVSEMaxCurrent": physical(limits.current_max_a, "A"),
        }
        return {"AC_EVSEChargeParameter": parameter}
    parameter = {
        "DC_EVSEStatus": dc_status(context),
        "EVSEMaximumCurrentLimit": physical(limits.current_max_a, "A"),
        "EVSEMaximumPowerLimit": physical(limits.power_max_w, "W"),
        "EVSEMaximumVoltageLimit": physical(limits.voltage_max_v, "V"),
        "EVSEMinimumCurrentLimit": physical(limits.current_min_a, "A"),
        "EVSEMinimumVoltageLimit": physical(limits.voltage_min_v, "V"),
        "EVSEPeakCurrentRipple": physical(1.0, "A"),
    }
    return {"DC_EVSEChargeParameter": parameter}


def _tuple(schedule: PowerSchedule) -> dict[str, Any]:
    entries = []
    for number, (start_s, power_w) in enumerate(schedule.limits):
        interval: dict[str, Any] = {"start": int(start_s)}
        if number == len(schedule.limits) - 1:
            interval["duration"] = min(86_400, max(0, int(schedule.duration_s - start_s)))
        entries.append({"RelativeTimeInterval": interval, "PMax": physical(power_w, "W")})
    value: dict[str, Any] = {
        "SAScheduleTupleID": schedule.tuple_id,
        "PMaxSchedule": {"PMaxScheduleEntry": entries},
    }
    if schedule.tariff:
        value["SalesTariff"] = {
            "@Id": f"tariff{schedule.tuple_id}",
            "SalesTariffID": schedule.tuple_id,
            "NumEPriceLevels": max(each.level for each in schedule.tariff) + 1,
            "SalesTariffEntry": [
                {"RelativeTimeInterval": {"start": int(each.start_s)}, "EPriceLevel": each.level}
                for each in schedule.tariff
            ],
        }
    return value


def power_delivery(context: SeccContext, message: Message, now_s: float) -> Answer:
    """Start closes the contactors, Stop opens them, Renegotiate leads back to the parameters."""
    del now_s
    data = context.data
    progress = message.body["ChargeProgress"]
    if progress == "Stop":
        if not context.evse.switch(False):
            raise Refusal("FAILED_ContactorError", "the contactors do not open")
        return Reply(State.DC_STOPPED if data.is_dc else State.STOPPED, _status(context))
    chosen = message.body["SAScheduleTupleID"]
    schedule = next((each for each in data.schedules if each.tuple_id == chosen), None)
    if schedule is None:
        raise Refusal("FAILED_TariffSelectionInvalid", f"schedule {chosen} was not offered")
    if progress == "Renegotiate":
        data.renegotiations += 1
        return Reply(State.PARAMETERS, _status(context))
    if data.is_dc and "DC_EVPowerDeliveryParameter" not in message.body:
        raise Refusal("FAILED_PowerDeliveryNotApplied", "no DC parameters")
    profile = _profile(message.body, schedule)
    if not context.evse.switch(True):
        raise Refusal("FAILED_ContactorError", "the contactors do not close")
    data.tuple_id = chosen
    state = State.DC_CHARGING if data.is_dc else State.AC_CHARGING
    return Question(
        ReportSchedule(chosen, profile),
        lambda _answer, _now_s: Reply(state, _status(context)),
        _REPORT_PATIENCE_S,
    )


def _profile(body: dict[str, Any], schedule: PowerSchedule) -> tuple[tuple[float, float], ...]:
    """What the EV means to draw: never more than it may (V2G2-293 ff.)."""
    entries = body.get("ChargingProfile", {}).get("ProfileEntry", [])
    profile = tuple(
        (float(each["ChargingProfileEntryStart"]), quantity(each["ChargingProfileEntryMaxPower"]))
        for each in entries
    )
    for start_s, power_w in profile:
        limit_w = _limit_w(schedule, start_s)
        if power_w > limit_w + _POWER_SLACK_W + 0.001 * abs(limit_w):
            raise Refusal(
                "FAILED_ChargingProfileInvalid",
                f"{power_w:.0f} W at {start_s:.0f} s, at most {limit_w:.0f} W",
            )
    return profile


def _limit_w(schedule: PowerSchedule, at_s: float) -> float:
    limit_w = schedule.limits[0][1]
    for start_s, power_w in schedule.limits:
        if start_s <= at_s:
            limit_w = power_w
    return limit_w


def charging_status(context: SeccContext, message: Message, now_s: float) -> Answer:
    del message, now_s
    limits, data = context.evse.limits, context.data
    current_a = min(
        limits.current_max_a,
        context.evse.power_limit_w() / (limits.voltage_max_v * limits.phases),
    )
    body = {
        "EVSEID": context.config.evse_id,
        "SAScheduleTupleID": data.tuple_id,
        "EVSEMaxCurrent": physical(current_a, "A"),
        "MeterInfo": read_meter(context),
        "ReceiptRequired": wants_receipt(context),
        "AC_EVSEStatus": ac_status(context),
    }
    return Reply(State.AC_RECEIPT if wants_receipt(context) else State.AC_CHARGING, body)


def metering_receipt(context: SeccContext, message: Message, now_s: float) -> Answer:
    """The contract key must have signed the reading that the charger has sent."""
    del now_s
    data = context.data
    metered, told = data.metered, message.body["MeterInfo"]
    if data.contract_key is None or metered is None:
        raise Refusal("FAILED_SequenceError", "no receipt was asked for")
    if message.body["SessionID"] != data.session_id:
        raise Refusal("FAILED_UnknownSession", "the receipt is of another session")
    if (told["MeterID"], told.get("MeterReading")) != (metered.meter_id, int(metered.energy_wh)):
        raise Refusal("FAILED_MeteringSignatureNotValid", "the receipt is of another reading")
    try:
        check(
            message.document,
            messages.TABLE,
            data.contract_key,
            frozenset({"MeteringReceiptReq"}),
        )
    except SignatureRejectedError as error:
        raise Refusal("FAILED_MeteringSignatureNotValid", str(error)) from None
    return Reply(State.DC_CHARGING if data.is_dc else State.AC_CHARGING, _status(context))


def wants_receipt(context: SeccContext) -> bool:
    """Receipts are signed by contracts: with other payment there are none."""
    return context.config.receipts and context.data.by_contract


def read_meter(context: SeccContext) -> dict[str, Any]:
    """MeterInfo, remembered for the receipt."""
    reading = context.data.metered = context.evse.meter()
    info: dict[str, Any] = {
        "MeterID": reading.meter_id,
        "MeterReading": int(reading.energy_wh),
        "TMeter": int(reading.t_unix_s),
    }
    if reading.signature is not None:
        info["SigMeterReading"] = reading.signature
    return info


def ac_status(context: SeccContext) -> dict[str, Any]:
    return {**_notification(context), "RCD": False}


def dc_status(context: SeccContext) -> dict[str, Any]:
    stop = context.evse.notification() is Notification.STOP
    return {
        **_notification(context),
        "EVSEIsolationStatus": "Valid",
        "EVSEStatusCode": "EVSE_Shutdown" if stop else "EVSE_Ready",
    }


def _notification(context: SeccContext) -> dict[str, Any]:
    return {"NotificationMaxDelay": 0, "EVSENotification": context.evse.notification().value}


def _status(context: SeccContext) -> dict[str, Any]:
    if context.data.is_dc:
        return {"DC_EVSEStatus": dc_status(context)}
    return {"AC_EVSEStatus": ac_status(context)}
