"""The one interface between the gateway and any websocket implementation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec

from csms.gateway.handshake import RequestHead
from csms.gateway.knocks import RefusalReason
from csms.ids import StationId
from csms.ocppj.version import OcppVersion

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
ABNORMAL: Final = 1006
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013


class TransportClosed(Exception):
    """The connection is over. ``code`` is the websocket close code, 1006 when there was none."""

    def __init__(self, code: int = ABNORMAL, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason

    def again(self) -> TransportClosed:
        """A fresh exception to raise: a stored one would collect tracebacks."""
        return TransportClosed(self.code, self.reason)


class Transport(Protocol):
    """An open websocket. All methods but ``abort`` raise ``TransportClosed`` once it is over."""

    @property
    def remote(self) -> str:
        """The peer's IP address."""
        ...

    @property
    def subprotocol(self) -> str | None: ...

    async def send(self, data: bytes) -> None:
        """Send one text message. Returns when it is buffered; a peer that does not read is disconnected."""
        ...

    async def recv(self) -> bytes:
        """The next message, whole, as bytes: what is not UTF-8 is for the session to judge."""
        ...

    async def ping(self, timeout_s: float) -> bool:
        """Whether the peer answers a ping in time. Never raises ``TransportClosed``."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close, politely at first, within the close timeout. Never raises ``TransportClosed``."""
        ...

    def abort(self) -> None:
        """Drop the connection now."""
        ...


class Admission(msgspec.Struct, frozen=True):
    """An authenticated station. Without a version the handshake completes and the socket is closed."""

    station_id: StationId
    version: OcppVersion | None


class Refusal(msgspec.Struct, frozen=True):
    """An HTTP answer instead of the upgrade."""

    status: int
    reason: RefusalReason
    retry_after_s: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Depends on the status alone, so that an answer tells nothing about the identity."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="OCPP", charset="UTF-8"'
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return headers


Admit = Callable[[RequestHead], Awaitable[Admission | Refusal]]
Serve = Callable[[Admission, Transport], Awaitable[None]]


class Listening(Protocol):
    """A bound port."""

    @property
    def port(self) -> int: ...

    async def close(self) -> None:
        """Stop accepting. Open connections are the gateway's to close."""
        ...
