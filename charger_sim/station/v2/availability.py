"""ChangeAvailability, Reset, UnlockConnector and DataTransfer of 2.x."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from charger_sim.station.rpc import Payload

if TYPE_CHECKING:
    from charger_sim.station.station import Station


def change_availability(st: Station, request: Payload) -> Payload:
    evse_id = request.get("evse", {}).get("id", 0)
    if evse_id != 0 and evse_id not in st.evses:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    targets = list(st.evses.values()) if evse_id == 0 else [st.evses[evse_id]]
    operative = request["operationalStatus"] == "Operative"
    if not operative and any(e.tx is not None for e in targets):
        for evse in targets:
            st.sessions.make_inoperative_when_idle(evse)
        return {"status": "Scheduled"}
    for evse in targets:
        evse.operative = operative
        st.rpc.after_reply(partial(st.registration.report_status, evse.config.id))
    return {"status": "Accepted"}


def reset(st: Station, request: Payload) -> Payload:
    evse_id = request.get("evseId")
    if evse_id is not None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedRequest"}}
    if request["type"] == "OnIdle" and st.n_active():
        st.sessions.when_idle(lambda: st.reboot(boot_reason="ScheduledReset", stop_reason="Reboot"))
        return {"status": "Scheduled"}
    st.rpc.after_reply(lambda: st.reboot(boot_reason="RemoteReset", stop_reason="ImmediateReset"))
    return {"status": "Accepted"}


def unlock_connector(st: Station, request: Payload) -> Payload:
    evse = st.evses.get(request["evseId"])
    if evse is None or request["connectorId"] != 1:
        return {"status": "UnknownConnector"}
    return {"status": "Unlocked" if evse.tx is None else "OngoingAuthorizedTransaction"}


def data_transfer(st: Station, request: Payload) -> Payload:  # noqa: ARG001
    return {"status": "UnknownVendorId"}


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "ChangeAvailability": change_availability,
    "Reset": reset,
    "UnlockConnector": unlock_connector,
    "DataTransfer": data_transfer,
}
