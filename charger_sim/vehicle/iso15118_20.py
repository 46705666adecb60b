"""A simulated car as the EVCC of ISO 15118-20, AC or DC, with bidirectional transfer if it can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from charger_sim.iso15118.iso20 import ControlMode, Evcc, EvccConfig, Limits, ServiceId
from charger_sim.iso15118.iso20.ports import Delivery, EnergyNeeds, Wish
from charger_sim.iso15118.timeouts import Timeouts
from charger_sim.vehicle.credentials import EvCredentials
from charger_sim.vehicle.iso15118_2 import BATTERY_V
from charger_sim.vehicle.vehicle import Vehicle
from pki.ports import Clock, RandomBytes


class Car:
    """See :class:`charger_sim.iso15118.iso20.ports.Vehicle`. On AC ``follow`` sets the power of its
    on-board charger, W; on DC the charger's converter acts."""

    def __init__(
        self,
        vehicle: Vehicle,
        *,
        dc: bool,
        now: Callable[[], datetime],
        follow: Callable[[float], None],
    ) -> None:
        self._vehicle = vehicle
        self._dc = dc
        self._now = now
        self._follow = follow

    @property
    def limits(self) -> Limits:
        vehicle = self._vehicle
        return Limits(
            max_charge_w=vehicle.max_charge_w,
            max_charge_a=vehicle.max_charge_w / BATTERY_V,
            max_v=1.2 * BATTERY_V,
            min_v=0.7 * BATTERY_V,
            max_discharge_w=vehicle.max_discharge_w,
            max_discharge_a=vehicle.max_discharge_w / BATTERY_V,
        )

    @property
    def soc_frac(self) -> float:
        return self._vehicle.soc_frac

    @property
    def capacity_wh(self) -> float:
        return self._vehicle.capacity_wh

    @property
    def battery_v(self) -> float:
        return BATTERY_V

    def needs(self) -> EnergyNeeds:
        vehicle = self._vehicle
        departure_s = None
        if vehicle.departure is not None:
            departure_s = max(0.0, (vehicle.departure - self._now()).total_seconds())
        spare_wh = max(0.0, vehicle.soc_frac - vehicle.soc_floor_frac) * vehicle.capacity_wh
        bidirectional = vehicle.max_discharge_w > 0.0
        return EnergyNeeds(
            target_wh=vehicle.wants_wh,
            max_wh=(1.0 - vehicle.soc_frac) * vehicle.capacity_wh,
            min_wh=-spare_wh if bidirectional else 0.0,
            departure_s=departure_s,
            max_v2x_wh=vehicle.wants_wh if bidirectional else None,
            min_v2x_wh=-spare_wh if bidirectional else None,
            target_soc_frac=vehicle.target_soc_frac,
        )

    def target_w(self) -> float:
        return self._vehicle.max_charge_now_w()

    def take(self, delivery: Delivery, now_s: float) -> None:
        del now_s
        if not self._dc:
            self._follow(delivery.target_w)

    def wish(self) -> Wish:
        return Wish.TERMINATE if self._vehicle.finished else Wish.CHARGE


def evcc(
    vehicle: Vehicle,
    credentials: EvCredentials,
    car: Car,
    *,
    dc: bool,
    clock: Clock,
    random: RandomBytes,
    loop_s: float,
    poll_s: float,
    timeouts: Timeouts,
) -> Evcc:
    """The car's machine for one session. A bidirectional car wants the charger to decide."""
    bidirectional = vehicle.max_discharge_w > 0.0
    one_way, both_ways = (
        (ServiceId.DC, ServiceId.DC_BPT) if dc else (ServiceId.AC, ServiceId.AC_BPT)
    )
    modes = (ControlMode.SCHEDULED, ControlMode.DYNAMIC)
    return Evcc(
        EvccConfig(
            credentials.evcc_id,
            services=(both_ways, one_way) if bidirectional else (one_way,),
            control_modes=modes[::-1] if bidirectional else modes,
            authorizations=("PnC",) if credentials.by_contract else ("EIM",),
            contract=credentials.contract,
            provisioning=credentials.provisioning,
            v2g_roots=credentials.roots,
            poll_s=poll_s,
            loop_s=loop_s,
        ),
        car,
        clock,
        random,
        times=timeouts,
    )
