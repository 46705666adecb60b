"""The charge controllers of one station, in an event loop: sessions come and go with the cars."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from charger_sim.clock import Clock
from charger_sim.iso15118.driver import ByteStream, Step, run
from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.machine import Ending, Outcome
from charger_sim.station.certificate_messages import request_certificate
from charger_sim.station.evse import Evse, HighLevel
from charger_sim.station.iso15118.backend import OcppBackend
from charger_sim.station.iso15118.negotiation import Negotiation
from charger_sim.station.iso15118.session import Pace, Parts, build
from charger_sim.station.iso15118.wire import CREDENTIAL_OF, NoCertificate, Wire, connected
from charger_sim.vehicle import EvCredentials, Vehicle

if TYPE_CHECKING:
    from charger_sim.station.station import Station

_KEEP: Final = 100
_CERTIFICATE_WAIT_S: Final = 30.0
_STOPPED: Final = {
    Ending.TERMINATED: ("StoppedByEV", "StopAuthorized"),
    Ending.TIMED_OUT: ("Other", "EVCommunicationLost"),
    Ending.CLOSED: ("Other", "EVCommunicationLost"),
}
"""Ending of the charger's machine -> (stoppedReason, triggerReason) of the transaction."""
OnStep = Callable[[int, Step], None]
Ends = Callable[[tuple[ByteStream, ByteStream]], tuple[ByteStream, ByteStream]]


@dataclass(frozen=True, slots=True)
class SeccOptions:
    """``schedule_wait_s`` bounds the wait for a profile after NotifyEVChargingNeeds was accepted:
    ISO 15118 gives the charger 55 s, OCPP the central system 60 s (K15.FR.08). See
    :class:`.session.Pace` for the rest."""

    wire: Wire = "memory"
    loop_s: float = 1.0
    poll_s: float = 0.2
    patience: float = 10.0
    schedule_wait_s: float = 50.0
    sdp_interface: str | None = None
    """Where cars on TCP or TLS discover the charger; without it they are told where it listens."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended, on either side; ``installed`` if the car got a contract in it."""

    evse_id: int
    charger: Outcome
    car: Outcome
    installed: bool


@dataclass(slots=True)
class _Session:
    task: asyncio.Task[None]
    backend: OcppBackend


