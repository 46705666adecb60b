"""The EVSEs of one feeder as arrays: where each stands and what it can do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.domain.fleet import EvsePlace
from csms.domain.values import Phases
from csms.grid.network import BoolArray, Feeder, FloatArray
from csms.ids import EvseKey
from csms.units import NOMINAL_PHASE_V

_WIRED = {
    Phases.A: (True, False, False),
    Phases.B: (False, True, False),
    Phases.C: (False, False, True),
    Phases.ABC: (True, True, True),
}


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """N EVSEs in the order in which all arrays of the dispatcher have them."""

    keys: tuple[EvseKey, ...]
    bus: NDArray[np.int32]  # (N,)
    phases: BoolArray  # (N, 3)
    max_power_w: FloatArray  # (N,)
    max_discharge_w: FloatArray  # (N,) >= 0
    rated_w: FloatArray  # (N,) the most it moves either way
    step_w: FloatArray  # (N,) 0: continuous
    min_w: FloatArray  # (N,) the least power at which a car charges there
    priority: NDArray[np.int32]  # (N,)

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, feeder: Feeder, places: Mapping[EvseKey, EvsePlace]) -> Places:
        """Raises ``FeederError`` for a bus that the feeder does not have."""
        known = list(places.values())
        phases = np.array([_WIRED[place.phases] for place in known], bool)
        return cls(
            keys=tuple(places),
            bus=np.array([feeder.bus(place.bus) for place in known], np.int32),
            phases=phases.reshape(-1, 3),
            max_power_w=np.array([place.max_power_w for place in known], np.float64),
            max_discharge_w=np.array([place.max_discharge_w for place in known], np.float64),
            rated_w=np.array([place.rated_w for place in known], np.float64),
            step_w=np.array([place.step_w for place in known], np.float64),
            min_w=np.array([minimum_w(place) for place in known], np.float64),
            priority=np.array([place.priority for place in known], np.int32),
        )


def minimum_w(place: EvsePlace) -> float:
    """The least power at which a car charges there, at nominal voltage."""
    return place.min_current_a * NOMINAL_PHASE_V * place.phases.n_phases
