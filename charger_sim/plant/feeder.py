"""The network the chargers stand on, as the plant wants it. SI units, line-to-line base voltage.

All impedances and shunts are referred to one base voltage, so that a transformer is a plain branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from charger_sim.plant.regulators import Regulator

Complex3x3 = NDArray[np.complex128]
LoadModel = Literal["power", "current", "impedance"]


class FeederError(ValueError):
    """A feeder that cannot be used; the message names the place."""


@dataclass(frozen=True, slots=True)
class PlantBranch:
    """``z_ohm`` is a scalar for a balanced branch or a (3, 3) complex matrix, ohm, of which only
    ``phases`` count; ``tap`` the voltage gain of each phase from ``from_bus`` to ``to_bus``, whose
    side ``z_ohm`` is on."""

    from_bus: str
    to_bus: str
    z_ohm: complex | Complex3x3
    phases: str = "abc"
    tap: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class PlantLoad:
    """Spread evenly over ``phases`` (subset of ``abc``); W and var at 1 pu.

    ``delta`` loads lie between the phases: one pair for two, the ring for three. ``model`` says
    what stays constant as the voltage changes.
    """

    bus: str
    phases: str
    p_w: float
    q_var: float
    delta: bool = False
    model: LoadModel = "power"


@dataclass(frozen=True, slots=True)
class PlantShunt:
    """Susceptance of each phase to earth, S; capacitors > 0."""

    bus: str
    b_s: tuple[float, float, float]


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
    shunts: tuple[PlantShunt, ...] = ()
    regulators: tuple[Regulator, ...] = ()

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
            if not all(0.0 < tap < np.inf for tap in branch.tap):
                raise FeederError(f"feeder {self.name}: branch {n} has taps {branch.tap}")
            self._check_phases(f"branch {n}", branch.phases)
        for n, load in enumerate(self.loads):
            if load.bus not in known:
                raise FeederError(f"feeder {self.name}: load {n} names unknown bus {load.bus!r}")
            self._check_phases(f"load {n}", load.phases, at_least=2 if load.delta else 1)
        for shunt in self.shunts:
            if shunt.bus not in known:
                raise FeederError(f"feeder {self.name}: shunt at unknown bus {shunt.bus!r}")
        ends = {(branch.from_bus, branch.to_bus) for branch in self.branches}
        for regulator in self.regulators:
            if (regulator.from_bus, regulator.to_bus) not in ends:
                raise FeederError(
                    f"feeder {self.name}: regulator {regulator.from_bus} - {regulator.to_bus} "
                    "is on no branch"
                )
            self._check_phases(f"regulator at {regulator.to_bus!r}", regulator.phases)

    def _check_phases(self, label: str, phases: str, at_least: int = 1) -> None:
        letters = set(phases)
        if len(phases) < at_least or len(letters) != len(phases) or letters - set("abc"):
            raise FeederError(f"feeder {self.name}: {label} has phases {phases!r}")

    @property
    def balanced(self) -> bool:
        """One phase stands for three."""
        plain = not self.shunts and not self.regulators
        alike = all(
            not isinstance(b.z_ohm, np.ndarray) and len(b.phases) == 3 and b.tap == (1.0, 1.0, 1.0)
            for b in self.branches
        )
        even = all(
            len(load.phases) == 3 and not load.delta and load.model == "power"
            for load in self.loads
        )
        return plain and alike and even
