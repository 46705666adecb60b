"""Steps of the car: parameters, schedule, and the charge loops of AC and DC."""

from __future__ import annotations

import math
from typing import Any, Final

from charger_sim.iso15118.iso2.evcc_choice import choose, read_schedule
from charger_sim.iso15118.iso2.evcc_context import EvccContext, GiveUp, Request
from charger_sim.iso15118.iso2.evcc_tariff import take_tariff, tariff_of
from charger_sim.iso15118.iso2.messages import ID, Message, physical, quantity
from charger_sim.iso15118.machine import Ending
from charger_sim.iso15118.physical import Notification, Wish

_PRE_CHARGE_TOLERANCE_V: Final = 20.0
_MAX_PROFILE_ENTRIES: Final = 24
_DEFAULT_VOLTAGE_V: Final = 400.0


def charge_parameter_discovery(context: EvccContext) -> Request:
    needs = context.car.needs
    parameter: dict[str, Any] = {}
    if needs.departure_s is not None:
        parameter["DepartureTime"] = max(0, int(needs.departure_s))
    body: dict[str, Any] = {
        "MaxEntriesSAScheduleTuple": needs.max_schedule_entries,
        "RequestedEnergyTransferMode": needs.energy_transfer_mode,
    }
    voltage_v = needs.voltage_max_v or _DEFAULT_VOLTAGE_V
    if context.is_dc:
        parameter |= {
            "DC_EVStatus": _dc_status(context, ready=False),
            "EVMaximumCurrentLimit": physical(needs.current_max_a or 0.0, "A"),
            "EVMaximumVoltageLimit": physical(voltage_v, "V"),
        }
        for name, value, unit in (
            ("EVMaximumPowerLimit", needs.power_max_w, "W"),
            ("EVEnergyCapacity", needs.capacity_wh, "Wh"),
            ("EVEnergyRequest", needs.energy_wh, "Wh"),
        ):
            if value is not None:
                parameter[name] = physical(value, unit)
        return Request({**body, "DC_EVChargeParameter": parameter})
    parameter |= {
        "EAmount": physical(needs.energy_wh or 0.0, "Wh"),
        "EVMaxVoltage": physical(voltage_v, "V"),
        "EVMaxCurrent": physical(needs.current_max_a or 0.0, "A"),
        "EVMinCurrent": physical(needs.current_min_a or 0.0, "A"),
    }
    return Request({**body, "AC_EVChargeParameter": parameter})


def on_charge_parameter_discovery(context: EvccContext, message: Message) -> str:
    """Takes a schedule: see `evcc_choice`."""
    body = message.body
    if body["EVSEProcessing"] != "Finished":
        return "ChargeParameterDiscovery"
    wanted = "DC_EVSEChargeParameter" if context.is_dc else "AC_EVSEChargeParameter"
    if wanted not in body:
        raise GiveUp(Ending.PROTOCOL_ERROR, f"no {wanted}")
    tuples = body.get("SAScheduleList", {}).get("SAScheduleTuple", [])
    if not tuples:
        raise GiveUp(Ending.PROTOCOL_ERROR, "no schedule")
    data = context.data
    offers = [read_schedule(row, tariff_of(data, message, row).prices) for row in tuples]
    chosen = choose(offers, context.car.needs)
    data.tuple_id = offers[chosen].tuple_id
    data.profile = list(offers[chosen].limits)
    take_tariff(data, message, tuples[chosen])
    data.progress = "Start"
    if context.is_dc:
        return "CableCheck"
    data.voltage_v = quantity(body[wanted]["EVSENominalVoltage"])
    return "PowerDelivery"


def cable_check(context: EvccContext) -> Request:
    return Request({"DC_EVStatus": _dc_status(context)})


def on_cable_check(context: EvccContext, message: Message) -> str:
    del context
    return "PreCharge" if message.body["EVSEProcessing"] == "Finished" else "CableCheck"


def pre_charge(context: EvccContext) -> Request:
    voltage_v, _ = context.car.target()
    return Request(
        {
            "DC_EVStatus": _dc_status(context),
            "EVTargetVoltage": physical(voltage_v, "V"),
            "EVTargetCurrent": physical(0.0, "A"),
        }
    )


def on_pre_charge(context: EvccContext, message: Message) -> str:
    voltage_v, _ = context.car.target()
    difference_v = quantity(message.body["EVSEPresentVoltage"]) - voltage_v
    return "PowerDelivery" if abs(difference_v) <= _PRE_CHARGE_TOLERANCE_V else "PreCharge"


