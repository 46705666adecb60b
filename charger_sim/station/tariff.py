"""The station's display: the price it was told, and what each transaction has come to.

1.6 by the costmsg extension, 2.0.1 by texts and totals, 2.1 by a tariff that the station calculates with (I07, I11,
I12). Only energy prices without conditions are supported, as ``ConditionsSupported`` false says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from charger_sim.station.rpc import Payload
from charger_sim.station.transaction import Transaction

if TYPE_CHECKING:
    from charger_sim.station.station import Station

COSTMSG = "org.openchargealliance.costmsg"


@dataclass(slots=True)
class LocalCost:
    """A transaction's cost as the station calculates it: what is closed, and the price that runs."""

    tariff: Payload
    since_wh: float
    closed: float = 0.0

    def total(self, register_wh: float) -> float:
        return self.closed + (register_wh - self.since_wh) / 1e3 * _price(self.tariff)

    def change(self, tariff: Payload, register_wh: float) -> None:
        self.closed = self.total(register_wh)
        self.tariff, self.since_wh = tariff, register_wh


@dataclass(slots=True)
class TariffDisplay:
    """What the drivers see. Costs are by the transaction id that the central system uses."""

    price_text: str = ""
    user_price_text: dict[str, str] = field(default_factory=dict)
    """By idToken (1.6)."""
    running: dict[str, float] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    default: Payload | None = None
    """The tariff that transactions start at (2.1)."""
    local: dict[str, LocalCost] = field(default_factory=dict)

    def started(self, tx: Transaction) -> None:
        if self.default is not None:
            self.local[tx.key] = LocalCost(self.default, tx.start.import_wh)

    def answered(self, tx: Transaction, reply: Payload) -> None:
        """An answer to a TransactionEvent."""
        if "totalCost" in reply:
            shown = self.running if tx.ended is None else self.final
            shown[tx.key] = reply["totalCost"]
        message = reply.get("updatedPersonalMessage")
        if message is not None:
            self.price_text = message["content"]

    def details(self, tx: Transaction) -> Payload | None:
        """costDetails of an ended transaction, ``None`` where the station does not calculate."""
        cost = self.local.pop(tx.key, None)
        if cost is None or tx.stop is None or tx.ended is None:
            return None
        total = round(cost.total(tx.stop.import_wh), 2)
        self.final[tx.key] = total
        price = {"inclTax": total}
        return {
            "totalCost": {
                "currency": cost.tariff["currency"],
                "typeOfCost": "NormalCost",
                "energy": price,
                "total": price,
            },
            "totalUsage": {
                "energy": round(tx.stop.import_wh - tx.start.import_wh, 2),
                "chargingTime": round((tx.ended - tx.started).total_seconds()),
                "idleTime": 0,
            },
        }


def set_default_tariff(st: Station, request: Payload) -> Payload:
    tariff = request["tariff"]
    status = _acceptable(tariff)
    known = st.tariff.default
    if status == "Accepted" and known is not None and known["tariffId"] == tariff["tariffId"]:
        status = "DuplicateTariffId"
    if status == "Accepted":
        st.tariff.default = tariff
        st.tariff.price_text = _text(tariff)
    return {"status": status}


def change_transaction_tariff(st: Station, request: Payload) -> Payload:
    tariff, key = request["tariff"], request["transactionId"]
    status, cost = _acceptable(tariff), st.tariff.local.get(key)
    evse = st.sessions.find(key)
    if evse is None:
        return {"status": "TxNotFound"}
    register_wh = st.readings(evse).import_wh
    if cost is not None and cost.tariff["currency"] != tariff["currency"]:
        return {"status": "NoCurrencyChange"}
    if status == "Accepted":
        if cost is None:
            st.tariff.local[key] = LocalCost(tariff, register_wh)
        else:
            cost.change(tariff, register_wh)
        st.tariff.price_text = _text(tariff)
    return {"status": status}


def clear_tariffs(st: Station, request: Payload) -> Payload:
    known = st.tariff.default
    asked = request.get("tariffIds") or ([known["tariffId"]] if known else [])
    if not asked:
        return {"clearTariffsResult": [{"status": "NoTariff"}]}
    results = []
    for tariff_id in asked:
        found = known is not None and known["tariffId"] == tariff_id
        if found:
            st.tariff.default = None
        results.append({"tariffId": tariff_id, "status": "Accepted" if found else "NoTariff"})
    return {"clearTariffsResult": results}


def get_tariffs(st: Station, request: Payload) -> Payload:
    known = st.tariff.default
    if known is None:
        return {"status": "NoTariff"}
    evse_ids = list(st.evses) if request["evseId"] == 0 else [request["evseId"]]
    assignment = {
        "tariffId": known["tariffId"], "tariffKind": "DefaultTariff", "evseIds": evse_ids,
    }  # fmt: skip
    return {"status": "Accepted", "tariffAssignments": [assignment]}


def cost_updated(st: Station, request: Payload) -> Payload:
    st.tariff.running[request["transactionId"]] = request["totalCost"]
    return {}


def data_transfer(st: Station, request: Payload) -> Payload:
    """SetUserPrice, RunningCost and FinalCost of the costmsg extension (1.6)."""
    try:
        data = json.loads(request.get("data", ""))
        match request.get("messageId"):
            case "SetUserPrice":
                st.tariff.user_price_text[data["idToken"]] = str(data["priceText"])
            case "RunningCost":
                st.tariff.running[str(data["transactionId"])] = float(data["cost"])
            case "FinalCost":
                st.tariff.final[str(data["transactionId"])] = float(data["cost"])
            case _:
                return {"status": "UnknownMessageId"}
    except (ValueError, KeyError, TypeError):
        return {"status": "Rejected"}
    return {"status": "Accepted"}


def set_default_price(st: Station, value: str) -> Payload:
    """The key DefaultPrice (1.6)."""
    try:
        st.tariff.price_text = str(json.loads(value)["priceText"])
    except (ValueError, KeyError, TypeError):
        return {"status": "Rejected"}
    return {"status": "Accepted"}


def _acceptable(tariff: Payload) -> str:
    """Energy at one price is all that this station can calculate."""
    prices: list[dict[str, Any]] = tariff.get("energy", {}).get("prices", [])
    if len(prices) > 1:
        return "TooManyElements"
    if any("conditions" in price for price in prices):
        return "ConditionNotSupported"
    others = {"chargingTime", "idleTime", "fixedFee", "reservationTime", "minCost", "maxCost"}
    if not prices or others & tariff.keys():
        return "Rejected"
    return "Accepted"


def _price(tariff: Payload) -> float:
    price: float = tariff["energy"]["prices"][0]["priceKwh"]
    return price


def _text(tariff: Payload) -> str:
    texts = tariff.get("description") or []
    return texts[0]["content"] if texts else f"{_price(tariff)} {tariff['currency']} per kWh"


Handlers = dict[str, Callable[["Station", Payload], Payload]]
HANDLERS_2: Handlers = {"CostUpdated": cost_updated}
HANDLERS_21: Handlers = {
    "SetDefaultTariff": set_default_tariff,
    "ChangeTransactionTariff": change_transaction_tariff,
    "ClearTariffs": clear_tariffs,
    "GetTariffs": get_tariffs,
}
