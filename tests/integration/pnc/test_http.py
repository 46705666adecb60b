"""The client against servers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from csms.pnc.http import MAX_BODY_OCTETS, HttpFailed, HttpxClient

Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await serve(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()


async def _good(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    await writer.drain()


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        await writer.drain()


async def _redirect(writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    )
    await writer.drain()


async def _nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01\x02\r\n\r\n")
    await writer.drain()


async def test_an_answer_is_an_answer() -> None:
    client = HttpxClient()
    async with server(_good) as url:
        assert await client.request("POST", url, content=b"x", timeout_s=10) == (200, b"hi")
    await client.close()


async def test_a_redirect_is_not_followed() -> None:
    client = HttpxClient()
    async with server(_redirect) as url:
        assert (await client.request("GET", url, timeout_s=10)).status == 302
    await client.close()


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (_silent, "no answer within"),
        (_trickle, "no answer within"),
        (_endless, f"over {MAX_BODY_OCTETS}"),
        (_nonsense, "Error"),
    ],
)
async def test_a_server_that_misbehaves_costs_bounded_time_and_memory(
    serve: Serve, reason: str
) -> None:
    client = HttpxClient()
    async with server(serve) as url:
        with pytest.raises(HttpFailed, match=reason):
            await client.request("GET", url, timeout_s=0.5 if serve in {_silent, _trickle} else 30)
    await client.close()


async def test_an_address_that_is_none_is_a_failure() -> None:
    client = HttpxClient()
    for url in ("http://", "http://[", "notaurl", "http://127.0.0.1:1/"):
        with pytest.raises(HttpFailed):
            await client.request("GET", url, timeout_s=5)
    await client.close()
