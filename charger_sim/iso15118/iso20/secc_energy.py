"""SECC: the messages of AC and DC, from charge parameters to welding detection."""

from __future__ import annotations

from typing import Final

from charger_sim.iso15118.iso20.limits import (
    AC,
    AC_BPT,
    DC,
    DC_BPT,
    EVSE_LOOP,
    LOOP_DISCHARGE,
    Limits,
    read,
    write,
)
from charger_sim.iso15118.iso20.messages import Body
from charger_sim.iso15118.iso20.numbers import rational, real
from charger_sim.iso15118.iso20.ports import Delivery, Demand, MeterReading, Notification
from charger_sim.iso15118.iso20.secc_state import Answer, Refusal, Reply, Session
from charger_sim.iso15118.iso20.services import ControlMode, ServiceId
from charger_sim.iso15118.iso20.states import Event
from pki.exi import Document

_MAY_WAIT: Final = {None, Notification.SCHEDULE_RENEGOTIATION, Notification.METERING_CONFIRMATION}
"""What a service renegotiation goes before: it brings new schedules anyway."""
_PRE_CHARGE_TOLERANCE_V: Final = 20.0
"""IEC 61851-23: at most this between outlet and battery when contactors close."""


def _expect(session: Session, dc: bool) -> ServiceId:
    """The selected service. Raises Refusal where the message is of the other kind of current."""
    if session.service is None or session.service.is_dc != dc:
        raise Refusal("FAILED_SequenceError", f"{session.service!r} is selected")
    return session.service


