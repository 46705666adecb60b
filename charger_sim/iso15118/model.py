"""Simple models behind the ports of `physical`: no plant, no clock; a round of the loop is a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from charger_sim.iso15118.backend import ChargingNeeds
from charger_sim.iso15118.physical import EvseLimits, MeterReading, Notification, Wish

AC_LIMITS = EvseLimits(power_max_w=22_000.0, current_max_a=32.0, voltage_max_v=230.0)
DC_LIMITS = EvseLimits(
    power_max_w=150_000.0,
    current_max_a=400.0,
    voltage_max_v=920.0,
    voltage_min_v=150.0,
    phases=1,
)
AC_NEEDS = ChargingNeeds(
    "AC_three_phase_core",
    departure_s=28_800.0,
    energy_wh=22_000.0,
    power_max_w=11_000.0,
    voltage_max_v=400.0,
    current_max_a=16.0,
    current_min_a=6.0,
)
DC_NEEDS = ChargingNeeds(
    "DC_extended",
    energy_wh=30_000.0,
    power_max_w=100_000.0,
    voltage_max_v=420.0,
    current_max_a=250.0,
    soc_frac=0.4,
    capacity_wh=60_000.0,
)


@dataclass(slots=True)
class ModelEvse:
    """Obeys at once; `energy_wh` grows by `round_s` of what it gives each time it is driven."""

    limits: EvseLimits
    unix_s: Callable[[], float]
    round_s: float = 1.0
    power_cap_w: float = 1e6
    cable_check_rounds: int = 1
    obeys: bool = True
    notices: list[Notification] = field(default_factory=list)
    """Notifications of the next rounds, one for each."""
    energy_wh: float = 1_000.0
    closed: bool = False

    def isolation_tested(self) -> bool:
        self.cable_check_rounds -= 1
        return self.cable_check_rounds < 0

    def switch(self, on: bool) -> bool:
        if on and not self.obeys:
            return False
        self.closed = on
        return True

    def drive(self, voltage_v: float, current_a: float) -> tuple[float, float]:
        self.energy_wh += voltage_v * current_a * self.round_s / 3_600.0
        return voltage_v, current_a

    def power_limit_w(self) -> float:
        return min(self.power_cap_w, self.limits.power_max_w)

    def meter(self) -> MeterReading:
        if self.notices:
            self.notices.pop(0)
        return MeterReading("METER-1", self.energy_wh, self.unix_s())

    def notification(self) -> Notification:
        return self.notices[0] if self.notices else Notification.NONE


@dataclass(slots=True)
class ModelCar:
    """Charges for `rounds` rounds of the loop, then does what `ends_with` says."""

    needs: ChargingNeeds
    rounds: int = 3
    ends_with: Wish = Wish.STOP
    soc_frac: float = 0.4
    voltage_v: float = 400.0
    powers_w: list[float] = field(default_factory=list)
    """What it was allowed or given, round by round."""

    def wish(self) -> Wish:
        return Wish.CHARGE if len(self.powers_w) < self.rounds else self.ends_with

    def target(self) -> tuple[float, float]:
        most_w = self.needs.power_max_w or 0.0
        return self.voltage_v, min(self.needs.current_max_a or 0.0, most_w / self.voltage_v)

    def limited_to(self, power_w: float) -> None:
        self.powers_w.append(power_w)

    def supplied(self, voltage_v: float, current_a: float) -> None:
        self.powers_w.append(voltage_v * current_a)
