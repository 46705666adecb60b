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


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One frame. ``direction`` is ``in`` (from the station) or ``out``."""

    at: datetime
    direction: str
    frame: Any
    """The parsed and redacted frame, or a note why it is not shown."""
    size_bytes: int


class MessageJournal:
    """Ring buffers of ``per_station`` entries for at most ``max_stations``; the longest silent is forgotten first."""

    def __init__(self, *, per_station: int = 200, max_stations: int = 10_000) -> None:
        self._per_station = per_station
        self._max_stations = max_stations
        self._rings: OrderedDict[str, deque[tuple[datetime, str, bytes, int]]] = OrderedDict()

    def add(self, station_id: str, direction: str, data: bytes | str, at: datetime) -> None:
        """Keep a frame as it stood on the wire; redaction waits until somebody reads, the cost here is a copy."""
        if self._per_station == 0:
            return
        ring = self._rings.get(station_id)
        if ring is None:
            if len(self._rings) >= self._max_stations:
                self._rings.popitem(last=False)
            ring = self._rings[station_id] = deque(maxlen=self._per_station)
        else:
            self._rings.move_to_end(station_id)
        raw = data.encode(errors="replace") if isinstance(data, str) else data
        ring.append((at, direction, bytes(raw[: MAX_ENTRY_BYTES + 1]), len(raw)))

    def recent(self, station_id: str, limit: int = 50) -> list[Entry]:
        """Newest first, redacted."""
        ring = self._rings.get(station_id, ())
        newest = list(ring)[-limit:] if limit > 0 else []
        return [_entry(*kept) for kept in reversed(newest)]

    def export(self, station_id: str) -> Iterable[bytes]:
        """Oldest first as JSON Lines, redacted."""
        for kept in list(self._rings.get(station_id, ())):
            yield msgspec.json.encode(_entry(*kept)) + b"\n"


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
