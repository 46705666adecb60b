"""What EVSEs, their cars and their stations last told, as arrays. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csms.dispatch.curves import Curves
from csms.grid.network import BoolArray, FloatArray

METERED = (
    "power_w", "frequency_hz", "soc_frac", "voltage 1", "voltage 2", "voltage 3", "received_s", "changed_s",
    "commanded_w", "commanded_before_w", "commanded_s",
)  # fmt: skip
"""The columns of what moves every few seconds."""
NEEDED = (
    "max_charge_w", "max_discharge_w", "energy_wh", "departure_s", "capacity_wh", "target_soc_frac",
    "arrival_soc_frac",
)  # fmt: skip
"""The columns of what a car tells once."""
Row = Sequence[float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Of N EVSEs; NaN where nothing was told. Written in place: many rows at once, or none."""

    here: BoolArray  # (N,) its station has come; all else of a row counts only then
    charging: BoolArray  # it has an open transaction
    leadable: BoolArray  # its station is connected and takes setpoints
    metered: FloatArray  # (len(METERED), N)
    needed: FloatArray  # (len(NEEDED), N)
    planned_w: FloatArray  # what the schedule has for it now
    curves: Curves  # the droop that its station runs by itself
    trips_itself: BoolArray  # its station runs trip curves

    @classmethod
    def nothing(cls, n: int) -> Told:
        """Of ``n`` EVSEs that nobody has heard of."""
        return cls(
            here=np.zeros(n, bool), charging=np.zeros(n, bool), leadable=np.zeros(n, bool),
            metered=np.full((len(METERED), n), np.nan), needed=np.full((len(NEEDED), n), np.nan),
            planned_w=np.full(n, np.nan), curves=Curves.none(n), trips_itself=np.zeros(n, bool),
        )  # fmt: skip

    def meter(self, rows: Sequence[int], values: Sequence[Row]) -> None:
        """Take ``METERED`` of some rows."""
        self.metered[:, rows] = np.array(values, np.float64).T

    def need(self, rows: Sequence[int], values: Sequence[Row]) -> None:
        """Take ``NEEDED`` of some rows."""
        self.needed[:, rows] = np.array(values, np.float64).T

    @property
    def power_w(self) -> FloatArray:
        """(N,), as all that follow; infinite for one that is not a number."""
        return self.metered[0]

    @property
    def frequency_hz(self) -> FloatArray:
        return self.metered[1]

    @property
    def soc_frac(self) -> FloatArray:
        return self.metered[2]

    @property
    def voltage_v(self) -> FloatArray:
        """(N, 3) in the order of the phases it is wired to."""
        return self.metered[3:6].T

    @property
    def received_s(self) -> FloatArray:
        """Monotonic, of the reading."""
        return self.metered[6]

    @property
    def changed_s(self) -> FloatArray:
        """Monotonic, when a meter value last differed from the one before."""
        return self.metered[7]

    @property
    def commanded_w(self) -> FloatArray:
        """The setpoint that the station accepted last."""
        return self.metered[8]

    @property
    def commanded_before_w(self) -> FloatArray:
        return self.metered[9]

    @property
    def commanded_s(self) -> FloatArray:
        """Monotonic."""
        return self.metered[10]

    @property
    def max_charge_w(self) -> FloatArray:
        return self.needed[0]

    @property
    def max_discharge_w(self) -> FloatArray:
        return self.needed[1]

    @property
    def energy_wh(self) -> FloatArray:
        return self.needed[2]

    @property
    def departure_s(self) -> FloatArray:
        """Unix time."""
        return self.needed[3]

    @property
    def capacity_wh(self) -> FloatArray:
        return self.needed[4]

    @property
    def target_soc_frac(self) -> FloatArray:
        return self.needed[5]

    @property
    def arrival_soc_frac(self) -> FloatArray:
        return self.needed[6]
