"""EVCC: the messages of AC and DC, from charge parameters to welding detection."""

from __future__ import annotations

from typing import Final

from charger_sim.iso15118.iso20.evcc_services import energy_fields
from charger_sim.iso15118.iso20.evcc_state import Abort, Request, Session
from charger_sim.iso15118.iso20.limits import (
    AC,
    AC_BPT,
    DC,
    DC_BPT,
    EV_LOOP,
    LOOP_DISCHARGE,
    read,
    write,
)
from charger_sim.iso15118.iso20.messages import Body
from charger_sim.iso15118.iso20.numbers import rational, real
from charger_sim.iso15118.iso20.ports import Delivery, MeterReading, Notification, Wish
from charger_sim.iso15118.iso20.services import ControlMode
from charger_sim.iso15118.iso20.states import Move

PRE_CHARGE_TOLERANCE_V: Final = 20.0
SAFE_V: Final = 60.0
"""Below this a DC outlet is free of danger (IEC 61851-23)."""
_WISH_OF: Final = {
    Notification.PAUSE: Wish.PAUSE,
    Notification.TERMINATE: Wish.TERMINATE,
    Notification.SCHEDULE_RENEGOTIATION: Wish.RENEGOTIATE,
    Notification.SERVICE_RENEGOTIATION: Wish.CHANGE_SERVICE,
}
_PROGRESS_OF: Final = {Wish.CHARGE: "Start", Wish.STANDBY: "Standby"}


def _mode(session: Session, pattern: str) -> str:
    """An element's name, such as BPT_DC_CPDReqEnergyTransferMode for "{}_CPDReq..."."""
    kind = "DC" if session.service.is_dc else "AC"
    return ("BPT_" if session.service.is_bpt else "") + pattern.format(kind)


def charge_parameter_discovery(session: Session, now_s: float) -> Request:
    del now_s
    service = session.service
    names = (
        (DC_BPT if service.is_bpt else DC) if service.is_dc else AC_BPT if service.is_bpt else AC
    )
    mode = write(session.vehicle.limits, "EV", names)
    target = session.vehicle.needs().target_soc_frac
    if service.is_dc and target is not None:
        mode["TargetSOC"] = round(100 * target)
    return Request({_mode(session, "{}_CPDReqEnergyTransferMode"): mode})


def read_charge_parameter_discovery(session: Session, response: Body, now_s: float) -> Move:
    del now_s
    name = _mode(session, "{}_CPDResEnergyTransferMode")
    if name not in response:
        raise Abort(f"{name} was to be expected")
    session.evse_limits = read(response[name], "EVSE")
    return Move.NEXT


def read_cable_check(session: Session, response: Body, now_s: float) -> Move:
    del session, now_s
    return Move.NEXT if response["EVSEProcessing"] == "Finished" else Move.AGAIN


def pre_charge(session: Session, now_s: float) -> Request:
    """Finished is said with the voltage in reach, so at the second request at the earliest."""
    del now_s
    target = rational(session.vehicle.battery_v)
    return Request(
        {
            "EVProcessing": "Finished" if session.pre_charged else "Ongoing",
            "EVPresentVoltage": rational(session.present_v),
            "EVTargetVoltage": target,
        }
    )


def read_pre_charge(session: Session, response: Body, now_s: float) -> Move:
    del now_s
    if session.pre_charged:
        return Move.NEXT
    session.present_v = real(response["EVSEPresentVoltage"])
    reached = abs(session.present_v - session.vehicle.battery_v) <= PRE_CHARGE_TOLERANCE_V
    session.pre_charged = reached
    return Move.AGAIN


def charge_loop(session: Session, now_s: float) -> Request:
    del now_s
    vehicle = session.vehicle
    dynamic = session.control_mode is ControlMode.DYNAMIC
    mode = _dc_mode(session) if session.service.is_dc else _ac_mode(session)
    if dynamic:
        mode |= energy_fields(vehicle.needs(), v2x=session.service.is_bpt)
    name = _mode(session, f"{session.control_mode.name.title()}_{{}}_CLReqControlMode")
    target_soc_frac = vehicle.needs().target_soc_frac
    body: Body = {
        "DisplayParameters": {
            "PresentSOC": round(100 * vehicle.soc_frac),
            "ChargingComplete": vehicle.soc_frac >= (target_soc_frac or 1.0),
            "BatteryEnergyCapacity": rational(vehicle.capacity_wh),
        },
        "MeterInfoRequested": session.config.meter_info,
    }
    if session.service.is_dc:
        body["EVPresentVoltage"] = rational(vehicle.battery_v)
    return Request({**body, name: mode})


