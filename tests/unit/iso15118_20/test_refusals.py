"""What a charger says to a car that breaks the rules, and what a car does about a bad charger."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509

from charger_sim.iso15118.backend import (
    CertificateResponse,
    InstallCertificate,
    PowerSchedule,
)
from charger_sim.iso15118.iso20 import refusals
from charger_sim.iso15118.iso20.evcc_state import Identity
from charger_sim.iso15118.iso20.messages import SCHEMA, document, from_frame, header, to_frame
from charger_sim.iso15118.iso20.models import SimpleVehicle
from charger_sim.iso15118.iso20.ports import Notification, Wish
from charger_sim.iso15118.iso20.secc import Secc
from charger_sim.iso15118.iso20.secc_state import SeccConfig
from charger_sim.iso15118.iso20.services import ControlMode, Offer, ParameterSet, ServiceId
from charger_sim.iso15118.iso20.states import SECC, State
from charger_sim.iso15118.machine import PENDING, Ask, End, Ending, Send
from charger_sim.iso15118.v2gtp import Frame
from pki.build import Subject
from pki.exi import Document, decode, encode
from pki.leaf import issue_credential
from pki.profiles import Role, Suite
from pki.revoke import revoke
from pki.xmlsig import sign
from tests.unit.iso15118_20.support import (
    ALL_SERVICES,
    EV,
    NOW,
    Pair,
    PkiBackend,
    add_contract,
    car,
    make_world,
    seeded,
    shared_world,
)


def _pnc_only(world, **changes):
    return car(world, authorizations=("PnC",), **changes)


def _edit(name, edit, key=None):
    """Tamper with the body of the request `name`; signed again by `key` if there is one."""

    def tamper(sent, frame):
        if sent != name:
            return frame
        message = from_frame(frame)
        value = edit(message.value)
        message = Document(message.namespace, message.name, value)
        return to_frame(message if key is None else sign(message, SCHEMA, key), frame.payload_type)

    return tamper


def _code(pair):
    """Of the last response."""
    return from_frame(pair.frames[-1]).value["ResponseCode"]


def _refused(pair, code):
    secc, evcc = pair.run()
    assert secc is not None
    assert (secc.ending, secc.response_code) == (Ending.REFUSED, code)
    assert (evcc.ending, evcc.response_code) == (Ending.REFUSED, code)
    assert pair.secc.state is State.END
    assert not pair.evse.closed


# authorization


def test_a_wrong_signature_ends_the_session():
    world = shared_world()
    thief = issue_credential(world.pki, Suite.ISO_20, Role.CONTRACT, Subject("DEACMC99999999", "A"))
    stolen = replace(Identity.of(world.contract), key=thief.private_key)
    _refused(Pair(world, _pnc_only(world, contract=stolen)), "FAILED_SignatureError")


def test_a_changed_signed_element_ends_the_session():
    world = shared_world()
    other = Identity.of(world.vehicle).chain[1]

    def swap(value):
        mode = value["PnC_AReqAuthorizationMode"]
        chain = mode["ContractCertificateChain"]
        changed = {**chain, "SubCertificates": {"Certificate": [other]}}
        return {**value, "PnC_AReqAuthorizationMode": {**mode, "ContractCertificateChain": changed}}

    pair = Pair(world, _pnc_only(world), tamper=_edit("AuthorizationReq", swap))
    _refused(pair, "FAILED_SignatureError")


def test_a_missing_signature_ends_the_session():
    world = shared_world()

    def strip(value):
        head = {key: item for key, item in value["Header"].items() if key != "Signature"}
        return {**value, "Header": head}

    pair = Pair(world, _pnc_only(world), tamper=_edit("AuthorizationReq", strip))
    _refused(pair, "FAILED_SignatureError")


def _warned(pair, code):
    secc, evcc = pair.run()
    assert secc.ending is Ending.TERMINATED
    assert (evcc.ending, evcc.response_code) == (Ending.REFUSED, code)
    assert "ServiceDiscoveryReq" not in pair.names


def test_a_replayed_challenge_is_refused():
    world = shared_world()

    def replay(value):
        mode = {**value["PnC_AReqAuthorizationMode"], "GenChallenge": bytes(16)}
        return {**value, "PnC_AReqAuthorizationMode": mode}

    tamper = _edit("AuthorizationReq", replay, world.contract.private_key)
    _warned(Pair(world, _pnc_only(world), tamper=tamper), "WARNING_ChallengeInvalid")


def test_an_expired_contract_is_refused():
    world = make_world()
    world.clock.at = NOW + timedelta(days=731)
    # the Sub-CAs outlive the contract, so only the contract has expired
    _warned(Pair(world, _pnc_only(world)), "WARNING_CertificateExpired")


def test_a_revoked_contract_is_refused():
    world = make_world()
    revoke(world.pki, world.contract.issued.certificate.serial_number, "keyCompromise")
    _warned(Pair(world, _pnc_only(world)), "WARNING_CertificateRevoked")


def test_a_certificate_of_another_role_is_no_contract():
    world = shared_world()
    config = _pnc_only(world, contract=Identity.of(world.vehicle))
    _warned(Pair(world, config), "WARNING_CertificateValidationError")


def test_external_means_may_refuse():
    world = shared_world()
    backend = PkiBackend(world.pki, eim=False)
    pair = Pair(world, car(world, contract=None), backend=backend)
    _warned(pair, "WARNING_EIMAuthorizationFailure")


def test_what_is_not_offered_cannot_be_chosen():
    world = shared_world()
    pair = Pair(world, car(world, contract=None), SeccConfig(authorizations=("PnC",)))
    _warned(pair, "WARNING_AuthorizationSelectionInvalid")

    def sneak(value):
        rest = {key: item for key, item in value.items() if not key.startswith("PnC")}
        return {**rest, "SelectedAuthorizationService": "EIM", "EIM_AReqAuthorizationMode": {}}

    pair = Pair(world, _pnc_only(world), SeccConfig(authorizations=("PnC",)))
    pair.tamper = _edit("AuthorizationReq", sneak)
    _warned(pair, "WARNING_AuthorizationSelectionInvalid")


def test_a_backend_that_never_answers_is_given_up_in_time():
    world = shared_world()
    pair = Pair(world, _pnc_only(world, poll_s=1.5), backend=PkiBackend(world.pki, delays=1000))
    _warned(pair, "WARNING_GeneralPnCAuthorizationError")
    assert 55.0 < pair.now_s < 60.0


# contract installation


def _installing(world, **changes):
    add_contract(world, "DEACMC00000001")
    provisioning = Identity.of(world.provisioning)
    return _pnc_only(world, contract=None, provisioning=provisioning, **changes)


def test_a_car_without_contract_in_the_pool_gets_none():
    world = make_world()
    config = _pnc_only(world, contract=None, provisioning=Identity.of(world.provisioning))
    _warned(Pair(world, config), "WARNING_NoContractMatchingPCIDFound")


@pytest.mark.parametrize("known", ["v2g_roots", "mo_roots"])
def test_an_installation_under_an_unknown_root_is_not_believed(known):
    world, other = make_world(), make_world()
    config = _installing(world)
    pair = Pair(world, replace(config, **{known: other.v2g_roots}))
    _, evcc = pair.run()
    assert evcc.ending is Ending.PROTOCOL_ERROR
    assert "chain" in evcc.detail
    assert pair.evcc.session.contract is None


@pytest.mark.parametrize("field", ["SECP521_EncryptedPrivateKey", "DHPublicKey"])
def test_a_response_changed_on_its_way_is_not_believed(field):
    world = make_world()
    config = _installing(world)
    pair = Pair(world, config)
    answer = pair.backend.answer

    def forge(question):
        found = answer(question)
        if not isinstance(question, InstallCertificate):
            return found
        message = decode(base64.b64decode(found.exi_response), SCHEMA)
        data = dict(message.value["SignedInstallationData"])
        data[field] = data[field][:-1] + bytes([data[field][-1] ^ 1])
        value = {**message.value, "SignedInstallationData": data}
        exi = encode(Document(message.namespace, message.name, value), SCHEMA)
        return CertificateResponse(base64.b64encode(exi).decode())

    pair.backend.answer = forge
    _, evcc = pair.run()
    assert evcc.ending is Ending.PROTOCOL_ERROR
    assert "SignatureRejectedError" in evcc.detail


@pytest.mark.parametrize("exi", ["", "????", "gAA=", "gIxAAAAAAAAAAAAAAAA="])
def test_rubbish_of_the_provisioning_service_is_not_passed_on(exi):
    world = make_world()
    pair = Pair(world, _installing(world))
    answer = pair.backend.answer
    pair.backend.answer = lambda question: (
        CertificateResponse(exi) if isinstance(question, InstallCertificate) else answer(question)
    )
    _refused(pair, "FAILED")


# order and sessions


@cache
def _requests():
    """One of each request, as a car sends it."""
    world = make_world()
    found = {}
    for service in (ServiceId.AC, ServiceId.DC):
        pair = Pair(world, _installing(world, services=(service,)))
        pair.evse.notify([Notification.METERING_CONFIRMATION])
        pair.run()
        sent = zip(pair.names, pair.frames, strict=True)
        found |= {name: frame for name, frame in sent if name.endswith("Req")}
    return found


def test_every_request_out_of_order_is_a_sequence_error():
    """In each state, each request that its row of the table lacks."""
    world, requests, tried = shared_world(), _requests(), 0
    assert len(requests) == 18
    for state in set(State) - {State.BEGIN}:
        for name, frame in requests.items():
            if name in SECC[state] or (name == "SessionStopReq" and state is not State.END):
                continue
            evse = Pair(world, car(world)).evse
            evse.closed = True
            secc = Secc(SeccConfig(), evse, world.clock, seeded())
            secc.state = state
            secc.session.session_id = from_frame(frame).value["Header"]["SessionID"]
            reply = secc.receive(frame, 0.0)
            assert from_frame(reply.frame).name == name.replace("Req", "Res")
            assert from_frame(reply.frame).value["ResponseCode"] == "FAILED_SequenceError"
            assert reply.end.ending is Ending.REFUSED
            assert not evse.closed
            tried += 1
    assert tried > 180


def test_only_a_session_setup_begins():
    world = shared_world()
    for name, frame in _requests().items():
        secc = Secc(SeccConfig(), Pair(world, car(world)).evse, world.clock, seeded())
        code = from_frame(secc.receive(frame, 0.0).frame).value["ResponseCode"]
        expected = "OK_NewSessionEstablished" if name == "SessionSetupReq" else None
        assert code == (expected or "FAILED_UnknownSession"), name


def test_power_cannot_start_on_dc_without_isolation_check():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.run("DC_CableCheckReq")
    head = header(pair.secc.session.session_id, NOW)
    body = {"EVProcessing": "Finished", "ChargeProgress": "Start"}
    reply = pair.to_secc(to_frame(document("PowerDeliveryReq", head, body)))
    assert from_frame(reply.frame).value["ResponseCode"] == "FAILED_SequenceError"
    assert not pair.evse.closed


def test_an_unknown_session_is_refused():
    world = shared_world()

    def other(value):
        return {**value, "Header": {**value["Header"], "SessionID": b"\xff" * 8}}

    pair = Pair(world, _pnc_only(world), tamper=_edit("ServiceDiscoveryReq", other))
    _refused(pair, "FAILED_UnknownSession")


def test_the_session_id_zero_is_no_session():
    world = shared_world()
    secc = Secc(SeccConfig(), Pair(world, car(world)).evse, world.clock, seeded())
    frame = to_frame(document("AuthorizationSetupReq", header(bytes(8), NOW), {}))
    reply = secc.receive(frame, 0.0)
    assert from_frame(reply.frame).value["ResponseCode"] == "FAILED_UnknownSession"


def test_nothing_is_answered_after_the_end():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.run()
    reply = pair.to_secc(pair.frames[-2])
    assert from_frame(reply.frame).value["ResponseCode"] == "FAILED_SequenceError"


@pytest.mark.parametrize("pair", sorted(refusals.BODIES))
def test_every_refusal_is_a_whole_message(pair):
    head = header(b"12345678", NOW)
    body = {"ResponseCode": "FAILED_SequenceError", **refusals.BODIES[pair]}
    message = document(pair + "Res", head, body)
    assert from_frame(to_frame(message)) == message


@pytest.mark.parametrize(
    "frame",
    [
        Frame(0x8001, b"\x80"),
        Frame(0x8002, b""),
        Frame(0x8004, b"\x80\xff"),
        Frame(0x9000, b"\0\0"),
    ],
)
def test_what_is_no_message_ends_the_session(frame):
    world = shared_world()
    secc = Secc(SeccConfig(), Pair(world, car(world)).evse, world.clock, seeded())
    output = secc.receive(frame, 0.0)
    assert isinstance(output, End)
    assert output.outcome.ending is Ending.PROTOCOL_ERROR


# services, schedules, power


def test_a_service_that_is_not_offered():
    world = shared_world()
    tamper = _edit("ServiceDetailReq", lambda value: {**value, "ServiceID": 3})
    _refused(Pair(world, _pnc_only(world), tamper=tamper), "FAILED_ServiceIDInvalid")


@pytest.mark.parametrize(
    ("selected", "code"),
    [
        ({"ServiceID": 3, "ParameterSetID": 1}, "FAILED_NoEnergyTransferServiceSelected"),
        ({"ServiceID": 2, "ParameterSetID": 9}, "FAILED_ServiceSelectionInvalid"),
        ({"ServiceID": 2, "ParameterSetID": 0}, "FAILED_ServiceSelectionInvalid"),
    ],
)
def test_a_selection_that_is_not_offered(selected, code):
    world = shared_world()
    tamper = _edit(
        "ServiceSelectionReq", lambda value: {**value, "SelectedEnergyTransferService": selected}
    )
    _refused(Pair(world, _pnc_only(world), tamper=tamper), code)


@pytest.mark.parametrize(
    "limits",
    [
        replace(EV, max_charge_w=0.0),
        replace(EV, min_v=1100.0, max_v=1200.0),
        replace(EV, min_charge_w=200_000.0),
    ],
)
def test_charge_parameters_that_suit_nobody(limits):
    world = shared_world()
    pair = Pair(world, _pnc_only(world), vehicle=SimpleVehicle(limits, turns=1))
    _refused(pair, "FAILED_WrongChargeParameter")


def test_parameters_of_another_service():
    world = shared_world()

    def plain(value):
        mode = value["BPT_DC_CPDReqEnergyTransferMode"]
        plain = {key: item for key, item in mode.items() if "Discharge" not in key}
        return {"Header": value["Header"], "DC_CPDReqEnergyTransferMode": plain}

    pair = Pair(world, _pnc_only(world, services=(ServiceId.DC_BPT,)))
    pair.tamper = _edit("DC_ChargeParameterDiscoveryReq", plain)
    _refused(pair, "FAILED_WrongChargeParameter")


def _profile(edit):
    def change(value):
        if "EVPowerProfile" not in value:
            return value
        return {**value, "EVPowerProfile": edit(value["EVPowerProfile"])}

    return _edit("PowerDeliveryReq", change)


def test_a_profile_above_the_schedule_is_refused():
    world = shared_world()
    entry = {"Duration": 60, "Power": {"Exponent": 3, "Value": 31}}
    entries = {"EVPowerProfileEntry": [entry]}
    tamper = _profile(lambda profile: {**profile, "EVPowerProfileEntries": entries})
    pair = Pair(world, _pnc_only(world), tamper=tamper)
    _refused(pair, "FAILED_EVPowerProfileViolation")


def test_a_profile_of_no_schedule_is_refused():
    world = shared_world()
    chosen = {"SelectedScheduleTupleID": 2}
    tamper = _profile(lambda profile: {**profile, "Scheduled_EVPPTControlMode": chosen})
    pair = Pair(world, _pnc_only(world), tamper=tamper)
    _refused(pair, "FAILED_ScheduleSelectionInvalid")


def test_a_scheduled_session_needs_a_profile():
    world = shared_world()

    def strip(value):
        return {key: item for key, item in value.items() if key != "EVPowerProfile"}

    pair = Pair(world, _pnc_only(world), tamper=_edit("PowerDeliveryReq", strip))
    _refused(pair, "FAILED_EVPowerProfileInvalid")


@pytest.mark.parametrize("schedules", [(), (PowerSchedule(1, ()),)])
def test_no_schedule_no_power(schedules):
    world = shared_world()
    backend = PkiBackend(world.pki, schedules=schedules)
    _refused(Pair(world, _pnc_only(world), backend=backend), "FAILED")


def test_an_isolation_fault_stops_before_power():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.evse.isolation_good = False
    _refused(pair, "FAILED")
    assert "DC_PreChargeReq" not in pair.names


def test_a_contactor_that_does_not_close():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.evse.contactor_works = False
    _refused(pair, "FAILED_ContactorError")


def test_a_forged_receipt_is_refused():
    world = shared_world()

    def more(value):
        data = value["SignedMeteringData"]
        info = {**data["MeterInfo"], "ChargedEnergyReadingWh": 1}
        return {**value, "SignedMeteringData": {**data, "MeterInfo": info}}

    key = world.contract.private_key
    pair = Pair(world, _pnc_only(world), tamper=_edit("MeteringConfirmationReq", more, key))
    pair.evse.notify([Notification.METERING_CONFIRMATION])
    _refused(pair, "FAILED_MeteringSignatureNotValid")

    pair = Pair(world, _pnc_only(world))
    key = world.vehicle.private_key
    pair.tamper = _edit("MeteringConfirmationReq", lambda value: value, key)
    pair.evse.notify([Notification.METERING_CONFIRMATION])
    _refused(pair, "FAILED_MeteringSignatureNotValid")


def test_no_renegotiation_where_it_is_not_supported():
    world = shared_world()
    config = SeccConfig(ALL_SERVICES, service_renegotiation=False)
    pair = Pair(world, _pnc_only(world), config)
    pair.vehicle.last_wish = Wish.CHANGE_SERVICE
    _refused(pair, "FAILED_NoServiceRenegotiationSupported")


def test_no_pause_before_authorization():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.run("AuthorizationReq")
    head = header(pair.secc.session.session_id, NOW)
    reply = pair.to_secc(to_frame(document("SessionStopReq", head, {"ChargingSession": "Pause"})))
    assert from_frame(reply.frame).value["ResponseCode"] == "FAILED_PauseNotAllowed"


# the car's side


def test_time_outs_are_the_standards():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    output = pair.evcc.start(0.0)
    assert output.timeout_s == 2.0
    assert pair.secc.start(0.0).timeout_s == 60.0
    assert pair.evcc.time_out(2.0).outcome.ending is Ending.TIMED_OUT
    assert pair.secc.time_out(60.0).outcome.ending is Ending.TIMED_OUT


def test_the_charger_waits_for_its_backend_no_longer_than_it_may():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.run("AuthorizationReq")
    asked = pair.secc.receive(pair.pending, 0.0)
    assert isinstance(asked, Ask)
    assert asked.patience_s == 1.5
    reply = asked.then(PENDING, 1.5)
    assert isinstance(reply, Send)
    assert from_frame(reply.frame).value["EVSEProcessing"] == "Ongoing"


def test_a_car_gives_up_a_cable_check_without_end():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.evse.isolation_good = None
    _, evcc = pair.run()
    assert evcc.ending is Ending.TIMED_OUT
    assert "DC_CableCheck" in evcc.detail
    assert 40.0 < pair.now_s < 41.0


def test_a_car_does_not_follow_another_session():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.run("ServiceDiscoveryReq")
    reply = pair.to_secc(pair.pending)
    message = from_frame(reply.frame)
    value = {**message.value, "Header": header(b"\xff" * 8, NOW)}
    stranger = to_frame(Document(message.namespace, message.name, value))
    assert pair.evcc.receive(stranger, 0.0).outcome.ending is Ending.PROTOCOL_ERROR


def test_a_car_refuses_a_response_out_of_turn():
    world = shared_world()
    pair = Pair(world, _pnc_only(world))
    pair.run("ServiceDiscoveryReq")
    assert pair.evcc.receive(pair.frames[-1], 0.0).outcome.ending is Ending.PROTOCOL_ERROR


def test_a_charger_without_a_wanted_control_mode_is_left():
    world = shared_world()
    only = Offer(ServiceId.DC, (ParameterSet(ControlMode.DYNAMIC),))
    config = _pnc_only(world, control_modes=(ControlMode.SCHEDULED,))
    pair = Pair(world, config, SeccConfig((only,)))
    secc, evcc = pair.run()
    assert (secc.ending, evcc.ending) == (Ending.TERMINATED, Ending.TERMINATED)
    assert "ServiceSelectionReq" not in pair.names


def test_certificates_are_shown_whole():
    world = shared_world()
    chain = Identity.of(world.contract).chain
    assert [x509.load_der_x509_certificate(each) for each in chain] == list(
        world.contract.issued.chain
    )
    assert all(len(each) <= 1600 for each in chain)
