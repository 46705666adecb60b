"""Stations for tests: the ``websockets`` client, and raw HTTP to see exactly what is answered."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.unit.gateway.toys import PASSWORD


def basic(username: str, password: bytes = PASSWORD) -> str:
    return "Basic " + base64.b64encode(username.encode() + b":" + password).decode()


def station(
    port: int,
    station_id: str = "CS1",
    *versions: str,
    authorization: str | None = "",
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> connect:
    """Connect as a station; ``authorization`` defaults to the right one, None sends none."""
    if authorization == "":
        authorization = basic(station_id)
    scheme = "ws" if tls is None else "wss"
    return connect(
        f"{scheme}://localhost:{port}/ocpp/{station_id}",
        subprotocols=list(versions or ("ocpp2.1",)),  # type: ignore[arg-type]
        additional_headers={} if authorization is None else {"Authorization": authorization},
        ssl=tls,
        open_timeout=5,
        **options,
    )


async def http(
    port: int,
    path: str = "/ocpp/CS1",
    authorization: str | None = None,
    *,
    subprotocols: str = "ocpp2.1",
    key: str | None = "dGhlIHNhbXBsZSBub25jZQ==",
) -> tuple[int, dict[str, str], bytes]:
    """Send an upgrade request and return (status, headers, rest) as they stand on the wire."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {subprotocols}",
    ]
    if key is not None:
        lines.append(f"Sec-WebSocket-Key: {key}")
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    try:
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            status, *fields = head.decode().split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (f.partition(": ") for f in fields if f)
            }
            rest = b"" if status.startswith("HTTP/1.1 101") else await reader.read()
    finally:
        writer.close()
    return int(status.split()[1]), headers, rest


async def ask(ws: ClientConnection, message: bytes | str) -> str:
    await ws.send(message, text=True)
    async with asyncio.timeout(5):
        answer = await ws.recv()
    return answer if isinstance(answer, str) else answer.decode()