def _dc_mode(session: Session) -> Body:
    vehicle = session.vehicle
    discharge = LOOP_DISCHARGE if session.service.is_bpt else ()
    mode = write(vehicle.limits, "EV", (*EV_LOOP, *discharge))
    if session.control_mode is ControlMode.SCHEDULED:
        mode["EVTargetCurrent"] = rational(_allowed_w(session) / vehicle.battery_v)
        mode["EVTargetVoltage"] = rational(vehicle.battery_v)
    return mode


def _ac_mode(session: Session) -> Body:
    names = AC_BPT if session.service.is_bpt else AC
    mode = write(session.vehicle.limits, "EV", names)
    mode["EVPresentActivePower"] = rational(_allowed_w(session))
    if session.control_mode is ControlMode.DYNAMIC:
        mode["EVPresentReactivePower"] = rational(0.0)
    return mode


def _allowed_w(session: Session) -> float:
    """The car's own target within what the charger and the schedule allow."""
    limits = session.evse_limits.common(session.vehicle.limits)
    floor_w = -limits.max_discharge_w if session.service.is_bpt else 0.0
    ceiling_w = limits.max_charge_w
    if session.chosen is not None:
        ceiling_w = min(ceiling_w, session.chosen.limit_w(session.clock.now()))
    return max(floor_w, min(session.vehicle.target_w(), ceiling_w))


def read_charge_loop(session: Session, response: Body, now_s: float) -> Move:
    name = _mode(session, f"{session.control_mode.name.title()}_{{}}_CLResControlMode")
    if name not in response:
        raise Abort(f"{name} was to be expected")
    delivery = _delivery(session, response, response[name])
    session.vehicle.take(delivery, now_s)
    if "MeterInfo" in response:
        session.meter_info = response["MeterInfo"]
        session.readings.append(_reading(response["MeterInfo"]))
    if delivery.notification is Notification.METERING_CONFIRMATION:
        return Move.METER
    session.wish = session.vehicle.wish()
    if session.wish is Wish.CHARGE and delivery.notification is not None:
        session.wish = _WISH_OF.get(delivery.notification, Wish.CHARGE)
    if session.wish is Wish.RENEGOTIATE:
        return Move.RENEGOTIATE
    progress = _PROGRESS_OF.get(session.wish, "Stop")
    in_standby = session.progress == "Standby"
    if progress == ("Standby" if in_standby else "Start"):
        return Move.AGAIN
    session.progress = progress
    return Move.STOP


def _delivery(session: Session, response: Body, mode: Body) -> Delivery:
    status = response.get("EVSEStatus")
    notification = None if status is None else Notification(status["EVSENotification"])
    if not session.service.is_dc:
        power_w = real(mode["EVSEPresentActivePower"]) if "EVSEPresentActivePower" in mode else 0.0
        target = mode.get("EVSETargetActivePower")
        target_w = power_w if target is None else real(target)
        return Delivery(power_w, target_w, notification=notification)
    present_v = real(response["EVSEPresentVoltage"])
    present_a = real(response["EVSEPresentCurrent"])
    limits = read(mode, "EVSE", session.evse_limits)
    if session.control_mode is ControlMode.SCHEDULED:
        session.evse_limits = limits  # in dynamic mode they are orders for this turn
    return Delivery(
        power_w=present_v * present_a,
        target_w=present_v * present_a,
        present_v=present_v,
        present_a=present_a,
        limits=limits,
        power_limited=response["EVSEPowerLimitAchieved"],
        current_limited=response["EVSECurrentLimitAchieved"],
        voltage_limited=response["EVSEVoltageLimitAchieved"],
        notification=notification,
    )


def _reading(info: Body) -> MeterReading:
    return MeterReading(
        info["MeterID"],
        info["ChargedEnergyReadingWh"],
        info.get("BPT_DischargedEnergyReadingWh", 0),
        info.get("MeterTimestamp"),
    )


def welding_detection(session: Session, now_s: float) -> Request:
    del now_s
    return Request({"EVProcessing": "Finished" if session.present_v <= SAFE_V else "Ongoing"})


def read_welding_detection(session: Session, response: Body, now_s: float) -> Move:
    """The EV opens its contactors; once the outlet is below 60 V it says so and leaves."""
    del now_s
    finished = session.present_v <= SAFE_V
    session.present_v = real(response["EVSEPresentVoltage"])
    return Move.LEAVE if finished else Move.AGAIN
