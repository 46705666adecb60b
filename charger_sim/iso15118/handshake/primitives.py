"""Primitives: small operations that are timed one by one, a little after every session.

They are timed as a session meets them, once at a time and not in a hot loop, so that they
add up to what a session takes.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
from random import Random

from charger_sim.iso15118.driver import Clock

SMALL_OCTETS = 32
LARGE_OCTETS = 4_096


class Samples:
    """Seconds by name, round by round: a round is what follows one session."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._random = Random(0)  # noqa: S311 only the order of the operations
        self._rounds: list[defaultdict[str, list[float]]] = []

    def begin_round(self) -> None:
        self._rounds.append(defaultdict(list))

    def add(self, name: str, seconds: float) -> None:
        self._rounds[-1][name].append(seconds)

    def time(
        self, operations: Mapping[str, Callable[[], object]], repeats: Mapping[str, int]
    ) -> None:
        """Do each operation, in an order of its own, so that none is always warmed by another.

        `repeats` has those that a session does more than once: as often here, so that what
        disturbs a round is as likely, and weighs as much, as what disturbs a session.
        """
        names = [name for name in operations for _ in range(repeats.get(name, 1))]
        self._random.shuffle(names)
        for name in names:
            operation = operations[name]
            begin_s = self._clock()
            operation()
            self.add(name, self._clock() - begin_s)

    def typical(self, total: Callable[[Mapping[str, float]], float]) -> dict[str, float]:
        """Means over the middle fifth of the rounds, by the `total` that their times add up to.

        Means add up where medians do not; and like the sessions' median, the middle knows nothing
        of the rounds in which the machine did something else.
        """
        rounds = [
            {name: statistics.fmean(values) for name, values in each.items()}
            for each in self._rounds
        ]
        rounds.sort(key=total)
        cut = 2 * len(rounds) // 5
        middle = rounds[cut : len(rounds) - cut]
        return {name: statistics.fmean(each[name] for each in middle) for name in middle[0]}
