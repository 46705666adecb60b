"""What a session of ISO 15118 makes a station say over OCPP, and what OCPP makes of the session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from charger_sim.clock import LoopClock, iso
from charger_sim.garage import Garage, emaid_of
from charger_sim.iso15118.machine import Ending
from charger_sim.scenario import Scenario
from charger_sim.station.certificates import CertificateStore
from charger_sim.station.iso15118 import SeccHost
from charger_sim.swarm import Swarm
from pki.hash_data import hash_data
from pki.hierarchy import Config, in_memory
from pki.issue import Pki
from pki.profiles import Suite

from .conftest import EPOCH, one_station
from .fake_csms import FakeCsms, Payload, Session
from .virtual_time import run_virtual

TOKEN = "EV-CS-1-1"
Script = Callable[[FakeCsms, Swarm], Awaitable[None]]


class EpochClock:
    """The PKI lives at the time of the scenario."""

    def now(self) -> Any:
        return EPOCH


@pytest.fixture(scope="module")
def pki() -> Pki:
    config = Config("Acme", ocsp_url="http://ocsp.example.com/ocsp")
    return in_memory(config, suites=[Suite.ISO_2, Suite.ISO_20], clock=EpochClock())


def scene(
    version: str, edition: str = "iso15118-2", contract: str = "installed", **changes: Any
) -> Scenario:
    visit = {"iso15118": edition, "contract": contract, **changes.pop("visit", {})}
    station = {"iso15118": True, **changes.pop("station", {})}
    return one_station(version, visit=visit, station=station, **changes)


def play(
    scenario: Scenario,
    pki: Pki | None,
    script: Script | None = None,
    prepare: Callable[[Swarm], None] = lambda _swarm: None,
    **answers: Callable[[Session, Payload], Payload | None],
) -> tuple[Session, Swarm, list[str]]:
    """The session at the central system, the swarm, and what the charge controller answered."""
    messages: list[str] = []

    async def main() -> tuple[FakeCsms, Swarm]:
        csms = FakeCsms(LoopClock(asyncio.get_running_loop(), EPOCH), **answers)
        swarm = Swarm(scenario, csms.connect, epoch=EPOCH, garage=Garage(pki))
        swarm.stations[
            "CS-1"
        ].certificates = CertificateStore()  # a swarm's stations know the roots
        host_of(swarm).on_step = lambda _evse_id, step: messages.append(step.name)
        prepare(swarm)
        task = asyncio.create_task(script(csms, swarm)) if script else None
        await swarm.run()
        if task is not None:
            await task
        return csms, swarm

    csms, swarm = run_virtual(main())
    assert csms.invalid == [], csms.invalid[:3]
    return csms.sessions["CS-1"], swarm, messages


def host_of(swarm: Swarm) -> SeccHost:
    host = swarm.links["CS-1"].secc
    assert host is not None
    return host


def root_of(pki: Pki, edition: str = "iso15118-2") -> x509.Certificate:
    return Garage(pki).root(Suite.ISO_2 if edition == "iso15118-2" else Suite.ISO_20)


def events(session: Session, kind: str) -> list[Payload]:
    return [e for e in session.of("TransactionEvent") if e["eventType"] == kind]


def plan(profile_id: int, tx_id: str, *limits_w: float, **more: Any) -> Payload:
    """A TxProfile of ten minutes a step."""
    periods = [{"startPeriod": 600 * n, "limit": limit} for n, limit in enumerate(limits_w)]
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": periods, **more}
    profile = {
        "id": profile_id,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [{"startSchedule": iso(EPOCH), **schedule}],
        "transactionId": tx_id,
    }
    return {"evseId": 1, "chargingProfile": profile}


@pytest.mark.parametrize("edition", ["iso15118-2", "iso15118-20"])
@pytest.mark.parametrize("kind", ["AC", "DC"])
def test_a_contract_charges_without_a_card(pki: Pki, edition: str, kind: str) -> None:
    scenario = scene("2.1", edition, kind=kind, visit={"max_discharge_w": 0.0})
    session, swarm, messages = play(scenario, pki)
    (asked,) = session.of("Authorize")
    assert asked["idToken"] == {"idToken": emaid_of(TOKEN), "type": "eMAID"}
    assert asked["certificate"].count("BEGIN CERTIFICATE") == 3
    (started,) = events(session, "Started")
    assert started["idToken"]["type"] == "eMAID"
    (needs,) = session.of("NotifyEVChargingNeeds")
    told = needs["chargingNeeds"]
    assert told["requestedEnergyTransfer"] == ("DC" if kind == "DC" else "AC_three_phase")
    limits = told["dcChargingParameters" if kind == "DC" else "acChargingParameters"]
    assert limits["energyAmount"] == pytest.approx(0.5 * 60_000 / 0.94, rel=0.01)
    (chosen,) = session.of("NotifyEVChargingSchedule")
    assert chosen["chargingSchedule"]["chargingSchedulePeriod"][0]["startPeriod"] == 0
    power_w = 50_000.0 if kind == "DC" else 22_000.0
    assert swarm.stations["CS-1"].evses[1].power_w == pytest.approx(power_w, rel=1e-3)
    assert messages[0] == "supportedAppProtocolRes"


def test_a_station_that_holds_the_root_shows_hash_data(pki: Pki) -> None:
    """C07.FR.01: the central system then asks the responder only."""
    root = root_of(pki)

    async def install(csms: FakeCsms, _swarm: Swarm) -> None:
        await asyncio.sleep(1.0)
        pem = root.public_bytes(Encoding.PEM).decode()
        payload = {"certificateType": "MORootCertificate", "certificate": pem}
        assert (await csms.call("CS-1", "InstallCertificate", payload))[2] == {"status": "Accepted"}
        listed = (await csms.call("CS-1", "GetInstalledCertificateIds", {}))[2]
        (entry,) = listed["certificateHashDataChain"]
        assert entry["certificateHashData"] == hash_data(root, root).to_ocpp()

    session, swarm, _ = play(scene("2.0.1"), pki, install)
    (asked,) = session.of("Authorize")
    assert "certificate" not in asked
    entries = asked["iso15118CertificateHashData"]
    assert len(entries) == 3
    assert {e["responderURL"] for e in entries} == {"http://ocsp.example.com/ocsp"}
    contract = x509.load_der_x509_certificate(contract_of(swarm).chain[0])
    assert entries[0]["serialNumber"] == f"{contract.serial_number:x}"
    assert swarm.stations["CS-1"].evses[1].meter.import_wh > 0.0


def contract_of(swarm: Swarm) -> Any:
    vehicle = swarm.stations["CS-1"].evses[1].vehicle
    assert vehicle is not None
    assert vehicle.credentials is not None
    assert vehicle.credentials.contract is not None
    return vehicle.credentials.contract


def test_without_root_or_permission_a_contract_is_not_judged_centrally(pki: Pki) -> None:
    def forbid(swarm: Swarm) -> None:
        swarm.stations["CS-1"].settings.central_contract_validation = False

    session, swarm, _ = play(scene("2.0.1"), pki, prepare=forbid)
    assert session.of("Authorize") == []
    (end,) = host_of(swarm).ended
    assert end.car.response_code == "FAILED_CertChainError"
    assert swarm.stations["CS-1"].evses[1].meter.import_wh == 0.0


@pytest.mark.parametrize("allowed", [True, False])
def test_offline_a_station_judges_by_its_own_roots_or_not_at_all(pki: Pki, allowed: bool) -> None:
    """C07.FR.07 to .09; the transaction is told once the link is back."""

    def prepare(swarm: Swarm) -> None:
        station = swarm.stations["CS-1"]
        station.settings.contract_validation_offline = allowed
        station.certificates.install("V2GRootCertificate", root_of(pki))

    async def outage(csms: FakeCsms, _swarm: Swarm) -> None:
        await asyncio.sleep(1.5)
        csms.down = True
        await csms.cut("CS-1")
        await asyncio.sleep(20.0)
        csms.down = False

    session, swarm, _ = play(scene("2.0.1"), pki, outage, prepare)
    assert session.of("Authorize") == []
    assert len(events(session, "Started")) == int(allowed)
    assert (swarm.stations["CS-1"].evses[1].meter.import_wh > 0.0) is allowed
    if allowed:
        (started,) = events(session, "Started")
        assert started["offline"] is True


@pytest.mark.parametrize(("version", "edition"), [("2.0.1", "iso15118-2"), ("2.1", "iso15118-20")])
def test_a_plan_becomes_the_cars_schedule_and_a_new_plan_a_renegotiation(
    pki: Pki, version: str, edition: str
) -> None:
    """K15, K16."""

    def on_needs(session: Session, _payload: Payload) -> Payload:
        tx_id = events(session, "Started")[0]["transactionInfo"]["transactionId"]
        asyncio.get_running_loop().create_task(
            csms_of["it"].call("CS-1", "SetChargingProfile", plan(7, tx_id, 20_000, 9_000))
        )
        return {"status": "Accepted"}

    csms_of: dict[str, FakeCsms] = {}

    async def replan(csms: FakeCsms, _swarm: Swarm) -> None:
        csms_of["it"] = csms
        await asyncio.sleep(30.0)
        session = csms.sessions["CS-1"]
        tx_id = events(session, "Started")[0]["transactionInfo"]["transactionId"]
        await csms.call("CS-1", "SetChargingProfile", plan(7, tx_id, 10_000, 5_000))

    scenario = scene(version, edition, visit={"max_discharge_w": 0.0})
    session, swarm, messages = play(scenario, pki, replan, NotifyEVChargingNeeds=on_needs)
    first, second = session.of("NotifyEVChargingSchedule")
    for told, limits in ((first, [20_000, 9_000]), (second, [10_000, 5_000])):
        periods = told["chargingSchedule"]["chargingSchedulePeriod"]
        assert [p["limit"] for p in periods] == pytest.approx(limits)
        assert 0 < periods[1]["startPeriod"] < 600
    assert len(session.of("NotifyEVChargingNeeds")) == 1
    assert swarm.stations["CS-1"].evses[1].power_w == pytest.approx(10_000.0, rel=1e-3)
    again = "ScheduleExchangeRes" if edition == "iso15118-20" else "ChargeParameterDiscoveryRes"
    assert again in messages[messages.index("PowerDeliveryRes") :]


def test_a_set_point_reaches_the_car_without_renegotiation(pki: Pki) -> None:
    async def steer(csms: FakeCsms, swarm: Swarm) -> None:
        await asyncio.sleep(20.0)
        tx_id = events(csms.sessions["CS-1"], "Started")[0]["transactionInfo"]["transactionId"]
        evse = swarm.stations["CS-1"].evses[1]
        for limit_w in (11_000.0, 18_000.0):
            await csms.call("CS-1", "SetChargingProfile", plan(7, tx_id, limit_w))
            await asyncio.sleep(4.0)
            assert evse.power_w == pytest.approx(limit_w, rel=1e-3)

    session, _, messages = play(scene("2.0.1", kind="AC"), pki, steer)
    assert messages.count("ChargeParameterDiscoveryRes") < 5
    assert len(session.of("NotifyEVChargingSchedule")) == 1


@pytest.mark.parametrize("edition", ["iso15118-2", "iso15118-20"])
def test_the_car_signs_what_the_meter_reads(pki: Pki, edition: str) -> None:
    def ask_for_receipts(swarm: Swarm) -> None:
        swarm.stations["CS-1"].settings.metering_receipts = True

    _, swarm, messages = play(scene("2.1", edition), pki, prepare=ask_for_receipts)
    signed = "MeteringReceiptRes" if edition == "iso15118-2" else "MeteringConfirmationRes"
    assert signed in messages
    assert swarm.stations["CS-1"].evses[1].meter.import_wh > 0.0


def test_a_bidirectional_car_feeds_back_what_a_set_point_asks(pki: Pki) -> None:
    """Q03 over -20's DC_BPT in dynamic mode."""

    async def discharge(csms: FakeCsms, _swarm: Swarm) -> None:
        await asyncio.sleep(20.0)
        tx_id = events(csms.sessions["CS-1"], "Started")[0]["transactionInfo"]["transactionId"]
        payload = plan(7, tx_id, 0.0)
        period = {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": -20_000.0}
        payload["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"] = [period]
        answer = await csms.call("CS-1", "SetChargingProfile", payload)
        assert answer[2] == {"status": "Accepted"}

    session, swarm, _ = play(scene("2.1", "iso15118-20"), pki, discharge)
    (needs,) = session.of("NotifyEVChargingNeeds")
    told = needs["chargingNeeds"]
    assert (told["requestedEnergyTransfer"], told["controlMode"]) == ("DC_BPT", "DynamicControl")
    assert told["v2xChargingParameters"]["maxDischargePower"] == 50_000
    evse = swarm.stations["CS-1"].evses[1]
    assert evse.power_w == pytest.approx(-20_000.0)
    assert evse.meter.export_wh > 100.0


def test_energy_transfers_that_are_allowed_anew_are_negotiated(pki: Pki) -> None:
    """NotifyAllowedEnergyTransfer: a service renegotiation of -20, there and back."""
    rounds: list[int] = []

    async def allow(csms: FakeCsms, swarm: Swarm) -> None:
        host, answered = host_of(swarm), 0
        earlier = host.on_step

        def count(evse_id: int, step: Any) -> None:
            nonlocal answered
            answered += step.name == "ServiceSelectionRes"
            earlier(evse_id, step)

        host.on_step = count
        await asyncio.sleep(20.0)
        tx_id = events(csms.sessions["CS-1"], "Started")[0]["transactionInfo"]["transactionId"]
        for modes in (["DC"], ["DC", "AC_BPT"], ["DC", "DC_BPT"], ["DC_BPT"]):
            payload = {"transactionId": tx_id, "allowedEnergyTransfer": modes}
            answer = await csms.call("CS-1", "NotifyAllowedEnergyTransfer", payload)
            assert answer[2] == {"status": "Accepted"}
            await asyncio.sleep(20.0)
            rounds.append(answered)

    session, swarm, _ = play(scene("2.1", "iso15118-20", duration_s=120.0), pki, allow)
    assert rounds == [2, 2, 3, 3]
    told = [each["chargingNeeds"] for each in session.of("NotifyEVChargingNeeds")]
    assert [each["requestedEnergyTransfer"] for each in told] == ["DC_BPT", "DC", "DC_BPT"]
    assert len(events(session, "Started")) == 1
    assert events(session, "Ended") == []
    assert swarm.stations["CS-1"].evses[1].power_w > 0.0


@pytest.mark.parametrize("edition", ["iso15118-2", "iso15118-20"])
def test_a_car_without_contract_waits_for_its_drivers_card(edition: str) -> None:
    session, swarm, messages = play(scene("2.1", edition, "none"), None)
    (asked,) = session.of("Authorize")
    assert asked["idToken"] == {"idToken": TOKEN, "type": "ISO14443"}
    assert len(session.of("NotifyEVChargingNeeds")) == 1
    assert "PaymentDetailsRes" not in messages
    assert swarm.stations["CS-1"].evses[1].meter.import_wh > 0.0


def test_a_refused_card_ends_without_energy() -> None:
    def refuse(_session: Session, _payload: Payload) -> Payload:
        return {"idTokenInfo": {"status": "Invalid"}}

    scenario = scene("2.0.1", contract="none", duration_s=90.0)
    session, swarm, _ = play(scenario, None, Authorize=refuse)
    (end,) = host_of(swarm).ended
    assert (end.car.ending, end.car.response_code) == (Ending.REFUSED, "FAILED")
    assert session.of("TransactionEvent") == []
    assert swarm.stations["CS-1"].evses[1].meter.import_wh == 0.0


@pytest.mark.parametrize(("version", "edition"), [("2.0.1", "iso15118-2"), ("2.1", "iso15118-20")])
def test_a_remote_stop_is_passed_on_to_the_car(pki: Pki, version: str, edition: str) -> None:
    async def stop(csms: FakeCsms, _swarm: Swarm) -> None:
        await asyncio.sleep(20.0)
        tx_id = events(csms.sessions["CS-1"], "Started")[0]["transactionInfo"]["transactionId"]
        await csms.call("CS-1", "RequestStopTransaction", {"transactionId": tx_id})

    session, swarm, messages = play(scene(version, edition), pki, stop)
    (ended,) = events(session, "Ended")
    assert ended["transactionInfo"]["stoppedReason"] == "Remote"
    assert [m.removeprefix("DC_") for m in messages[-2:]] == [
        "WeldingDetectionRes",
        "SessionStopRes",
    ]
    (end,) = host_of(swarm).ended
    assert end.charger.ending is Ending.TERMINATED


def test_a_car_pulled_out_takes_its_session_along_and_may_come_back(pki: Pki) -> None:
    async def pull(_csms: FakeCsms, swarm: Swarm) -> None:
        station = swarm.stations["CS-1"]
        await asyncio.sleep(20.0)
        vehicle = station.evses[1].vehicle
        assert vehicle is not None
        station.sessions.unplug(1)
        assert station.evses[1].high_level is None
        await asyncio.sleep(5.0)
        station.sessions.plug_in(1, vehicle)

    session, swarm, _ = play(scene("2.1", "iso15118-20"), pki, pull)
    (ended,) = events(session, "Ended")
    assert ended["triggerReason"] == "EVCommunicationLost"
    assert len(events(session, "Started")) == 2
    assert swarm.stations["CS-1"].evses[1].power_w > 0.0


def test_a_contract_that_the_central_system_drops_stops_the_car(pki: Pki) -> None:
    """A token refused in the answer to a TransactionEvent."""

    def deauthorize(session: Session, _payload: Payload) -> Payload:
        late = len(session.of("TransactionEvent")) > 10
        return {"idTokenInfo": {"status": "Blocked" if late else "Accepted"}}

    session, swarm, _ = play(scene("2.0.1"), pki, TransactionEvent=deauthorize)
    (ended,) = events(session, "Ended")
    assert ended["transactionInfo"]["stoppedReason"] == "DeAuthorized"
    (end,) = host_of(swarm).ended
    assert end.car.ending is Ending.TERMINATED
    assert swarm.stations["CS-1"].evses[1].power_w == 0.0


def test_a_car_plugged_in_anew_at_once_has_one_session(pki: Pki) -> None:
    async def fumble(_csms: FakeCsms, swarm: Swarm) -> None:
        await asyncio.sleep(20.0)
        sessions = swarm.stations["CS-1"].sessions
        vehicle = swarm.stations["CS-1"].evses[1].vehicle
        assert vehicle is not None
        for _ in range(3):
            sessions.unplug(1)
            sessions.plug_in(1, vehicle)

    session, swarm, messages = play(scene("2.0.1"), pki, fumble)
    assert messages.count("SessionSetupRes") == 2  # the first one, and the last
    assert len(events(session, "Started")) == 2
    assert swarm.stations["CS-1"].evses[1].power_w > 0.0


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_settings_of_plug_and_charge_are_shown_where_there_is_a_controller(version: str) -> None:
    async def turn_off(csms: FakeCsms, swarm: Swarm) -> None:
        await asyncio.sleep(1.0)
        if version == "1.6":
            change = {"key": "ISO15118PnCEnabled", "value": "false"}
            answer = (await csms.call("CS-1", "ChangeConfiguration", change))[2]["status"]
        else:
            named = {"component": {"name": "ISO15118Ctrlr"}, "variable": {"name": "PnCEnabled"}}
            data = {"setVariableData": [{**named, "attributeValue": "false"}]}
            results = (await csms.call("CS-1", "SetVariables", data))[2]["setVariableResult"]
            answer = results[0]["attributeStatus"]
        capable = swarm.stations["CS-1"].config.iso15118
        assert answer == (
            "Accepted" if capable else "NotSupported" if version == "1.6" else "UnknownComponent"
        )
        assert swarm.stations["CS-1"].settings.pnc_enabled is not capable

    play(scene(version, contract="none"), None, turn_off)
    # a station whose EVSEs only know the duty cycle
    csms_free = one_station(version)

    async def main() -> None:
        csms = FakeCsms(LoopClock(asyncio.get_running_loop(), EPOCH))
        swarm = Swarm(csms_free, csms.connect, epoch=EPOCH)
        task = asyncio.create_task(turn_off(csms, swarm))
        await swarm.run()
        await task

    run_virtual(main())


@pytest.mark.parametrize("edition", ["iso15118-2", "iso15118-20"])
def test_a_drivers_card_stands_in_for_a_refused_contract(pki: Pki, edition: str) -> None:
    def judge(_session: Session, payload: Payload) -> Payload:
        if payload["idToken"]["type"] == "eMAID":
            return {"idTokenInfo": {"status": "Blocked"}, "certificateStatus": "ContractCancelled"}
        return {"idTokenInfo": {"status": "Accepted"}}

    scenario = scene("2.1", edition, visit={"external_payment": True})
    session, swarm, _ = play(scenario, pki, Authorize=judge)
    assert [asked["idToken"]["type"] for asked in session.of("Authorize")] == ["eMAID", "ISO14443"]
    (started,) = events(session, "Started")
    assert started["idToken"] == {"idToken": TOKEN, "type": "ISO14443"}
    assert swarm.stations["CS-1"].evses[1].power_w > 0.0
    (end,) = host_of(swarm).ended  # the second session goes on
    assert end.car.ending is Ending.REFUSED
