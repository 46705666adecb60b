"""Identities. A station's is what it puts in the URL, byte for byte; our own keys are UUIDv7 (RFC 9562)."""

from __future__ import annotations

from random import Random
from typing import NewType
from uuid import UUID

from csms.clock import Clock

StationId = NewType("StationId", str)
"""The last path segment of the station's websocket URL, percent-decoded, case kept."""

TransactionId = NewType("TransactionId", str)
"""OCPP transaction id; OCPP 1.6's integer is held as its decimal text."""

MessageId = NewType("MessageId", str)
"""OCPP-J unique id of one CALL or SEND."""

CommandId = NewType("CommandId", str)
"""Our key of one command to a station: a UUIDv7 as text."""


class EvseKey(tuple[StationId, int]):
    """(station, EVSE id). EVSE ids start at 1; OCPP 1.6 connectors count as EVSEs."""

    __slots__ = ()

    def __new__(cls, station_id: StationId, evse_id: int) -> EvseKey:
        return super().__new__(cls, (station_id, evse_id))

    @property
    def station_id(self) -> StationId:
        return self[0]

    @property
    def evse_id(self) -> int:
        return self[1]

    def __str__(self) -> str:
        return f"{self[0]}/{self[1]}"


class Uuid7:
    """UUIDv7 from an injected clock and an injected source of randomness."""

    def __init__(self, clock: Clock, rng: Random) -> None:
        self._clock = clock
        self._rng = rng

    def __call__(self) -> str:
        ms = int(self._clock.now().timestamp() * 1000) & ((1 << 48) - 1)
        rand = self._rng.getrandbits(74)
        value = (
            (ms << 80)
            | (0x7 << 76)
            | ((rand >> 62) << 64)
            | (0b10 << 62)
            | (rand & ((1 << 62) - 1))
        )
        return str(UUID(int=value))
