"""Each way in which a charger refuses, by its response code."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from charger_sim.iso15118.backend import (
    Authorization,
    Authorize,
    AuthorizeExternally,
    CertificateResponse,
    InstallCertificate,
    MakeSchedule,
    PowerSchedule,
    PriceEntry,
    ReportSchedule,
)
from charger_sim.iso15118.iso2 import Secc, SeccConfig, messages
from charger_sim.iso15118.iso2.failures import MANDATORY, failed
from charger_sim.iso15118.iso2.secc import HANDLERS
from charger_sim.iso15118.iso2.secc_table import TRANSITIONS, State
from charger_sim.iso15118.machine import PENDING, Ask, End, Ending, Send
from charger_sim.iso15118.model import AC_LIMITS, DC_LIMITS, ModelEvse
from charger_sim.iso15118.v2gtp import Frame, PayloadType
from pki.exi import encode
from pki.exi.values import Document
from pki.keys import PrivateKey
from pki.verify import CertificateStatus
from tests.unit.iso15118.world import AC, DC, EVCC_ID, world

CHARGE = {"SelectedService": [{"ServiceID": 1}]}
WITH_CERTIFICATES = {"SelectedService": [{"ServiceID": 1}, {"ServiceID": 2}]}
ROOTS = {"RootCertificateID": [{"X509IssuerName": "CN=Root", "X509SerialNumber": 1}]}
DC_STATUS = {"EVReady": True, "EVErrorCode": "NO_ERROR", "EVRESSSOC": 40}
NOW_UNIX_S = 1_790_000_000.0


def volt(value: int) -> dict[str, Any]:
    return messages.physical(value, "V")


def ampere(value: int) -> dict[str, Any]:
    return messages.physical(value, "A")


AC_PARAMETERS = {
    "RequestedEnergyTransferMode": "AC_three_phase_core",
    "AC_EVChargeParameter": {
        "EAmount": messages.physical(10_000, "Wh"),
        "EVMaxVoltage": volt(400),
        "EVMaxCurrent": ampere(32),
        "EVMinCurrent": ampere(6),
    },
}
DC_PARAMETERS = {
    "RequestedEnergyTransferMode": "DC_extended",
    "DC_EVChargeParameter": {
        "DC_EVStatus": DC_STATUS,
        "EVMaximumCurrentLimit": ampere(200),
        "EVMaximumVoltageLimit": volt(420),
    },
}
ANSWERS: dict[type, Any] = {
    Authorize: Authorization(True, CertificateStatus.ACCEPTED),
    AuthorizeExternally: Authorization(True),
    MakeSchedule: (PowerSchedule(1, ((0.0, 11_000.0), (3_600.0, 4_000.0))),),
    ReportSchedule: None,
    InstallCertificate: None,
}


class Peer:
    """An EV by hand: says anything, and has the SECC's questions answered from a table."""

    def __init__(self, config: SeccConfig = AC, **evse: Any) -> None:
        limits = DC_LIMITS if config.energy_transfer_modes[0].startswith("DC") else AC_LIMITS
        self.evse = ModelEvse(limits, lambda: NOW_UNIX_S, **evse)
        self.secc = Secc(config, self.evse, random=os.urandom, unix_s=lambda: NOW_UNIX_S)
        self.session_id = bytes(8)
        self.answers = dict(ANSWERS)
        self.questions: list[Any] = []
        self.now_s = 0.0
        self.last: Send | End | None = None

    def say(
        self, name: str, body: dict[str, Any] | None = None, key: PrivateKey | None = None
    ) -> dict[str, Any]:
        """The body of the response."""
        return self.say_frame(messages.write(self.session_id, f"{name}Req", body or {}, key=key))

    def say_frame(self, frame: Frame) -> dict[str, Any]:
        output = self.secc.receive(frame, self.now_s)
        while isinstance(output, Ask):
            self.questions.append(output.question)
            output = output.then(self.answers[type(output.question)], self.now_s)
        assert isinstance(output, Send)
        self.last = output
        response = messages.read(output.frame)
        assert not response.is_request
        self.session_id = response.session_id
        return response.body

    def code(self, name: str, body: dict[str, Any] | None = None) -> str:
        return str(self.say(name, body)["ResponseCode"])

    def to(self, state: State) -> Peer:
        """Lead the session to a state."""
        for name, body in PATHS[state]:
            assert self.code(name, body).startswith("OK"), name
        assert self.secc.state is state
        return self

    def to_authorization(self) -> Peer:
        """By contract."""
        self.to(State.CONTRACT)
        self.challenge = self.say("PaymentDetails", details())["GenChallenge"]
        return self

    def authorize(
        self, challenge: bytes | None = None, key: PrivateKey | None = None
    ) -> dict[str, Any]:
        body = {"@Id": "id1", "GenChallenge": challenge or self.challenge}
        return self.say("Authorization", body, key or world().contract.private_key)


