"""The network the chargers stand on, as the plant wants it. SI units, line-to-line base voltage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Complex3x3 = NDArray[np.complex128]
PER_UNIT_BASE_V = 400.0


class FeederError(ValueError):
    """A feeder that cannot be used; the message names the place."""


@dataclass(frozen=True, slots=True)
class PlantBranch:
    """``z_ohm`` is a scalar for a balanced branch or a (3, 3) complex matrix, ohm."""

    from_bus: str
    to_bus: str
    z_ohm: complex | Complex3x3


@dataclass(frozen=True, slots=True)
class PlantLoad:
    """Constant power, spread evenly over ``phases`` (subset of ``abc``); W and var."""

    bus: str
    phases: str
    p_w: float
    q_var: float


@dataclass(frozen=True, slots=True)
class PlantFeeder:
    """Immutable input of the plant. The first of ``bus_ids`` is the slack."""

    name: str
    bus_ids: tuple[str, ...]
    branches: tuple[PlantBranch, ...]
    loads: tuple[PlantLoad, ...]
    v_base_ll_v: float
    slack_v_pu: float = 1.0
    v_min_pu: float = 0.90

    def __post_init__(self) -> None:
        known = set(self.bus_ids)
        if len(known) != len(self.bus_ids) or not known:
            raise FeederError(f"feeder {self.name}: bus ids must be unique and not empty")
        for n, branch in enumerate(self.branches):
            for bus in (branch.from_bus, branch.to_bus):
                if bus not in known:
                    raise FeederError(f"feeder {self.name}: branch {n} names unknown bus {bus!r}")
            if not np.all(np.isfinite(branch.z_ohm)) or not np.any(branch.z_ohm):
                raise FeederError(f"feeder {self.name}: branch {n} needs a finite, nonzero z_ohm")
        for n, load in enumerate(self.loads):
            if load.bus not in known:
                raise FeederError(f"feeder {self.name}: load {n} names unknown bus {load.bus!r}")
            if not load.phases or set(load.phases) - set("abc"):
                raise FeederError(f"feeder {self.name}: load {n} has phases {load.phases!r}")

    @property
    def balanced(self) -> bool:
        """One phase stands for three."""
        scalar = all(not isinstance(b.z_ohm, np.ndarray) for b in self.branches)
        return scalar and all(len(load.phases) == 3 for load in self.loads)

    @classmethod
    def from_per_unit(
        cls,
        name: str,
        bus_ids: Sequence[str],
        parent: Sequence[int],
        z_pu: Complex3x3,
        loads: Sequence[PlantLoad],
        *,
        s_base_va: float,
        slack_v_pu: float = 1.0,
        v_min_pu: float = 0.90,
    ) -> PlantFeeder:
        """From a tree in per unit: ``parent[i]`` is the row of bus i's parent, -1 at the slack,
        which must come first; ``z_pu`` is (n_bus, 3, 3) complex on ``s_base_va`` (three-phase),
        row i the branch above bus i. Transformers are then plain branches."""
        z_ohm = np.asarray(z_pu) * (PER_UNIT_BASE_V**2 / s_base_va)
        branches = tuple(
            PlantBranch(bus_ids[above], bus_ids[row], z_ohm[row])
            for row, above in enumerate(parent)
            if above >= 0
        )
        return cls(
            name, tuple(bus_ids), branches, tuple(loads), PER_UNIT_BASE_V, slack_v_pu, v_min_pu
        )
