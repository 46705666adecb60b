"""Whole sessions of ISO 15118-20, both machines in memory, every message through EXI."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from charger_sim.iso15118.backend import (
    Authorize,
    AuthorizeExternally,
    InstallCertificate,
    MakeSchedule,
    PowerSchedule,
    PriceEntry,
    ReportSchedule,
)
from charger_sim.iso15118.iso20.evcc_state import Identity
from charger_sim.iso15118.iso20.messages import from_frame, to_frame
from charger_sim.iso15118.iso20.models import SimpleVehicle
from charger_sim.iso15118.iso20.numbers import real
from charger_sim.iso15118.iso20.ports import Notification, Wish
from charger_sim.iso15118.iso20.secc_state import PausedSessions, SeccConfig
from charger_sim.iso15118.iso20.services import ControlMode, Offer, ServiceId
from charger_sim.iso15118.iso20.states import State
from charger_sim.iso15118.machine import Ending
from charger_sim.iso15118.v2gtp import PayloadType
from pki.exi import Document
from pki.profiles import Suite
from tests.unit.iso15118_20.support import (
    ALL_SERVICES,
    EMAID,
    EV,
    Pair,
    PkiBackend,
    add_contract,
    car,
    make_world,
    shared_world,
)

ENDED = (Ending.TERMINATED, Ending.TERMINATED)


def _endings(pair: Pair) -> tuple[Ending | None, Ending]:
    secc, evcc = pair.run()
    return (secc.ending if secc else None), evcc.ending


def _eim(world, **changes):
    return car(world, contract=None, authorizations=("EIM",), **changes)


def test_pnc_on_dc_in_scheduled_mode_follows_the_schedule():
    world = shared_world()
    pair = Pair(world, car(world))
    assert _endings(pair) == ENDED
    requests = [each.removesuffix("Req") for each in pair.names if each.endswith("Req")]
    assert requests[:12] == [
        "SessionSetup", "AuthorizationSetup", "Authorization", "ServiceDiscovery",
        "ServiceDetail", "ServiceSelection", "DC_ChargeParameterDiscovery", "ScheduleExchange",
        "DC_CableCheck", "DC_PreCharge", "DC_PreCharge", "PowerDelivery",
    ]  # fmt: skip
    asked = [each for each in pair.backend.asked if isinstance(each, Authorize)]
    assert [each.emaid for each in asked] == [EMAID]
    assert len(asked[0].chain) == 3
    # the car could take 50 kW, the schedule gives 30
    assert pair.vehicle.powers_w == [30_000.0] * 3
    assert not pair.evse.closed
    assert pair.evse.present_v() == 0.0


def test_eim_on_ac():
    world = shared_world()
    pair = Pair(world, _eim(world, services=(ServiceId.AC,)))
    assert _endings(pair) == ENDED
    assert isinstance(pair.backend.asked[0], AuthorizeExternally)
    assert not any(name.startswith("DC_") for name in pair.names)
    assert pair.vehicle.powers_w == [25_000.0] * 3  # the charger's set-point


def test_eim_on_dc_in_dynamic_mode_the_charger_decides():
    world = shared_world()
    pair = Pair(world, _eim(world, control_modes=(ControlMode.DYNAMIC,)))
    pair.evse.setpoint_w = 12_345.0
    assert _endings(pair) == ENDED
    assert pair.vehicle.powers_w == pytest.approx([12_345.0] * 3, rel=1e-3)
    needs = next(each for each in pair.backend.asked if isinstance(each, MakeSchedule)).needs
    assert needs.control_mode == "dynamic"
    assert needs.departure_s == 3600
    assert needs.energy_wh == pytest.approx(24_000.0)


def test_the_schedule_of_the_backend_binds_in_dynamic_mode_too():
    world = shared_world()
    backend = PkiBackend(world.pki, schedules=(PowerSchedule(1, ((0.0, 7_000.0),)),))
    pair = Pair(world, _eim(world, control_modes=(ControlMode.DYNAMIC,)), backend=backend)
    assert _endings(pair) == ENDED
    assert pair.vehicle.powers_w == [7_000.0] * 3


@pytest.mark.parametrize("service", [ServiceId.DC_BPT, ServiceId.AC_BPT])
@pytest.mark.parametrize("mode", list(ControlMode))
def test_bpt_discharges_in_the_loop(service, mode):
    world = shared_world()
    pair = Pair(world, car(world, services=(service,), control_modes=(mode,)))
    pair.vehicle.wanted_w = -15_000.0
    pair.evse.setpoint_w = -15_000.0
    pair.config = replace(pair.config, loop_s=60.0)
    pair.__post_init__()
    soc_frac = pair.vehicle.soc_frac
    assert _endings(pair) == ENDED
    assert pair.vehicle.powers_w == pytest.approx([-15_000.0] * 3, rel=1e-3)
    assert pair.vehicle.soc_frac < soc_frac
    last = pair.evcc.session.readings[-1]
    assert last.charged_wh == 0
    assert last.discharged_wh == pytest.approx(2 * 250, abs=1)  # 15 kW for two minutes


def test_a_service_without_bpt_never_discharges():
    world = shared_world()
    pair = Pair(world, car(world))
    pair.vehicle.wanted_w = -15_000.0
    assert _endings(pair) == ENDED
    assert min(pair.vehicle.powers_w) >= 0.0


def test_the_car_that_can_less_binds():
    world = shared_world()
    vehicle = SimpleVehicle(replace(EV, max_charge_w=8_000.0), turns=2)
    pair = Pair(world, car(world), vehicle=vehicle)
    assert _endings(pair) == ENDED
    assert pair.vehicle.powers_w == [8_000.0] * 2


def test_tariffs_reach_the_car_and_its_profile_the_backend():
    world = shared_world()
    schedule = PowerSchedule(
        7, ((0.0, 20_000.0), (1800.0, 5_000.0)), 3600.0, (PriceEntry(0.0, 1), PriceEntry(900.0, 0))
    )
    backend = PkiBackend(world.pki, schedules=(schedule,))
    pair = Pair(world, car(world), backend=backend)
    assert _endings(pair) == ENDED
    assert pair.evcc.session.chosen.schedule == schedule
    report = next(each for each in backend.asked if isinstance(each, ReportSchedule))
    assert report == ReportSchedule(7, ((0.0, 20_000.0), (1800, 5_000.0)))


def test_power_steps_down_with_the_schedule():
    world = make_world()
    schedule = PowerSchedule(1, ((0.0, 20_000.0), (1800.0, 5_000.0)), 3600.0)
    pair = Pair(world, car(world), backend=PkiBackend(world.pki, schedules=(schedule,)))
    pair.vehicle.turns = 2

    def later(name, frame):
        if name == "DC_ChargeLoopReq":
            world.clock.at = world.clock.at.fromtimestamp(
                world.clock.at.timestamp() + 1000, tz=world.clock.at.tzinfo
            )
        return frame

    pair.tamper = later
    assert _endings(pair) == ENDED
    # the first target was set before 1,000 s had passed, the second before 2,000
    assert pair.vehicle.powers_w == [20_000.0, 5_000.0]


@pytest.mark.parametrize("suite", [Suite.ISO_20, Suite.ISO_20_ED448])
def test_contracts_are_installed_one_after_the_other_and_used(suite):
    world = make_world(suite)
    for emaid in ("DEACMC00000001", "DEACMC00000002", "DEACMC00000003"):
        add_contract(world, emaid)
    config = car(
        world,
        contract=None,
        provisioning=Identity.of(world.provisioning),
        max_contracts=3,
        prioritized_emaids=("DEACMC00000002",),
    )
    pair = Pair(world, config)
    assert _endings(pair) == ENDED
    assert pair.names.count("CertificateInstallationReq") == 3
    installed = pair.evcc.session.installed
    names = [each.leaf.subject.rfc4514_string() for each in installed]
    assert ["DEACMC00000002" in names[0], "DEACMC00000001" in names[1]] == [True, True]
    assert all(each.key.public_key() == each.leaf.public_key() for each in installed)
    asked = next(each for each in pair.backend.asked if isinstance(each, Authorize))
    assert asked.emaid == "DEACMC00000002"
    passed_on = [each for each in pair.backend.asked if isinstance(each, InstallCertificate)]
    sent = zip(pair.names, pair.frames, strict=True)
    requests = [frame.payload for name, frame in sent if name == "CertificateInstallationReq"]
    assert [base64.b64decode(each.exi_request) for each in passed_on] == requests


def test_pause_and_resume_join_the_same_session():
    world = shared_world()
    paused = PausedSessions()
    first = Pair(world, car(world), paused=paused)
    first.vehicle.last_wish = Wish.PAUSE
    assert _endings(first) == (Ending.PAUSED, Ending.PAUSED)

    second = Pair(world, car(world), paused=paused)
    second.evcc = type(second.evcc)(
        second.config, second.vehicle, world.clock, bytes, first.evcc.resume
    )
    assert _endings(second) == ENDED
    assert second.evcc.session.joined
    assert second.secc.session.session_id == first.secc.session.session_id
    code = from_frame(second.frames[1]).value["ResponseCode"]
    assert code == "OK_OldSessionJoined"
    # a resumed session goes on as it was authorized
    setup = from_frame(second.frames[3]).value
    assert setup["AuthorizationServices"] == ["PnC"]


def test_another_car_cannot_join_a_paused_session():
    world = shared_world()
    paused = PausedSessions()
    first = Pair(world, car(world), paused=paused)
    first.vehicle.last_wish = Wish.PAUSE
    first.run()
    second = Pair(world, car(world, evcc_id="WMIV999999999999Z"), paused=paused)
    second.evcc = type(second.evcc)(
        second.config, second.vehicle, world.clock, bytes, first.evcc.resume
    )
    assert _endings(second) == ENDED
    assert not second.evcc.session.joined
    assert second.secc.session.session_id != first.secc.session.session_id


def test_schedules_are_renegotiated_beside_the_charge_loop():
    world = shared_world()
    pair = Pair(world, car(world))
    pair.vehicle.wishes = {1: Wish.RENEGOTIATE}
    pair.vehicle.turns = 4
    pair.backend.schedules = (PowerSchedule(1, ((0.0, 30_000.0),)),)
    rounds = iter([30_000.0, 9_000.0])
    answer = pair.backend.answer

    def answers(question):
        if isinstance(question, MakeSchedule):
            pair.backend.schedules = (PowerSchedule(1, ((0.0, next(rounds)),)),)
        return answer(question)

    pair.backend.answer = answers
    assert _endings(pair) == ENDED
    assert pair.vehicle.powers_w == [30_000.0, 9_000.0, 9_000.0, 9_000.0]
    side = [each for each in pair.frames if each.payload_type == PayloadType.SCHEDULE_RENEGOTIATION]
    assert [from_frame(each).name for each in side] == [
        "ScheduleExchangeReq", "ScheduleExchangeRes", "PowerDeliveryReq", "PowerDeliveryRes",
    ]  # fmt: skip
    rounds_asked = [each for each in pair.backend.asked if isinstance(each, MakeSchedule)]
    assert [each.renegotiation for each in rounds_asked] == [0, 1]


def test_the_service_is_renegotiated_from_dc_to_bpt():
    world = shared_world()
    pair = Pair(world, car(world, services=(ServiceId.DC, ServiceId.DC_BPT)))
    pair.vehicle.wishes = {2: Wish.CHANGE_SERVICE}
    pair.vehicle.wanted_w = -5_000.0
    pair.vehicle.turns = 4
    assert _endings(pair) == ENDED
    assert pair.names.count("ServiceSelectionReq") == 2
    assert pair.names.count("AuthorizationReq") == 1
    assert pair.vehicle.powers_w == pytest.approx([0.0, 0.0, -5_000.0, -5_000.0], rel=1e-3)


def _allow_from_turn(pair: Pair, allowed: dict[int, set[ServiceId]]) -> None:
    """Turn of the charge loop, from 0 -> what the operator allows from then on."""

    def pass_on(name, frame):
        if name == "DC_ChargeLoopReq":
            turn = len(pair.vehicle.powers_w)
            pair.evse.allowed = frozenset(allowed.get(turn, pair.evse.allowed))
        return frame

    pair.tamper = pass_on


def _selected(pair: Pair) -> list[int]:
    main = [from_frame(f) for f in pair.frames if f.payload_type == PayloadType.MAINSTREAM]
    requests = [each.value for each in main if each.name == "ServiceSelectionReq"]
    return [each["SelectedEnergyTransferService"]["ServiceID"] for each in requests]


def test_the_service_is_chosen_anew_when_others_are_allowed():
    """From BPT down to DC, and back when BPT is allowed again; what still fits is left alone."""
    world = shared_world()
    pair = Pair(world, car(world, services=(ServiceId.DC_BPT, ServiceId.DC)))
    pair.vehicle.turns = 8
    both = {ServiceId.DC, ServiceId.DC_BPT}
    _allow_from_turn(
        pair, {1: {ServiceId.DC}, 3: both, 5: {ServiceId.DC_BPT}, 6: {ServiceId.AC}, 7: both}
    )
    assert _endings(pair) == ENDED
    assert _selected(pair) == [ServiceId.DC_BPT, ServiceId.DC, ServiceId.DC_BPT]
    assert pair.names.count("AuthorizationReq") == 1
    assert len(pair.vehicle.powers_w) == 8


def test_a_car_is_not_bothered_with_services_that_it_does_not_know():
    world = shared_world()
    pair = Pair(world, car(world, services=(ServiceId.DC,)))
    pair.vehicle.turns = 4
    pair.evse.allowed = frozenset({ServiceId.DC})
    _allow_from_turn(pair, {2: {ServiceId.DC, ServiceId.DC_BPT}})
    assert _endings(pair) == ENDED
    assert _selected(pair) == [ServiceId.DC]


def test_a_charger_without_renegotiation_keeps_the_service():
    world = shared_world()
    config = SeccConfig(service_renegotiation=False)
    pair = Pair(world, car(world, services=(ServiceId.DC_BPT, ServiceId.DC)), config)
    pair.vehicle.turns = 3
    _allow_from_turn(pair, {1: {ServiceId.DC}})
    assert _endings(pair) == ENDED
    assert _selected(pair) == [ServiceId.DC_BPT]


def test_standby_and_back():
    world = shared_world()
    pair = Pair(world, _eim(world, services=(ServiceId.AC,)))
    pair.vehicle.wishes = {1: Wish.STANDBY, 2: Wish.STANDBY}
    pair.vehicle.turns = 4
    assert _endings(pair) == ENDED
    assert pair.vehicle.powers_w == [25_000.0, 0.0, 0.0, 25_000.0]


@pytest.mark.parametrize("mode", list(ControlMode))
def test_a_metering_receipt_is_signed_with_the_contract_key(mode):
    world = shared_world()
    pair = Pair(world, car(world, control_modes=(mode,)))
    pair.evse.notify([Notification.METERING_CONFIRMATION])
    assert _endings(pair) == ENDED
    assert len(pair.secc.session.receipts) == 1
    side = [each for each in pair.frames if each.payload_type == PayloadType.METERING_CONFIRMATION]
    assert [from_frame(each).name for each in side] == [
        "MeteringConfirmationReq", "MeteringConfirmationRes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("notification", "ending"),
    [(Notification.TERMINATE, Ending.TERMINATED), (Notification.PAUSE, Ending.PAUSED)],
)
def test_the_charger_ends_the_charging(notification, ending):
    world = shared_world()
    pair = Pair(world, car(world))
    pair.vehicle.turns = None
    pair.evse.notify([notification])
    assert _endings(pair) == (ending, ending)
    assert len(pair.vehicle.powers_w) == 1


def test_a_slow_backend_makes_the_car_ask_again():
    world = shared_world()
    pair = Pair(world, car(world), backend=PkiBackend(world.pki, delays=3))
    assert _endings(pair) == ENDED
    assert pair.names.count("AuthorizationReq") == 4


def test_an_unknown_contract_falls_back_to_external_means():
    world = make_world()
    other = make_world()  # of the same names, another PKI
    pair = Pair(world, car(world, contract=Identity.of(other.contract)))
    assert _endings(pair) == ENDED
    assert pair.secc.session.authorization == "EIM"


def test_the_car_stops_when_full():
    world = shared_world()
    vehicle = SimpleVehicle(EV, capacity_wh=1_000.0, soc_frac=0.7, turns=None)
    pair = Pair(world, car(world, loop_s=1.0), vehicle=vehicle)
    assert _endings(pair) == ENDED
    assert vehicle.soc_frac == pytest.approx(0.8, abs=0.01)
    energy_wh = pair.evcc.session.readings[-1].charged_wh
    assert energy_wh == pytest.approx(100, abs=10)


def test_only_what_both_know_is_chosen():
    world = shared_world()
    secc_config = SeccConfig(offers=(Offer(ServiceId.AC), Offer(ServiceId.DC)))
    services = (ServiceId.DC_BPT, ServiceId.DC)
    pair = Pair(world, car(world, services=services), secc_config)
    assert _endings(pair) == ENDED
    assert pair.secc.session.service is ServiceId.DC
    assert pair.secc.state is State.END


def test_all_services_are_described_with_their_parameters():
    for offer in ALL_SERVICES:
        names = {each["@Name"] for each in offer.describe()["ParameterSet"][0]["Parameter"]}
        assert {"Connector", "ControlMode", "MobilityNeedsMode", "Pricing"} <= names
        assert ("BPTChannel" in names) == offer.service.is_bpt
        assert ("EVSENominalVoltage" in names) != offer.service.is_dc


def test_limits_go_over_the_wire_unchanged():
    world = shared_world()
    pair = Pair(world, car(world, services=(ServiceId.DC_BPT,)))
    pair.run()
    body = next(
        message.value["BPT_DC_CPDReqEnergyTransferMode"]
        for message in map(from_frame, pair.frames)
        if message.name == "DC_ChargeParameterDiscoveryReq"
    )
    assert real(body["EVMaximumDischargePower"]) == EV.max_discharge_w
    assert pair.secc.session.ev_limits.max_discharge_a == EV.max_discharge_a


def test_a_charger_may_send_the_car_to_pause_before_power():
    world = shared_world()
    pair = Pair(world, car(world))
    answered = pair.to_secc

    def to_pause(frame):
        output = answered(frame)
        message = from_frame(output.frame)
        if message.name != "ScheduleExchangeRes":
            return output
        value = {**message.value, "GoToPause": True}
        return replace(output, frame=to_frame(Document(message.namespace, message.name, value)))

    pair.to_secc = to_pause
    assert _endings(pair) == (Ending.PAUSED, Ending.PAUSED)
    assert "DC_CableCheckReq" not in pair.names


def test_a_lost_connection_takes_power_off():
    world = shared_world()
    pair = Pair(world, car(world))
    pair.run("DC_ChargeLoopReq")
    assert pair.evse.closed
    pair.secc.close()
    assert not pair.evse.closed
    assert pair.secc.state is State.END
