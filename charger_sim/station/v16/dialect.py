"""1.6 messages that the station starts itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from charger_sim.clock import iso
from charger_sim.station.evse import Evse
from charger_sim.station.rpc import Handler, Payload
from charger_sim.station.transaction import Transaction
from charger_sim.station.v16 import availability, configuration, profiles, remote
from charger_sim.station.v16.contracts import HANDLERS as CONTRACT_HANDLERS
from charger_sim.station.v16.contracts import Contracts16
from charger_sim.station.v16.metering import meter_value

if TYPE_CHECKING:
    from charger_sim.station.station import Station

UNKNOWN_TRANSACTION = -1
STOP_REASONS = {
    "ImmediateReset": "HardReset",
    "StoppedByEV": "Other",
    "DeAuthorized": "DeAuthorized",
}


class Dialect16:
    """See :class:`charger_sim.station.dialect.Dialect`."""

    def __init__(self) -> None:
        self.contracts = Contracts16()

    def handlers(self, station: Station) -> dict[str, Handler]:
        tables = (
            availability.HANDLERS,
            configuration.HANDLERS,
            CONTRACT_HANDLERS,
            profiles.HANDLERS,
            remote.HANDLERS,
        )
        return {name: partial(f, station) for table in tables for name, f in table.items()}

    def boot(self, station: Station, reason: str) -> Payload:  # noqa: ARG002 1.6 gives no reason
        config = station.config
        return {
            "chargePointVendor": config.vendor,
            "chargePointModel": config.model,
            "chargePointSerialNumber": config.id[:25],
            "firmwareVersion": config.firmware,
        }

    def status(self, station: Station, evse: Evse) -> Payload:
        return {
            "connectorId": evse.config.id,
            "errorCode": "NoError",
            "status": _status(station, evse),
            "timestamp": iso(station.clock.now()),
        }

    def authorize(self, id_token: str) -> Payload:
        return {"idTag": id_token[:20]}

    def authorized(self, reply: Payload, tx: Transaction | None) -> bool:  # noqa: ARG002
        return bool(reply.get("idTagInfo", {}).get("status", "Accepted") == "Accepted")

    def tx_started(self, station: Station, tx: Transaction) -> None:
        payload = {
            "connectorId": tx.evse_id,
            "idTag": tx.id_token[:20],
            "meterStart": round(tx.start.import_wh),
            "timestamp": iso(tx.started),
        }

        def answered(reply: Payload) -> None:
            tx.ocpp_id, tx.known = int(reply["transactionId"]), True
            if not self.authorized(reply, tx):
                station.sessions.deauthorized(tx)

        station.outbox.put(
            "StartTransaction", lambda: payload, answered, on_discard=partial(_discarded, tx)
        )

    def tx_sampled(self, station: Station, tx: Transaction, context: str) -> None:
        evse = station.evses[tx.evse_id]
        value = meter_value(
            station.readings(evse), station.clock.now(), context, dc=evse.config.kind == "DC"
        )

        def build() -> Payload:
            payload: Payload = {"connectorId": tx.evse_id, "meterValue": [value]}
            if tx.known:
                payload["transactionId"] = tx.ocpp_id
            return payload

        station.outbox.put("MeterValues", build, lambda _: None, sample=True)

    def tx_changed(self, station: Station, tx: Transaction, trigger: str) -> None:
        """StatusNotification, which the session sends, says it all in 1.6."""

    def tx_ended(self, station: Station, tx: Transaction, trigger: str) -> None:  # noqa: ARG002
        if tx.ended is None or tx.stop is None:
            raise ValueError(f"transaction {tx.key} has not ended")
        reason = tx.stopped_reason or "Other"
        fixed: Payload = {
            "meterStop": round(tx.stop.import_wh),
            "timestamp": iso(tx.ended),
            "reason": STOP_REASONS.get(reason, reason),
            "idTag": tx.id_token[:20],
            "transactionData": [
                meter_value(tx.stop, tx.ended, "Transaction.End", dc=False),
            ],
        }

        def build() -> Payload:
            known = tx.ocpp_id if tx.known else UNKNOWN_TRANSACTION
            return {"transactionId": known, **fixed}

        station.outbox.put("StopTransaction", build, lambda _: None)

    def accepted(self, station: Station) -> None:
        """Nothing more to say."""

    def ticked(self, station: Station) -> None:
        """Nothing of its own."""


def _discarded(tx: Transaction) -> None:
    tx.discarded = True


def _status(station: Station, evse: Evse) -> str:
    if not evse.operative:
        return "Unavailable"
    if evse.tx is not None:
        return "Preparing" if evse.tx.state in {"EVConnected", "Idle"} else evse.tx.state
    if evse.vehicle is not None:
        return "Finishing" if evse.finishing else "Preparing"
    return "Preparing" if evse.config.id in station.sessions.waiting else "Available"
