"""The last OCPP messages of each station, redacted, bounded, in memory: what an integrator reads first."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from csms.telemetry.redact import redact

MAX_ENTRY_BYTES = 8_192
MAX_STATION_BYTES = 32_768
MAX_BYTES = 128 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One frame. ``direction`` is ``in`` (from the station) or ``out``."""

    at: datetime
    direction: str
    frame: Any
    """The parsed and redacted frame, or a note why it is not shown."""
    size_bytes: int


class _Ring:
    """The newest frames of one station."""

    __slots__ = ("frames", "size_bytes")

    def __init__(self) -> None:
        self.frames: deque[tuple[datetime, str, bytes, int]] = deque()
        self.size_bytes = 0


class MessageJournal:
    """The newest ``per_station`` frames of each station, no more of them than fill ``max_station_bytes``.

    In all at most ``max_stations`` stations and ``max_bytes``; the longest silent is forgotten first. Small rings
    are quick ones, too: what is kept of every message must not push the work at hand out of the processor's cache.
    """

    def __init__(
        self,
        *,
        per_station: int = 200,
        max_stations: int = 10_000,
        max_station_bytes: int = MAX_STATION_BYTES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._per_station = per_station
        self._max_stations = max_stations
        self._max_station_bytes = max_station_bytes
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._rings: OrderedDict[str, _Ring] = OrderedDict()

    def add(self, station_id: str, direction: str, data: bytes | str, at: datetime) -> None:
        """Keep a frame as it stood on the wire; redaction waits until somebody reads."""
        if self._per_station == 0:
            return
        ring = self._rings.get(station_id)
        if ring is None:
            ring = self._rings[station_id] = _Ring()
        else:
            self._rings.move_to_end(station_id)
        raw = data.encode(errors="replace") if isinstance(data, str) else data
        size_bytes = len(raw)
        kept = raw if size_bytes <= MAX_ENTRY_BYTES else raw[: MAX_ENTRY_BYTES + 1]
        frames = ring.frames
        frames.append((at, direction, kept, size_bytes))
        change = len(kept)
        while len(frames) > self._per_station or (
            ring.size_bytes + change > self._max_station_bytes and len(frames) > 1
        ):
            change -= len(frames.popleft()[2])
        ring.size_bytes += change
        self._size_bytes += change
        while len(self._rings) > self._max_stations or self._size_bytes > self._max_bytes:
            _, silent = self._rings.popitem(last=False)
            self._size_bytes -= silent.size_bytes

    def recent(self, station_id: str, limit: int = 50) -> list[Entry]:
        """Newest first, redacted."""
        newest = self._frames(station_id)[-limit:] if limit > 0 else []
        return [_entry(*kept) for kept in reversed(newest)]

    def export(self, station_id: str) -> Iterable[bytes]:
        """Oldest first as JSON Lines, redacted."""
        for kept in self._frames(station_id):
            yield msgspec.json.encode(_entry(*kept)) + b"\n"

    def _frames(self, station_id: str) -> list[tuple[datetime, str, bytes, int]]:
        ring = self._rings.get(station_id)
        return [] if ring is None else list(ring.frames)


def _entry(at: datetime, direction: str, raw: bytes, size_bytes: int) -> Entry:
    return Entry(at=at, direction=direction, frame=_shown(raw, size_bytes), size_bytes=size_bytes)


def _shown(raw: bytes, size_bytes: int) -> Any:
    if len(raw) > MAX_ENTRY_BYTES:
        return f"{size_bytes} bytes, too long to be kept"
    try:
        frame = json.loads(raw)
    except RecursionError:
        return "nested too deeply to be shown"
    except ValueError:
        return f"{size_bytes} bytes that are not JSON"
    return redact(frame)
