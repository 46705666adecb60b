"""ChangeAvailability, Reset and UnlockConnector of 1.6."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from charger_sim.station.rpc import Payload

if TYPE_CHECKING:
    from charger_sim.station.station import Station


def change_availability(st: Station, request: Payload) -> Payload:
    connector = request["connectorId"]
    if connector != 0 and connector not in st.evses:
        return {"status": "Rejected"}
    targets = list(st.evses.values()) if connector == 0 else [st.evses[connector]]
    operative = request["type"] == "Operative"
    if not operative and any(e.tx is not None for e in targets):
        for evse in targets:
            st.sessions.make_inoperative_when_idle(evse)
        return {"status": "Scheduled"}
    for evse in targets:
        evse.operative = operative
        st.rpc.after_reply(partial(st.registration.report_status, evse.config.id))
    return {"status": "Accepted"}


def reset(st: Station, request: Payload) -> Payload:
    reason = "HardReset" if request["type"] == "Hard" else "SoftReset"
    st.rpc.after_reply(lambda: st.reboot(boot_reason="RemoteReset", stop_reason=reason))
    return {"status": "Accepted"}


def unlock_connector(st: Station, request: Payload) -> Payload:
    evse = st.evses.get(request["connectorId"])
    if evse is None:
        return {"status": "NotSupported"}
    if evse.tx is not None:
        st.rpc.after_reply(lambda: st.sessions.stop(evse, "UnlockCommand", "UnlockCommand"))
    return {"status": "Unlocked"}


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "ChangeAvailability": change_availability,
    "Reset": reset,
    "UnlockConnector": unlock_connector,
}
