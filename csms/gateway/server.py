"""The gateway: listeners, admission, and one connection per station."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from csms.clock import Clock
from csms.gateway import ws_picows, ws_websockets
from csms.gateway.auth import Authenticator
from csms.gateway.connection import StationConnection
from csms.gateway.handshake import MAX_STATION_ID_CHARS, RequestHead, choose_version, station_id_of
from csms.gateway.knocks import Knocks, RefusalReason
from csms.gateway.memory import InstantLink, LinkModel, MemoryTransport, memory_pair
from csms.gateway.passwords import PasswordVerifier, ThreadedVerifier
from csms.gateway.ports import CloseReason, Credentials, Dispatcher, Observer, StationLink
from csms.gateway.registry import Registry
from csms.gateway.settings import Backend, GatewaySettings, ListenerSettings
from csms.gateway.tls import server_context
from csms.gateway.transport import Admission, Listening, Refusal, Transport
from csms.ids import StationId
from csms.ocppj.errors import StoreUnavailable
from csms.ocppj.schemas import Schemas
from csms.ocppj.session import Session
from csms.ocppj.version import OcppVersion

_LISTEN: Final = MappingProxyType(
    {Backend.PICOWS: ws_picows.listen, Backend.WEBSOCKETS: ws_websockets.listen}
)
_PROBE_TIMEOUT_S: Final = 1.0
_IN_MEMORY: Final = ListenerSettings(port=0, security_profile=0)


class RefusedError(Exception):
    """An in-memory station was not admitted; ``refusal`` is the HTTP answer it would have got."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"HTTP {refusal.status} ({refusal.reason.value})")
        self.refusal = refusal