def details(emaid: str | None = None) -> dict[str, Any]:
    contract = world().contract
    chain = {
        "Certificate": contract.chain[0],
        "SubCertificates": {"Certificate": list(contract.chain[1:])},
    }
    return {"eMAID": emaid or contract.emaid, "ContractSignatureCertChain": chain}


def select(option: str, services: dict[str, Any] = CHARGE) -> dict[str, Any]:
    return {"SelectedPaymentOption": option, "SelectedServiceList": services}


SETUP = [("SessionSetup", {"EVCCID": EVCC_ID})]
SELECTION = [*SETUP, ("ServiceDiscovery", {})]
EXTERNAL = [*SELECTION, ("PaymentServiceSelection", select("ExternalPayment"))]
START = {
    "ChargeProgress": "Start",
    "SAScheduleTupleID": 1,
    "ChargingProfile": {
        "ProfileEntry": [
            {
                "ChargingProfileEntryStart": 0,
                "ChargingProfileEntryMaxPower": messages.physical(11_000, "W"),
            }
        ]
    },
}
DC_START = {
    **START,
    "DC_EVPowerDeliveryParameter": {"DC_EVStatus": DC_STATUS, "ChargingComplete": False},
}
DC_READY = [
    *EXTERNAL,
    ("Authorization", {}),
    ("ChargeParameterDiscovery", DC_PARAMETERS),
]
PRE_CHARGE = {
    "DC_EVStatus": DC_STATUS,
    "EVTargetVoltage": volt(400),
    "EVTargetCurrent": ampere(0),
}
DEMAND = {
    "DC_EVStatus": DC_STATUS,
    "EVTargetCurrent": ampere(100),
    "EVTargetVoltage": volt(400),
    "ChargingComplete": False,
}
PATHS: dict[State, list[tuple[str, dict[str, Any]]]] = {
    State.SETUP: [],
    State.DISCOVERY: SETUP,
    State.SELECTION: SELECTION,
    State.CONTRACT: [
        *SELECTION,
        ("PaymentServiceSelection", select("Contract", WITH_CERTIFICATES)),
    ],
    State.AUTHORIZATION: EXTERNAL,
    State.PARAMETERS: [*EXTERNAL, ("Authorization", {})],
    State.AC_READY: [
        *EXTERNAL,
        ("Authorization", {}),
        ("ChargeParameterDiscovery", AC_PARAMETERS),
    ],
    State.DC_CABLE_CHECK: DC_READY,
    State.DC_PRE_CHARGE: [*DC_READY, *[("CableCheck", {"DC_EVStatus": DC_STATUS})] * 2],
}
PATHS[State.AC_CHARGING] = [*PATHS[State.AC_READY], ("PowerDelivery", START)]
PATHS[State.DC_CHARGING] = [
    *PATHS[State.DC_PRE_CHARGE],
    ("PreCharge", PRE_CHARGE),
    ("PowerDelivery", DC_START),
]

ONE_OF_EACH: dict[str, dict[str, Any]] = {
    "SessionSetup": {"EVCCID": EVCC_ID},
    "ServiceDiscovery": {},
    "ServiceDetail": {"ServiceID": 2},
    "PaymentServiceSelection": select("ExternalPayment"),
    "CertificateInstallation": {
        "@Id": "id1",
        "OEMProvisioningCert": b"\x30",
        "ListOfRootCertificateIDs": ROOTS,
    },
    "CertificateUpdate": {"@Id": "id1", **details(), "ListOfRootCertificateIDs": ROOTS},
    "PaymentDetails": details(),
    "Authorization": {},
    "ChargeParameterDiscovery": AC_PARAMETERS,
    "PowerDelivery": START,
    "ChargingStatus": {},
    "MeteringReceipt": {
        "@Id": "id1",
        "SessionID": bytes(8),
        "MeterInfo": {"MeterID": "METER-1", "MeterReading": 1_000},
    },
    "CableCheck": {"DC_EVStatus": DC_STATUS},
    "PreCharge": PRE_CHARGE,
    "CurrentDemand": DEMAND,
    "WeldingDetection": {"DC_EVStatus": DC_STATUS},
    "SessionStop": {"ChargingSession": "Terminate"},
}


