"""Sales tariffs: signed by MO Sub-CA 2, believed only then; the car charges either way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from charger_sim.iso15118.backend import MakeSchedule, PowerSchedule, PriceEntry
from charger_sim.iso15118.iso2 import SeccConfig, messages
from charger_sim.iso15118.iso2.evcc_choice import choose
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

Limits = tuple[tuple[float, float], ...]
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


CHEAP, DEAR = 0, 3
HOUR_S = 3_600.0


def offer(number: int, limits: Limits, *prices: tuple[float, int]) -> PowerSchedule:
    return PowerSchedule(number, limits, 8 * HOUR_S, tuple(PriceEntry(*each) for each in prices))


FLAT = ((0.0, 11_000.0),)
CHOICES: list[tuple[str, list[PowerSchedule], int]] = [
    ("no prices: the first", [offer(1, FLAT), offer(2, ((0.0, 22_000.0),))], 0),
    ("the cheaper one", [offer(1, FLAT, (0.0, DEAR)), offer(2, FLAT, (0.0, CHEAP))], 1),
    ("equal prices: the first", [offer(1, FLAT, (0.0, 1)), offer(2, FLAT, (0.0, 1))], 0),
    ("cheap hours are filled first: two of them suffice", [
        offer(1, FLAT, (0.0, 1)),
        offer(2, FLAT, (0.0, DEAR), (6 * HOUR_S, CHEAP))], 1),
    ("cheap, but too little power to be ready", [
        offer(1, FLAT, (0.0, DEAR)), offer(2, ((0.0, 2_000.0),), (0.0, CHEAP))], 0),
    ("none is enough: the one with the least missing", [
        offer(1, ((0.0, 1_000.0),), (0.0, CHEAP)), offer(2, ((0.0, 2_000.0),), (0.0, DEAR))], 1),
    ("prices that are believed go before none", [offer(1, FLAT), offer(2, FLAT, (0.0, DEAR))], 1),
    ("but not before being ready", [offer(1, FLAT), offer(2, ((0.0, 0.0),), (0.0, CHEAP))], 0),
    ("cheap power comes after departure", [
        offer(1, FLAT, (0.0, 1)),
        offer(2, ((0.0, 1_380.0), (8 * HOUR_S, 22_000.0)), (0.0, DEAR), (8 * HOUR_S, CHEAP))], 0),
]  # fmt: skip
"""22 kWh in 8 h at 11 kW at most (AC_NEEDS)."""


@pytest.mark.parametrize(
    ("offers", "chosen"), [pytest.param(offers, k, id=case) for case, offers, k in CHOICES]
)
def test_the_cheapest_schedule_that_meets_the_need(
    offers: list[PowerSchedule], chosen: int
) -> None:
    assert choose(offers, AC_NEEDS) == chosen


class CheapSecond(LocalBackend):
    async def make_schedule(self, question: MakeSchedule) -> tuple[PowerSchedule, ...]:
        del question
        return offer(1, FLAT, (0.0, DEAR)), offer(2, ((0.0, 9_000.0),), (0.0, CHEAP))


@pytest.mark.parametrize("signed", [True, False])
async def test_a_car_charges_by_the_cheap_schedule_if_it_believes_the_price(signed: bool) -> None:
    backend = CheapSecond(world().pki)
    config = replace(AC, tariff_key=operator_key() if signed else None)
    played = await play(config, world().pnc(), ModelCar(AC_NEEDS), backend=backend)
    (report,) = backend.reports
    assert (report.tuple_id, report.profile[0][1]) == ((2, 9_000.0) if signed else (1, 11_000.0))
    assert played.evcc.tariff == ((PriceEntry(0.0, CHEAP),) if signed else ())
