"""EVCC: services, schedules, power on and off, receipts, and the end."""

from __future__ import annotations

from charger_sim.iso15118.iso20.evcc_state import Abort, Request, Session
from charger_sim.iso15118.iso20.messages import Body
from charger_sim.iso15118.iso20.numbers import rational
from charger_sim.iso15118.iso20.ports import EnergyNeeds, Wish
from charger_sim.iso15118.iso20.schedules import read_tuples, write_profile
from charger_sim.iso15118.iso20.services import ControlMode, parameter_set_for
from charger_sim.iso15118.iso20.states import Move

_MAX_POINTS = 1024
_NO_DEPARTURE_S = 86_400


def service_discovery(session: Session, now_s: float) -> Request:
    del now_s
    supported = [int(each) for each in session.config.services]
    return Request({"SupportedServiceIDs": {"ServiceID": supported}})


def read_service_discovery(session: Session, response: Body, now_s: float) -> Move:
    del now_s
    rows = response["EnergyTransferServiceList"]["Service"]
    offered = {each["ServiceID"] for each in rows}
    for service in session.services:
        if service in offered:
            session.service = service
            return Move.NEXT
    return Move.LEAVE


def service_detail(session: Session, now_s: float) -> Request:
    del now_s
    return Request({"ServiceID": int(session.service)})


def read_service_detail(session: Session, response: Body, now_s: float) -> Move:
    del now_s
    if response["ServiceID"] != session.service:
        raise Abort(f"details of service {response['ServiceID']}, asked for {session.service}")
    try:
        found = parameter_set_for(response["ServiceParameterList"], session.config.control_modes)
    except LookupError:
        return Move.LEAVE
    session.parameter_set_id, session.control_mode = found
    return Move.NEXT


def service_selection(session: Session, now_s: float) -> Request:
    del now_s
    selected = {"ServiceID": int(session.service), "ParameterSetID": session.parameter_set_id}
    return Request({"SelectedEnergyTransferService": selected})


def read_service_selection(session: Session, response: Body, now_s: float) -> Move:
    del response, now_s
    return Move.DC if session.service.is_dc else Move.NEXT


def energy_fields(needs: EnergyNeeds, *, v2x: bool) -> Body:
    """EVTargetEnergyRequest and its kin."""
    found = {
        "EVTargetEnergyRequest": rational(needs.target_wh),
        "EVMaximumEnergyRequest": rational(needs.max_wh),
        "EVMinimumEnergyRequest": rational(needs.min_wh),
    }
    if v2x and needs.max_v2x_wh is not None and needs.min_v2x_wh is not None:
        found["EVMaximumV2XEnergyRequest"] = rational(needs.max_v2x_wh)
        found["EVMinimumV2XEnergyRequest"] = rational(needs.min_v2x_wh)
    return found


def schedule_exchange(session: Session, now_s: float) -> Request:
    del now_s
    needs = session.vehicle.needs()
    dynamic = session.control_mode is ControlMode.DYNAMIC
    mode = energy_fields(needs, v2x=dynamic and session.service.is_bpt)
    if dynamic or needs.departure_s is not None:
        departure_s = _NO_DEPARTURE_S if needs.departure_s is None else needs.departure_s
        mode["DepartureTime"] = max(0, round(departure_s))
    if dynamic and needs.target_soc_frac is not None:
        mode["TargetSOC"] = round(100 * needs.target_soc_frac)
    name = f"{session.control_mode.name.title()}_SEReqControlMode"
    return Request({"MaximumSupportingPoints": _MAX_POINTS, name: mode})


def read_schedule_exchange(session: Session, response: Body, now_s: float) -> Move:
    del now_s
    if response["EVSEProcessing"] != "Finished":
        return Move.AGAIN
    if session.control_mode is ControlMode.SCHEDULED:
        if "Scheduled_SEResControlMode" not in response:
            raise Abort("the charger answered scheduled mode with another")
        session.chosen = read_tuples(response["Scheduled_SEResControlMode"])[0]
    if response.get("GoToPause", False) and not session.charging:
        session.wish = Wish.PAUSE
        return Move.LEAVE
    if session.charging:
        session.progress = "ScheduleRenegotiation"
        return Move.NEXT
    session.progress = "Start"
    return Move.DC if session.service.is_dc else Move.NEXT


def power_delivery(session: Session, now_s: float) -> Request:
    del now_s
    body: Body = {"EVProcessing": "Finished", "ChargeProgress": session.progress}
    starts = session.progress in {"Start", "ScheduleRenegotiation"}
    if session.progress != "Stop":
        body["EVPowerProfile"] = _power_profile(session)
    if starts and session.service.is_bpt:
        channel = "Discharge" if session.vehicle.target_w() < 0.0 else "Charge"
        body["BPT_ChannelSelection"] = channel
    return Request(body)


def _power_profile(session: Session) -> Body:
    """What the car may take over time; in dynamic mode its common limit with the charger."""
    limit_w = session.vehicle.limits.common(session.evse_limits).max_charge_w
    if session.chosen is not None:
        return write_profile(session.chosen, limit_w)
    entry = {"Duration": _NO_DEPARTURE_S, "Power": rational(limit_w)}
    return {
        "TimeAnchor": int(session.clock.now().timestamp()),
        "Dynamic_EVPPTControlMode": {},
        "EVPowerProfileEntries": {"EVPowerProfileEntry": [entry]},
    }


def read_power_delivery(session: Session, response: Body, now_s: float) -> Move:
    del response, now_s
    if session.progress == "Stop":
        session.charging = False
        return Move.STOP if session.service.is_dc else Move.LEAVE
    session.charging = True
    return Move.DC if session.service.is_dc else Move.NEXT


def metering_confirmation(session: Session, now_s: float) -> Request:
    del now_s
    if session.contract is None or session.meter_info is None:
        raise Abort("there is no reading to confirm")
    body: Body = {
        "@Id": "id1",
        "SessionID": session.session_id,
        "MeterInfo": session.meter_info,
    }
    if session.chosen is None:
        body["Dynamic_SMDTControlMode"] = {}
    else:
        number = session.chosen.schedule.tuple_id
        body["Scheduled_SMDTControlMode"] = {"SelectedScheduleTupleID": number}
    return Request({"SignedMeteringData": body}, session.contract.key)


def read_metering_confirmation(session: Session, response: Body, now_s: float) -> Move:
    del response, now_s
    return Move.DC if session.service.is_dc else Move.NEXT


def session_stop(session: Session, now_s: float) -> Request:
    del now_s
    ends = {Wish.PAUSE: "Pause", Wish.CHANGE_SERVICE: "ServiceRenegotiation"}
    body: Body = {"ChargingSession": ends.get(session.wish, "Terminate")}
    if session.warning is not None:
        body["EVTerminationCode"] = session.warning
    return Request(body)


def read_session_stop(session: Session, response: Body, now_s: float) -> Move:
    """A service renegotiation starts over, with the present service as the last choice."""
    del response, now_s
    if session.wish is not Wish.CHANGE_SERVICE:
        return Move.END
    others = tuple(each for each in session.services if each != session.service)
    session.services = (*others, session.service)
    session.wish, session.progress = Wish.CHARGE, "Start"
    session.pre_charged, session.present_v, session.chosen = False, 0.0, None
    return Move.SERVICE
