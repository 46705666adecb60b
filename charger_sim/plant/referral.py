"""Takes the ratios of regulators out of a network, exactly.

With T the product of a bus's tap ratios from the source, phase by phase, v = T v' and i' = T i leave
every power v i* as it is and turn a branch into z' = z / (T T^t), a shunt into b' = T^2 b. What
remains has no ratio in it, so that a solver that knows only lines can solve it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charger_sim.plant.feeder import FeederError, PlantBranch, PlantFeeder

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_LOOP_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Referral:
    """``ratio`` is (n_bus, 3), T; ``phases`` (n_bus, 3), which of them exist."""

    ratio: Floats
    phases: Bools

    def z_ohm(self, branch: PlantBranch, to_row: int) -> NDArray[np.complex128]:
        """(3, 3) z'; a phase that the branch does not have is decoupled: it carries nothing."""
        own = np.array([phase in branch.phases for phase in "abc"])
        z = np.asarray(branch.z_ohm, dtype=np.complex128)
        z = np.array(z if z.ndim else z * np.eye(3)) * np.outer(own, own)
        spare = np.trace(z) / own.sum()
        t = self.ratio[to_row]
        return np.asarray((z + np.diag(np.where(own, 0.0, spare))) / np.outer(t, t))


def refer(feeder: PlantFeeder, gains: Mapping[tuple[str, str], Floats]) -> Referral:
    """``gains`` are the regulators' by the ends of their branch, on top of the branches' own taps.

    Raises :class:`FeederError` for a bus that nothing feeds, and for a loop around which the ratios
    do not cancel.
    """
    row = {bus: n for n, bus in enumerate(feeder.bus_ids)}
    near: dict[int, list[tuple[int, Floats, PlantBranch]]] = {}
    for branch in feeder.branches:
        gain = np.array(branch.tap) * gains.get((branch.from_bus, branch.to_bus), 1.0)
        ends = row[branch.from_bus], row[branch.to_bus]
        near.setdefault(ends[0], []).append((ends[1], gain, branch))
        near.setdefault(ends[1], []).append((ends[0], 1.0 / gain, branch))
    ratio = np.full((len(row), 3), np.nan)
    phases = np.zeros((len(row), 3), dtype=bool)
    ratio[0], phases[0] = 1.0, True
    queue = deque([0])
    while queue:
        here = queue.popleft()
        for there, gain, branch in near.get(here, ()):
            if np.isnan(ratio[there, 0]):
                ratio[there] = ratio[here] * gain
                phases[there] = phases[here] & [phase in branch.phases for phase in "abc"]
                queue.append(there)
            elif np.abs(ratio[there] / (ratio[here] * gain) - 1.0).max() > _LOOP_TOLERANCE:
                raise FeederError(
                    f"feeder {feeder.name}: taps differ around the loop closed by "
                    f"{branch.from_bus!r} - {branch.to_bus!r}"
                )
    alone = np.flatnonzero(np.isnan(ratio[:, 0]))
    if len(alone):
        raise FeederError(f"feeder {feeder.name}: nothing feeds bus {feeder.bus_ids[alone[0]]!r}")
    return Referral(ratio, phases)
