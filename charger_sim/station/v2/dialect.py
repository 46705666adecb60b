"""2.0.1 and 2.1 messages that the station starts itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from charger_sim.clock import iso
from charger_sim.station import certificate_messages, tariff
from charger_sim.station.config import Version
from charger_sim.station.evse import Evse
from charger_sim.station.meter import Readings
from charger_sim.station.rpc import Handler, Payload
from charger_sim.station.transaction import IdKind, Transaction
from charger_sim.station.v2 import (
    availability,
    der,
    needs,
    profiles,
    remote,
    variables,
)
from charger_sim.station.v2.contracts import ContractsV2
from charger_sim.station.v2.metering import meter_value

if TYPE_CHECKING:
    from charger_sim.station.station import Station

STOP_REASONS = {"HardReset": "ImmediateReset", "SoftReset": "Reboot", "UnlockCommand": "Other"}


class DialectV2:
    """See :class:`charger_sim.station.dialect.Dialect`."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self._watch = der.GridWatch()
        self.contracts = ContractsV2(version)

    def handlers(self, station: Station) -> dict[str, Handler]:
        tables = [
            availability.HANDLERS,
            certificate_messages.HANDLERS,
            profiles.HANDLERS,
            remote.HANDLERS,
            variables.HANDLERS,
            tariff.HANDLERS_2,
        ]
        if self._version == "2.1":
            tables += [der.HANDLERS, needs.HANDLERS, profiles.HANDLERS_21, tariff.HANDLERS_21]
        return {name: partial(f, station) for table in tables for name, f in table.items()}

    def boot(self, station: Station, reason: str) -> Payload:
        config = station.config
        return {
            "reason": reason,
            "chargingStation": {
                "model": config.model,
                "vendorName": config.vendor,
                "serialNumber": config.id[:25],
                "firmwareVersion": config.firmware,
            },
        }

    def status(self, station: Station, evse: Evse) -> Payload:
        status = "Occupied" if evse.vehicle is not None or evse.tx is not None else "Available"
        if evse.config.id in station.sessions.waiting:
            status = "Occupied"
        return {
            "timestamp": iso(station.clock.now()),
            "connectorStatus": status if evse.operative else "Unavailable",
            "evseId": evse.config.id,
            "connectorId": 1,
        }

    def authorize(self, id_token: str) -> Payload:
        return {"idToken": _token(id_token, "ISO14443")}

    def authorized(self, reply: Payload, tx: Transaction | None) -> bool:
        if tx is not None and "allowedEnergyTransfer" in reply:
            tx.allowed_transfer = frozenset(reply["allowedEnergyTransfer"])
        info = reply.get("idTokenInfo")
        return info is None or info["status"] == "Accepted"

    def tx_started(self, station: Station, tx: Transaction) -> None:
        station.tariff.started(tx)
        trigger = "Authorized" if tx.remote_start_id is None else "RemoteStart"
        event = self._event(station, tx, "Started", trigger, tx.start, "Transaction.Begin")
        event["idToken"] = _token(tx.id_token, tx.id_kind)
        if tx.remote_start_id is not None:
            event["transactionInfo"]["remoteStartId"] = tx.remote_start_id
        self._put(station, tx, event)
        needs.announce(station, tx)

    def tx_sampled(self, station: Station, tx: Transaction, context: str) -> None:
        trigger = "MeterValuePeriodic" if context == "Sample.Periodic" else "Trigger"
        readings = station.readings(station.evses[tx.evse_id])
        event = self._event(station, tx, "Updated", trigger, readings, context)
        self._put(station, tx, event, sample=True)

    def tx_changed(self, station: Station, tx: Transaction, trigger: str) -> None:
        if trigger == "OperationModeChanged" and self._version != "2.1":
            return
        readings = station.readings(station.evses[tx.evse_id])
        event = self._event(station, tx, "Updated", trigger, readings, "Other")
        self._put(station, tx, event)

    def tx_ended(self, station: Station, tx: Transaction, trigger: str) -> None:
        if tx.stop is None or tx.ended is None:
            raise ValueError(f"transaction {tx.key} has not ended")
        tx.state = "EVConnected" if trigger != "EVCommunicationLost" else "Idle"
        event = self._event(station, tx, "Ended", trigger, tx.stop, "Transaction.End")
        reason = tx.stopped_reason or "Other"
        event["transactionInfo"]["stoppedReason"] = STOP_REASONS.get(reason, reason)
        details = station.tariff.details(tx)
        if details is not None:
            event["costDetails"] = details
        self._put(station, tx, event)

    def accepted(self, station: Station) -> None:
        """Nothing more to say."""

    def ticked(self, station: Station) -> None:
        if self._version == "2.1" and station.der.controls:
            der.notify_transitions(station)
            self._watch.notify_alarms(station)

    def _event(
        self,
        station: Station,
        tx: Transaction,
        kind: str,
        trigger: str,
        readings: Readings,
        context: str,
    ) -> dict[str, Any]:
        evse, now = station.evses[tx.evse_id], station.clock.now()
        info: dict[str, Any] = {"transactionId": tx.key, "chargingState": tx.state}
        if self._version == "2.1":
            info["operationMode"] = tx.mode
            applied = station.tariff.local.get(tx.key)
            if applied is not None:
                info["tariffId"] = applied.tariff["tariffId"]
        return {
            "eventType": kind,
            "timestamp": iso(now),
            "triggerReason": trigger,
            "seqNo": tx.next_seq_no(),
            "offline": not station.online,
            "numberOfPhasesUsed": evse.n_phases,
            "transactionInfo": info,
            "evse": {"id": tx.evse_id, "connectorId": 1},
            "meterValue": [meter_value(readings, now, context, dc=evse.config.kind == "DC")],
        }

    def _put(
        self, station: Station, tx: Transaction, event: Payload, *, sample: bool = False
    ) -> None:
        def answered(reply: Payload) -> None:
            station.tariff.answered(tx, reply)
            if not self.authorized(reply, None) and tx.ended is None:
                station.sessions.deauthorized(tx)

        station.outbox.put("TransactionEvent", lambda: event, answered, sample=sample)


def _token(id_token: str, kind: IdKind) -> dict[str, str]:
    return {"idToken": id_token, "type": kind}
