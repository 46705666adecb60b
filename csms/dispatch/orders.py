"""What the dispatcher tells EVSEs, and which limit made it so. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from csms.dispatch.optimum.solver import LimitKind
from csms.grid.network import BoolArray, FloatArray
from csms.ids import EvseKey


class Hold(IntEnum):
    """What keeps an EVSE from what it wants."""

    NOTHING = LimitKind.NONE
    VOLTAGE_LOW = LimitKind.VOLTAGE_LOW
    VOLTAGE_HIGH = LimitKind.VOLTAGE_HIGH
    FLOW_IN = LimitKind.FLOW_IN
    FLOW_OUT = LimitKind.FLOW_OUT
    SCHEDULE = 10
    TELEMETRY = 11
    RIDE_THROUGH = 12
    DROOP = 13
    REGULATION = 14
    RAMP = 15
    STEP = 16


_KIND: dict[int, str] = {
    Hold.VOLTAGE_LOW: "voltage_low",
    Hold.VOLTAGE_HIGH: "voltage_high",
    Hold.FLOW_IN: "line",
    Hold.FLOW_OUT: "line",
    Hold.SCHEDULE: "schedule",
    Hold.TELEMETRY: "telemetry",
    Hold.RIDE_THROUGH: "frequency",
    Hold.DROOP: "frequency",
    Hold.REGULATION: "frequency",
    Hold.RAMP: "ramp",
    Hold.STEP: "step",
}
_SOURCE: dict[int, str] = {
    Hold.SCHEDULE: "planner",
    Hold.TELEMETRY: "fallback",
    Hold.RIDE_THROUGH: "ride-through",
    Hold.DROOP: "droop",
    Hold.REGULATION: "regulation",
    Hold.RAMP: "waits for others to fall",
    Hold.STEP: "station",
}


@dataclass(frozen=True, slots=True)
class Binding:
    """Which limit holds an EVSE back, and who set it."""

    kind: str
    """``voltage_low``, ``voltage_high``, ``line``, ``schedule``, ``telemetry``, ``frequency``, ``ramp``, ``step``."""
    where: str
    """Bus, feeder or station."""
    source: str


@dataclass(frozen=True, slots=True)
class Order:
    """One EVSE's setpoint; ``binding`` is ``None`` when it gets what it wants."""

    key: EvseKey
    power_w: float
    wanted_w: float
    binding: Binding | None


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """What each of N EVSEs is told. Iterating makes an :class:`Order` of each that is told something."""

    keys: tuple[EvseKey, ...]
    told: BoolArray  # (N,)
    power_w: FloatArray  # (N,)
    wanted_w: FloatArray  # (N,)
    hold: NDArray[np.int64]  # (N,) of Hold
    hold_bus: NDArray[np.int64]  # (N,) where a feeder's limit binds
    feeder: str
    bus_names: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.told.sum())

    def __iter__(self) -> Iterator[Order]:
        for i in np.flatnonzero(self.told).tolist():
            yield self.of(i)

    def of(self, i: int) -> Order:
        """EVSE ``i``'s."""
        return Order(self.keys[i], float(self.power_w[i]), float(self.wanted_w[i]), self.binding(i))

    def binding(self, i: int) -> Binding | None:
        return self._binding(i, int(self.hold[i]), int(self.hold_bus[i]))

    def bindings(self) -> list[Binding | None]:
        """(N,)"""
        rows = zip(self.hold.tolist(), self.hold_bus.tolist(), strict=True)
        by_feeder: dict[tuple[int, int], Binding | None] = {}
        found: list[Binding | None] = []
        for i, (hold, bus) in enumerate(rows):
            if hold in _SOURCE:
                found.append(self._binding(i, hold, bus))
                continue
            if (hold, bus) not in by_feeder:
                by_feeder[hold, bus] = self._binding(i, hold, bus)
            found.append(by_feeder[hold, bus])
        return found

    def _binding(self, i: int, hold: int, bus: int) -> Binding | None:
        if hold == Hold.NOTHING:
            return None
        source = _SOURCE.get(hold)
        if source is None:
            return Binding(_KIND[hold], self.bus_names[bus], f"feeder {self.feeder}")
        where = self.feeder if hold == Hold.RAMP else str(self.keys[i])
        return Binding(_KIND[hold], where, source)

    @property
    def curtailed_w(self) -> float:
        """Of all together."""
        return float(np.maximum(self.wanted_w - self.power_w, 0.0)[self.told].sum())