def charge_parameter_discovery(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    dc = request.name.startswith("DC_")
    service = _expect(session, dc)
    kind = "DC" if dc else "AC"
    field = f"{'BPT_' if service.is_bpt else ''}{kind}_CPD%sEnergyTransferMode"
    wanted = request.value.get(field % "Req")
    if wanted is None:
        raise Refusal("FAILED_WrongChargeParameter", f"{field % 'Req'} was to be expected")
    session.ev_limits = read(wanted, "EV")
    common = session.ev_limits.common(session.evse.limits)
    if common.max_charge_w <= 0.0 or common.max_charge_w < common.min_charge_w:
        raise Refusal("FAILED_WrongChargeParameter", f"no power suits both: {common}")
    if dc and common.max_v < common.min_v:
        raise Refusal("FAILED_WrongChargeParameter", f"no voltage suits both: {common}")
    names = {"AC": (AC, AC_BPT), "DC": (DC, DC_BPT)}[kind][service.is_bpt]
    mode = write(session.evse.limits, "EVSE", names)
    if not dc:
        mode["EVSENominalFrequency"] = rational(session.config.frequency_hz)
    return Answer(Event.DONE, {field % "Res": mode})


def cable_check(session: Session, request: Document, now_s: float) -> Reply:
    del request
    _expect(session, dc=True)
    good = session.evse.cable_check(now_s)
    if good is None:
        return Answer(Event.ONGOING, {"EVSEProcessing": "Ongoing"})
    if not good:
        raise Refusal("FAILED", "isolation fault")
    return Answer(Event.DONE, {"EVSEProcessing": "Finished"})


def pre_charge(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    _expect(session, dc=True)
    target_v = real(request.value["EVTargetVoltage"])
    if not 0.0 <= target_v <= session.evse.limits.max_v:
        raise Refusal("FAILED_WrongChargeParameter", f"target of {target_v} V")
    present_v = session.evse.pre_charge(target_v)
    body = {"EVSEPresentVoltage": rational(present_v)}
    close = abs(present_v - target_v) <= _PRE_CHARGE_TOLERANCE_V
    finished = request.value["EVProcessing"] == "Finished"
    return Answer(Event.DONE if close and finished else Event.ONGOING, body)


def charge_loop(session: Session, request: Document, now_s: float) -> Reply:
    dc = request.name.startswith("DC_")
    service = _expect(session, dc)
    mode = session.parameters.control_mode
    name = (
        f"{'BPT_' if service.is_bpt else ''}{mode.name.title()}_{request.name[:2]}_CL%sControlMode"
    )
    wanted = request.value.get(name % "Req")
    if wanted is None:
        raise Refusal("FAILED", f"{name % 'Req'} was to be expected")
    delivery = session.evse.exchange(_demand(session, wanted, mode, dc), now_s)
    body = _status(session, request, delivery)
    control = _dc(session, delivery, mode) if dc else _ac(delivery)
    if dc:
        body |= {
            "EVSEPresentCurrent": rational(delivery.present_a),
            "EVSEPresentVoltage": rational(delivery.present_v),
            "EVSEPowerLimitAchieved": delivery.power_limited,
            "EVSECurrentLimitAchieved": delivery.current_limited,
            "EVSEVoltageLimitAchieved": delivery.voltage_limited,
        }
    return Answer(Event.DONE, {**body, name % "Res": control})


def _demand(session: Session, wanted: Body, mode: ControlMode, dc: bool) -> Demand:
    limits = session.ev_limits = read(wanted, "EV", session.ev_limits)
    chosen = session.chosen
    schedule_w = None if chosen is None else chosen.limit_w(session.clock.now())
    if not dc:
        phases = ("EVPresentActivePower", "EVPresentActivePower_L2", "EVPresentActivePower_L3")
        power_w = sum(real(wanted[each]) for each in phases if each in wanted)
        return Demand(mode, limits, power_w, schedule_w=schedule_w)
    if mode is ControlMode.DYNAMIC:
        return Demand(mode, limits, schedule_w=schedule_w)
    target_a, target_v = real(wanted["EVTargetCurrent"]), real(wanted["EVTargetVoltage"])
    return Demand(mode, limits, target_a * target_v, target_a, target_v, schedule_w)


def _status(session: Session, request: Document, delivery: Delivery) -> Body:
    body: Body = {}
    notification = delivery.notification
    if notification is Notification.METERING_CONFIRMATION and session.contract_key is None:
        notification = None  # there is no key that could sign
    if notification in _MAY_WAIT and session.should_choose_anew():
        notification = Notification.SERVICE_RENEGOTIATION
    if notification is not None:
        body["EVSEStatus"] = {
            "NotificationMaxDelay": 0,
            "EVSENotification": notification.value,
        }
    confirm = notification is Notification.METERING_CONFIRMATION
    if request.value["MeterInfoRequested"] or confirm:
        body["MeterInfo"] = _meter_info(session.evse.meter())
    if confirm:
        session.receipt = body["MeterInfo"]
    return body


def _meter_info(reading: MeterReading) -> Body:
    found: Body = {
        "MeterID": reading.meter_id[:32],
        "ChargedEnergyReadingWh": reading.charged_wh,
        "BPT_DischargedEnergyReadingWh": reading.discharged_wh,
    }
    if reading.at_s is not None:
        found["MeterTimestamp"] = reading.at_s
    return found


def _ac(delivery: Delivery) -> Body:
    return {
        "EVSETargetActivePower": rational(delivery.target_w),
        "EVSEPresentActivePower": rational(delivery.power_w),
    }


def _dc(session: Session, delivery: Delivery, mode: ControlMode) -> Body:
    """In dynamic mode the limits are the order: both ends at the target."""
    limits = delivery.limits or session.evse.limits
    bpt = session.service is ServiceId.DC_BPT
    names = (*EVSE_LOOP, *((*LOOP_DISCHARGE, "MinimumVoltage") if bpt else ()))
    if mode is ControlMode.SCHEDULED:
        return write(limits, "EVSE", names)
    return write(_ordered(limits, delivery.target_w), "EVSE", names)


def _ordered(limits: Limits, target_w: float) -> Limits:
    charge_w, discharge_w = max(target_w, 0.0), max(-target_w, 0.0)
    return Limits(
        max_charge_w=charge_w,
        min_charge_w=min(limits.min_charge_w, charge_w),
        max_charge_a=limits.max_charge_a,
        max_v=limits.max_v,
        min_v=limits.min_v,
        max_discharge_w=discharge_w,
        min_discharge_w=min(limits.min_discharge_w, discharge_w),
        max_discharge_a=limits.max_discharge_a,
    )


def welding_detection(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    _expect(session, dc=True)
    body = {"EVSEPresentVoltage": rational(session.evse.present_v())}
    finished = request.value["EVProcessing"] == "Finished"
    return Answer(Event.DONE if finished else Event.ONGOING, body)
