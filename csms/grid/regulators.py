"""Step voltage regulators with line drop compensation, stepping as in a static OpenDSS solution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from csms.grid.nodal import NodalFlow, NodalNetwork

_PART_OF_THE_WAY = 0.7


@dataclass(slots=True, eq=False)
class Regulator:
    """The control of one transformer winding; ``tap`` is its only state."""

    name: str
    transformer: str
    winding: int
    offset: int  # first conductor of the winding among the transformer's nodes
    phases: int
    delta: bool
    winding_volts: float
    v_reg: float  # on the PT secondary
    band: float
    pt_ratio: float
    ct_primary_a: float
    drop: complex  # line drop compensation R + jX, volts on the PT secondary at the CT's rating
    delay_s: float
    max_change: int
    tap: float
    low: float
    high: float
    step: float

    def steps_wanted(self, network: NodalNetwork, flow: NodalFlow) -> int:
        """Tap steps towards the set point, 0 inside the band or at the end of the range."""
        part = network.parts[self.transformer]
        nodes = np.array(part.nodes)
        back = nodes[self.offset + (1 if self.delta else self.phases)]
        volts = (flow.v[nodes[self.offset]] - flow.v[back]) / self.pt_ratio
        if self.drop:
            into = part.y[self.offset] @ flow.v[nodes]
            volts += self.drop * into / self.ct_primary_a
        error = self.v_reg - abs(volts)
        if abs(error) <= self.band / 2.0:
            return 0
        wanted = error * self.pt_ratio / self.winding_volts
        steps = round(wanted / self.step)
        if (
            steps == 0
            or (steps > 0 and self.tap >= self.high - 1e-9)
            or (steps < 0 and self.tap <= self.low + 1e-9)
        ):
            return 0
        # OpenDSS takes 70% of the way, at least one step, so as not to hunt
        count = min(max(1, math.trunc(_PART_OF_THE_WAY * abs(steps))), self.max_change)
        return int(math.copysign(count, steps))


def step_regulators(
    regulators: list[Regulator],
    network: NodalNetwork,
    flow: NodalFlow,
    *,
    before_s: float = math.inf,
) -> list[Regulator]:
    """Moves those with the shortest delay among all that are out of band, if that is at most ``before_s``.
    -> those moved."""
    wanted = [(regulator, regulator.steps_wanted(network, flow)) for regulator in regulators]
    waiting = [(regulator, steps) for regulator, steps in wanted if steps]
    if not waiting:
        return []
    first = min(regulator.delay_s for regulator, _ in waiting)
    if first > before_s:
        return []
    moved = []
    for regulator, steps in waiting:
        if regulator.delay_s == first:
            regulator.tap = min(
                max(regulator.tap + steps * regulator.step, regulator.low), regulator.high
            )
            moved.append(regulator)
    return moved
