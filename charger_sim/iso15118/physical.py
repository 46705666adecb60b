"""The two machines that talk: what a SECC asks of its power electronics, an EVCC of its car.

Both are ports, synchronous and instant: the simulator's plant, or a simple model, stands behind
them. Currents and powers are positive into the vehicle's battery, negative on discharge.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from charger_sim.iso15118.backend import ChargingNeeds


class Notification(StrEnum):
    """What the charger wants of the car; the words of EVSENotificationType."""

    NONE = "None"
    STOP = "StopCharging"
    RENEGOTIATE = "ReNegotiation"


class Wish(StrEnum):
    """What the car wants of the session."""

    CHARGE = "charge"
    STOP = "stop"
    PAUSE = "pause"
    RENEGOTIATE = "renegotiate"


@dataclass(frozen=True, slots=True)
class EvseLimits:
    """Ratings. AC chargers use `voltage_max_v` as nominal voltage, per phase."""

    power_max_w: float
    current_max_a: float
    voltage_max_v: float
    current_min_a: float = 0.0
    voltage_min_v: float = 0.0
    discharge_max_w: float = 0.0
    phases: int = 3


@dataclass(frozen=True, slots=True)
class MeterReading:
    """`energy_wh` is the register of import; `t_unix_s` when it was read."""

    meter_id: str
    energy_wh: float
    t_unix_s: float
    signature: bytes | None = None


class Evse(Protocol):
    """The power electronics of one connector."""

    @property
    def limits(self) -> EvseLimits: ...

    def isolation_tested(self) -> bool:
        """Whether the insulation test (cable check) has ended well; called until it has."""
        ...

    def switch(self, on: bool) -> bool:
        """Close or open the contactors; False where they do not obey."""
        ...

    def drive(self, voltage_v: float, current_a: float) -> tuple[float, float]:
        """Set the DC output, and what it is now: (V, A)."""
        ...

    def power_limit_w(self) -> float:
        """What may be drawn now."""
        ...

    def meter(self) -> MeterReading: ...

    def notification(self) -> Notification: ...


class Car(Protocol):
    """A vehicle's battery and its wishes."""

    @property
    def needs(self) -> ChargingNeeds: ...

    @property
    def soc_frac(self) -> float: ...

    def wish(self) -> Wish: ...

    def target(self) -> tuple[float, float]:
        """DC set-point it wants now: (V, A)."""
        ...

    def limited_to(self, power_w: float) -> None:
        """The charger allows so much now (AC); called once for each round of the charge loop."""
        ...

    def supplied(self, voltage_v: float, current_a: float) -> None:
        """The charger gives so much now (DC); called once for each round of the charge loop."""
        ...
