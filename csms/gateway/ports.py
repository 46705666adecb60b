"""What the gateway needs from the rest of the system."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from csms.gateway.knocks import Knock
from csms.ids import StationId
from csms.ocppj.events import ViolationKind
from csms.ocppj.frame import Payload
from csms.ocppj.outcome import CallOutcome, CallStatus
from csms.ocppj.version import OcppVersion


class CloseReason(StrEnum):
    """Why a connection ended."""

    STATION = "station"
    """The station closed or vanished."""
    REPLACED = "replaced"
    """The same station connected anew."""
    STORE_UNAVAILABLE = "store_unavailable"
    HANDLER_FAILED = "handler_failed"
    SHUTDOWN = "shutdown"
    KICKED = "kicked"
    """Our own decision: revoked, reset, by an operator."""


class StationLink(Protocol):
    """The way to one connected station. Valid for one connection, which ``epoch`` names."""

    @property
    def station_id(self) -> StationId: ...

    @property
    def epoch(self) -> int:
        """Greater for every later connection of any station; a stale link only yields DISCONNECTED."""
        ...

    @property
    def version(self) -> OcppVersion: ...

    async def call(
        self,
        action: str,
        payload: Payload,
        *,
        timeout_s: float,
        coalesce_key: str | None = None,
    ) -> CallOutcome:
        """Send a CALL and wait for its end, ``timeout_s`` at most, the wait in the queue included.

        With a ``coalesce_key`` the command takes the priority lane, and replaces an unsent one of that key,
        whose caller gets SUPERSEDED. Raises ``LocalProtocolError`` when action or payload are invalid.
        Never await this from within ``Dispatcher.on_call`` or ``connected``: the answer could not be read.
        """
        ...

    async def close(self, reason: CloseReason = CloseReason.KICKED) -> None:
        """Disconnect the station; it will come back by itself."""
        ...


class Dispatcher(Protocol):
    """Takes what stations send. Calls for one station are made one after the other, in order."""

    async def connected(
        self, station_id: StationId, version: OcppVersion, remote: str, link: StationLink
    ) -> None:
        """An authenticated station is here. ``StoreUnavailable`` closes the connection."""
        ...

    async def on_call(
        self, station_id: StationId, version: OcppVersion, action: str, payload: Payload
    ) -> Payload:
        """The answer to a valid CALL.

        Raises ``CallError`` for a CALLERROR, ``StoreUnavailable`` to have the connection closed unanswered.
        Any other exception, and a stall, is a failure: the connection is closed when the message belongs to
        a transaction, else the CALL gets InternalError.
        """
        ...

    async def on_send(
        self, station_id: StationId, version: OcppVersion, action: str, payload: Payload
    ) -> None:
        """A valid SEND (2.1)."""
        ...

    async def disconnected(self, station_id: StationId, epoch: int, reason: CloseReason) -> None:
        """The connection of that epoch is gone. A newer one of the same station may be there already."""
        ...


class StationCredential(msgspec.Struct, frozen=True, kw_only=True):
    """How a known station authenticates itself."""

    password_hash: str | None
    """Argon2 in PHC format, of the password's bytes as they stand in the Authorization header."""
    security_profile: int = 2
    """The least it may use: connecting to a listener with a lower one is refused (A05)."""
    enabled: bool = True
    certificate_common_name: str | None = None
    """CN its certificate must carry under profile 3; None means the station id."""

    def __repr__(self) -> str:
        return (
            f"StationCredential(security_profile={self.security_profile}, enabled={self.enabled})"
        )


class Credentials(Protocol):
    """Looks stations up."""

    async def station(self, station_id: StationId) -> StationCredential | None:
        """None when the station is unknown. ``StoreUnavailable`` becomes HTTP 503."""
        ...


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class Observer:
    """Metrics and journal; subclass and override what is of interest. Must be quick and must not raise."""

    def opened(
        self, station_id: StationId, epoch: int, version: OcppVersion, remote: str
    ) -> None: ...

    def closed(self, station_id: StationId, epoch: int, reason: CloseReason) -> None: ...

    def taken_over(self, station_id: StationId, old_epoch: int, *, old_was_alive: bool) -> None:
        """A newcomer replaced a connection. An old one that still answered is worth an alarm."""

    def refused(self, knock: Knock) -> None:
        """A connection was refused."""

    def handled(self, station_id: StationId, action: str, outcome: str, latency_s: float) -> None:
        """A CALL or SEND of the station was handled: ``ok``, an error code, or ``closed``."""

    def called(self, station_id: StationId, action: str, outcome: CallOutcome) -> None:
        """A CALL of ours ended."""

    def failed(self, station_id: StationId, action: str, error: BaseException) -> None:
        """A handler raised what it should not have, or stalled (``TimeoutError``)."""

    def violated(self, station_id: StationId, kind: ViolationKind, description: str) -> None:
        """The station broke a rule of OCPP-J."""

    def frame(self, station_id: StationId, direction: Direction, data: bytes) -> None:
        """A frame as it stands on the wire: it may hold passwords and tokens, redact before keeping it."""


__all__ = [
    "CallOutcome",
    "CallStatus",
    "CloseReason",
    "Credentials",
    "Direction",
    "Dispatcher",
    "Observer",
    "StationCredential",
    "StationLink",
]
