"""The link as the swarm sees it, over websockets or in memory.

Exception
└── TransportError      the link cannot carry messages
    ├── ConnectFailed   it could not be set up; the reason is in the message
    └── TransportClosed it was up and is gone
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

MAX_FRAME_BYTES = 1024 * 1024
OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0


class TransportError(Exception):
    """The link cannot carry messages."""


class ConnectFailed(TransportError):
    """The central system could not be reached or refused the station."""


class TransportClosed(TransportError):
    """The other side, or the network, ended the link."""


class Transport(Protocol):
    """One open OCPP-J connection."""

    async def send(self, text: str) -> None:
        """Raises :class:`TransportClosed`."""
        ...

    async def recv(self) -> str:
        """The next text frame. Raises :class:`TransportClosed`."""
        ...

    async def close(self) -> None: ...


Connect = Callable[[str, str], Awaitable[Transport]]
"""(station id, subprotocol) -> open transport; raises :class:`ConnectFailed`."""


class WebSocketTransport:
    """A client connection of ``websockets``."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise TransportClosed(str(error)) from error

    async def recv(self) -> str:
        try:
            message = await self._connection.recv()
        except ConnectionClosed as error:
            raise TransportClosed(str(error)) from error
        if isinstance(message, bytes):
            raise TransportClosed("binary frame: OCPP-J is text")
        return message

    async def close(self) -> None:
        await self._connection.close()


def websocket_connector(
    url: str,
    *,
    password_of: Callable[[str], str | None] = lambda _station_id: None,
    tls: ssl.SSLContext | None = None,
    compression: bool = False,
    ping_interval_s: float | None = 20.0,
) -> Connect:
    """Connects stations to ``url`` + ``/`` + station id, with HTTP basic auth where
    ``password_of`` knows a password (security profiles 1 and 2)."""
    base = url.rstrip("/")

    async def connect(station_id: str, subprotocol: str) -> Transport:
        headers = {}
        password = password_of(station_id)
        if password is not None:
            token = base64.b64encode(f"{station_id}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        try:
            connection = await ws_connect(
                f"{base}/{quote(station_id, safe='')}",
                subprotocols=[Subprotocol(subprotocol)],
                additional_headers=headers,
                ssl=tls if base.startswith("wss") else None,
                compression="deflate" if compression else None,
                max_size=MAX_FRAME_BYTES,
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=ping_interval_s,
                proxy=None,
            )
        except InvalidURI as error:
            raise ValueError(f"not a websocket URL: {url}") from error
        except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
            raise ConnectFailed(f"{station_id}: {type(error).__name__}: {error}") from error
        if connection.subprotocol != subprotocol:
            await connection.close()
            raise ConnectFailed(f"{station_id}: {subprotocol} was not agreed")
        return WebSocketTransport(connection)

    return connect


class MemoryTransport:
    """One end of an in-memory link; see :func:`memory_pair`."""

    def __init__(
        self, outgoing: asyncio.Queue[str | None], incoming: asyncio.Queue[str | None]
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self.closed = False

    async def send(self, text: str) -> None:
        if self.closed:
            raise TransportClosed("closed")
        self._outgoing.put_nowait(text)

    async def recv(self) -> str:
        if self.closed:
            raise TransportClosed("closed")
        text = await self._incoming.get()
        if text is None:
            self.closed = True
            raise TransportClosed("closed")
        return text

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._outgoing.put_nowait(None)
            self._incoming.put_nowait(None)


def memory_pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Both ends of a link without sockets, for runs in virtual time."""
    a: asyncio.Queue[str | None] = asyncio.Queue()
    b: asyncio.Queue[str | None] = asyncio.Queue()
    return MemoryTransport(a, b), MemoryTransport(b, a)
