"""Real sockets: subprotocol, path, basic auth, refusal."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest
from typer.testing import CliRunner
from websockets.asyncio.server import Request, Response, ServerConnection, serve

from charger_sim.cli import app
from charger_sim.transport import ConnectFailed, TransportClosed, websocket_connector

SUBPROTOCOLS = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]


def guard(connection: ServerConnection, request: Request) -> Response | None:
    expected = base64.b64encode(b"A B:secret").decode()
    if request.headers.get("Authorization") != f"Basic {expected}":
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no\n")
    return None


async def echo(connection: ServerConnection) -> None:
    assert connection.request is not None
    await connection.send(connection.request.path)
    async for message in connection:
        await connection.send(message)


async def test_identity_in_the_path_and_password_in_the_header() -> None:
    async with serve(echo, "127.0.0.1", 0, subprotocols=SUBPROTOCOLS, process_request=guard) as s:  # type: ignore[arg-type]
        url = f"ws://127.0.0.1:{s.sockets[0].getsockname()[1]}/ocpp/"
        wrong = websocket_connector(url, password_of=lambda _id: "guess")
        with pytest.raises(ConnectFailed, match="401"):
            await wrong("A B", "ocpp2.1")
        right = websocket_connector(url, password_of=lambda _id: "secret")
        transport = await right("A B", "ocpp2.1")
        assert await transport.recv() == "/ocpp/A%20B"
        await transport.send("x")
        assert await transport.recv() == "x"
        await transport.close()
        with pytest.raises(TransportClosed):
            await transport.recv()


async def test_refused_subprotocol_and_closed_port_are_failures() -> None:
    async with serve(echo, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]
        port = server.sockets[0].getsockname()[1]
        connect = websocket_connector(f"ws://127.0.0.1:{port}/ocpp")
        with pytest.raises(ConnectFailed):
            await connect("A", "ocpp2.1")
    with pytest.raises(ConnectFailed):
        await connect("A", "ocpp1.6")


async def test_command_line_runs_a_swarm_against_any_central_system() -> None:
    seen: list[str] = []

    async def csms(connection: ServerConnection) -> None:
        async for message in connection:
            _, message_id, action, _ = json.loads(message)
            seen.append(action)
            now = datetime.now(UTC).isoformat()  # noqa: TID251
            reply: dict[str, Any] = {"currentTime": now}
            if action == "BootNotification":
                reply |= {"status": "Accepted", "interval": 60}
            elif action != "Heartbeat":
                reply = {}
            await connection.send(json.dumps([3, message_id, reply]))

    async with serve(csms, "127.0.0.1", 0, subprotocols=SUBPROTOCOLS) as server:  # type: ignore[arg-type]
        port = server.sockets[0].getsockname()[1]
        arguments = ["run", "--url", f"ws://127.0.0.1:{port}/ocpp", "--count", "3",
                     "--seconds", "2", "--json"]  # fmt: skip
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["stations"] == {"1.6": 1, "2.0.1": 1, "2.1": 1}
    assert seen.count("BootNotification") == 3


def test_unusable_scenario_is_refused_before_anything_starts(tmp_path: Any) -> None:
    path = tmp_path / "s.toml"
    path.write_text('name = "x"\nstatoins = 3')
    result = CliRunner().invoke(app, ["run", "--url", "ws://127.0.0.1:1", "--scenario", str(path)])
    assert result.exit_code == 2
    assert "statoins" in result.stderr
