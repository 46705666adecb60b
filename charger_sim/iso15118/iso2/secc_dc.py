"""Handlers of the charger: cable check, pre-charge, the DC charge loop, welding detection."""

from __future__ import annotations

from charger_sim.iso15118 import timeouts
from charger_sim.iso15118.iso2.messages import Message, physical, quantity
from charger_sim.iso15118.iso2.secc_charge import dc_status, read_meter, wants_receipt
from charger_sim.iso15118.iso2.secc_context import Answer, Refusal, Reply, SeccContext
from charger_sim.iso15118.iso2.secc_table import State
from charger_sim.iso15118.physical import Notification


def cable_check(context: SeccContext, message: Message, now_s: float) -> Answer:
    del message
    data = context.data
    if context.evse.isolation_tested():
        data.ongoing_since_s = None
        body = {"DC_EVSEStatus": dc_status(context), "EVSEProcessing": "Finished"}
        return Reply(State.DC_PRE_CHARGE, body)
    if data.ongoing_since_s is None:
        data.ongoing_since_s = now_s
    if now_s - data.ongoing_since_s > timeouts.ISO_2.cable_check_s:
        raise Refusal("FAILED", "the insulation test does not end")
    status = {
        **dc_status(context),
        "EVSEIsolationStatus": "Invalid",
        "EVSEStatusCode": "EVSE_IsolationMonitoringActive",
    }
    return Reply(State.DC_CABLE_CHECK, {"DC_EVSEStatus": status, "EVSEProcessing": "Ongoing"})


def pre_charge(context: SeccContext, message: Message, now_s: float) -> Answer:
    del now_s
    target_v = quantity(message.body["EVTargetVoltage"])
    if not 0.0 <= target_v <= context.evse.limits.voltage_max_v:
        raise Refusal("FAILED", f"pre-charge to {target_v} V")
    voltage_v, _ = context.evse.drive(target_v, 0.0)
    body = {"DC_EVSEStatus": dc_status(context), "EVSEPresentVoltage": physical(voltage_v, "V")}
    return Reply(State.DC_PRE_CHARGE, body)


def current_demand(context: SeccContext, message: Message, now_s: float) -> Answer:
    """Gives what is wanted up to the ratings and today's power limit, and says which one binds."""
    del now_s
    limits = context.evse.limits
    wanted_v = quantity(message.body["EVTargetVoltage"])
    wanted_a = quantity(message.body["EVTargetCurrent"])
    power_w = min(limits.power_max_w, context.evse.power_limit_w())
    target_v = min(max(wanted_v, 0.0), limits.voltage_max_v)
    target_a = min(max(wanted_a, 0.0), limits.current_max_a)
    over_power = target_v * target_a > power_w
    if over_power:
        target_a = power_w / target_v
    if context.evse.notification() is Notification.STOP:
        target_a = 0.0
    voltage_v, current_a = context.evse.drive(target_v, target_a)
    body = {
        "DC_EVSEStatus": dc_status(context),
        "EVSEPresentVoltage": physical(voltage_v, "V"),
        "EVSEPresentCurrent": physical(current_a, "A"),
        "EVSECurrentLimitAchieved": wanted_a >= limits.current_max_a,
        "EVSEVoltageLimitAchieved": wanted_v >= limits.voltage_max_v,
        "EVSEPowerLimitAchieved": over_power,
        "EVSEMaximumVoltageLimit": physical(limits.voltage_max_v, "V"),
        "EVSEMaximumCurrentLimit": physical(limits.current_max_a, "A"),
        "EVSEMaximumPowerLimit": physical(power_w, "W"),
        "EVSEID": context.config.evse_id,
        "SAScheduleTupleID": context.data.tuple_id,
        "MeterInfo": read_meter(context),
        "ReceiptRequired": wants_receipt(context),
    }
    return Reply(State.DC_RECEIPT if wants_receipt(context) else State.DC_CHARGING, body)


def welding_detection(context: SeccContext, message: Message, now_s: float) -> Answer:
    del message, now_s
    voltage_v, _ = context.evse.drive(0.0, 0.0)
    body = {"DC_EVSEStatus": dc_status(context), "EVSEPresentVoltage": physical(voltage_v, "V")}
    return Reply(State.DC_STOPPED, body)
