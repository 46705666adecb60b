"""Price and cost of OCPP 1.6, which has no words of its own: the costmsg extension.

Messages and key of the Open Charge Alliance's application note "OCPP & California Pricing Requirements".
"""

from __future__ import annotations

import orjson

from csms.domain.commands import ChangeTransactionTariff, SetTariff, ShowCost
from csms.domain.errors import InvalidInput
from csms.domain.tariff import Tariff
from csms.ids import TransactionId
from csms.translate.family import WireCall
from csms.translate.fields import Payload, wire_time

VENDOR = "org.openchargealliance.costmsg"


def set_tariff(command: SetTariff) -> WireCall:
    price = {"priceText": command.tariff.text, "chargingPrice": _charging_price(command.tariff)}
    return WireCall(
        "ChangeConfiguration", {"key": "DefaultPrice", "value": orjson.dumps(price).decode()}
    )


def change_transaction_tariff(command: ChangeTransactionTariff) -> WireCall:
    return _transfer(
        "SetUserPrice", {"idToken": command.token.value, "priceText": command.tariff.text}
    )


def show_cost(command: ShowCost) -> WireCall:
    cost = command.cost
    told: Payload = {
        "transactionId": _number(command.transaction_id),
        "cost": float(cost.amount),
    }
    if cost.final:
        told["priceText"] = f"Total {cost.amount} {cost.currency}"
        return _transfer("FinalCost", told)
    told |= {
        "timestamp": wire_time(cost.at),
        "meterValue": round(cost.import_wh),
        "state": "Charging",
        "chargingPrice": _charging_price(command.tariff),
    }
    return _transfer("RunningCost", told)


def _charging_price(tariff: Tariff) -> Payload:
    return {"kWhPrice": float(tariff.import_per_kwh)}


def _transfer(message: str, data: Payload) -> WireCall:
    return WireCall(
        "DataTransfer",
        {"vendorId": VENDOR, "messageId": message, "data": orjson.dumps(data).decode()},
    )


def _number(transaction_id: TransactionId) -> int:
    try:
        return int(transaction_id)
    except ValueError:
        raise InvalidInput(f"{transaction_id!r} is no OCPP 1.6 transaction id") from None