class Gateway:
    """Serves stations on all listeners of ``settings``.

    ``message_ids`` yields unique ids of at most 36 characters (``csms.ids.Uuid7``). ``process_key``: 32 random
    bytes for digests of verified passwords. ``schemas`` replaces the official edition of some versions.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        dispatcher: Dispatcher,
        credentials: Credentials,
        clock: Clock,
        message_ids: Callable[[], str],
        process_key: bytes,
        observer: Observer | None = None,
        verifier: PasswordVerifier | None = None,
        schemas: Mapping[OcppVersion, Schemas] | None = None,
    ) -> None:
        self.knocks = Knocks()
        self._settings = settings
        self._dispatcher = dispatcher
        self._clock = clock
        self._message_ids = message_ids
        self._observer = observer or Observer()
        self._own_verifier = ThreadedVerifier(settings.hash_threads) if verifier is None else None
        self._authenticator = Authenticator(
            settings,
            credentials,
            verifier or self._own_verifier,  # type: ignore[arg-type]
            clock,
            process_key=process_key,
        )
        self._schemas = {version: Schemas(version) for version in OcppVersion} | dict(schemas or {})
        self._registry: Registry[StationConnection] = Registry(
            first_epoch=int(clock.now().timestamp() * 1000)
        )
        self._listening: list[Listening] = []
        self._is_stopping = False

    @property
    def ports(self) -> list[int]:
        """The bound ports, in the order of the listeners."""
        return [listening.port for listening in self._listening]

    def link(self, station_id: StationId) -> StationLink | None:
        """The way to a connected station, or None."""
        return self._registry.get(station_id)

    def links(self) -> list[StationLink]:
        """All connected stations."""
        return list(self._registry)

    async def start(self) -> None:
        """Bind every listener. Raises ``OSError`` or ``ssl.SSLError``; then nothing stays bound."""
        try:
            for listener in self._settings.listeners:
                context = (
                    server_context(listener.tls, mutual=listener.security_profile == 3)
                    if listener.tls is not None
                    else None
                )
                listen = _LISTEN[self._settings.backend]
                self._listening.append(
                    await listen(
                        listener, self._settings, context, self._admit_to(listener), self._serve
                    )
                )
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop accepting, close every station's connection, and wait for their clean-up."""
        self._is_stopping = True
        for listening in self._listening:
            await listening.close()
        self._listening.clear()
        connections = list(self._registry)
        await asyncio.gather(*(c.close(CloseReason.SHUTDOWN) for c in connections))
        await asyncio.gather(*(c.finished.wait() for c in connections))
        if self._own_verifier is not None:
            self._own_verifier.close()

    async def connect_in_memory(
        self,
        head: RequestHead,
        *,
        link: LinkModel | None = None,
        listener: ListenerSettings = _IN_MEMORY,
    ) -> tuple[MemoryTransport, asyncio.Task[None]]:
        """Attach a station without a socket, as if it had connected to ``listener``.

        Returns the station's end and the task that serves it. Raises ``RefusedError`` in place of an HTTP
        answer, and ``ValueError`` when no subprotocol is common.
        """
        decision = await self._admit(head, listener)
        if isinstance(decision, Refusal):
            raise RefusedError(decision)
        if decision.version is None:
            raise ValueError(f"no common subprotocol in {head.subprotocols}")
        ours, theirs = memory_pair(
            address=head.address, subprotocol=decision.version.value, link=link or InstantLink()
        )
        task = asyncio.get_running_loop().create_task(self._serve(decision, ours))
        return theirs, task

    def _admit_to(
        self, listener: ListenerSettings
    ) -> Callable[[RequestHead], asyncio.Future[Admission | Refusal]]:
        async def admit(head: RequestHead) -> Admission | Refusal:
            return await self._admit(head, listener)

        return admit  # type: ignore[return-value]

    async def _admit(self, head: RequestHead, listener: ListenerSettings) -> Admission | Refusal:
        """Decide about an upgrade request; every refusal is recorded."""
        station_id = station_id_of(head.path)
        reason: RefusalReason | None
        if self._is_stopping:
            reason = RefusalReason.SHUTTING_DOWN
        elif station_id is None:
            reason = RefusalReason.BAD_PATH
        else:
            try:
                reason = await self._authenticator.refusal(station_id, head, listener)
            except StoreUnavailable:
                reason = RefusalReason.STORE_UNAVAILABLE
            except Exception as error:  # noqa: BLE001 reported; the station tries again
                self._observer.failed(station_id, "admission", error)
                reason = RefusalReason.FAILED
        if (
            reason is None
            and station_id is not None
            and len(self._registry) >= self._settings.max_connections
            and self._registry.get(station_id) is None
        ):
            reason = RefusalReason.OVERLOADED
        if reason is None and station_id is not None:
            return Admission(station_id, choose_version(head.subprotocols))
        return self._refuse(head, station_id, reason or RefusalReason.BAD_PATH, listener)

    def _refuse(
        self,
        head: RequestHead,
        station_id: StationId | None,
        reason: RefusalReason,
        listener: ListenerSettings,
    ) -> Refusal:
        claimed = station_id or ascii(head.path[:MAX_STATION_ID_CHARS])
        knock = self.knocks.add(claimed, head.address, reason, head.subprotocols, self._clock.now())
        self._observer.refused(knock)
        return _http_answer(reason, listener)

    async def _serve(self, admission: Admission, transport: Transport) -> None:
        """Run one admitted connection to its end, in place of the station's former one."""
        if admission.version is None:
            raise ValueError("an admission without a version is not served")
        connection = StationConnection(
            station_id=admission.station_id,
            epoch=self._registry.new_epoch(),
            transport=transport,
            session=Session(
                self._schemas[admission.version],
                max_frame_bytes=self._settings.max_message_bytes,
            ),
            dispatcher=self._dispatcher,
            observer=self._observer,
            clock=self._clock,
            message_ids=self._message_ids,
            settings=self._settings,
        )
        previous = self._registry.claim(connection)
        try:
            if previous is not None:
                await self._displace(previous)
            if self._registry.is_current(connection) and not self._is_stopping:
                await connection.run()
            else:
                await connection.close(CloseReason.REPLACED)
        finally:
            self._registry.release(connection)
            connection.finished.set()

    async def _displace(self, previous: StationConnection) -> None:
        """Fence the old connection at once, find out whether it was alive, and see it off.

        An old connection that still answers means two devices with one identity, or a station that opens a
        second socket: worth an alarm. The newcomer has proven who it is, so it wins in any case.
        """
        previous.fence()
        was_alive = await previous.is_alive(_PROBE_TIMEOUT_S)
        self._observer.taken_over(previous.station_id, previous.epoch, old_was_alive=was_alive)
        if was_alive:
            await previous.close(CloseReason.REPLACED)
        else:
            previous.abort(CloseReason.REPLACED)
        try:
            async with asyncio.timeout(self._settings.takeover_timeout_s):
                await previous.finished.wait()
        except TimeoutError:
            pass  # its handler hangs; the epoch keeps the two apart


def _http_answer(reason: RefusalReason, listener: ListenerSettings) -> Refusal:
    match reason:
        case RefusalReason.BAD_PATH:
            return Refusal(404, reason)
        case RefusalReason.UNKNOWN_STATION if listener.security_profile in (0, 3):
            return Refusal(404, reason)
        case RefusalReason.THROTTLED:
            return Refusal(429, reason, retry_after_s=60)
        case (
            RefusalReason.OVERLOADED
            | RefusalReason.STORE_UNAVAILABLE
            | RefusalReason.SHUTTING_DOWN
            | RefusalReason.FAILED
        ):
            return Refusal(503, reason, retry_after_s=10)
        case _:
            return Refusal(401, reason)
