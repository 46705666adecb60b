"""What can be wrong with a station or its link; all off by default."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class Faults:
    """``ignore_profiles`` accepts and does not follow; ``reject_profiles`` refuses;
    ``freeze_meter`` repeats the last telemetry (registers too) while power flows on;
    ``ignore_time`` keeps the clock's skew. Link faults are probabilities per frame."""

    ignore_profiles: bool = False
    reject_profiles: bool = False
    freeze_meter: bool = False
    ignore_time: bool = False
    clock_skew_s: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


@dataclass(slots=True)
class FaultyLink:
    """Loses, doubles and swaps frames; deterministic given its ``rng``."""

    faults: Faults
    rng: Random
    _held: list[str] = field(default_factory=list)

    def through(self, frame: str) -> list[str]:
        """The frames that go out instead of ``frame``."""
        faults = self.faults
        if not (faults.drop or faults.duplicate or faults.reorder or self._held):
            return [frame]
        if self.rng.random() < faults.drop:
            return []
        frames = [frame, frame] if self.rng.random() < faults.duplicate else [frame]
        if self._held:
            frames, self._held = frames + self._held, []
        elif self.rng.random() < faults.reorder:
            frames, self._held = [], frames
        return frames

    def cut(self) -> None:
        """The link went down: what was held back is lost."""
        self._held.clear()
