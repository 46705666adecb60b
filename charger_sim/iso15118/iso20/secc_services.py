"""SECC: which service, which schedule, power on and off, receipts, and the end."""

from __future__ import annotations

from typing import Any, Final, Literal

from charger_sim.iso15118.backend import (
    ChargingNeeds,
    MakeSchedule,
    PowerSchedule,
    ReportSchedule,
)
from charger_sim.iso15118.iso20.messages import SCHEMA, Body
from charger_sim.iso15118.iso20.numbers import real
from charger_sim.iso15118.iso20.schedules import Chosen, exceeds, read_profile, write_tuples
from charger_sim.iso15118.iso20.secc_state import (
    Answer,
    Paused,
    Question,
    Refusal,
    Reply,
    Session,
)
from charger_sim.iso15118.iso20.services import ControlMode
from charger_sim.iso15118.iso20.states import Event
from charger_sim.iso15118.machine import PENDING, Ending
from pki.exi import Document
from pki.xmlsig import SignatureRejectedError, check

_ONGOING_SCHEDULE: Final = (PowerSchedule(1, ((0.0, 0.0),)),)
_MODE_NAME: Final[dict[ControlMode, Literal["scheduled", "dynamic"]]] = {
    ControlMode.SCHEDULED: "scheduled",
    ControlMode.DYNAMIC: "dynamic",
}


