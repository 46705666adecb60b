"""Waiting before the next attempt to connect (OCPP-J 2.0.1 section 5.3)."""

from __future__ import annotations

from random import Random


class Backoff:
    """``wait_min`` plus up to ``random_range`` seconds, doubled at most ``repeat_times`` times."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._attempt = 0

    def connected(self) -> None:
        self._attempt = 0

    def next_delay_s(self, wait_min: float, random_range: float, repeat_times: int) -> float:
        doublings = min(self._attempt, repeat_times)
        self._attempt += 1
        return wait_min * 2.0**doublings + self._rng.random() * random_range
