"""What a car does not put up with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from charger_sim.iso15118.iso2 import Evcc, EvccConfig, messages
from charger_sim.iso15118.iso2.evcc import STEPS
from charger_sim.iso15118.iso2.evcc_table import FOLLOWS
from charger_sim.iso15118.iso2.failures import failed
from charger_sim.iso15118.iso2.secc_table import TRANSITIONS
from charger_sim.iso15118.machine import End, Ending, Outcome, Send
from charger_sim.iso15118.model import AC_NEEDS, DC_NEEDS, ModelCar
from charger_sim.iso15118.physical import Wish
from pki.contract import receiver_key, wrap
from pki.installation import ContractPackage, make_response, read_request
from tests.unit.iso15118.world import EIM, EVSE_ID, ders, make_world, world

SESSION = bytes(range(1, 9))
AC_STATUS = {"NotificationMaxDelay": 0, "EVSENotification": "None", "RCD": False}
DC_STATUS = {
    "NotificationMaxDelay": 0,
    "EVSENotification": "None",
    "EVSEStatusCode": "EVSE_Ready",
}
SCHEDULE = {
    "SAScheduleTuple": [
        {
            "SAScheduleTupleID": 3,
            "PMaxSchedule": {
                "PMaxScheduleEntry": [
                    {
                        "RelativeTimeInterval": {"start": 0},
                        "PMax": messages.physical(11_000, "W"),
                    }
                ]
            },
        }
    ]
}


def discovery(**changes: Any) -> dict[str, Any]:
    return {
        "PaymentOptionList": {"PaymentOption": ["Contract", "ExternalPayment"]},
        "ChargeService": {
            "ServiceID": 1,
            "ServiceCategory": "EVCharging",
            "FreeService": False,
            "SupportedEnergyTransferMode": {
                "EnergyTransferMode": ["AC_three_phase_core", "DC_extended"]
            },
        },
        "ServiceList": {
            "Service": [
                {"ServiceID": 2, "ServiceCategory": "ContractCertificate", "FreeService": True}
            ]
        },
        **changes,
    }


class Charger:
    """A SECC by hand."""

    def __init__(self, config: EvccConfig = EIM, car: ModelCar | None = None) -> None:
        self.evcc = Evcc(config, car or ModelCar(AC_NEEDS))
        self.now_s = 0.0
        output = self.evcc.start(0.0)
        assert isinstance(output, Send)
        self.request = messages.read(output.frame)
        self.sent = output

    def answer(self, body: dict[str, Any], code: str = "OK", session: bytes = SESSION) -> Any:
        element = f"{self.request.name}Res"
        return self.raw(messages.write(session, element, {"ResponseCode": code, **body}))

    def raw(self, frame: Any) -> Any:
        output = self.evcc.receive(frame, self.now_s)
        if isinstance(output, Send):
            self.request, self.sent = messages.read(output.frame), output
            return self.request
        assert isinstance(output, End)
        return output.outcome

    def up_to_authorization(self) -> Charger:
        self.answer({"EVSEID": EVSE_ID}, "OK_NewSessionEstablished")
        self.answer(discovery())
        if self.request.name == "ServiceDetail":
            sets = [
                {"ParameterSetID": n, "Parameter": [{"@Name": "Service", "stringValue": s}]}
                for n, s in ((1, "Installation"), (2, "Update"))
            ]
            self.answer({"ServiceID": 2, "ServiceParameterList": {"ParameterSet": sets}})
        self.answer({})
        return self


def test_flow_tables_agree() -> None:
    assert set(STEPS) == set(FOLLOWS)
    placed = {event.split("(")[0] for events in TRANSITIONS.values() for event in events}
    assert set(FOLLOWS) == placed
    assert {name for names in FOLLOWS.values() for name in names} <= set(FOLLOWS)


def test_time_outs_are_of_the_message() -> None:
    charger = Charger()
    assert charger.sent.timeout_s == 2.0
    assert charger.evcc.time_out(2.0).outcome == Outcome(Ending.TIMED_OUT, "no SessionSetupRes")
    pnc = Charger(world().pnc()).up_to_authorization()
    assert pnc.request.name == "PaymentDetails"
    assert pnc.sent.timeout_s == 5.0


def test_a_refusal_ends_the_session_with_its_code() -> None:
    charger = Charger()
    outcome = charger.raw(
        messages.write(SESSION, "SessionSetupRes", failed("SessionSetup", "FAILED"))
    )
    assert outcome == Outcome(Ending.REFUSED, "SessionSetupRes", "FAILED")


def test_a_response_of_another_session() -> None:
    charger = Charger()
    charger.answer({"EVSEID": EVSE_ID}, "OK_NewSessionEstablished")
    outcome = charger.answer(discovery(), session=bytes(8))
    assert outcome.ending is Ending.PROTOCOL_ERROR


def test_a_response_to_something_else() -> None:
    outcome = Charger().raw(messages.write(SESSION, "SessionStopRes", {"ResponseCode": "OK"}))
    assert outcome.ending is Ending.PROTOCOL_ERROR


def test_octets_that_mean_nothing() -> None:
    frame = replace(messages.write(SESSION, "SessionStopRes", {"ResponseCode": "OK"}), payload=b"")
    assert Charger().raw(frame).ending is Ending.PROTOCOL_ERROR


def test_a_charger_without_the_mode_is_left() -> None:
    charger = Charger()
    charger.answer({"EVSEID": EVSE_ID}, "OK_NewSessionEstablished")
    service = discovery()["ChargeService"]
    service["SupportedEnergyTransferMode"] = {"EnergyTransferMode": ["DC_core"]}
    assert charger.answer(discovery(ChargeService=service)).ending is Ending.REFUSED


def test_authorization_is_polled_for_a_minute() -> None:
    charger = Charger(replace(EIM, poll_s=0.5)).up_to_authorization()
    for charger.now_s in (0.0, 59.0, 60.0):
        again = charger.answer({"EVSEProcessing": "Ongoing"})
        assert again.name == "Authorization"
        assert charger.sent.delay_s == 0.5
    charger.now_s = 60.1
    outcome = charger.answer({"EVSEProcessing": "Ongoing"})
    assert outcome == Outcome(Ending.TIMED_OUT, "Authorization does not end")


def test_stop_after_authorization() -> None:
    charger = Charger(car=ModelCar(AC_NEEDS, rounds=0)).up_to_authorization()
    request = charger.answer({"EVSEProcessing": "Finished"})
    assert (request.name, request.body) == ("SessionStop", {"ChargingSession": "Terminate"})
    assert charger.answer({}).ending is Ending.TERMINATED


def test_pre_charge_lasts_until_the_voltage_fits_and_seven_seconds_at_most() -> None:
    charger = Charger(car=ModelCar(DC_NEEDS)).up_to_authorization()
    charger.answer({"EVSEProcessing": "Finished"})
    limits = {
        name: messages.physical(100, unit)
        for name, unit in (
            ("EVSEMaximumCurrentLimit", "A"),
            ("EVSEMaximumPowerLimit", "W"),
            ("EVSEMaximumVoltageLimit", "V"),
            ("EVSEMinimumCurrentLimit", "A"),
            ("EVSEMinimumVoltageLimit", "V"),
            ("EVSEPeakCurrentRipple", "A"),
        )
    }
    parameter = {"DC_EVSEStatus": DC_STATUS, **limits}
    body = {
        "EVSEProcessing": "Finished",
        "SAScheduleList": SCHEDULE,
        "DC_EVSEChargeParameter": parameter,
    }
    assert charger.answer(body).name == "CableCheck"
    assert charger.answer({"DC_EVSEStatus": DC_STATUS, "EVSEProcessing": "Finished"}).name == (
        "PreCharge"
    )

    def present(voltage_v: int) -> Any:
        present_v = messages.physical(voltage_v, "V")
        return charger.answer({"DC_EVSEStatus": DC_STATUS, "EVSEPresentVoltage": present_v})

    assert present(100).name == "PreCharge"
    charger.now_s = 6.9
    assert present(379).name == "PreCharge"
    charger.now_s = 7.1
    assert present(381).name == "PowerDelivery"
    assert charger.request.body["SAScheduleTupleID"] == 3
    charger.now_s = 7.2


def test_pre_charge_that_never_ends() -> None:
    charger = Charger(car=ModelCar(DC_NEEDS))
    charger.evcc._name = "PreCharge"
    charger.evcc._context.data.session_id = SESSION
    charger.evcc._context.data.asked_since = ("PreCharge", 0.0)
    charger.now_s = 7.1
    frame = messages.write(
        SESSION,
        "PreChargeRes",
        {
            "ResponseCode": "OK",
            "DC_EVSEStatus": DC_STATUS,
            "EVSEPresentVoltage": messages.physical(0, "V"),
        },
    )
    assert charger.raw(frame) == Outcome(Ending.TIMED_OUT, "PreCharge does not end")


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.STOP])
def test_the_cars_wish_ends_the_loop(wish: Wish) -> None:
    charger = Charger(car=ModelCar(AC_NEEDS, rounds=1, ends_with=wish)).up_to_authorization()
    charger.answer({"EVSEProcessing": "Finished"})
    parameter = {
        "AC_EVSEStatus": AC_STATUS,
        "EVSENominalVoltage": messages.physical(230, "V"),
        "EVSEMaxCurrent": messages.physical(16, "A"),
    }
    charger.answer(
        {
            "EVSEProcessing": "Finished",
            "SAScheduleList": SCHEDULE,
            "AC_EVSEChargeParameter": parameter,
        }
    )
    assert charger.answer({"AC_EVSEStatus": AC_STATUS}).name == "ChargingStatus"
    status = {"EVSEID": EVSE_ID, "SAScheduleTupleID": 3, "AC_EVSEStatus": AC_STATUS}
    status["EVSEMaxCurrent"] = messages.physical(16, "A")
    assert charger.answer(status).body["ChargeProgress"] == "Stop"
    expected = "Pause" if wish is Wish.PAUSE else "Terminate"
    assert charger.answer({"AC_EVSEStatus": AC_STATUS}).body == {"ChargingSession": expected}


class TestInstallation:
    """The car checks what an installation brings."""

    def responses(self) -> tuple[Charger, Any, Any, Any]:
        own = world()
        charger = Charger(own.new_car()).up_to_authorization()
        assert charger.request.name == "CertificateInstallation"
        request = read_request(charger.request.payload, messages.NAMESPACE)
        key = wrap(
            own.contract.private_key,
            receiver_key(request.certificate),
            lambda n: bytes(n - 1) + b"\1",
        )
        package = ContractPackage(own.contract.emaid, own.contract.chain, key)
        return charger, request, package, own

    def cps(self, own: Any) -> tuple[tuple[bytes, ...], Any]:
        record = own.pki.store.current("iso15118-2/cps")
        from cryptography.hazmat.primitives.serialization import Encoding

        from pki.issue import intermediates

        chain = (record.certificate, *intermediates(own.pki.store, record.issuer))
        ders_ = tuple(each.public_bytes(Encoding.DER) for each in chain)
        return ders_, own.pki.keys.load("iso15118-2/cps")

    def give(self, charger: Charger, exi: bytes) -> Any:
        response = messages.read(replace(charger.sent.frame, payload=exi))
        frame = messages.write(
            SESSION,
            "CertificateInstallationRes",
            response.body,
            header={"Signature": response.document.value["Header"]["Signature"]},
        )
        return charger.raw(frame)

    def test_good(self) -> None:
        charger, request, package, own = self.responses()
        exi = make_response(request, package, *self.cps(own))
        assert self.give(charger, exi).name == "PaymentDetails"
        assert charger.evcc.contract is not None
        assert charger.evcc.contract.private_key.public_key() == (
            own.contract.private_key.public_key()
        )

    def test_signed_by_somebody_who_is_no_provisioning_service(self) -> None:
        charger, request, package, own = self.responses()
        exi = make_response(request, package, ders(own.secc), own.secc.private_key)
        outcome = self.give(charger, exi)
        assert outcome.ending is Ending.PROTOCOL_ERROR
        assert "expected CPS" in outcome.detail

    def test_signed_with_another_key(self) -> None:
        charger, request, package, own = self.responses()
        chain, _ = self.cps(own)
        exi = make_response(request, package, chain, own.secc.private_key)
        assert "signature is not by this key" in self.give(charger, exi).detail

    def test_provisioning_service_of_another_root(self) -> None:
        charger, request, package, _ = self.responses()
        exi = make_response(request, package, *self.cps(make_world()))
        assert self.give(charger, exi).ending is Ending.PROTOCOL_ERROR

    def test_a_key_that_does_not_fit(self) -> None:
        charger, request, package, own = self.responses()
        other = wrap(
            own.secc.private_key, receiver_key(request.certificate), lambda n: bytes(n - 1) + b"\2"
        )
        exi = make_response(request, replace(package, key=other), *self.cps(own))
        assert "does not fit" in self.give(charger, exi).detail

    def test_unsigned(self) -> None:
        charger, request, package, own = self.responses()
        exi = make_response(request, package, *self.cps(own))
        body = messages.read(replace(charger.sent.frame, payload=exi)).body
        frame = messages.write(SESSION, "CertificateInstallationRes", body)
        assert "not signed" in charger.raw(frame).detail
