"""Boot, heartbeat and what is said after a reconnect (2.x B01-B04, 1.6 section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from charger_sim.clock import parse_time
from charger_sim.station.rpc import Payload
from charger_sim.station.timers import Timer

if TYPE_CHECKING:
    from charger_sim.station.station import Station

BOOT_RETRY_S = 10.0


class Registration:
    """``state`` is what the last BootNotification was answered; it survives reconnects."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self.state: Literal["New", "Pending", "Rejected", "Accepted"] = "New"
        self.boot_reason = "PowerUp"
        self._boot_timer: Timer | None = None
        self._heartbeat_timer: Timer | None = None
        self._reported: dict[int, str] = {}

    def may_send(self, action: str) -> bool:
        """Before acceptance only BootNotification goes out (B02.FR.02, B03.FR.02)."""
        return self._station.online and (self.state == "Accepted" or action == "BootNotification")

    def connected(self, offline_s: float) -> None:
        if self.state != "Accepted":
            self.boot()
            return
        # B04: nothing changed, so no BootNotification
        if offline_s > self._station.settings.offline_threshold:
            self._reported.clear()
        self._flow()

    def disconnected(self) -> None:
        for timer in (self._boot_timer, self._heartbeat_timer):
            if timer is not None:
                timer.cancel()

    def rebooting(self, reason: str) -> None:
        self.state, self.boot_reason = "New", reason
        self._reported.clear()

    def boot(self, reason: str | None = None) -> None:
        """Sends a BootNotification; retries until accepted."""
        st = self._station
        payload = st.dialect.boot(st, reason or self.boot_reason)
        st.rpc.call("BootNotification", payload, self._answered, self._failed)

    def _answered(self, reply: Payload) -> None:
        st = self._station
        st.clock.sync(parse_time(reply["currentTime"]))
        interval = int(reply["interval"])
        self.state = reply["status"]
        if self.state == "Accepted":
            if interval > 0:
                st.settings.heartbeat_interval = interval
            self._flow()
        else:
            self._retry(interval if interval > 0 else BOOT_RETRY_S)

    def _failed(self, reason: str) -> None:
        if reason != "offline":
            self._retry(BOOT_RETRY_S)

    def _retry(self, delay_s: float) -> None:
        if self._boot_timer is not None:
            self._boot_timer.cancel()
        self._boot_timer = self._station.timers.after(delay_s, self.boot)

    def _flow(self) -> None:
        st = self._station
        for evse in st.evses.values():
            self.report_status(evse.config.id)
        st.outbox.open()
        self.schedule_heartbeat()
        st.dialect.accepted(st)

    def schedule_heartbeat(self) -> None:
        if self._heartbeat_timer is not None:
            self._heartbeat_timer.cancel()
        interval = self._station.settings.heartbeat_interval
        if interval > 0:
            self._heartbeat_timer = self._station.timers.after(interval, self._beat)

    def _beat(self) -> None:
        self.heartbeat()
        self.schedule_heartbeat()

    def heartbeat(self) -> None:
        st = self._station
        st.ask("Heartbeat", {}, lambda reply: st.clock.sync(parse_time(reply["currentTime"])))

    def report_status(self, evse_id: int, *, force: bool = False) -> None:
        """StatusNotification if the status differs from the one last reported."""
        st = self._station
        payload = st.dialect.status(st, st.evses[evse_id])
        status = payload.get("status") or payload["connectorStatus"]
        if not force and self._reported.get(evse_id) == status:
            return
        if self.may_send("StatusNotification"):
            self._reported[evse_id] = status
            st.ask("StatusNotification", payload)
