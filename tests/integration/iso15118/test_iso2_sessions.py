"""Whole sessions of ISO 15118-2, in memory and over TLS on the loopback."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charger_sim.iso15118.iso2 import EvccConfig
from charger_sim.iso15118.local_backend import LocalBackend
from charger_sim.iso15118.machine import Ending, Outcome
from charger_sim.iso15118.model import (
    AC_LIMITS,
    AC_NEEDS,
    DC_NEEDS,
    ModelCar,
    ModelEvse,
)
from charger_sim.iso15118.physical import Notification, Wish
from pki.revoke import revoke
from tests.unit.iso15118.world import AC, DC, EIM, INSTALLED_EMAID, make_world, play, unix_s, world

TRANSPORTS = pytest.mark.parametrize("over_tls", [False, True], ids=["memory", "tls"])


@TRANSPORTS
async def test_ac_eim(over_tls: bool) -> None:
    played = await play(AC, EIM, ModelCar(AC_NEEDS), over_tls=over_tls)
    assert played.of_secc.ending is Ending.TERMINATED
    assert played.of_evcc.ending is Ending.TERMINATED
    assert played.requests == [
        "supportedAppProtocol",
        "SessionSetup",
        "ServiceDiscovery",
        "PaymentServiceSelection",
        "Authorization",
        "ChargeParameterDiscovery",
        "PowerDelivery",
        "ChargingStatus",
        "ChargingStatus",
        "ChargingStatus",
        "PowerDelivery",
        "SessionStop",
    ]
    # 32 A on three phases of 230 V, rounded to the PhysicalValue's 1/1000 A
    assert played.car.powers_w == pytest.approx([22_000.0] * 3, abs=1.0)
    assert not played.evse.closed


@TRANSPORTS
async def test_ac_pnc_with_receipts(over_tls: bool) -> None:
    config = replace(AC, receipts=True)
    played = await play(config, world().pnc(), ModelCar(AC_NEEDS), over_tls=over_tls)
    assert played.of_secc.ending is Ending.TERMINATED
    assert played.of_evcc.ending is Ending.TERMINATED
    assert played.requests.count("MeteringReceipt") == 3
    assert "CertificateInstallation" not in played.requests


@TRANSPORTS
async def test_a_new_car_gets_its_contract_and_charges_on_it(over_tls: bool) -> None:
    played = await play(AC, world().new_car(), ModelCar(AC_NEEDS), over_tls=over_tls)
    assert played.of_evcc.ending is Ending.TERMINATED
    assert played.requests[3:8] == [
        "ServiceDetail",
        "PaymentServiceSelection",
        "CertificateInstallation",
        "PaymentDetails",
        "Authorization",
    ]
    contract = played.evcc.contract
    assert contract is not None
    assert contract.emaid == INSTALLED_EMAID
    again = await play(AC, world().pnc(contract=contract), ModelCar(AC_NEEDS), over_tls=over_tls)
    assert again.of_evcc.ending is Ending.TERMINATED


async def test_a_contract_is_updated() -> None:
    played = await play(AC, world().pnc(update_contract=True), ModelCar(AC_NEEDS))
    assert played.of_evcc.ending is Ending.TERMINATED
    assert "CertificateUpdate" in played.requests
    new, old = played.evcc.contract, world().contract
    assert new is not None
    assert new.emaid == old.emaid
    assert new.chain[0] != old.chain[0]


@TRANSPORTS
async def test_dc_eim(over_tls: bool) -> None:
    played = await play(DC, EIM, ModelCar(DC_NEEDS), over_tls=over_tls)
    assert played.of_secc.ending is Ending.TERMINATED
    assert played.of_evcc.ending is Ending.TERMINATED
    assert played.requests[5:] == [
        "ChargeParameterDiscovery",
        "CableCheck",
        "CableCheck",
        "PreCharge",
        "PowerDelivery",
        "CurrentDemand",
        "CurrentDemand",
        "CurrentDemand",
        "PowerDelivery",
        "WeldingDetection",
        "SessionStop",
    ]
    # 250 A at 400 V, within the 100 kW that the car can take
    assert played.car.powers_w == pytest.approx([100_000.0] * 3, rel=1e-3)


async def test_dc_follows_the_power_limit() -> None:
    evse = ModelEvse(replace(AC_LIMITS, voltage_max_v=920.0), unix_s, power_cap_w=20_000.0)
    played = await play(DC, EIM, ModelCar(replace(DC_NEEDS)), evse=evse)
    assert played.car.powers_w == pytest.approx([12_800.0] * 3)  # 32 A bind at 400 V
    evse = ModelEvse(replace(evse.limits, current_max_a=400.0), unix_s, power_cap_w=20_000.0)
    played = await play(DC, EIM, ModelCar(DC_NEEDS), evse=evse)
    assert played.car.powers_w == pytest.approx([20_000.0] * 3)


async def test_dc_pnc_with_receipts() -> None:
    config = replace(DC, receipts=True)
    played = await play(config, world().pnc(), ModelCar(DC_NEEDS))
    assert played.of_evcc.ending is Ending.TERMINATED
    assert played.requests.count("MeteringReceipt") == 3


async def test_pause_and_resume() -> None:
    first = await play(AC, EIM, ModelCar(AC_NEEDS, ends_with=Wish.PAUSE))
    assert first.of_secc == Outcome(Ending.PAUSED)
    assert first.of_evcc.ending is Ending.PAUSED
    assert first.secc.paused is not None
    config = replace(AC, resume=first.secc.paused)
    resuming = replace(EIM, resume_session=first.evcc.session_id)
    second = await play(config, resuming, ModelCar(AC_NEEDS))
    assert second.of_evcc.ending is Ending.TERMINATED
    assert second.evcc.session_id == first.evcc.session_id
    stranger = await play(config, EIM, ModelCar(AC_NEEDS))
    assert stranger.evcc.session_id != first.evcc.session_id


@pytest.mark.parametrize(("config", "needs"), [(AC, AC_NEEDS), (DC, DC_NEEDS)])
async def test_the_charger_asks_for_renegotiation(config, needs) -> None:  # type: ignore[no-untyped-def]
    limits = AC_LIMITS if config is AC else replace(AC_LIMITS, voltage_max_v=920.0)
    notices = [Notification.NONE, Notification.RENEGOTIATE]
    evse = ModelEvse(limits, unix_s, notices=notices)
    played = await play(config, EIM, ModelCar(needs), evse=evse)
    assert played.of_evcc.ending is Ending.TERMINATED
    assert played.requests.count("ChargeParameterDiscovery") == 2
    assert played.requests.count("PowerDelivery") == 4


async def test_the_charger_stops_the_session() -> None:
    notices = [Notification.NONE, Notification.STOP]
    evse = ModelEvse(AC_LIMITS, unix_s, notices=notices)
    played = await play(AC, EIM, ModelCar(AC_NEEDS, rounds=100), evse=evse)
    assert played.of_evcc.ending is Ending.TERMINATED
    assert played.requests.count("ChargingStatus") < 5


@TRANSPORTS
async def test_a_revoked_contract_is_refused(over_tls: bool) -> None:
    own = make_world()
    backend = LocalBackend(own.pki)
    before = await play(AC, own.pnc(), ModelCar(AC_NEEDS), backend=backend)
    assert before.of_evcc.ending is Ending.TERMINATED
    revoke(own.pki, own.contract_serial)
    after = await play(AC, own.pnc(), ModelCar(AC_NEEDS), backend=backend, over_tls=over_tls)
    assert after.of_evcc.response_code == "FAILED_CertificateRevoked"
    assert after.of_secc.response_code == "FAILED_CertificateRevoked"
    assert after.requests[-1] == "PaymentDetails"


async def test_a_contract_of_another_root_is_refused() -> None:
    played = await play(AC, make_world().pnc(), ModelCar(AC_NEEDS))
    assert played.of_evcc.response_code == "FAILED_CertChainError"


async def test_a_car_without_a_contract_in_the_pool_is_refused() -> None:
    played = await play(AC, make_world().new_car(), ModelCar(AC_NEEDS))
    assert played.of_evcc.response_code == "FAILED_NoCertificateAvailable"


async def test_a_car_does_not_take_a_contract_of_a_root_that_it_does_not_trust() -> None:
    trust = make_world().trust
    config = world().pnc(contract=None, provisioning=world().provisioning, trust=trust)
    played = await play(AC, config, ModelCar(AC_NEEDS))
    assert played.of_evcc.ending is Ending.PROTOCOL_ERROR
    assert played.of_evcc.detail.startswith("chain: ")
    assert played.of_secc.ending is Ending.CLOSED
    assert played.evcc.contract is None


async def test_a_charger_without_contracts_is_left() -> None:
    config = replace(AC, payment_options=("ExternalPayment",))
    played = await play(config, world().pnc(), ModelCar(AC_NEEDS))
    assert played.of_evcc == Outcome(Ending.REFUSED, "the charger offers ['ExternalPayment']", None)
    assert played.of_secc.ending is Ending.CLOSED


async def test_a_car_without_contract_and_provisioning_gives_up() -> None:
    config = EvccConfig(EIM.evcc_id, "Contract", trust=world().trust)
    played = await play(AC, config, ModelCar(AC_NEEDS))
    assert played.of_evcc.ending is Ending.REFUSED
    assert "neither contract nor provisioning" in played.of_evcc.detail


async def test_the_profile_that_the_car_chose_reaches_the_backend() -> None:
    backend = LocalBackend(world().pki, power_w=7_360.0)
    await play(AC, EIM, ModelCar(AC_NEEDS), backend=backend)
    assert [each.profile for each in backend.reports] == [((0.0, 7_360.0),)]