def test_every_message_has_a_handler_a_place_and_a_refusal() -> None:
    placed = {event.split("(")[0] for events in TRANSITIONS.values() for event in events}
    assert set(HANDLERS) == set(MANDATORY) == placed == set(ONE_OF_EACH)
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize("name", HANDLERS)
def test_every_refusal_fits_the_schema(name: str) -> None:
    frame = messages.write(bytes(8), f"{name}Res", failed(name, "FAILED"))
    assert messages.read(frame).body["ResponseCode"] == "FAILED"


@pytest.mark.parametrize("state", PATHS)
def test_what_does_not_belong_into_a_state_is_a_sequence_error(state: State) -> None:
    config = DC if state.name.startswith("DC") else AC
    for name, body in ONE_OF_EACH.items():
        if any(event.startswith(name) for event in TRANSITIONS[state]):
            continue
        peer = Peer(config).to(state)
        assert peer.code(name, body) == "FAILED_SequenceError"
        assert isinstance(peer.last, Send)
        assert peer.last.end is not None
        assert peer.last.end.ending is Ending.REFUSED
        assert not peer.evse.closed


def test_starting_before_pre_charge_is_a_sequence_error() -> None:
    peer = Peer(DC).to(State.DC_CABLE_CHECK)
    assert peer.code("PowerDelivery", DC_START) == "FAILED_SequenceError"
    assert not peer.evse.closed


def test_nothing_comes_after_the_end() -> None:
    peer = Peer().to(State.DISCOVERY)
    assert peer.code("SessionStop", {"ChargingSession": "Terminate"}) == "OK"
    assert peer.code("ServiceDiscovery") == "FAILED_SequenceError"


@pytest.mark.parametrize("state", [s for s in PATHS if s is not State.SETUP])
def test_another_session_id_is_unknown(state: State) -> None:
    peer = Peer(DC if state.name.startswith("DC") else AC).to(state)
    peer.session_id = bytes(7) + b"\1"
    assert peer.code("SessionStop", {"ChargingSession": "Terminate"}) == "FAILED_UnknownSession"


def test_sessions_get_ids_of_their_own() -> None:
    assert Peer().to(State.DISCOVERY).session_id not in {
        bytes(8),
        Peer().to(State.DISCOVERY).session_id,
    }


def test_selection() -> None:
    def code(name: str, body: dict[str, Any], config: SeccConfig = AC) -> str:
        return Peer(config).to(State.SELECTION).code(name, body)

    assert code("ServiceDetail", {"ServiceID": 2}) == "OK"
    assert code("ServiceDetail", {"ServiceID": 9}) == "FAILED_ServiceIDInvalid"
    plain = replace(AC, payment_options=("ExternalPayment",))
    assert code("ServiceDetail", {"ServiceID": 2}, plain) == "FAILED_ServiceIDInvalid"
    assert code("PaymentServiceSelection", select("Contract"), plain) == (
        "FAILED_PaymentSelectionInvalid"
    )
    stranger = {"SelectedService": [{"ServiceID": 1}, {"ServiceID": 9}]}
    assert code("PaymentServiceSelection", select("Contract", stranger)) == (
        "FAILED_ServiceSelectionInvalid"
    )
    nothing = {"SelectedService": [{"ServiceID": 2}]}
    assert code("PaymentServiceSelection", select("Contract", nothing)) == (
        "FAILED_NoChargeServiceSelected"
    )


STATUS_CODES = [
    (CertificateStatus.SIGNATURE_ERROR, "FAILED_SignatureError"),
    (CertificateStatus.CERTIFICATE_EXPIRED, "FAILED_CertificateExpired"),
    (CertificateStatus.CERTIFICATE_REVOKED, "FAILED_CertificateRevoked"),
    (CertificateStatus.NO_CERTIFICATE_AVAILABLE, "FAILED_NoCertificateAvailable"),
    (CertificateStatus.CERT_CHAIN_ERROR, "FAILED_CertChainError"),
    (CertificateStatus.CONTRACT_CANCELLED, "FAILED_ContractCanceled"),
    (None, "FAILED"),
]


