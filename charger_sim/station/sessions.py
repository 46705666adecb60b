"""From plug to unplug: authorization, transaction, sampling, stopping; the same in all versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from charger_sim.station.evse import IDLE_W, Evse
from charger_sim.station.rpc import Payload
from charger_sim.station.timers import Timer
from charger_sim.station.transaction import ChargingState, IdKind, Transaction
from charger_sim.vehicle import Vehicle

if TYPE_CHECKING:
    from charger_sim.station.station import Station


@dataclass(slots=True)
class RemoteStart:
    """A remote start that waits for a vehicle."""

    evse_id: int
    id_token: str
    remote_start_id: int | None
    timer: Timer


@dataclass(slots=True)
class Sessions:
    """The transactions of one station; ``history`` keeps the ended ones for the record."""

    station: Station
    history: list[Transaction] = field(default_factory=list)
    waiting: dict[int, RemoteStart] = field(default_factory=dict)
    handshake_s: float = 2.0
    _sampling: dict[int, Timer] = field(default_factory=dict)
    _closing: set[int] = field(default_factory=set)
    _when_idle: Callable[[], None] | None = None

    # the driver

    def plug_in(self, evse_id: int, vehicle: Vehicle, *, present_token: bool = True) -> None:
        """A vehicle is connected; its driver presents the idToken unless told not to, or the
        vehicle means to charge on its contract.

        Raises ``ValueError`` when the connector is taken.
        """
        st, evse = self.station, self.station.evses[evse_id]
        if evse.vehicle is not None:
            raise ValueError(f"{st.config.id} EVSE {evse_id}: connector is occupied")
        evse.vehicle = vehicle
        st.registration.report_status(evse_id)
        by_contract = evse.operative and st.communication.plugged(evse)
        remote = self.waiting.pop(evse_id, None)
        if remote is not None:
            remote.timer.cancel()
            self.start(evse, remote.id_token, remote_start_id=remote.remote_start_id)
        elif present_token and evse.operative and not by_contract:
            self.authorize(evse, vehicle.id_token)

    def unplug(self, evse_id: int) -> None:
        """The driver takes the vehicle away."""
        evse = self.station.evses[evse_id]
        if evse.tx is not None:
            self.stop(evse, "EVDisconnected", "EVCommunicationLost")
        self.station.communication.unplugged(evse)
        evse.vehicle, evse.finishing = None, False
        self.station.registration.report_status(evse_id)

    # authorization

    def authorize(self, evse: Evse, id_token: str, remote_start_id: int | None = None) -> None:
        """An idToken is presented at ``evse``; a transaction starts once it is accepted."""
        st = self.station

        def judged(reply: Payload) -> None:
            if st.dialect.authorized(reply, None):
                self.start_if_free(evse, id_token, remote_start_id, reply)

        def failed(reason: str) -> None:
            if reason in {"offline", "timeout"} and st.settings.offline_tx_for_unknown_id:
                self.start_if_free(evse, id_token, remote_start_id, None)

        st.ask("Authorize", st.dialect.authorize(id_token), judged, failed)

    def start_if_free(
        self,
        evse: Evse,
        id_token: str,
        remote_start_id: int | None,
        reply: Payload | None,
        *,
        id_kind: IdKind = "ISO14443",
    ) -> None:
        """Opens the transaction that ``reply`` has allowed, unless the EVSE is taken meanwhile."""
        if evse.vehicle is not None and evse.tx is None and evse.operative:
            tx = self.start(evse, id_token, id_kind=id_kind, remote_start_id=remote_start_id)
            if reply is not None:
                self.station.dialect.authorized(reply, tx)

    # transactions

    def request_start(self, evse_id: int, id_token: str, remote_start_id: int | None) -> None:
        """A remote start that was accepted: now, or when a vehicle comes."""
        st, evse = self.station, self.station.evses[evse_id]
        if evse.vehicle is None:
            timer = st.timers.after(
                st.settings.connection_timeout, lambda: self._no_vehicle(evse_id)
            )
            self.waiting[evse_id] = RemoteStart(evse_id, id_token, remote_start_id, timer)
            st.registration.report_status(evse_id)
        elif st.settings.authorize_remote_start:
            self.authorize(evse, id_token, remote_start_id)
        else:
            self.start(evse, id_token, remote_start_id=remote_start_id)

    def _no_vehicle(self, evse_id: int) -> None:
        self.waiting.pop(evse_id, None)
        self.station.registration.report_status(evse_id)

    def start(
        self,
        evse: Evse,
        id_token: str,
        *,
        id_kind: IdKind = "ISO14443",
        remote_start_id: int | None = None,
    ) -> Transaction:
        """Opens a transaction; power flows after the car's handshake."""
        st = self.station
        tx = Transaction(
            key=st.new_id(),
            evse_id=evse.config.id,
            id_token=id_token,
            id_kind=id_kind,
            started=st.clock.now(),
            started_s=st.clock.monotonic(),
            start=st.readings(evse),
            remote_start_id=remote_start_id,
        )
        evse.tx = tx
        evse.ready_after(self.handshake_s)
        st.dialect.tx_started(st, tx)
        st.communication.transaction_started(evse)
        st.registration.report_status(evse.config.id)
        self._schedule_sample(evse)
        return tx

    def stop(self, evse: Evse, reason: str, trigger: str) -> None:
        """Ends the transaction at ``evse``; the vehicle may stay plugged in."""
        tx, st = evse.tx, self.station
        if tx is None:
            return
        tx.ended = st.clock.now()
        tx.stop = st.readings(evse)
        tx.stopped_reason = reason
        evse.step(0.0, evse.f_hz)
        st.profiles.transaction_ended(evse.config.id)
        sampling = self._sampling.pop(evse.config.id, None)
        if sampling is not None:
            sampling.cancel()
        st.dialect.tx_ended(st, tx, trigger)
        self.history.append(tx)
        evse.tx, evse.finishing = None, True
        if evse.config.id in self._closing:
            self._closing.discard(evse.config.id)
            evse.operative = False
        if self._when_idle is not None and not st.n_active():
            action, self._when_idle = self._when_idle, None
            action()
        st.registration.report_status(evse.config.id)

    def when_idle(self, action: Callable[[], None]) -> None:
        """Runs ``action`` when the last transaction has ended."""
        self._when_idle = action

    def stop_all(self, reason: str, trigger: str) -> None:
        for evse in self.station.evses.values():
            self.stop(evse, reason, trigger)

    def make_inoperative_when_idle(self, evse: Evse) -> None:
        """ChangeAvailability during a transaction takes effect at its end."""
        if evse.tx is None:
            evse.operative = False
            self.station.registration.report_status(evse.config.id)
        else:
            self._closing.add(evse.config.id)

    def deauthorized(self, tx: Transaction) -> None:
        """The central system refused the idToken of a running transaction."""
        evse = self.station.evses[tx.evse_id]
        if evse.tx is tx and self.station.settings.stop_on_invalid_id:
            self.stop(evse, "DeAuthorized", "Deauthorized")

    def find(self, key: str) -> Evse | None:
        """The EVSE whose running transaction has the key (or, in 1.6, the id) ``key``."""
        for evse in self.station.evses.values():
            tx = evse.tx
            if tx is not None and (key == tx.key or (tx.known and key == str(tx.ocpp_id))):
                return evse
        return None

    # metering and states

    def _schedule_sample(self, evse: Evse) -> None:
        interval = self.station.settings.meter_interval
        if interval > 0:
            self._sampling[evse.config.id] = self.station.timers.after(
                interval, lambda: self._sample(evse)
            )

    def reschedule_samples(self) -> None:
        """The sampling interval has changed."""
        for evse in self.station.evses.values():
            timer = self._sampling.pop(evse.config.id, None)
            if timer is not None:
                timer.cancel()
            if evse.tx is not None:
                self._schedule_sample(evse)

    def _sample(self, evse: Evse) -> None:
        if evse.tx is not None:
            self.station.dialect.tx_sampled(self.station, evse.tx, "Sample.Periodic")
            self._schedule_sample(evse)

    def notice_states(self) -> None:
        """Reports Charging / SuspendedEV / SuspendedEVSE and the 2.1 operation mode on change."""
        st = self.station
        for evse in st.evses.values():
            tx = evse.tx
            if tx is None:
                continue
            state = _charging_state(evse, tx.state)
            if state != tx.state:
                tx.state, tx.mode = state, evse.grant.mode
                st.dialect.tx_changed(st, tx, "ChargingStateChanged")
                st.registration.report_status(evse.config.id)
            elif evse.grant.mode != tx.mode:
                tx.mode = evse.grant.mode
                st.dialect.tx_changed(st, tx, "OperationModeChanged")


def _charging_state(evse: Evse, previous: ChargingState) -> ChargingState:
    if abs(evse.power_w) > IDLE_W:
        return "Charging"
    if evse.handshaking:
        return previous
    vehicle = evse.vehicle
    if vehicle is not None and vehicle.max_charge_now_w() <= IDLE_W:
        return "SuspendedEV"
    return "SuspendedEVSE"
