"""Step-voltage regulators as they behave on a pole: a relay that waits, then a motor that steps.

The relay sees a 120-V image of the regulated voltage, less the drop that its compensator expects
along the line. Outside the band for ``delay_s`` it steps, and again every ``tap_delay_s`` until it
is inside. Reference: IEEE Std C57.15; W. H. Kersting, Distribution System Modeling and Analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEP = 0.00625
"""Of a tap: 32 of them span plus and minus 10 %."""
MAX_POSITION = 16


@dataclass(frozen=True, slots=True)
class Regulator:
    """The control of the branch between ``from_bus`` and ``to_bus``.

    It moves the taps of ``phases`` together, by the voltage of the first. ``v_set_v``, ``band_v``
    (full width) and ``drop_v`` (line-drop compensation R + jX at ``ct_a``) are on the side of the
    relay; ``position`` is where the taps stand at the start.
    """

    from_bus: str
    to_bus: str
    phases: str
    v_set_v: float
    band_v: float
    pt_ratio: float
    ct_a: float = 1.0
    drop_v: complex = 0j
    position: int = 0
    delay_s: float = 15.0
    tap_delay_s: float = 2.0

    def __post_init__(self) -> None:
        if min(self.v_set_v, self.band_v, self.pt_ratio, self.ct_a, self.tap_delay_s) <= 0.0:
            raise ValueError(f"regulator at {self.to_bus!r}: settings must be positive")
        if self.delay_s < 0.0 or abs(self.position) > MAX_POSITION:
            raise ValueError(
                f"regulator at {self.to_bus!r}: delay_s must not be negative, position at most "
                f"{MAX_POSITION} either way; got {self.delay_s}, {self.position}"
            )

    def direction(self, v_v: complex, i_a: complex) -> int:
        """1 to raise, -1 to lower, 0 inside the band; for the voltage at ``to_bus`` and the current
        through the branch towards it."""
        error_v = self.v_set_v - abs(v_v / self.pt_ratio - self.drop_v * i_a / self.ct_a)
        return int(np.sign(error_v)) if abs(error_v) > self.band_v / 2.0 else 0


class RegulatorBank:
    """The regulators of a feeder and where their taps stand."""

    def __init__(self, regulators: Sequence[Regulator]) -> None:
        self.regulators = tuple(regulators)
        self.positions = [regulator.position for regulator in regulators]
        self._wait_s = [regulator.delay_s for regulator in regulators]

    def gains(self) -> dict[tuple[str, str], Floats]:
        """(3,) voltage gains of every regulated branch, by its ends."""
        found: dict[tuple[str, str], Floats] = {}
        for regulator, position in zip(self.regulators, self.positions, strict=True):
            ends = regulator.from_bus, regulator.to_bus
            own = [1.0 + STEP * position * (phase in regulator.phases) for phase in "abc"]
            found[ends] = found.get(ends, np.ones(3)) * own
        return found

    def advance(self, dt_s: float, seen: Sequence[tuple[complex, complex]]) -> bool:
        """``dt_s`` seconds pass while each regulator sees (voltage V, current A) of its first
        phase. Whether a tap has moved."""
        moved = False
        for n, (regulator, (v_v, i_a)) in enumerate(zip(self.regulators, seen, strict=True)):
            want = regulator.direction(v_v, i_a)
            if want == 0 or abs(self.positions[n] + want) > MAX_POSITION:
                self._wait_s[n] = regulator.delay_s
                continue
            self._wait_s[n] -= dt_s
            if self._wait_s[n] <= 0.0:
                self.positions[n] += want
                self._wait_s[n] = regulator.tap_delay_s
                moved = True
        return moved
