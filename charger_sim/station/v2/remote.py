"""RequestStart/StopTransaction, TriggerMessage and GetTransactionStatus of 2.x."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from charger_sim.station.certificate_messages import request_certificate
from charger_sim.station.profiles import ProfileRefused, parse_profile
from charger_sim.station.rpc import Payload
from charger_sim.station.v2.metering import meter_value

if TYPE_CHECKING:
    from charger_sim.station.evse import Evse
    from charger_sim.station.station import Station


def request_start(st: Station, request: Payload) -> Payload:
    asked = request.get("evseId")
    free = [
        e
        for e in st.evses.values()
        if asked in {None, e.config.id} and e.operative and e.tx is None
    ]
    if not free:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "TxInProgress"}}
    evse = next((e for e in free if e.vehicle is not None), free[0])
    wire = request.get("chargingProfile")

    def begin() -> None:
        token, start_id = request["idToken"]["idToken"], request["remoteStartId"]
        st.sessions.request_start(evse.config.id, token, start_id)
        if wire is not None and evse.tx is not None:
            try:
                profile = parse_profile(wire, st.clock.now())
                st.profiles.install(evse.config.id, profile, transaction_id=evse.tx.key)
            except (ProfileRefused, ValueError):
                return  # F01.FR.11-12: the transaction runs without it

    st.rpc.after_reply(begin)
    return {"status": "Accepted"}


def request_stop(st: Station, request: Payload) -> Payload:
    evse = st.sessions.find(request["transactionId"])
    if evse is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
    st.rpc.after_reply(lambda: st.sessions.stop(evse, "Remote", "RemoteStop"))
    return {"status": "Accepted"}


def transaction_status(st: Station, request: Payload) -> Payload:
    reply: Payload = {"messagesInQueue": len(st.outbox) > 0}
    if "transactionId" in request:
        reply["ongoingIndicator"] = st.sessions.find(request["transactionId"]) is not None
    return reply


def trigger_message(st: Station, request: Payload) -> Payload:
    evse_id = request.get("evse", {}).get("id")
    if evse_id is not None and evse_id not in st.evses:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    targets = [e for e in st.evses.values() if evse_id in {None, e.config.id}]
    send = _triggers(st, targets).get(request["requestedMessage"])
    if send is None:
        return {"status": "NotImplemented"}
    st.rpc.after_reply(send)
    return {"status": "Accepted"}


def _triggers(st: Station, targets: list[Evse]) -> dict[str, Callable[[], None]]:
    def each(action: Callable[[Evse], None]) -> Callable[[], None]:
        def run() -> None:
            for evse in targets:
                action(evse)

        return run

    return {
        "BootNotification": lambda: st.registration.boot("Triggered"),
        "Heartbeat": st.registration.heartbeat,
        "StatusNotification": each(
            lambda e: st.registration.report_status(e.config.id, force=True)
        ),
        "MeterValues": each(lambda e: _meter_values(st, e)),
        "TransactionEvent": each(lambda e: _transaction_event(st, e)),
        "SignV2GCertificate": lambda: request_certificate(st, "V2GCertificate"),
        "SignV2G20Certificate": lambda: request_certificate(st, "V2G20Certificate"),
    }


def _meter_values(st: Station, evse: Evse) -> None:
    value = meter_value(st.readings(evse), st.clock.now(), "Trigger", dc=evse.config.kind == "DC")
    st.ask("MeterValues", {"evseId": evse.config.id, "meterValue": [value]})


def _transaction_event(st: Station, evse: Evse) -> None:
    if evse.tx is not None:
        st.dialect.tx_sampled(st, evse.tx, "Trigger")


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "RequestStartTransaction": request_start,
    "RequestStopTransaction": request_stop,
    "GetTransactionStatus": transaction_status,
    "TriggerMessage": trigger_message,
}
