"""Serving with the ``websockets`` package: the slower backend, kept as the reference for the faster one."""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from csms.gateway.handshake import RequestHead, choose_version, single, subprotocols_of
from csms.gateway.settings import GatewaySettings, ListenerSettings
from csms.gateway.sockets import bound_send_buffer, server_extensions
from csms.gateway.tls import peer_certificate
from csms.gateway.transport import (
    ABNORMAL,
    PROTOCOL_ERROR,
    Admission,
    Admit,
    Listening,
    Refusal,
    Serve,
    TransportClosed,
)


class _Transport:
    """Implements ``transport.Transport``."""

    def __init__(self, connection: ServerConnection, settings: GatewaySettings) -> None:
        self._connection = connection
        self._write_timeout_s = settings.ping_timeout_s
        self.remote: str = _address_of(connection)
        self.subprotocol: str | None = connection.subprotocol

    async def send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._write_timeout_s):
                await self._connection.send(data, text=True)
        except ConnectionClosed as error:
            raise _closed(error) from None
        except TimeoutError:  # the buffer stayed full: the peer does not read
            self.abort()
            raise TransportClosed from None

    async def recv(self) -> bytes:
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise _closed(error) from None

    async def ping(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await (await self._connection.ping())
        except (ConnectionClosed, TimeoutError):
            return False
        return True

    async def close(self, code: int, reason: str) -> None:
        await self._connection.close(code, reason)

    def abort(self) -> None:
        self._connection.transport.abort()


class _Listening:
    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def port(self) -> int:
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def close(self) -> None:
        self._server.close(close_connections=False)


async def listen(
    listener: ListenerSettings,
    settings: GatewaySettings,
    context: ssl.SSLContext | None,
    admit: Admit,
    serve_station: Serve,
) -> Listening:
    """Bind ``listener`` and serve it until closed."""
    admissions: WeakKeyDictionary[ServerConnection, Admission] = WeakKeyDictionary()

    async def process_request(connection: ServerConnection, request: Request) -> Response | None:
        decision = await admit(
            RequestHead(
                path=request.path,
                address=_address_of(connection),
                authorization=single(request.headers.get_all("Authorization")),
                subprotocols=subprotocols_of(request.headers.get_all("Sec-WebSocket-Protocol")),
                certificate=peer_certificate(connection.transport.get_extra_info("peercert")),
            )
        )
        if isinstance(decision, Refusal):
            status = HTTPStatus(decision.status)
            body = f"{status.phrase}\n".encode()
            headers = Headers(**decision.headers)
            headers["Content-Length"] = str(len(body))
            headers["Connection"] = "close"
            return Response(status.value, status.phrase, headers, body)
        admissions[connection] = decision
        return None

    async def handler(connection: ServerConnection) -> None:
        admission = admissions.pop(connection)
        if admission.version is None:
            await connection.close(PROTOCOL_ERROR, "no common subprotocol")
            return
        bound_send_buffer(connection.transport)
        await serve_station(admission, _Transport(connection, settings))

    server = await serve(
        handler,
        listener.host,
        listener.port,
        ssl=context,
        process_request=process_request,
        select_subprotocol=_select,
        extensions=server_extensions() if settings.compression else None,
        compression=None,
        server_header=None,
        open_timeout=settings.open_timeout_s,
        close_timeout=settings.close_timeout_s,
        ping_interval=settings.ping_interval_s,
        ping_timeout=settings.ping_timeout_s,
        max_size=settings.max_message_bytes,
        max_queue=settings.max_receive_queue,
        write_limit=settings.max_write_buffer_bytes,
    )
    return _Listening(server)


def _select(connection: ServerConnection, offered: Any) -> Subprotocol | None:  # noqa: ARG001
    version = choose_version(tuple(offered))
    return None if version is None else Subprotocol(version.value)


def _address_of(connection: ServerConnection) -> str:
    peer = connection.remote_address
    return str(peer[0]) if peer else ""


def _closed(error: ConnectionClosed) -> TransportClosed:
    if error.rcvd is None:
        return TransportClosed(ABNORMAL)
    return TransportClosed(error.rcvd.code, error.rcvd.reason)
