"""Reading a station's identity and credentials out of an upgrade request."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.gateway.handshake import (
    BasicCredentials,
    basic_credentials,
    choose_version,
    single,
    station_id_of,
    subprotocols_of,
)
from csms.ocppj.version import OcppVersion


@pytest.mark.parametrize(
    ("path", "station_id"),
    [
        ("/ocpp/CS001", "CS001"),
        ("/CS001", "CS001"),
        ("/webServices/ocpp/RDAM%7C123", "RDAM|123"),
        ("/ocppj/RDAM%20123", "RDAM 123"),
        ("/ocpp/caf%C3%A9", "café"),
        ("/ocpp/a%2Fb", "a/b"),
        ("/ocpp/CS001?token=1", "CS001"),
        ("/ocpp/" + "x" * 48, "x" * 48),
        ("/ocpp/cs001", "cs001"),
    ],
)
def test_identities(path: str, station_id: str) -> None:
    assert station_id_of(path) == station_id


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/ocpp/",
        "/ocpp/" + "x" * 49,
        "/ocpp/a:b",
        "/ocpp/a%00",
        "/ocpp/a%0D%0Ab",
        "/ocpp/a%FF",
        "/ocpp/a%E2%80%AEb",  # right-to-left override
        "/" + "a/" * 300 + "CS001",
    ],
)
def test_paths_that_name_nobody(path: str) -> None:
    assert station_id_of(path) is None


@given(st.text(max_size=600))
def test_any_path_is_survived(path: str) -> None:
    station_id = station_id_of(path)
    assert station_id is None or 0 < len(station_id) <= 48


def header(raw: bytes) -> str:
    return "Basic " + base64.b64encode(raw).decode()


def test_basic_credentials_are_bytes() -> None:
    """A 1.6 station may send its 20-byte key as it is (OCPP-J 1.6, 6.2.2)."""
    key = bytes(range(236, 256))
    assert basic_credentials(header(b"AL1000:" + key)) == BasicCredentials(b"AL1000", key)
    assert basic_credentials(header(b"CS:a:b")) == BasicCredentials(b"CS", b"a:b")
    assert basic_credentials(header(b"CS:x").replace("Basic", "bAsIc")) is not None


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Bearer abc",
        header(b"no colon"),
        header(b"CS:" + b"x" * 65),
        "Basic " + "A" * 1000,
    ],
)
def test_unreadable_credentials(value: str | None) -> None:
    assert basic_credentials(value) is None


def test_secrets_do_not_show() -> None:
    assert "hunter2" not in repr(basic_credentials(header(b"CS:hunter2")))


def test_the_stations_preference_decides() -> None:
    assert choose_version(("ocpp2.1", "ocpp1.6")) is OcppVersion.V21
    assert choose_version(("ocpp1.6", "ocpp2.1")) is OcppVersion.V16
    assert choose_version(("ocpp1.5", "ocpp2.0", "ocpp2.0.1")) is OcppVersion.V201
    assert choose_version(("ocpp1.5", "OCPP1.6")) is None
    assert choose_version(()) is None


def test_headers() -> None:
    assert subprotocols_of(["ocpp2.1, ocpp1.6", "ocpp2.0.1"]) == ("ocpp2.1", "ocpp1.6", "ocpp2.0.1")
    assert len(subprotocols_of([",".join("x" * 100)])) <= 16
    assert single(["a"]) == "a"
    assert single([]) is single(["a", "b"]) is None
