"""What an HTTP upgrade request says about a station. Pure: no socket, no secret is checked here."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import msgspec

from csms.ids import StationId
from csms.ocppj.version import OcppVersion

MAX_PATH_CHARS: Final = 512
MAX_STATION_ID_CHARS: Final = 48
"""OCPP-J 2.1, 3.1.1; 1.6 names no limit."""
MAX_PASSWORD_BYTES: Final = 64
_MAX_AUTHORIZATION_CHARS: Final = 512
_MAX_SUBPROTOCOLS: Final = 16
_VERSIONS: Final = {version.value: version for version in OcppVersion}


class PeerCertificate(msgspec.Struct, frozen=True):
    """The parts of a verified station certificate that decide who it is."""

    common_name: str | None
    organisation: str | None


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """An upgrade request, whichever server read it."""

    path: str
    address: str
    """The peer's IP address."""
    authorization: str | None = None
    subprotocols: tuple[str, ...] = ()
    """In the station's order of preference."""
    certificate: PeerCertificate | None = None

    def __repr__(self) -> str:
        return f"RequestHead(path={self.path!r}, address={self.address!r})"


class BasicCredentials(msgspec.Struct, frozen=True):
    username: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"BasicCredentials(username={self.username!r})"


def station_id_of(path: str) -> StationId | None:
    """The last segment of ``/<anything>/<station id>``, percent-decoded; None when that is no identity.

    An identity has 1 to 48 printable characters and no colon, which would end the Basic user name
    (OCPP-J 2.1, 3.1.1).
    """
    if len(path) > MAX_PATH_CHARS:
        return None
    segment = path.partition("?")[0].rpartition("/")[2]
    try:
        text = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not 0 < len(text) <= MAX_STATION_ID_CHARS or ":" in text or not text.isprintable():
        return None
    return StationId(text)


def is_station_id(text: str) -> bool:
    """Whether a station can have this identity: it survives the way through a URL."""
    return station_id_of("/" + quote(text, safe="")) == text


def basic_credentials(authorization: str | None) -> BasicCredentials | None:
    """Read an Authorization header (RFC 7617); None when there is none or it cannot be read."""
    if authorization is None or len(authorization) > _MAX_AUTHORIZATION_CHARS:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = b64decode(token.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    if not colon or len(password) > MAX_PASSWORD_BYTES:
        return None
    return BasicCredentials(username, password)


def single(headers: list[str]) -> str | None:
    """A header that may stand once; one that is repeated counts as absent."""
    return headers[0] if len(headers) == 1 else None


def subprotocols_of(headers: list[str]) -> tuple[str, ...]:
    """The names in all Sec-WebSocket-Protocol headers, in order."""
    names = [name.strip() for header in headers for name in header.split(",")]
    return tuple(name[:32] for name in names if name)[:_MAX_SUBPROTOCOLS]


def choose_version(subprotocols: tuple[str, ...]) -> OcppVersion | None:
    """The first offered version that is served here: the station's preference decides (3.1.2)."""
    for name in subprotocols:
        version = _VERSIONS.get(name)
        if version is not None:
            return version
    return None
