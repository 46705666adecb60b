"""Price and cost (block I; 1.6 by the costmsg extension): the payload expected and valid by the official schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from csms.domain.commands import ChangeTransactionTariff, Command, SetTariff, ShowCost
from csms.domain.errors import InvalidInput
from csms.domain.tariff import Cost, Tariff
from csms.domain.values import IdToken
from csms.ids import TransactionId
from csms.translate import command_to_wire
from tests.conformance.translate.official import VERSIONS, check_request

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
V16, V201, V21 = VERSIONS
TX = TransactionId("42")
TARIFF = Tariff(since=T0, import_per_kwh=Decimal("0.31"))
TEXT = "0.31 EUR per kWh"
ON_WIRE_21 = {
    "tariffId": "csms-20260301T120000000000",
    "currency": "EUR",
    "energy": {"prices": [{"priceKwh": 0.31}]},
    "description": [{"format": "UTF8", "content": TEXT}],
}
FALLBACK = {
    "setVariableData": [
        {
            "component": {"name": "TariffCostCtrlr"},
            "variable": {"name": "TariffFallbackMessage"},
            "attributeValue": TEXT,
        }
    ]
}
POSTED = SetTariff(tariff=TARIFF)
CHANGED = ChangeTransactionTariff(transaction_id=TX, token=IdToken(value="TAG"), tariff=TARIFF)


def shown(*, final: bool) -> ShowCost:
    cost = Cost(amount=Decimal("3.10"), currency="EUR", at=T0, import_wh=10_000.4, final=final)
    return ShowCost(transaction_id=TX, cost=cost, tariff=TARIFF)


@pytest.mark.parametrize(
    ("version", "command", "action", "payload"),
    [
        (V201, POSTED, "SetVariables", FALLBACK),
        (V21, POSTED, "SetDefaultTariff", {"evseId": 0, "tariff": ON_WIRE_21}),
        (V21, SetTariff(tariff=TARIFF, calculates=False), "SetVariables", FALLBACK),
        (V21, CHANGED, "ChangeTransactionTariff", {"transactionId": TX, "tariff": ON_WIRE_21}),
        pytest.param(
            V201, shown(final=False), "CostUpdated", {"transactionId": TX, "totalCost": 3.1},
            id="TC_I_01 I02.FR.01",
        ),
        (V21, shown(final=False), "CostUpdated", {"transactionId": TX, "totalCost": 3.1}),
    ],
)  # fmt: skip
def test_2x(version: str, command: Command, action: str, payload: dict[str, Any]) -> None:
    call = command_to_wire(version, command)
    assert (call.action, call.payload) == (action, payload)
    check_request(version, call.action, call.payload)


@pytest.mark.parametrize(
    ("command", "message", "data"),
    [
        (CHANGED, "SetUserPrice", {"idToken": "TAG", "priceText": TEXT}),
        (
            shown(final=False),
            "RunningCost",
            {
                "transactionId": 42,
                "timestamp": "2026-03-01T12:00:00.000Z",
                "meterValue": 10_000,
                "cost": 3.1,
                "state": "Charging",
                "chargingPrice": {"kWhPrice": 0.31},
            },
        ),
        (
            shown(final=True),
            "FinalCost",
            {"transactionId": 42, "cost": 3.1, "priceText": "Total 3.10 EUR"},
        ),
    ],
)
def test_16_data_transfer(command: Command, message: str, data: dict[str, Any]) -> None:
    call = command_to_wire(V16, command)
    check_request(V16, call.action, call.payload)
    assert call.payload["vendorId"] == "org.openchargealliance.costmsg"
    assert call.payload["messageId"] == message
    assert json.loads(call.payload["data"]) == data


def test_16_default_price() -> None:
    call = command_to_wire(V16, POSTED)
    check_request(V16, call.action, call.payload)
    assert (call.action, call.payload["key"]) == ("ChangeConfiguration", "DefaultPrice")
    assert json.loads(call.payload["value"]) == {
        "priceText": TEXT,
        "chargingPrice": {"kWhPrice": 0.31},
    }


def test_16_knows_whole_numbers_only() -> None:
    with pytest.raises(InvalidInput, match=r"no OCPP 1\.6 transaction id"):
        command_to_wire(
            V16,
            ShowCost(
                transaction_id=TransactionId("abc"),
                cost=Cost(amount=Decimal(1), currency="EUR", at=T0, import_wh=0.0),
                tariff=TARIFF,
            ),
        )
