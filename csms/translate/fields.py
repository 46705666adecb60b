"""Times and integers on the wire, with the ranges that can be meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from csms.translate.errors import BadValue

Payload = dict[str, Any]

_YEARS = range(1970, 9999)
"""Stations without a set clock say 1970. The last year is left out so that later sums do not overflow."""

_MAX_INT32 = 2**31 - 1

LARGEST = 1e15
"""W, Wh, V, A: beyond this no quantity of any unit can be; the comparison also catches inf and nan."""


def timestamp(text: str, path: str) -> datetime:
    """RFC 3339 text as aware UTC.

    Divergence: a time without a zone, which real stations send, is taken as UTC. A leap second counts as the
    second before it. Raises ``BadValue``.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = _unusual_timestamp(text, path)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    elif at.tzinfo is not UTC:
        try:
            at = at.astimezone(UTC)
        except OverflowError:
            raise BadValue(path, _outside_years(text)) from None
    if at.year not in _YEARS:
        raise BadValue(path, _outside_years(text))
    return at


def _unusual_timestamp(text: str, path: str) -> datetime:
    """Lower-case ``t`` and ``z`` and second 60 are RFC 3339 too."""
    try:
        return datetime.fromisoformat(text.upper().replace(":60", ":59"))
    except ValueError:
        raise BadValue(path, f"{text[:40]!r} is not a time that a calendar can hold") from None


def _outside_years(text: str) -> str:
    return f"{text[:40]!r} is outside the years {_YEARS.start} to {_YEARS.stop - 1}"


def wire_time(at: datetime) -> str:
    """RFC 3339 with milliseconds and ``Z``. Raises ``ValueError`` for a naive time."""
    if at.tzinfo is None:
        raise ValueError(f"naive time {at!r}: expected aware UTC")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return (
        at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    )  # twice as quick as with the zone


def amount(value: float, path: str) -> float:
    """A physical quantity. Raises ``BadValue`` when it is not finite or absurd."""
    if not -LARGEST < value < LARGEST:
        raise BadValue(path, f"{value} is not a finite measurement")
    return float(value)


def identifier(value: Any, path: str) -> int:
    """A 32-bit integer that a station or we chose. Raises ``BadValue``."""
    return whole(value, path, low=-_MAX_INT32 - 1)


def whole(value: Any, path: str, *, low: int = 0, high: int = _MAX_INT32) -> int:
    """An integer within [low, high]; JSON schemas also call ``2.0`` an integer. Raises ``BadValue``."""
    if not low <= value <= high:
        raise BadValue(path, f"{value!r:.40} is outside {low} to {high}")
    return int(value)