def service_discovery(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    wanted = request.value.get("SupportedServiceIDs", {}).get("ServiceID")
    session.supported = None if wanted is None else frozenset(wanted)
    session.offered = session.on_offer()
    if not session.offered:
        raise Refusal("FAILED_NoEnergyTransferServiceSelected", f"the car supports only {wanted}")
    rows = [{"ServiceID": int(each.service), "FreeService": False} for each in session.offered]
    return Answer(
        Event.DONE,
        {
            "ServiceRenegotiationSupported": session.config.service_renegotiation,
            "EnergyTransferServiceList": {"Service": rows},
        },
    )


def service_detail(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    offer = session.offer(request.value["ServiceID"])
    body = {"ServiceID": int(offer.service), "ServiceParameterList": offer.describe()}
    return Answer(Event.DONE, body)


def service_selection(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    selected = request.value["SelectedEnergyTransferService"]
    offers = {int(each.service): each for each in session.offered}
    offer = offers.get(selected["ServiceID"])
    if offer is None:
        raise Refusal("FAILED_NoEnergyTransferServiceSelected", f"{selected}")
    parameters = offer.chosen(selected["ParameterSetID"])
    if parameters is None or "SelectedVASList" in request.value:
        raise Refusal("FAILED_ServiceSelectionInvalid", f"{selected}")
    session.service, session.parameters = offer.service, parameters
    return Answer(Event.DONE, {})


def schedule_exchange(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    mode = session.parameters.control_mode
    field = f"{mode.name.title()}_SEReqControlMode"
    if field not in request.value:
        raise Refusal("FAILED", f"{field} was to be expected")
    needs = _needs(session, request.value[field], request.value["MaximumSupportingPoints"])
    session.needs = needs
    question = MakeSchedule(needs, session.schedule_round)
    return Question(question, lambda answer, _: _schedules(session, answer))


def _needs(session: Session, wanted: Body, max_entries: int) -> ChargingNeeds:
    if session.service is None:
        raise Refusal("FAILED_SequenceError", "no service is selected")
    limits = session.ev_limits
    target_soc = wanted.get("TargetSOC")

    def energy(name: str) -> float | None:
        return real(wanted[name]) if name in wanted else None

    return ChargingNeeds(
        energy_transfer_mode=session.service.name,
        departure_s=wanted.get("DepartureTime"),
        energy_wh=energy("EVTargetEnergyRequest"),
        energy_min_wh=energy("EVMinimumEnergyRequest"),
        energy_max_wh=energy("EVMaximumEnergyRequest"),
        power_max_w=limits.max_charge_w,
        voltage_max_v=limits.max_v or None,
        current_max_a=limits.max_charge_a or None,
        current_min_a=limits.min_charge_a or None,
        discharge_max_w=limits.max_discharge_w or None,
        soc_frac=None if target_soc is None else target_soc / 100.0,
        control_mode=_MODE_NAME[session.parameters.control_mode],
        max_schedule_entries=max_entries,
    )


def _schedules(session: Session, answer: Any) -> Answer:
    anchor_s = int(session.clock.now().timestamp())
    if answer is PENDING:
        body = {"EVSEProcessing": "Ongoing", **_offer(session, _ONGOING_SCHEDULE, anchor_s)}
        return Answer(Event.ONGOING, body)
    offered: tuple[PowerSchedule, ...] = tuple(answer or ())
    body = {"EVSEProcessing": "Finished", **_offer(session, offered, anchor_s)}
    session.schedules, session.anchor_s = offered, anchor_s
    session.schedule_round += 1
    if session.parameters.control_mode is ControlMode.DYNAMIC and offered:
        session.chosen = Chosen(offered[0], anchor_s)
    on_dc = session.service is not None and session.service.is_dc
    return Answer(Event.DC if on_dc else Event.DONE, body)


def _offer(session: Session, schedules: tuple[PowerSchedule, ...], anchor_s: int) -> Body:
    """In dynamic mode the car learns its power turn by turn. Raises Refusal."""
    if session.parameters.control_mode is ControlMode.DYNAMIC:
        return {"Dynamic_SEResControlMode": {}}
    if not schedules:
        raise Refusal("FAILED", "the backend makes no schedule")
    bpt = session.service is not None and session.service.is_bpt
    try:
        tuples = write_tuples(schedules, anchor_s, discharge=bpt)
    except ValueError as error:
        raise Refusal("FAILED", str(error)) from None
    return {"Scheduled_SEResControlMode": tuples}


def power_delivery(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    value = request.value
    progress = value["ChargeProgress"]
    if progress == "Stop":
        session.evse.open_contactor()
        return Answer(Event.STOP, {})
    if progress == "Standby":
        session.evse.open_contactor()
        return Answer(Event.STANDBY, {})
    if value["EVProcessing"] != "Finished":
        return Answer(Event.ONGOING, {})
    event = Event.RENEGOTIATE if progress == "ScheduleRenegotiation" else Event.START
    question = _chosen_profile(session, value.get("EVPowerProfile"))
    if event is Event.START and not session.evse.close_contactor():
        raise Refusal("FAILED_ContactorError")
    if question is None:
        return Answer(event, {})
    return Question(question, lambda _answer, _now: Answer(event, {}))


def _chosen_profile(session: Session, profile: Body | None) -> ReportSchedule | None:
    """Raises Refusal for a profile that none of the offered schedules gives."""
    if session.parameters.control_mode is ControlMode.DYNAMIC:
        return None
    if profile is None or "Scheduled_EVPPTControlMode" not in profile:
        raise Refusal("FAILED_EVPowerProfileInvalid", "scheduled mode needs a power profile")
    chosen = profile["Scheduled_EVPPTControlMode"]["SelectedScheduleTupleID"]
    offered = {max(1, each.tuple_id): each for each in session.schedules}
    if chosen not in offered:
        raise Refusal("FAILED_ScheduleSelectionInvalid", f"{chosen} of {sorted(offered)}")
    steps = read_profile(profile)
    if exceeds(steps, offered[chosen]):
        raise Refusal("FAILED_EVPowerProfileViolation", f"above schedule {chosen}")
    session.chosen = Chosen(offered[chosen], session.anchor_s)
    return ReportSchedule(chosen, steps)


def metering_confirmation(session: Session, request: Document, now_s: float) -> Reply:
    """A receipt that the contract's key signed, over the meter reading that was sent."""
    del now_s
    data = request.value["SignedMeteringData"]
    if session.receipt is None or session.contract_key is None:
        raise Refusal("FAILED_SequenceError", "no receipt was asked for")
    if (data["SessionID"], data["MeterInfo"]) != (session.session_id, session.receipt):
        raise Refusal("FAILED_MeteringSignatureNotValid", "another reading than was sent")
    try:
        check(request, SCHEMA, session.contract_key, frozenset({"SignedMeteringData"}))
    except SignatureRejectedError as error:
        raise Refusal("FAILED_MeteringSignatureNotValid", str(error)) from None
    session.receipts.append(request)
    session.receipt = None
    return Answer(Event.DONE, {})


def session_stop(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    wanted = request.value["ChargingSession"]
    if wanted == "ServiceRenegotiation":
        if not session.config.service_renegotiation:
            raise Refusal("FAILED_NoServiceRenegotiationSupported")
        session.service = session.chosen = None
        return Answer(Event.RENEGOTIATE, {})
    if wanted == "Pause":
        if not session.authorization:
            raise Refusal("FAILED_PauseNotAllowed", "the session is not authorized")
        session.paused.keep(Paused(session.session_id, session.evcc_id, session.authorization))
        return Answer(Event.DONE, {}, ending=Ending.PAUSED)
    return Answer(Event.DONE, {}, ending=Ending.TERMINATED)
