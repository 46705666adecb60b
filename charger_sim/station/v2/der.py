"""Block R of 2.1 at the station: SetDERControl and its kin, start/stop and alarm notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from charger_sim.clock import iso
from charger_sim.station.der import FIELD_OF, DerControl
from charger_sim.station.rpc import Payload
from charger_sim.station.service_state import GRID_EVENT

if TYPE_CHECKING:
    from charger_sim.station.station import Station

CALM_S = 5.0


def set_der_control(st: Station, request: Payload) -> Payload:
    answer = st.der.set(request, st.clock.now())
    reply: Payload = {"status": answer.status}
    if answer.reason:
        reply["statusInfo"] = {"reasonCode": answer.reason}
    if answer.superseded_ids:
        reply["supersededIds"] = list(answer.superseded_ids)
    return reply


def clear_der_control(st: Station, request: Payload) -> Payload:
    return {"status": st.der.clear(request).status}


def get_der_control(st: Station, request: Payload) -> Payload:
    if not st.der.available:
        return {"status": "NotSupported"}
    found = st.der.matching(request)
    if not found:
        return {"status": "NotFound"}

    def report() -> None:
        payload: Payload = {"requestId": request["requestId"], "tbc": False}
        for control in found:
            field, entry = _report_entry(control)
            payload.setdefault(field, []).append(entry)
        st.ask("ReportDERControl", payload)

    st.rpc.after_reply(report)
    return {"status": "Accepted"}


def _report_entry(control: DerControl) -> tuple[str, dict[str, Any]]:
    field = FIELD_OF.get(control.type, "curve")
    entry: dict[str, Any] = {"id": control.id, field: control.body}
    if field not in {"gradient", "enterService"}:
        entry |= {"isDefault": control.is_default, "isSuperseded": control.superseded}
    if field == "curve":
        entry["curveType"] = control.type
    return field, entry


def notify_transitions(st: Station) -> None:
    """NotifyDERStartStop for scheduled controls (R04.FR.20-22)."""
    now = st.clock.now()
    for control, started in st.der.transitions(now):
        st.ask(
            "NotifyDERStartStop",
            {"controlId": control.id, "started": started, "timestamp": iso(now)},
        )


class GridWatch:
    """NotifyDERAlarm when a control begins and ceases to alter the power (R05); the end of a droop
    only after ``CALM_S`` seconds inside the dead band, so that a frequency on its edge does not
    flood."""

    def __init__(self) -> None:
        self._active: dict[str, tuple[str, float]] = {}
        """By control: the grid event and when it was last there."""

    def notify_alarms(self, st: Station) -> None:
        now_s, events = st.clock.monotonic(), _grid_events(st)
        for control, (event, seen_s) in list(self._active.items()):
            calm_s = CALM_S if control == "FreqDroop" and control not in events else 0.0
            if events.get(control) != event and now_s - seen_s >= calm_s:
                del self._active[control]
                self._send(st, control, event, ended=True)
        for control, event in events.items():
            if control not in self._active:
                self._send(st, control, event, ended=False)
            self._active[control] = (event, now_s)

    def _send(self, st: Station, control: str, event: str, *, ended: bool) -> None:
        st.ask(
            "NotifyDERAlarm",
            {
                "controlType": control,
                "gridEventFault": event,
                "alarmEnded": ended,
                "timestamp": iso(st.clock.now()),
            },
        )


def _grid_events(st: Station) -> dict[str, str]:
    """The grid event that each control answers to now. A trip lasts until the EVSE is back."""
    busy = [e for e in st.evses.values() if e.tx is not None and not e.handshaking]
    outs = [e.service.out_because for e in busy]
    events = {kind: GRID_EVENT[kind] for kind in outs if kind in GRID_EVENT}
    droop = st.der.current("FreqDroop", st.clock.now())
    in_service = [e for e in busy if e.service.in_service]
    if droop is None:
        return events
    if any(e.f_hz < droop.body["underFreq"] for e in in_service):
        events["FreqDroop"] = "UnderFrequency"
    elif any(e.f_hz > droop.body["overFreq"] for e in in_service):
        events["FreqDroop"] = "OverFrequency"
    return events


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "SetDERControl": set_der_control,
    "GetDERControl": get_der_control,
    "ClearDERControl": clear_der_control,
}
