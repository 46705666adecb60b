"""RemoteStartTransaction, RemoteStopTransaction and TriggerMessage of 1.6."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from charger_sim.station.profiles import ProfileRefused, parse_profile
from charger_sim.station.rpc import Payload
from charger_sim.station.v16.metering import meter_value

if TYPE_CHECKING:
    from charger_sim.station.evse import Evse
    from charger_sim.station.station import Station


def remote_start(st: Station, request: Payload) -> Payload:
    evse = _free_evse(st, request.get("connectorId"))
    if evse is None:
        return {"status": "Rejected"}
    wire = request.get("chargingProfile")

    def begin() -> None:
        st.sessions.request_start(evse.config.id, request["idTag"], None)
        if wire is not None and evse.tx is not None:
            try:
                profile = parse_profile(wire, st.clock.now())
                st.profiles.install(evse.config.id, profile, transaction_id=evse.tx.key)
            except (ProfileRefused, ValueError):
                return  # 1.6 has no way to tell: the transaction runs without it

    st.rpc.after_reply(begin)
    return {"status": "Accepted"}


def _free_evse(st: Station, connector: int | None) -> Evse | None:
    candidates = [e for e in st.evses.values() if connector in {None, e.config.id}]
    free = [e for e in candidates if e.operative and e.tx is None]
    plugged = [e for e in free if e.vehicle is not None]
    return next(iter(plugged or free), None)


def remote_stop(st: Station, request: Payload) -> Payload:
    evse = st.sessions.find(str(request["transactionId"]))
    if evse is None:
        return {"status": "Rejected"}
    st.rpc.after_reply(lambda: st.sessions.stop(evse, "Remote", "RemoteStop"))
    return {"status": "Accepted"}


def trigger_message(st: Station, request: Payload) -> Payload:
    message, connector = request["requestedMessage"], request.get("connectorId")
    if connector is not None and connector not in st.evses:
        return {"status": "Rejected"}
    targets = [e for e in st.evses.values() if connector in {None, e.config.id}]
    sends: dict[str, Callable[[], None]] = {
        "BootNotification": lambda: st.registration.boot("Triggered"),
        "Heartbeat": st.registration.heartbeat,
        "StatusNotification": lambda: _each(
            targets, lambda e: st.registration.report_status(e.config.id, force=True)
        ),
        "MeterValues": lambda: _each(targets, lambda e: _meter_values(st, e)),
    }
    send = sends.get(message)
    if send is None:
        return {"status": "NotImplemented"}
    st.rpc.after_reply(send)
    return {"status": "Accepted"}


def _each(evses: list[Evse], action: Callable[[Evse], None]) -> None:
    for evse in evses:
        action(evse)


def _meter_values(st: Station, evse: Evse) -> None:
    value = meter_value(st.readings(evse), st.clock.now(), "Trigger", dc=evse.config.kind == "DC")
    payload: Payload = {"connectorId": evse.config.id, "meterValue": [value]}
    if evse.tx is not None and evse.tx.known:
        payload["transactionId"] = evse.tx.ocpp_id
    st.ask("MeterValues", payload)


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "TriggerMessage": trigger_message,
}
