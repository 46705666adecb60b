"""Simple power sides: a charger that does as it is told within its limits, and a battery.

For simulations, tests and measurement, where the grid side is not the subject.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from charger_sim.iso15118.iso20.limits import Limits
from charger_sim.iso15118.iso20.ports import (
    Delivery,
    Demand,
    EnergyNeeds,
    MeterReading,
    Notification,
    Wish,
)
from charger_sim.iso15118.iso20.services import ControlMode, ServiceId

_WH_PER_J = 1.0 / 3600.0


@dataclass(slots=True)
class SimpleEvse:
    """`setpoint_w` is the order of dynamic mode and of AC, < 0 to discharge; its own limits bind."""

    evse_id: str
    limits: Limits
    setpoint_w: float = 0.0
    isolation_good: bool = True
    contactor_works: bool = True
    allowed: frozenset[ServiceId] = frozenset(ServiceId)
    closed: bool = False
    notifications: deque[Notification] = field(default_factory=deque)
    _outlet_v: float = 0.0
    _charged_j: float = 0.0
    _discharged_j: float = 0.0
    _power_w: float = 0.0
    _at_s: float | None = None

    def notify(self, notifications: Iterable[Notification]) -> None:
        """To be told one by one, in the next turns of the charge loop."""
        self.notifications.extend(notifications)

    def allows(self, service: ServiceId) -> bool:
        return service in self.allowed

    def cable_check(self, now_s: float) -> bool | None:
        del now_s
        return self.isolation_good

    def pre_charge(self, target_v: float) -> float:
        self._outlet_v = target_v
        return self._outlet_v

    def close_contactor(self) -> bool:
        self.closed = self.contactor_works
        return self.closed

    def open_contactor(self) -> None:
        self.closed = False
        self._outlet_v = 0.0
        self._power_w = 0.0
        self._at_s = None

    def present_v(self) -> float:
        return self._outlet_v

    def exchange(self, demand: Demand, now_s: float) -> Delivery:
        self._integrate(now_s)
        common = self.limits.common(demand.limits)
        # on DC in scheduled mode the car decides, else the charger does
        car_decides = demand.mode is ControlMode.SCHEDULED and demand.target_v > 0.0
        wanted_w = demand.power_w if car_decides and demand.power_w is not None else self.setpoint_w
        ceiling_w = common.max_charge_w
        if demand.schedule_w is not None:
            ceiling_w = min(ceiling_w, demand.schedule_w)
        power_w = max(-common.max_discharge_w, min(wanted_w, ceiling_w))
        if not self.closed:
            power_w = 0.0
        wanted_v = demand.target_v or self._outlet_v
        volts = min(wanted_v, self.limits.max_v)
        amps = most_a = 0.0
        if volts > 0.0:
            most_a = common.max_discharge_a if power_w < 0.0 else common.max_charge_a
            amps = max(-most_a, min(power_w / volts, most_a))
            power_w = amps * volts
        self._power_w = power_w
        return Delivery(
            power_w=power_w,
            target_w=power_w,
            present_v=volts,
            present_a=amps,
            power_limited=power_w != wanted_w,
            current_limited=amps != 0.0 and abs(amps) == most_a,
            voltage_limited=wanted_v > volts,
            notification=self.notifications.popleft() if self.notifications else None,
        )

    def meter(self) -> MeterReading:
        charged_wh, discharged_wh = self._charged_j * _WH_PER_J, self._discharged_j * _WH_PER_J
        return MeterReading("METER1", round(charged_wh), round(discharged_wh))

    def _integrate(self, now_s: float) -> None:
        if self._at_s is not None:
            energy_j = self._power_w * (now_s - self._at_s)
            self._charged_j += max(energy_j, 0.0)
            self._discharged_j += max(-energy_j, 0.0)
        self._at_s = now_s


@dataclass(slots=True)
class SimpleVehicle:
    """A battery that follows the charger; it leaves at `target_soc_frac` or after `turns`."""

    limits: Limits
    capacity_wh: float = 60_000.0
    soc_frac: float = 0.4
    target_soc_frac: float = 0.8
    floor_soc_frac: float = 0.2
    battery_v: float = 400.0
    wanted_w: float | None = None
    """Its own target in scheduled mode; None: as much as its limits say."""
    turns: int | None = None
    last_wish: Wish = Wish.TERMINATE
    wishes: dict[int, Wish] = field(default_factory=dict)
    """What it wants after so many turns of the loop."""
    powers_w: list[float] = field(default_factory=list)
    _at_s: float | None = None
    _power_w: float = 0.0

    def needs(self) -> EnergyNeeds:
        target_wh = (self.target_soc_frac - self.soc_frac) * self.capacity_wh
        return EnergyNeeds(
            target_wh=target_wh,
            max_wh=(1.0 - self.soc_frac) * self.capacity_wh,
            min_wh=(self.floor_soc_frac - self.soc_frac) * self.capacity_wh,
            departure_s=3600.0,
            max_v2x_wh=target_wh,
            min_v2x_wh=(self.floor_soc_frac - self.soc_frac) * self.capacity_wh,
            target_soc_frac=self.target_soc_frac,
        )

    def target_w(self) -> float:
        return self.limits.max_charge_w if self.wanted_w is None else self.wanted_w

    def take(self, delivery: Delivery, now_s: float) -> None:
        if self._at_s is not None:
            energy_wh = self._power_w * (now_s - self._at_s) * _WH_PER_J
            self.soc_frac = min(1.0, max(0.0, self.soc_frac + energy_wh / self.capacity_wh))
        self._at_s, self._power_w = now_s, delivery.power_w
        self.powers_w.append(delivery.power_w)

    def wish(self) -> Wish:
        turn = len(self.powers_w)
        if turn in self.wishes:
            return self.wishes[turn]
        over = self.soc_frac >= self.target_soc_frac and self._power_w > 0.0
        if over or (self.turns is not None and turn >= self.turns):
            return self.last_wish
        return Wish.CHARGE