@pytest.mark.parametrize(("status", "code"), STATUS_CODES)
def test_the_backends_verdict_is_told(status: CertificateStatus | None, code: str) -> None:
    peer = Peer().to(State.CONTRACT)
    peer.answers[Authorize] = Authorization(False, status)
    assert peer.code("PaymentDetails", details()) == code


@pytest.mark.parametrize(("status", "code"), STATUS_CODES)
def test_a_late_verdict_is_told_on_authorization(
    status: CertificateStatus | None, code: str
) -> None:
    peer = Peer()
    peer.answers[Authorize] = PENDING
    peer.to_authorization()
    assert peer.authorize()["EVSEProcessing"] == "Ongoing"
    peer.answers[Authorize] = Authorization(False, status)
    assert peer.authorize()["ResponseCode"] == code


def test_a_slow_backend_makes_the_car_wait_and_then_fails() -> None:
    peer = Peer()
    peer.answers[Authorize] = PENDING
    peer.to_authorization()
    for peer.now_s in (0.0, 30.0, 55.0):
        assert peer.authorize()["EVSEProcessing"] == "Ongoing"
    assert len(set(peer.questions)) == 1
    peer.now_s = 55.1
    assert peer.authorize()["ResponseCode"] == "FAILED"


def test_a_customer_is_waited_for() -> None:
    peer = Peer()
    peer.answers[AuthorizeExternally] = PENDING
    peer.to(State.AUTHORIZATION)
    response = peer.say("Authorization")
    assert response["EVSEProcessing"] == "Ongoing_WaitingForCustomerInteraction"
    peer.answers[AuthorizeExternally] = Authorization(True)
    assert peer.say("Authorization")["EVSEProcessing"] == "Finished"


def test_authorization_asks_the_backend_once() -> None:
    peer = Peer().to_authorization()
    assert peer.authorize()["EVSEProcessing"] == "Finished"
    assert peer.questions == [Authorize(world().contract.emaid, world().contract.chain)]


def test_a_wrong_challenge() -> None:
    assert Peer().to_authorization().authorize(bytes(16))["ResponseCode"] == (
        "FAILED_ChallengeInvalid"
    )


def test_no_challenge() -> None:
    peer = Peer().to_authorization()
    assert peer.say("Authorization", {})["ResponseCode"] == "FAILED_ChallengeInvalid"


def test_a_signature_of_another_key() -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert Peer().to_authorization().authorize(key=stranger)["ResponseCode"] == (
        "FAILED_SignatureError"
    )


def test_no_signature() -> None:
    peer = Peer().to_authorization()
    body = {"@Id": "id1", "GenChallenge": peer.challenge}
    assert peer.code("Authorization", body) == "FAILED_SignatureError"


def test_a_signature_of_another_challenge_is_not_taken_again() -> None:
    first = Peer().to_authorization()
    signed = messages.write(
        first.session_id,
        "AuthorizationReq",
        {"@Id": "id1", "GenChallenge": first.challenge},
        key=world().contract.private_key,
    )
    signature = messages.read(signed).document.value["Header"]["Signature"]
    second = Peer().to_authorization()
    body = {"@Id": "id1", "GenChallenge": second.challenge}
    forged = messages.write(
        second.session_id, "AuthorizationReq", body, header={"Signature": signature}
    )
    assert second.say_frame(forged)["ResponseCode"] == "FAILED_SignatureError"


def test_contracts_that_cannot_be_read() -> None:
    broken = {**details(), "ContractSignatureCertChain": {"Certificate": b"\x30\x03"}}
    assert Peer().to(State.CONTRACT).code("PaymentDetails", broken) == "FAILED_CertChainError"
    other = details(emaid="DEXXX000000001")
    assert Peer().to(State.CONTRACT).code("PaymentDetails", other) == "FAILED_CertChainError"
    hyphens = details(emaid="DEACMC000000013".lower())
    assert Peer().to(State.CONTRACT).code("PaymentDetails", hyphens) == "OK"


def installation(key: PrivateKey | None = None) -> tuple[dict[str, Any], PrivateKey]:
    own = world().provisioning
    body = {
        "@Id": "id1",
        "OEMProvisioningCert": own.certificate,
        "ListOfRootCertificateIDs": ROOTS,
    }
    return body, key or own.private_key


