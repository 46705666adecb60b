"""Serving with ``picows``: its C websocket, behind a front door of our own.

picows decides about an upgrade synchronously, which leaves no room to look a station up or to check a
password hash. So a connection first meets ``_FrontDoor``, a plain protocol that reads the HTTP head with the
sans-I/O server of ``websockets``, awaits admission, and only then hands the transport and the bytes
read so far to picows.
"""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from typing import Any, Final, cast

from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from csms.gateway.handshake import RequestHead, choose_version, single, subprotocols_of
from csms.gateway.picows_transport import PicowsTransport
from csms.gateway.settings import GatewaySettings, ListenerSettings
from csms.gateway.sockets import bound_send_buffer, server_extensions
from csms.gateway.tls import peer_certificate
from csms.gateway.transport import (
    PROTOCOL_ERROR,
    Admission,
    Admit,
    Listening,
    Refusal,
    Serve,
)

_MAX_HEAD_BYTES: Final = 16 * 1024
_READ_BUFFER_BYTES: Final = 4096
_COPIED_HEADERS: Final = ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions")


class _Silent:
    """picows logs every connection, and makes a logger for each; our observer reports them instead."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: ARG002
        return False

    def log(self, *args: Any, **kwargs: Any) -> None: ...

    debug = info = warning = error = exception = log


class _FrontDoor(asyncio.Protocol):
    """Reads one HTTP request head, has it admitted, then turns into a picows protocol."""

    def __init__(self, house: _House) -> None:
        self._house = house
        self._handshake = ServerProtocol(
            extensions=server_extensions() if house.settings.compression else None,
            select_subprotocol=_select,
        )
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._admitting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        house = self._house
        house.waiting.add(self)
        if len(house.waiting) > house.settings.max_handshakes:
            self._drop()
            return
        self._timer = asyncio.get_running_loop().call_later(
            house.settings.open_timeout_s, self._drop
        )

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or self._admitting is not None:
            return
        self._received += data
        self._handshake.receive_data(data)
        for request in self._handshake.events_received():
            if isinstance(request, Request):
                transport.pause_reading()
                self._admitting = asyncio.get_running_loop().create_task(self._admit(request))
                return
        if self._handshake.handshake_exc is not None or len(self._received) > _MAX_HEAD_BYTES:
            self._answer(400, {})

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._leave()
        if self._admitting is not None:
            self._admitting.cancel()

    def close(self) -> None:
        self._drop()

    async def _admit(self, request: Request) -> None:
        transport = self._transport
        if transport is None:
            return
        peer = transport.get_extra_info("peername")
        head = RequestHead(
            path=request.path,
            address=str(peer[0]) if peer else "",
            authorization=single(request.headers.get_all("Authorization")),
            subprotocols=subprotocols_of(request.headers.get_all("Sec-WebSocket-Protocol")),
            certificate=peer_certificate(transport.get_extra_info("peercert")),
        )
        decision = await self._house.admit(head)
        if isinstance(decision, Refusal):
            self._answer(decision.status, decision.headers)
            return
        response = self._handshake.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._answer(response.status_code, {})
            return
        headers = {
            name: response.headers[name] for name in _COPIED_HEADERS if name in response.headers
        }
        self._hand_over(transport, decision, head.address, headers)

    def _hand_over(
        self,
        transport: asyncio.Transport,
        admission: Admission,
        address: str,
        headers: dict[str, str],
    ) -> None:
        station = PicowsTransport(
            remote=address,
            subprotocol=headers.get("Sec-WebSocket-Protocol"),
            extension=next(iter(self._handshake.extensions), None),
            settings=self._house.settings,
        )

        def accept(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:  # noqa: ARG001
            return WSUpgradeResponseWithListener(
                WSUpgradeResponse.create_101_response(headers), station
            )

        protocol = self._house.websocket(accept)
        self._leave()
        self._transport = None
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        _feed(protocol, self._received)
        transport.resume_reading()
        bound_send_buffer(transport)
        self._house.serve(admission, station)

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        transport = self._transport
        if transport is None:
            return
        phrase = HTTPStatus(status).phrase
        body = f"{phrase}\n"
        lines = [f"HTTP/1.1 {status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", body]
        transport.write("\r\n".join(lines).encode())
        self._leave()
        transport.close()

    def _drop(self) -> None:
        self._leave()
        if self._transport is not None:
            self._transport.abort()

    def _leave(self) -> None:
        self._house.waiting.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _House:
    """What the connections of one listener share; implements ``transport.Listening``."""

    def __init__(self, settings: GatewaySettings, admit: Admit, serve_station: Serve) -> None:
        self.settings = settings
        self.admit = admit
        self.waiting: set[_FrontDoor] = set()
        self.server: asyncio.Server | None = None
        self._serve = serve_station
        self._tasks: set[asyncio.Task[None]] = set()

    def websocket(self, accept: Any) -> Any:
        """A picows protocol that will read an admitted request."""
        settings = self.settings
        interval_s = settings.ping_interval_s
        return WSProtocol(
            None,
            None,
            False,
            accept,
            _Silent(),
            True,
            settings.open_timeout_s,
            True,
            interval_s,
            min(settings.ping_timeout_s, interval_s),
            WSAutoPingStrategy.PING_WHEN_IDLE,
            True,
            settings.max_message_bytes,
            None,
            _READ_BUFFER_BYTES,
        )

    def serve(self, admission: Admission, station: PicowsTransport) -> None:
        task = asyncio.get_running_loop().create_task(self._run(admission, station))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, admission: Admission, station: PicowsTransport) -> None:
        if admission.version is None:
            await station.close(PROTOCOL_ERROR, "no common subprotocol")
        else:
            await self._serve(admission, station)

    @property
    def port(self) -> int:
        if self.server is None:
            raise RuntimeError("not listening")
        return int(self.server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
        for door in list(self.waiting):
            door.close()


async def listen(
    listener: ListenerSettings,
    settings: GatewaySettings,
    context: ssl.SSLContext | None,
    admit: Admit,
    serve_station: Serve,
) -> Listening:
    """Bind ``listener`` and serve it until closed."""
    house = _House(settings, admit, serve_station)
    house.server = await asyncio.get_running_loop().create_server(
        lambda: _FrontDoor(house),
        listener.host,
        listener.port,
        ssl=context,
        ssl_handshake_timeout=settings.open_timeout_s if context is not None else None,
        backlog=1024,
    )
    return house


def _select(protocol: ServerProtocol, offered: Any) -> Subprotocol | None:  # noqa: ARG001
    version = choose_version(tuple(offered))
    return None if version is None else Subprotocol(version.value)


def _feed(protocol: Any, data: bytearray) -> None:
    """Give already received bytes to a buffered protocol."""
    view = memoryview(data)
    while view:
        buffer = protocol.get_buffer(len(view))
        n = min(len(buffer), len(view))
        buffer[:n] = view[:n]
        protocol.buffer_updated(n)
        view = view[n:]
