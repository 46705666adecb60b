"""The outcome of a measurement, as data."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import msgspec


class Quantiles(msgspec.Struct, frozen=True):
    """Of one series, in milliseconds."""

    p50: float
    p99: float


class StepReport(msgspec.Struct, frozen=True):
    """`predicted_parts_ms` adds up to `predicted_ms`."""

    name: str
    measured_ms: Quantiles
    predicted_ms: float
    predicted_parts_ms: dict[str, float]
    sent_octets: int
    received_octets: int


class Total(msgspec.Struct, frozen=True):
    """From TCP connect to AuthorizationRes(Finished)."""

    measured_ms: Quantiles
    predicted_ms: float
    ratio: float
    """Measured median over prediction."""


class Report(msgspec.Struct, frozen=True):
    """What `charger-sim handshake --json` prints."""

    protocol: str
    transport: str
    repeat: int
    total: Total
    steps: list[StepReport]
    primitives_us: dict[str, float]

    def to_builtins(self) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.to_builtins(self)
        return value


def quantiles(values_s: Sequence[float]) -> Quantiles:
    """Median and 99th percentile (nearest rank) of seconds, in milliseconds."""
    ordered = sorted(values_s)
    rank = max(0, -(-99 * len(ordered) // 100) - 1)
    return Quantiles(1e3 * statistics.median(ordered), 1e3 * ordered[rank])
