"""What a session needs of the hardware on its own side: the power electronics, or the car.

Power and current are > 0 while the car charges, < 0 while it discharges.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from charger_sim.iso15118.iso20.limits import Limits
from charger_sim.iso15118.iso20.services import ControlMode, ServiceId


class Notification(StrEnum):
    """What a charger wants of the car (EVSENotification)."""

    PAUSE = "Pause"
    EXIT_STANDBY = "ExitStandby"
    TERMINATE = "Terminate"
    SCHEDULE_RENEGOTIATION = "ScheduleRenegotiation"
    SERVICE_RENEGOTIATION = "ServiceRenegotiation"
    METERING_CONFIRMATION = "MeteringConfirmation"


class Wish(StrEnum):
    """What the car wants next, while it charges."""

    CHARGE = "charge"
    STANDBY = "standby"
    RENEGOTIATE = "renegotiate"
    """Other schedules."""
    CHANGE_SERVICE = "change-service"
    PAUSE = "pause"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Demand:
    """One charge loop request. On DC in scheduled mode the car names `target_a` and `target_v`.

    `power_w` is the target in scheduled mode on DC, the present power on AC, None where the
    charger decides.
    """

    mode: ControlMode
    limits: Limits
    power_w: float | None = None
    target_a: float = 0.0
    target_v: float = 0.0
    schedule_w: float | None = None
    """The most that the schedule in force gives for charging."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the charger does about a `Demand`: `target_w` is its order on AC and in dynamic mode."""

    power_w: float
    target_w: float
    present_v: float = 0.0
    present_a: float = 0.0
    limits: Limits | None = None
    """The charger's limits now; None: as discovered."""
    power_limited: bool = False
    current_limited: bool = False
    voltage_limited: bool = False
    notification: Notification | None = None


@dataclass(frozen=True, slots=True)
class MeterReading:
    """Energies in Wh since the meter was made, at Unix time `at_s`."""

    meter_id: str
    charged_wh: int
    discharged_wh: int = 0
    at_s: int | None = None


@dataclass(frozen=True, slots=True)
class EnergyNeeds:
    """The car's needs; energies in Wh may be negative where it gives back (V2X)."""

    target_wh: float
    max_wh: float
    min_wh: float
    departure_s: float | None = None
    max_v2x_wh: float | None = None
    min_v2x_wh: float | None = None
    target_soc_frac: float | None = None


class Evse(Protocol):
    """The power side of a charger."""

    @property
    def evse_id(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    def allows(self, service: ServiceId) -> bool:
        """Whether the operator lets a car use this service now."""
        ...

    def cable_check(self, now_s: float) -> bool | None:
        """Isolation: None while it is measured, then whether it is good (DC)."""
        ...

    def pre_charge(self, target_v: float) -> float:
        """Bring the output to `target_v`; the present voltage in V."""
        ...

    def close_contactor(self) -> bool:
        """False where it does not close."""
        ...

    def open_contactor(self) -> None: ...

    def present_v(self) -> float:
        """At the outlet; how a welded contactor shows."""
        ...

    def exchange(self, demand: Demand, now_s: float) -> Delivery:
        """One turn of the charge loop."""
        ...

    def meter(self) -> MeterReading: ...


class Vehicle(Protocol):
    """The power side of a car."""

    @property
    def limits(self) -> Limits: ...

    @property
    def soc_frac(self) -> float: ...

    @property
    def capacity_wh(self) -> float: ...

    @property
    def battery_v(self) -> float: ...

    def needs(self) -> EnergyNeeds: ...

    def target_w(self) -> float:
        """What the car takes, or < 0 gives, if it decides."""
        ...

    def take(self, delivery: Delivery, now_s: float) -> None:
        """One turn of the charge loop."""
        ...

    def wish(self) -> Wish: ...