class SeccHost:
    """See :class:`charger_sim.station.communication.Communication`; :meth:`run` until cancelled.

    ``on_step`` is told each message that a charge controller has answered, ``ends`` may wrap both
    ends of a connection (a slower link, a sniffer).
    """

    def __init__(
        self,
        station: Station,
        clock: Clock,
        options: SeccOptions,
        *,
        poke: Callable[[], None] = lambda: None,
        log: Callable[[str], None] = lambda _line: None,
        on_step: OnStep = lambda _evse_id, _step: None,
        ends: Ends = lambda both: both,
    ) -> None:
        self._station = station
        self._clock = clock
        self._options = options
        self._poke = poke
        self._log = log
        self.on_step = on_step
        self.ends = ends
        self.ended: deque[SessionEnd] = deque(maxlen=_KEEP)
        self._sessions: dict[int, _Session] = {}
        self._arrivals: asyncio.Queue[tuple[Evse, Vehicle, EvCredentials]] = asyncio.Queue()
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """What a session raises ends the run: the simulator is wrong then, not the car."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            while True:
                evse, vehicle, credentials = await self._arrivals.get()
                fresh = (
                    evse.config.id not in self._sessions
                )  # not plugged, pulled and plugged again
                if fresh and evse.vehicle is vehicle and evse.high_level is not None:
                    self._begin(group, evse, vehicle, credentials)

    # Communication

    def plugged(self, evse: Evse) -> bool:
        vehicle = evse.vehicle
        if vehicle is None or vehicle.credentials is None or not evse.config.iso15118:
            return False
        evse.high_level = HighLevel()
        self._arrivals.put_nowait((evse, vehicle, vehicle.credentials))
        return vehicle.credentials.by_contract

    def unplugged(self, evse: Evse) -> None:
        evse.high_level = None
        session = self._sessions.pop(evse.config.id, None)
        if session is not None:
            session.task.cancel()

    def transaction_started(self, evse: Evse) -> None:
        session = self._sessions.get(evse.config.id)
        if session is not None:
            session.backend.transaction_started()

    def profiles_changed(self) -> None:
        for session in self._sessions.values():
            session.backend.profiles_changed()

    # sessions

    def _begin(
        self, group: asyncio.TaskGroup, evse: Evse, vehicle: Vehicle, credentials: EvCredentials
    ) -> None:
        negotiation = Negotiation(self._station, evse)
        backend = OcppBackend(
            self._station,
            evse,
            negotiation,
            schedule_wait_s=self._options.schedule_wait_s,
            poke=self._poke,
        )
        work = self._session(evse, vehicle, credentials, negotiation, backend)
        self._sessions[evse.config.id] = _Session(group.create_task(work), backend)

    async def _session(
        self,
        evse: Evse,
        vehicle: Vehicle,
        credentials: EvCredentials,
        negotiation: Negotiation,
        backend: OcppBackend,
    ) -> None:
        high_level, options = evse.high_level, self._options
        if high_level is None:
            return  # the car has left already
        parts = build(
            self._station, evse, vehicle, credentials, negotiation, high_level,
            pace=Pace(options.loop_s, options.poll_s, options.patience),
            car_clock=self._clock,
            random=self._station.rng.randbytes,
            contracts=options.wire != "tcp",
        )  # fmt: skip
        held = credentials.contract
        try:
            charger, car = await self._converse(evse, credentials, parts, backend)
        finally:
            parts.off()
            backend.close()
            credentials.contract = parts.contract() or credentials.contract
            if evse.high_level is high_level:
                evse.high_level = None
        self._sessions.pop(evse.config.id, None)
        self.ended.append(
            SessionEnd(evse.config.id, charger, car, credentials.contract is not held)
        )
        if evse.tx is None:
            self._pay_by_card(evse, vehicle, credentials, car)
        else:
            reason, trigger = _STOPPED.get(charger.ending, ("Other", "AbnormalCondition"))
            self._station.sessions.stop(evse, reason, trigger)
            self._poke()

    def _pay_by_card(
        self, evse: Evse, vehicle: Vehicle, credentials: EvCredentials, end: Outcome
    ) -> None:
        """A second session, where the contract was refused and the driver has a card."""
        refused = end.ending is Ending.REFUSED and credentials.by_contract
        if refused and credentials.external_payment and evse.vehicle is vehicle:
            evse.high_level = HighLevel()
            self._arrivals.put_nowait((evse, vehicle, credentials.without_contract()))
            self._station.sessions.authorize(evse, vehicle.id_token)
            self._poke()

    async def _converse(
        self, evse: Evse, credentials: EvCredentials, parts: Parts, backend: OcppBackend
    ) -> tuple[Outcome, Outcome]:
        station = self._station
        try:
            if self._options.wire == "tls":
                await self._certified(credentials)
            async with connected(
                self._options.wire,
                station.certificates,
                credentials,
                station.rng.randbytes,
                self._options.sdp_interface,
            ) as both:
                at_charger, at_car = self.ends(both)
                async with asyncio.TaskGroup() as group:
                    charger = group.create_task(
                        run(
                            parts.charger,
                            at_charger,
                            clock=self._clock.monotonic,
                            backend=backend,
                            on_step=lambda step: self.on_step(evse.config.id, step),
                            on_error=_raise,
                        )
                    )
                    car = group.create_task(run(parts.car, at_car, clock=self._clock.monotonic))
                return charger.result(), car.result()
        except (OSError, NoCertificate, RemoteProtocolError) as error:
            self._log(f"{station.config.id} EVSE {evse.config.id}: {error}")
            lost = Outcome(Ending.CLOSED, f"{type(error).__name__}: {error}")
            return lost, lost

    async def _certified(self, credentials: EvCredentials) -> None:
        """Has the central system sign a certificate for cars, unless there is one (A02)."""
        store, kind = self._station.certificates, CREDENTIAL_OF[credentials.edition]
        if kind in store.credentials:
            return
        request_certificate(self._station, kind)
        self._poke()
        deadline_s = self._clock.monotonic() + _CERTIFICATE_WAIT_S
        while kind not in store.credentials and self._clock.monotonic() < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(self._options.poll_s)


def _raise(error: Exception) -> None:
    """What a backend raises is a fault of the simulator, since it answers for lost messages."""
    raise error