def power_delivery(context: EvccContext) -> Request:
    data = context.data
    body: dict[str, Any] = {
        "ChargeProgress": data.progress,
        "SAScheduleTupleID": data.tuple_id,
    }
    if data.progress == "Start":
        most_w = context.car.needs.power_max_w or math.inf
        body["ChargingProfile"] = {
            "ProfileEntry": [
                {
                    "ChargingProfileEntryStart": int(start_s),
                    "ChargingProfileEntryMaxPower": physical(min(power_w, most_w), "W"),
                }
                for start_s, power_w in data.profile[:_MAX_PROFILE_ENTRIES]
            ]
        }
    if context.is_dc:
        body["DC_EVPowerDeliveryParameter"] = {
            "DC_EVStatus": _dc_status(context),
            "ChargingComplete": data.progress == "Stop",
        }
    return Request(body)


def on_power_delivery(context: EvccContext, message: Message) -> str:
    del message
    progress = context.data.progress
    if progress == "Renegotiate":
        return "ChargeParameterDiscovery"
    if progress == "Start":
        return "CurrentDemand" if context.is_dc else "ChargingStatus"
    return "WeldingDetection" if context.is_dc else "SessionStop"


def charging_status(context: EvccContext) -> Request:
    del context
    return Request({})


def on_charging_status(context: EvccContext, message: Message) -> str:
    body, data = message.body, context.data
    if "EVSEMaxCurrent" in body:
        phases = 1 if "single" in context.car.needs.energy_transfer_mode else 3
        context.car.limited_to(quantity(body["EVSEMaxCurrent"]) * data.voltage_v * phases)
    return _after_round(context, body, body["AC_EVSEStatus"]["EVSENotification"], "ChargingStatus")


def current_demand(context: EvccContext) -> Request:
    needs = context.car.needs
    voltage_v, current_a = context.car.target()
    body: dict[str, Any] = {
        "DC_EVStatus": _dc_status(context),
        "EVTargetCurrent": physical(current_a, "A"),
        "ChargingComplete": False,
        "EVTargetVoltage": physical(voltage_v, "V"),
    }
    if needs.power_max_w is not None:
        body["EVMaximumPowerLimit"] = physical(needs.power_max_w, "W")
    return Request(body)


def on_current_demand(context: EvccContext, message: Message) -> str:
    body = message.body
    context.car.supplied(quantity(body["EVSEPresentVoltage"]), quantity(body["EVSEPresentCurrent"]))
    return _after_round(context, body, body["DC_EVSEStatus"]["EVSENotification"], "CurrentDemand")


def _after_round(context: EvccContext, body: dict[str, Any], notification: str, again: str) -> str:
    data = context.data
    wish = context.car.wish()
    if wish in {Wish.STOP, Wish.PAUSE} or notification == Notification.STOP:
        data.progress = "Stop"
        data.stop = "Pause" if wish is Wish.PAUSE else "Terminate"
    elif wish is Wish.RENEGOTIATE or notification == Notification.RENEGOTIATE:
        data.progress = "Renegotiate"
    if body.get("ReceiptRequired", False) and data.contract is not None:
        data.meter_info = body.get("MeterInfo", {})
        return "MeteringReceipt"
    return again if data.progress == "Start" else "PowerDelivery"


def metering_receipt(context: EvccContext) -> Request:
    """Signed with the contract's key."""
    data = context.data
    if data.contract is None or not data.meter_info:
        raise GiveUp(Ending.PROTOCOL_ERROR, "a receipt without reading or contract")
    body = {
        "@Id": ID,
        "SessionID": data.session_id,
        "SAScheduleTupleID": data.tuple_id,
        "MeterInfo": data.meter_info,
    }
    return Request(body, data.contract.private_key)


def on_metering_receipt(context: EvccContext, message: Message) -> str:
    del message
    if context.data.progress != "Start":
        return "PowerDelivery"
    return "CurrentDemand" if context.is_dc else "ChargingStatus"


def welding_detection(context: EvccContext) -> Request:
    return Request({"DC_EVStatus": _dc_status(context)})


def on_welding_detection(context: EvccContext, message: Message) -> str:
    del context, message
    return "SessionStop"


def _dc_status(context: EvccContext, *, ready: bool = True) -> dict[str, Any]:
    soc_percent = min(100, max(0, round(100.0 * context.car.soc_frac)))
    return {"EVReady": ready, "EVErrorCode": "NO_ERROR", "EVRESSSOC": soc_percent}
