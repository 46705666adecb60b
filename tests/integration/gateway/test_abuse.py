"""Peers that do not read, bombs, slow handshakes, oversized and broken websocket frames."""

from __future__ import annotations

import asyncio
import struct
import tracemalloc
import zlib

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from csms.gateway.settings import Backend
from tests.conformance.gateway.clients import ask, basic, station
from tests.unit.gateway.toys import ToyDispatcher, running, settings_for, toy_gateway
from tests.unit.ocppj.frames import HEARTBEAT

BACKENDS = pytest.mark.parametrize("backend", list(Backend), ids=lambda b: b.value)
MIB = 1 << 20


def frame(payload: bytes, *, opcode: int = 1, fin: bool = True, rsv1: bool = False) -> bytes:
    """A masked websocket frame."""
    head = bytes([(fin << 7) | (rsv1 << 6) | opcode])
    n = len(payload)
    if n < 126:
        head += bytes([0x80 | n])
    elif n < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", n)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", n)
    return head + b"\0\0\0\0" + payload  # a mask of zeroes


async def upgraded(
    port: int, *, deflate: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An open websocket without a client library."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
    writer.write(
        f"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp2.1\r\n{extension}"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: {basic('CS1')}\r\n\r\n".encode()
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert b" 101 " in head
    return reader, writer


async def close_code(reader: asyncio.StreamReader) -> int | None:
    """The code of the close frame, or None when the connection just ended."""
    async with asyncio.timeout(10):
        try:
            while True:
                opcode, n = await reader.readexactly(2)
                if n == 126:
                    n = struct.unpack(">H", await reader.readexactly(2))[0]
                payload = await reader.readexactly(n)
                if opcode & 15 == 8:
                    return int(struct.unpack(">H", payload[:2])[0])
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@BACKENDS
async def test_a_peer_that_does_not_read_is_disconnected(backend: Backend) -> None:
    dispatcher = ToyDispatcher()
    settings = settings_for(
        backend,
        max_write_buffer_bytes=64 * 1024,
        ping_timeout_s=0.3,
        ping_interval_s=0.3,
        close_timeout_s=0.2,
    )
    async with running(toy_gateway(settings, dispatcher=dispatcher)) as port:
        _, writer = await upgraded(port)
        request = frame(HEARTBEAT)
        async with asyncio.timeout(20):
            while not dispatcher.ended:
                try:
                    writer.write(request * 500)
                    await asyncio.wait_for(writer.drain(), 0.05)
                except (TimeoutError, ConnectionError):
                    await asyncio.sleep(0.05)
        async with station(port, "CS2") as other:
            assert orjson.loads(await ask(other, HEARTBEAT))[0] == 3
        writer.transport.abort()


def bomb(*fragments: int) -> list[bytes]:
    """Fragments of one compressed message of zeroes, of so many MiB each."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [
        b"".join(deflate.compress(bytes(MIB)) for _ in range(n)) + deflate.flush(zlib.Z_SYNC_FLUSH)
        for n in fragments
    ]
    parts[-1] = parts[-1][:-4]
    return [
        frame(part, opcode=1 if n == 0 else 0, rsv1=n == 0, fin=n == len(parts) - 1)
        for n, part in enumerate(parts)
    ]


@BACKENDS
@pytest.mark.parametrize(
    "fragments",
    [(64,), (1, 63), (1, 0, 63)],
    ids=["one frame", "first fills the limit", "empty fragment between"],
)
async def test_a_decompression_bomb_is_closed_with_bounded_memory(
    backend: Backend, fragments: tuple[int, ...]
) -> None:
    """When a fragment fills the limit exactly, the room left is zero: zlib's word for "no limit"."""
    frames = bomb(*fragments)
    async with running(toy_gateway(settings_for(backend, max_message_bytes=MIB))) as port:
        tracemalloc.start()
        try:
            for _ in range(3):
                reader, writer = await upgraded(port, deflate=True)
                for data in frames:
                    writer.write(data)
                assert await close_code(reader) in (1009, None)
                writer.close()
            assert tracemalloc.get_traced_memory()[1] < 8 * MIB
        finally:
            tracemalloc.stop()


@BACKENDS
async def test_an_oversized_message_is_closed(backend: Backend) -> None:
    settings = settings_for(backend, max_message_bytes=10_000)
    async with running(toy_gateway(settings)) as port:
        for frames in (
            frame(b"x" * 10_001),
            frame(b"x" * 6_000, fin=False) + frame(b"x" * 6_000, opcode=0),
        ):
            reader, writer = await upgraded(port)
            writer.write(frames)
            assert await close_code(reader) in (1009, None)
            writer.close()


@BACKENDS
@pytest.mark.parametrize(
    "frames",
    [
        frame(b"x", opcode=0),
        frame(b"a", fin=False) + frame(b"b"),
        frame(b"x", rsv1=True),
        frame(b"x", opcode=3),
    ],
    ids=["lone continuation", "text within fragments", "rsv1 without deflate", "reserved opcode"],
)
async def test_broken_websocket_frames_end_the_connection(backend: Backend, frames: bytes) -> None:
    async with running(toy_gateway(settings_for(backend))) as port:
        reader, writer = await upgraded(port)
        writer.write(frames)
        assert await close_code(reader) in (1002, None)
        writer.close()
        async with station(port, "CS2") as ws:
            assert orjson.loads(await ask(ws, HEARTBEAT))[0] == 3


@BACKENDS
async def test_fragments_are_put_together(backend: Backend) -> None:
    async with running(toy_gateway(settings_for(backend))) as port:
        reader, writer = await upgraded(port)
        writer.write(
            frame(b'[2,"1",', fin=False)
            + frame(b'"Heart', opcode=0, fin=False)
            + frame(b"", opcode=9)  # a ping between fragments is allowed
            + frame(b'beat",{}]', opcode=0)
        )
        async with asyncio.timeout(5):
            data = b""
            while b'[3,"1"' not in data:
                data += await reader.read(1000)
        writer.close()


@BACKENDS
async def test_a_station_that_sends_before_the_upgrade_is_answered(backend: Backend) -> None:
    """Bytes behind the request head belong to the websocket and must not be lost."""
    async with running(toy_gateway(settings_for(backend))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp2.1\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: {basic('CS1')}\r\n\r\n".encode()
            + frame(HEARTBEAT)
        )
        async with asyncio.timeout(5):
            data = b""
            while b'[3,"hb"' not in data:
                data += await reader.read(1000)
        writer.close()


@BACKENDS
@pytest.mark.parametrize("sent", [b"", b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\n"])
async def test_a_handshake_that_never_ends_is_dropped(backend: Backend, sent: bytes) -> None:
    async with running(toy_gateway(settings_for(backend, open_timeout_s=0.2))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(5):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(1)
        writer.close()


@BACKENDS
@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"\0" * 20_000,
        b"POST /ocpp/CS1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["long header", "many headers", "binary", "POST"],
)
async def test_hostile_request_heads(backend: Backend, head: bytes) -> None:
    async with running(toy_gateway(settings_for(backend))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        async with asyncio.timeout(5):
            try:
                answer = await reader.read()
            except ConnectionError:
                answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
        writer.close()
        async with station(port, "CS2") as ws:
            assert orjson.loads(await ask(ws, HEARTBEAT))[0] == 3


@BACKENDS
async def test_a_half_open_connection_is_noticed(backend: Backend) -> None:
    dispatcher = ToyDispatcher()
    settings = settings_for(backend, ping_interval_s=0.2, ping_timeout_s=0.2, close_timeout_s=0.2)
    async with running(toy_gateway(settings, dispatcher=dispatcher)) as port:
        _, writer = await upgraded(port)  # never answers a ping
        await asyncio.wait_for(dispatcher.any_ended.wait(), 5)
        writer.transport.abort()


@BACKENDS
async def test_a_second_socket_replaces_the_first(backend: Backend) -> None:
    dispatcher = ToyDispatcher()
    async with (
        running(toy_gateway(settings_for(backend), dispatcher=dispatcher)) as port,
        station(port) as old,
        station(port) as new,
    ):
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(old.recv(), 5)
        assert orjson.loads(await ask(new, HEARTBEAT))[0] == 3
        assert [what for what, _, _ in dispatcher.history] == [
            "connected",
            "disconnected",
            "connected",
        ]
