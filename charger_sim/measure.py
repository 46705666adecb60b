"""Latency statistics with bounded memory."""

from __future__ import annotations

from collections import deque

KEEP_PER_ACTION = 10_000


class Latencies:
    """Seconds from CALL to CALLRESULT as a station measured them, per action."""

    def __init__(self) -> None:
        self._by_action: dict[str, deque[float]] = {}

    def add(self, action: str, latency_s: float) -> None:
        self._by_action.setdefault(action, deque(maxlen=KEEP_PER_ACTION)).append(latency_s)

    def summary_ms(self) -> dict[str, dict[str, float]]:
        """count, p50, p99 and max per action, ms, over the last samples kept."""
        return {
            action: {
                "count": len(values),
                "p50": round(1e3 * percentile(values, 50.0), 3),
                "p99": round(1e3 * percentile(values, 99.0), 3),
                "max": round(1e3 * max(values), 3),
            }
            for action, values in sorted(self._by_action.items())
        }


def percentile(values: deque[float] | list[float], percent: float) -> float:
    """Nearest-rank percentile. Raises ``ValueError`` without values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]