def exi_response(name: str, body: dict[str, Any]) -> CertificateResponse:
    exi = messages.write(bytes(8), f"{name}Res", body).payload
    return CertificateResponse(base64.b64encode(exi).decode())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, "FAILED_NoCertificateAvailable"),
        (PENDING, "FAILED"),
        (CertificateResponse("!!"), "FAILED"),
        (CertificateResponse(base64.b64encode(b"\x80\x00").decode()), "FAILED"),
        (exi_response("SessionStop", {"ResponseCode": "OK"}), "FAILED"),
        (
            exi_response(
                "CertificateInstallation",
                failed("CertificateInstallation", "FAILED_CertificateExpired"),
            ),
            "FAILED_CertificateExpired",
        ),
    ],
)
def test_installation_that_fails_behind_the_charger(answer: object, code: str) -> None:
    peer = Peer().to(State.CONTRACT)
    peer.answers[InstallCertificate] = answer
    assert peer.say("CertificateInstallation", *installation())["ResponseCode"] == code


def test_installation_is_signed_by_the_provisioning_key() -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    peer = Peer().to(State.CONTRACT)
    response = peer.say("CertificateInstallation", *installation(stranger))
    assert response["ResponseCode"] == "FAILED_SignatureError"
    assert peer.questions == []


def test_installation_needs_its_service() -> None:
    peer = Peer().to(State.SELECTION)
    assert peer.code("PaymentServiceSelection", select("Contract")) == "OK"
    response = peer.say("CertificateInstallation", *installation())
    assert response["ResponseCode"] == "FAILED"


def test_installation_forwards_the_cars_octets() -> None:
    peer = Peer().to(State.CONTRACT)
    body, key = installation()
    frame = messages.write(peer.session_id, "CertificateInstallationReq", body, key=key)
    peer.say_frame(frame)
    asked = peer.questions[-1]
    assert base64.b64decode(asked.exi_request) == frame.payload
    assert asked.namespace == "urn:iso:15118:2:2013:MsgDef"


def test_parameters() -> None:
    def code(body: dict[str, Any], config: SeccConfig = AC) -> str:
        return Peer(config).to(State.PARAMETERS).code("ChargeParameterDiscovery", body)

    assert code(DC_PARAMETERS) == "FAILED_WrongEnergyTransferMode"
    mixed = {**DC_PARAMETERS, "RequestedEnergyTransferMode": "AC_three_phase_core"}
    assert code(mixed) == "FAILED_WrongChargeParameter"
    negative = {**AC_PARAMETERS["AC_EVChargeParameter"], "EVMaxCurrent": ampere(-1)}
    assert code({**AC_PARAMETERS, "AC_EVChargeParameter": negative}) == (
        "FAILED_WrongChargeParameter"
    )
    swapped = {**AC_PARAMETERS, "RequestedEnergyTransferMode": "DC_extended"}
    assert code(swapped, DC) == "FAILED_WrongChargeParameter"


def test_schedules_come_from_the_backend() -> None:
    peer = Peer().to(State.PARAMETERS)
    tariff = (PriceEntry(0.0, 1), PriceEntry(3_600.0, 0))
    peer.answers[MakeSchedule] = (
        PowerSchedule(7, ((0.0, 11_000.0), (3_600.0, 90_000.0)), 7_200.0, tariff),
    )
    body = peer.say("ChargeParameterDiscovery", AC_PARAMETERS)
    (offered,) = body["SAScheduleList"]["SAScheduleTuple"]
    assert offered["SAScheduleTupleID"] == 7
    first, second = offered["PMaxSchedule"]["PMaxScheduleEntry"]
    assert messages.quantity(first["PMax"]) == 11_000.0
    assert messages.quantity(second["PMax"]) == 90_000.0
    assert second["RelativeTimeInterval"] == {"start": 3_600, "duration": 3_600}
    assert [e["EPriceLevel"] for e in offered["SalesTariff"]["SalesTariffEntry"]] == [1, 0]


def test_a_slow_schedule_makes_the_car_wait_and_then_fails() -> None:
    peer = Peer().to(State.PARAMETERS)
    peer.answers[MakeSchedule] = PENDING
    assert peer.say("ChargeParameterDiscovery", AC_PARAMETERS)["EVSEProcessing"] == "Ongoing"
    peer.now_s = 56.0
    assert peer.code("ChargeParameterDiscovery", AC_PARAMETERS) == "FAILED"


