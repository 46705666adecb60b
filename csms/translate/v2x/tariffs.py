"""Tariff and cost of OCPP 2.x (block I).

2.1 stations with local cost calculation are given the price as a tariff; all others its text and the totals.
"""

from __future__ import annotations

from decimal import Decimal

from csms.domain.commands import ChangeTransactionTariff, SetTariff, ShowCost
from csms.domain.tariff import Tariff
from csms.translate.family import WireCall
from csms.translate.fields import Payload, amount
from csms.translate.v2x.edition import Edition


def set_tariff(edition: Edition, command: SetTariff) -> WireCall:
    if edition.v2x_profiles and command.calculates:  # 2.1
        return WireCall("SetDefaultTariff", {"evseId": 0, "tariff": _tariff(command.tariff)})
    setting = {
        "component": {"name": "TariffCostCtrlr"},
        "variable": {"name": "TariffFallbackMessage"},
        "attributeValue": command.tariff.text,
    }
    return WireCall("SetVariables", {"setVariableData": [setting]})


def change_transaction_tariff(_edition: Edition, command: ChangeTransactionTariff) -> WireCall:
    tariff = _tariff(command.tariff)
    return WireCall(
        "ChangeTransactionTariff", {"transactionId": command.transaction_id, "tariff": tariff}
    )


def show_cost(_edition: Edition, command: ShowCost) -> WireCall:
    return WireCall(
        "CostUpdated",
        {"totalCost": float(command.cost.amount), "transactionId": command.transaction_id},
    )


def price_message(text: str) -> Payload:
    return {"format": "UTF8", "content": text}


def station_cost(payload: Payload) -> Decimal | None:
    """The total of costDetails, with tax where it says so (I12)."""
    details = payload.get("costDetails")
    if details is None or details.get("failureToCalculate", False):
        return None
    total = details["totalCost"]["total"]
    told = total.get("inclTax", total.get("exclTax"))
    if told is None:
        return None
    return Decimal(str(amount(told, "/costDetails/totalCost/total")))


def _tariff(tariff: Tariff) -> Payload:
    """Prices are as the driver pays them: no tax is left to add."""
    return {
        "tariffId": tariff.tariff_id,
        "currency": tariff.currency,
        "energy": {"prices": [{"priceKwh": float(tariff.import_per_kwh)}]},
        "description": [{"format": "UTF8", "content": tariff.text}],
    }
