"""Between domain values and columns: instants as integer microseconds, open structures as JSON text."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from math import isfinite
from typing import Any

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US_PER_S = 1_000_000
_US_PER_DAY = 86_400 * _US_PER_S
_ENCODER = msgspec.json.Encoder()


def to_us(at: datetime) -> int:
    """Microseconds of UTC since 1970. Raises ``TypeError`` when ``at`` is naive."""
    d = at - _EPOCH
    return d.days * _US_PER_DAY + d.seconds * _US_PER_S + d.microseconds


def to_us_or_none(at: datetime | None) -> int | None:
    return None if at is None else to_us(at)


def from_us(us: int) -> datetime:
    """Aware UTC."""
    return _EPOCH + timedelta(microseconds=us)


def from_us_or_none(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


def finite(what: str, values: Collection[float | None]) -> None:
    """Raises ``ValueError`` when a value (or the sum of them) is NaN or infinite: JSON could not have carried it."""
    if not isfinite(sum(filter(None, values))):
        raise ValueError(
            f"{what}: expected finite numbers, got {[v for v in values if v is not None]}"
        )


def to_json(value: object) -> str:
    return _ENCODER.encode(value).decode()


def from_json(text: str) -> Any:
    return msgspec.json.decode(text)


def digest(*parts: str) -> str:
    """A key for what has no key of its own: same content, same row. Parts are kept apart by their lengths."""
    h = blake2b(digest_size=16)
    for part in parts:
        data = part.encode()
        h.update(len(data).to_bytes(8, "big"))
        h.update(data)
    return h.hexdigest()