@pytest.mark.parametrize("answer", [None, ()])
def test_no_schedule(answer: object) -> None:
    peer = Peer().to(State.PARAMETERS)
    peer.answers[MakeSchedule] = answer
    assert peer.code("ChargeParameterDiscovery", AC_PARAMETERS) == "FAILED"


def test_power_delivery() -> None:
    def code(config: SeccConfig = AC, state: State = State.AC_READY, **changes: Any) -> str:
        return Peer(config).to(state).code("PowerDelivery", {**START, **changes})

    assert code() == "OK"
    assert code(SAScheduleTupleID=2) == "FAILED_TariffSelectionInvalid"
    greedy = {
        "ProfileEntry": [
            {
                "ChargingProfileEntryStart": 3_600,
                "ChargingProfileEntryMaxPower": messages.physical(4_500, "W"),
            }
        ]
    }
    assert code(ChargingProfile=greedy) == "FAILED_ChargingProfileInvalid"
    assert code(DC, State.DC_PRE_CHARGE) == "FAILED_PowerDeliveryNotApplied"
    stuck = Peer(obeys=False).to(State.AC_READY)
    assert stuck.code("PowerDelivery", START) == "FAILED_ContactorError"


def test_receipts_are_of_the_reading_that_was_sent() -> None:
    config = replace(AC, receipts=True)

    def receipt(key: PrivateKey | None = None, **changes: Any) -> str:
        peer = Peer(config).to_authorization()
        peer.authorize()
        assert peer.code("ChargeParameterDiscovery", AC_PARAMETERS) == "OK"
        assert peer.code("PowerDelivery", START) == "OK"
        status = peer.say("ChargingStatus")
        assert status["ReceiptRequired"]
        body = {
            "@Id": "id1",
            "SessionID": peer.session_id,
            "MeterInfo": {**status["MeterInfo"], **changes},
        }
        signed = peer.say("MeteringReceipt", body, key or world().contract.private_key)
        return str(signed["ResponseCode"])

    assert receipt() == "OK"
    assert receipt(MeterReading=1) == "FAILED_MeteringSignatureNotValid"
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert receipt(stranger) == "FAILED_MeteringSignatureNotValid"


def test_cable_check_ends() -> None:
    peer = Peer(DC, cable_check_rounds=10_000).to(State.DC_CABLE_CHECK)
    assert peer.say("CableCheck", {"DC_EVStatus": DC_STATUS})["EVSEProcessing"] == "Ongoing"
    peer.now_s = 41.0
    assert peer.code("CableCheck", {"DC_EVStatus": DC_STATUS}) == "FAILED"


def test_contactors_open_when_the_car_falls_silent() -> None:
    peer = Peer().to(State.AC_CHARGING)
    assert peer.evse.closed
    assert isinstance(peer.last, Send)
    assert peer.last.timeout_s == 60.0
    end = peer.secc.time_out(60.0)
    assert end.outcome.ending is Ending.TIMED_OUT
    assert not peer.evse.closed


UNREADABLE: list[Callable[[], Frame]] = [
    lambda: Frame(PayloadType.EXI, b""),
    lambda: Frame(PayloadType.EXI, b"\x80"),
    lambda: Frame(PayloadType.EXI, b"\x80" + b"\xff" * 64),
    lambda: Frame(PayloadType.MAINSTREAM, b"\x80\x00"),
    lambda: messages.write(bytes(8), "SessionStopRes", {"ResponseCode": "OK"}),
    lambda: Frame(
        PayloadType.EXI,
        encode(
            Document(
                messages.NAMESPACE,
                "V2G_Message",
                {"Header": {"SessionID": bytes(8)}, "Body": {}},
            ),
            messages.TABLE,
        ),
    ),
]


@pytest.mark.parametrize("frame", UNREADABLE)
def test_what_is_no_request_ends_the_session_and_opens_the_contactors(
    frame: Callable[[], Frame],
) -> None:
    peer = Peer().to(State.AC_CHARGING)
    output = peer.secc.receive(frame(), 0.0)
    assert isinstance(output, End)
    assert output.outcome.ending is Ending.PROTOCOL_ERROR
    assert not peer.evse.closed
