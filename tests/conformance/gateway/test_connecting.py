"""Opening a connection: TC_A_01 to TC_A_03, TC_B_58, and OCPP-J 3.1 to 3.4, on real sockets."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from csms.gateway.settings import Backend
from csms.ocppj.errors import StoreUnavailable
from csms.ocppj.version import OcppVersion
from tests.conformance.gateway.clients import ask, basic, http, station
from tests.unit.gateway.toys import (
    PASSWORD,
    ToyCredentials,
    ToyDispatcher,
    running,
    settings_for,
    toy_gateway,
)
from tests.unit.ocppj.frames import HEARTBEAT, HOSTILE

BACKENDS = pytest.mark.parametrize("backend", list(Backend), ids=lambda b: b.value)


@BACKENDS
async def test_tc_a_01_valid_credentials(backend: Backend) -> None:
    async with running(toy_gateway(settings_for(backend))) as port, station(port) as ws:
        assert ws.subprotocol == "ocpp2.1"
        assert orjson.loads(await ask(ws, HEARTBEAT))[:2] == [3, "hb"]


@BACKENDS
@pytest.mark.parametrize(
    ("path", "authorization"),
    [
        ("/ocpp/CS1", basic("CS2")),  # TC_A_02: username is not the identity
        ("/ocpp/CS1", basic("CS1", b"wrong password!!")),  # TC_A_03
        ("/ocpp/CS1", basic("CS1", b"")),
        ("/ocpp/CS1", basic("CS1", PASSWORD + b"x")),
        ("/ocpp/CS1", basic("cs1")),
        ("/ocpp/CS1", None),
        ("/ocpp/CS1", "Bearer abc"),
        ("/ocpp/CS1", "Basic ****"),
        ("/ocpp/nobody", basic("nobody")),
        ("/ocpp/nobody", None),
    ],
)
async def test_tc_a_02_03_no_upgrade_and_uniform_answers(
    backend: Backend, path: str, authorization: str | None
) -> None:
    dispatcher = ToyDispatcher()
    gateway = toy_gateway(settings_for(backend), dispatcher=dispatcher)
    async with running(gateway) as port:
        status, headers, body = await http(port, path, authorization)
        reference = await http(port, "/ocpp/CS1", basic("CS1", b"some other thing"))
    headers.pop("date", None)
    reference[1].pop("date", None)
    assert (status, headers, body) == (401, reference[1], reference[2])
    assert "sec-websocket-accept" not in headers
    assert dispatcher.history == []
    assert len(gateway.knocks) >= 1


@BACKENDS
@pytest.mark.parametrize("path", ["/", "/ocpp/", "/ocpp/a:b", "/ocpp/" + "x" * 49, "/ocpp/%00"])
async def test_a_path_that_names_nobody_is_not_found(backend: Backend, path: str) -> None:
    async with running(toy_gateway(settings_for(backend))) as port:
        assert (await http(port, path, basic("CS1")))[0] == 404


@BACKENDS
async def test_without_authentication_an_unknown_station_is_not_found(backend: Backend) -> None:
    async with running(toy_gateway(settings_for(backend, profile=0))) as port:
        assert (await http(port, "/ocpp/nobody"))[0] == 404
        assert (await http(port, "/ocpp/CS1"))[0] == 101


@BACKENDS
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], "ocpp2.1"),
        (["ocpp1.6", "ocpp2.1"], "ocpp1.6"),
        (["ocpp1.5", "ocpp2.0.1"], "ocpp2.0.1"),
    ],
)
async def test_tc_b_58_subprotocols(backend: Backend, offered: list[str], chosen: str) -> None:
    async with (
        running(toy_gateway(settings_for(backend))) as port,
        station(port, "CS1", *offered) as ws,
    ):
        assert ws.subprotocol == chosen


@BACKENDS
async def test_no_common_subprotocol_completes_the_handshake_then_closes(backend: Backend) -> None:
    dispatcher = ToyDispatcher()
    async with running(toy_gateway(settings_for(backend), dispatcher=dispatcher)) as port:
        async with station(port, "CS1", "ocpp1.5", "ocpp2.0") as ws:
            assert ws.subprotocol is None
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(ws.recv(), 5)
        assert (await http(port, "/ocpp/CS1", basic("nope"), subprotocols="ocpp1.5"))[0] == 401
    assert dispatcher.history == []


@BACKENDS
async def test_identities_are_percent_decoded(backend: Backend) -> None:
    dispatcher = ToyDispatcher()
    async with (
        running(toy_gateway(settings_for(backend), dispatcher=dispatcher)) as port,
        station(port, "CS%7C1", authorization=basic("CS|1")) as ws,
    ):
        await ask(ws, HEARTBEAT)
        assert dispatcher.calls[0][0] == "CS|1"


@BACKENDS
async def test_compression_is_agreed_when_offered(backend: Backend) -> None:
    async with running(toy_gateway(settings_for(backend))) as port:
        async with station(port, compression="deflate") as ws:
            assert "permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"]  # type: ignore[union-attr]
            big = orjson.dumps([2, "1", "DataTransfer", {"vendorId": "v", "data": "x" * 50_000}])
            for _ in range(3):
                assert orjson.loads(await ask(ws, big))[:2] == [3, "1"]
                assert orjson.loads(await ask(ws, HEARTBEAT))[0] == 3
        async with station(port, compression=None) as ws:
            assert "Sec-WebSocket-Extensions" not in ws.response.headers  # type: ignore[union-attr]
            assert orjson.loads(await ask(ws, HEARTBEAT))[0] == 3


@BACKENDS
async def test_a_request_that_is_no_upgrade_is_refused(backend: Backend) -> None:
    async with running(toy_gateway(settings_for(backend))) as port:
        status, _, _ = await http(port, "/ocpp/CS1", basic("CS1"), key=None)
        assert 400 <= status < 500


@BACKENDS
@pytest.mark.parametrize("error", [StoreUnavailable, ZeroDivisionError])
async def test_a_failing_look_up_is_503(backend: Backend, error: type[Exception]) -> None:
    class Down(ToyCredentials):
        async def station(self, station_id: str) -> None:  # type: ignore[override]
            raise error

    async with running(toy_gateway(settings_for(backend), credentials=Down())) as port:
        status, headers, _ = await http(port, "/ocpp/CS1", basic("CS1"))
        assert status == 503
        assert "retry-after" in headers


@BACKENDS
@pytest.mark.parametrize("version", list(OcppVersion), ids=lambda v: v.value)
async def test_hostile_frames_leave_the_session_alive(
    backend: Backend, version: OcppVersion
) -> None:
    async with (
        running(toy_gateway(settings_for(backend))) as port,
        station(port, "CS1", version.value) as ws,
    ):
        for name, data in HOSTILE.items():
            await ws.send(data, text=True)
            await ws.send(HEARTBEAT, text=True)
            async with asyncio.timeout(5):
                while not (answer := str(await ws.recv())).startswith('[3,"hb"'):
                    # the toy dispatcher here reads no times; the whole system refuses this one
                    assert answer.startswith("[4,") or name == "absurd date", name


@BACKENDS
async def test_guessing_ends_in_429_and_the_owner_elsewhere_comes_in(backend: Backend) -> None:
    gateway = toy_gateway(settings_for(backend, max_auth_failures=3))
    async with running(gateway) as port:
        statuses = [
            (await http(port, "/ocpp/CS1", basic("CS1", b"guess%d" % n)))[0] for n in range(5)
        ]
        assert statuses == [401, 401, 401, 429, 429]
        with pytest.raises(InvalidStatus, match="429"):
            async with station(port):
                pass
