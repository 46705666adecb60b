"""Token buckets of failures, by key. Bounded; the clock comes in as an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class FailureThrottle:
    """Allows ``burst`` failures at once per key; they come back one every ``refill_s`` seconds.

    Only failures cost anything, so that a site full of stations behind one address is never slowed down by
    its own successful reconnections.
    """

    def __init__(self, *, burst: int, refill_s: float, max_keys: int = 20_000) -> None:
        self._burst = float(burst)
        self._refill_s = refill_s
        self._max_keys = max_keys
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def is_exhausted(self, key: Hashable, now_s: float) -> bool:
        """True when the key has no failure left."""
        return self._level(key, now_s) < 1.0

    def fail(self, key: Hashable, now_s: float) -> None:
        """Charge one failure."""
        self._buckets[key] = (max(0.0, self._level(key, now_s) - 1.0), now_s)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)

    def _level(self, key: Hashable, now_s: float) -> float:
        level, then_s = self._buckets.get(key, (self._burst, now_s))
        return min(self._burst, level + (now_s - then_s) / self._refill_s)
