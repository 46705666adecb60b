"""Sales tariffs: signed by MO Sub-CA 2, believed only then; the car charges either way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from charger_sim.iso15118.backend import MakeSchedule, PowerSchedule, PriceEntry
from charger_sim.iso15118.iso2 import SeccConfig, messages
from charger_sim.iso15118.iso2.evcc_context import EvccData
from charger_sim.iso15118.iso2.evcc_tariff import take_tariff
from charger_sim.iso15118.iso2.messages import Message, physical
from charger_sim.iso15118.local_backend import LocalBackend
from charger_sim.iso15118.machine import Ending
from charger_sim.iso15118.model import AC_NEEDS, ModelCar
from pki.issue import ca_id
from pki.keys import PrivateKey, generate
from pki.profiles import KeyKind, Role, Suite
from tests.unit.iso15118.world import AC, EIM, Played, play, world

PRICES = (PriceEntry(0.0, 1), PriceEntry(1_800.0, 0))


class WithTariffs(LocalBackend):
    async def make_schedule(self, question: MakeSchedule) -> tuple[PowerSchedule, ...]:
        del question
        limits = ((0.0, 11_000.0),)
        return tuple(PowerSchedule(number, limits, 3_600.0, PRICES) for number in (1, 2, 3))


async def charge(config: SeccConfig, car_config: Any = None) -> Played:
    played = await play(
        config, car_config or world().pnc(), ModelCar(AC_NEEDS), backend=WithTariffs(world().pki)
    )
    assert played.of_evcc.ending is Ending.TERMINATED, played
    assert len(played.car.powers_w) == 3
    return played


def operator_key() -> PrivateKey:
    return world().pki.keys.load(ca_id(Suite.ISO_2, Role.MO_SUB2))


async def test_a_signed_tariff_is_taken() -> None:
    played = await charge(replace(AC, tariff_key=operator_key()))
    assert (played.evcc.tariff, played.evcc.tariff_doubt) == (PRICES, "")


@pytest.mark.parametrize(
    ("key", "doubt"),
    [(None, "is not signed"), (generate(KeyKind.P256, lambda n: b"\1" * n), "not by this key")],
)
async def test_one_that_the_operator_did_not_sign_is_left_aside(
    key: PrivateKey | None, doubt: str
) -> None:
    played = await charge(replace(AC, tariff_key=key))
    assert played.evcc.tariff == ()
    assert doubt in played.evcc.tariff_doubt


async def test_without_a_contract_nobody_signs() -> None:
    config = replace(AC, payment_options=("ExternalPayment",))
    assert (await charge(config, EIM)).evcc.tariff == PRICES


def response(*identifiers: str | None) -> Message:
    """With a schedule and a tariff for each identifier; the operator signs those that have one."""
    tuples = [
        {
            "SAScheduleTupleID": number,
            "PMaxSchedule": {
                "PMaxScheduleEntry": [
                    {"RelativeTimeInterval": {"start": 0}, "PMax": physical(11_000.0, "W")}
                ]
            },
            "SalesTariff": {
                "@Id": identifier,
                "SalesTariffID": number,
                "NumEPriceLevels": 2,
                "SalesTariffEntry": [
                    {"RelativeTimeInterval": {"start": 0}, "EPriceLevel": number % 2}
                ],
            },
        }
        for number, identifier in enumerate(identifiers, 1)
    ]
    limits = {"EVSENominalVoltage": physical(230.0, "V"), "EVSEMaxCurrent": physical(16.0, "A")}
    status = {"NotificationMaxDelay": 0, "EVSENotification": "None", "RCD": False}
    body = {
        "ResponseCode": "OK",
        "EVSEProcessing": "Finished",
        "SAScheduleList": {"SAScheduleTuple": tuples},
        "AC_EVSEChargeParameter": {"AC_EVSEStatus": status, **limits},
    }
    name = "ChargeParameterDiscoveryRes"
    return messages.read(messages.write(bytes(8), name, body, key=operator_key()))


def taken(message: Message) -> EvccData:
    data = EvccData(world().contract, bytes(8))
    take_tariff(data, message, message.body["SAScheduleList"]["SAScheduleTuple"][0])
    return data


def test_of_several_tariffs_the_one_that_is_followed_must_be_signed() -> None:
    assert taken(response("a", "b")).tariff == (PriceEntry(0.0, 1),)
    assert taken(response("a", None)).tariff == (PriceEntry(0.0, 1),)
    doubted = taken(response(None, "b"))
    assert (doubted.tariff, doubted.tariff_doubt) == ((), "another tariff is signed, not this one")


@pytest.mark.parametrize(
    "change",
    [
        lambda tariff: tariff["SalesTariffEntry"][0].update(EPriceLevel=0),
        lambda tariff: tariff.update({"@Id": "other"}),
        lambda tariff: tariff.pop("@Id"),
        lambda tariff: tariff.update(SalesTariffID=9),
    ],
)
def test_a_charger_that_changes_a_signed_tariff(change: Any) -> None:
    message = response("a")
    change(message.body["SAScheduleList"]["SAScheduleTuple"][0]["SalesTariff"])
    data = taken(message)
    assert data.tariff == ()
    assert data.tariff_doubt


def test_a_contract_without_its_chain() -> None:
    contract = replace(world().contract, chain=world().contract.chain[:1])
    data = EvccData(contract, bytes(8))
    message = response("a")
    take_tariff(data, message, message.body["SAScheduleList"]["SAScheduleTuple"][0])
    assert "lacks MO Sub-CA 2" in data.tariff_doubt
