"""Byte streams for `driver.run`: asyncio's, with or without TLS, and a pair in memory."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from charger_sim.iso15118.sdp import SECC_PORTS
from pki.ports import RandomBytes

_READ_OCTETS: Final = 65_536
_PORT_ATTEMPTS: Final = 16


class AsyncioStream:
    """Over a StreamReader and StreamWriter."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        """The TLS session, None on plain TCP."""

    async def receive(self) -> bytes:
        return await self._reader.read(_READ_OCTETS)

    async def send(self, octets: bytes) -> None:
        self._writer.write(octets)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):  # the peer may be gone already
            await self._writer.wait_closed()


class MemoryStream:
    """One end of a pair: reads from one queue, writes to the other."""

    def __init__(self, inbox: asyncio.Queue[bytes], outbox: asyncio.Queue[bytes]) -> None:
        self._inbox = inbox
        self._outbox = outbox

    async def receive(self) -> bytes:
        return await self._inbox.get()

    async def send(self, octets: bytes) -> None:
        self._outbox.put_nowait(octets)

    async def close(self) -> None:
        self._outbox.put_nowait(b"")


def memory_pair() -> tuple[MemoryStream, MemoryStream]:
    """Two ends of a connection inside one event loop."""
    there: asyncio.Queue[bytes] = asyncio.Queue()
    back: asyncio.Queue[bytes] = asyncio.Queue()
    return MemoryStream(back, there), MemoryStream(there, back)


async def connect(
    host: str, port: int, context: ssl.SSLContext | None, timeout_s: float
) -> AsyncioStream:
    """TCP without delay, and TLS with `context`. Raises OSError (ssl.SSLError, TimeoutError)."""
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
    return AsyncioStream(reader, writer)


async def listen(
    serve: Callable[[AsyncioStream], Awaitable[object]],
    host: str,
    context: ssl.SSLContext | None,
    random: RandomBytes,
) -> tuple[asyncio.Server, int]:
    """A charger's server on a free dynamic port of `host`, with that port.

    `serve` gets each connection. Raises OSError where no port is free.
    """

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(AsyncioStream(reader, writer))

    failure: OSError | None = None
    for _ in range(_PORT_ATTEMPTS):
        port = SECC_PORTS[int.from_bytes(random(2)) % len(SECC_PORTS)]
        try:
            return await asyncio.start_server(accept, host, port, ssl=context), port
        except OSError as error:
            failure = error
    raise OSError(f"no free port at {host}: {failure}") from failure
