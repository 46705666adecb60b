"""Price and cost on the wire: the three versions' words, valid by their schemas."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from charger_sim.station.schemas import validator
from csms import translate
from csms.domain.commands import ChangeTransactionTariff, Command, SetTariff, ShowCost
from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.events import TransactionReply, TransactionTold
from csms.domain.tariff import Cost, Tariff
from csms.domain.values import IdToken
from csms.ids import TransactionId

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
TARIFF = Tariff(since=AT, import_per_kwh=Decimal("0.185"))
CHANGE = ChangeTransactionTariff(
    transaction_id=TransactionId("42"), token=IdToken(value="DRIVER"), tariff=TARIFF
)


def cost(*, final: bool) -> ShowCost:
    told = Cost(amount=Decimal("1.20"), currency="EUR", at=AT, import_wh=12_345.6, final=final)
    return ShowCost(transaction_id=TransactionId("42"), cost=told, tariff=TARIFF)


@pytest.mark.parametrize(
    ("version", "command", "action"),
    [
        ("1.6", SetTariff(tariff=TARIFF), "ChangeConfiguration"),
        ("1.6", CHANGE, "DataTransfer"),
        ("1.6", cost(final=False), "DataTransfer"),
        ("1.6", cost(final=True), "DataTransfer"),
        ("2.0.1", SetTariff(tariff=TARIFF), "SetVariables"),
        ("2.0.1", cost(final=False), "CostUpdated"),
        ("2.1", SetTariff(tariff=TARIFF), "SetDefaultTariff"),
        ("2.1", SetTariff(tariff=TARIFF, calculates=False), "SetVariables"),
        ("2.1", CHANGE, "ChangeTransactionTariff"),
        ("2.1", cost(final=False), "CostUpdated"),
    ],
)
def test_every_command_is_valid_by_the_official_schema(
    version: str, command: Command, action: str
) -> None:
    call = translate.command_to_wire(version, command)
    assert call.action == action
    schema = validator(version, action, response=False)
    assert schema is not None
    schema.validate(json.loads(json.dumps(call.payload)))


def test_the_costmsg_extension_word_by_word() -> None:
    sent = translate.command_to_wire("1.6", cost(final=False)).payload
    assert (sent["vendorId"], sent["messageId"]) == (
        "org.openchargealliance.costmsg",
        "RunningCost",
    )
    assert json.loads(sent["data"]) == {
        "transactionId": 42, "cost": 1.2, "timestamp": "2026-01-05T12:00:00.000Z",
        "meterValue": 12346, "state": "Charging", "chargingPrice": {"kWhPrice": 0.185},
    }  # fmt: skip
    final = translate.command_to_wire("1.6", cost(final=True)).payload
    assert final["messageId"] == "FinalCost"
    assert json.loads(final["data"]) == {
        "transactionId": 42, "cost": 1.2, "priceText": "Total 1.20 EUR",
    }  # fmt: skip
    price = translate.command_to_wire("1.6", CHANGE).payload
    assert json.loads(price["data"]) == {"idToken": "DRIVER", "priceText": "0.185 EUR per kWh"}


def test_what_a_version_cannot_say_is_refused() -> None:
    with pytest.raises(NotExpressible):
        translate.command_to_wire("2.0.1", CHANGE)
    odd = ShowCost(transaction_id=TransactionId("-1@x"), cost=cost(final=True).cost, tariff=TARIFF)
    with pytest.raises(InvalidInput, match=r"no OCPP 1\.6 transaction id"):
        translate.command_to_wire("1.6", odd)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_the_answer_carries_total_and_text(version: str) -> None:
    reply = TransactionReply(
        transaction_id=TransactionId("42"), total_cost=Decimal("1.20"), price_text=TARIFF.text
    )
    payload = translate.reply_to_wire(version, "TransactionEvent", reply)
    assert payload == {
        "totalCost": 1.2,
        "updatedPersonalMessage": {"format": "UTF8", "content": "0.185 EUR per kWh"},
    }
    schema = validator(version, "TransactionEvent", response=True)
    assert schema is not None
    schema.validate(payload)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"totalCost": {"total": {"inclTax": 1.21, "exclTax": 1.0}}}, Decimal("1.21")),
        ({"totalCost": {"total": {"exclTax": 1.0}}}, Decimal("1.0")),
        ({"totalCost": {"total": {}}}, None),
        ({"totalCost": {"total": {"inclTax": 9}}, "failureToCalculate": True}, None),
        (None, None),
    ],
)
def test_what_the_station_calculated(details: dict | None, expected: Decimal | None) -> None:  # type: ignore[type-arg]
    event = {
        "eventType": "Ended", "timestamp": "2026-01-05T12:00:00Z", "triggerReason": "EVDeparted",
        "seqNo": 3, "transactionInfo": {"transactionId": "x"},
    }  # fmt: skip
    if details is not None:
        event["costDetails"] = details
    told = translate.event_from_wire("2.1", "TransactionEvent", event)
    assert isinstance(told, TransactionTold)
    assert told.station_cost == expected


def test_an_absurd_cost_is_a_bad_value() -> None:
    event = {
        "eventType": "Ended", "timestamp": "2026-01-05T12:00:00Z", "triggerReason": "EVDeparted",
        "seqNo": 3, "transactionInfo": {"transactionId": "x"},
        "costDetails": {"totalCost": {"total": {"inclTax": 1e300}}},
    }  # fmt: skip
    with pytest.raises(translate.BadValue, match="costDetails"):
        translate.event_from_wire("2.1", "TransactionEvent", event)
