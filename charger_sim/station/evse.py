"""The power path of one EVSE: what the grant, the droop, the car and the rating leave.

Sans I/O. :meth:`Evse.refresh` once a tick takes in what was decided; :meth:`Evse.step` integrates
and may run many times a tick. Sign: charge > 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from random import Random

from charger_sim.station.config import EvseConfig
from charger_sim.station.der import DerStore, curve_y, droop_w, lag, service_rules
from charger_sim.station.meter import Meter, Readings
from charger_sim.station.profiles import Grant, Supply
from charger_sim.station.service_state import ServiceRules, ServiceState
from charger_sim.station.transaction import Transaction
from charger_sim.vehicle import Vehicle

IDLE_W = 50.0
_NO_RULES = ServiceRules()


@dataclass(frozen=True, slots=True)
class DerSettings:
    """The DER controls in force at one EVSE, as numbers."""

    droop: dict[str, float] | None = None
    floor_w: float | None = None
    service: ServiceRules = _NO_RULES


@dataclass(slots=True)
class HighLevel:
    """What a charger and a car that speak ISO 15118 have brought about: contactors, and the power
    of the last round of their charge loop."""

    closed: bool = False
    order_w: float = 0.0


class Evse:
    """One EVSE with one connector, and the vehicle that may be plugged into it. ``rng`` spreads
    its return after a trip."""

    def __init__(
        self, config: EvseConfig, rng: Random, *, f_nominal_hz: float, v_nominal_v: float
    ) -> None:
        self.config = config
        self.f_nominal_hz = f_nominal_hz
        self.v_nominal_v = v_nominal_v
        self.vehicle: Vehicle | None = None
        self.high_level: HighLevel | None = None
        self.tx: Transaction | None = None
        self.operative = True
        self.finishing = False
        self.meter = Meter()
        self.power_w = 0.0
        self.droop_w = 0.0
        self.response_w = 0.0
        self.curtailed_wh = 0.0
        self.v_pu: tuple[float, ...] = (1.0,) * config.n_phases
        self.f_hz = f_nominal_hz
        self.grant = Grant(limit_w=config.max_charge_w)
        self._der = DerSettings()
        self._base_w = 0.0
        self._ready_s = 0.0
        self.service = ServiceState(rng)

    @property
    def n_phases(self) -> int:
        """Phases that carry current: all of a DC charger's, the car's on AC."""
        if self.config.kind == "DC" or self.vehicle is None:
            return self.config.n_phases
        return min(self.config.n_phases, self.vehicle.n_phases)

    @property
    def rated_w(self) -> float:
        return max(self.config.max_charge_w, self.config.max_discharge_w)

    @property
    def discharge_rating_w(self) -> float:
        """What may be injected now: hardware, car and contract agreeing."""
        if self.vehicle is None or self.tx is None or not self.tx.discharge_allowed:
            return 0.0
        return min(self.config.max_discharge_w, self.vehicle.max_discharge_w)

    def supply(self, n_active: int) -> Supply:
        v_ln = self.v_nominal_v * sum(self.v_pu) / len(self.v_pu)
        return Supply(
            rating_w=self.config.max_charge_w,
            discharge_rating_w=self.discharge_rating_w,
            v_ln=v_ln,
            n_phases=self.n_phases,
            n_active=max(1, n_active),
        )

    def ready_after(self, delay_s: float) -> None:
        """Power flows only once the car's handshake of ``delay_s`` is over."""
        self._ready_s = delay_s

    @property
    def handshaking(self) -> bool:
        if self.high_level is not None:
            return not self.high_level.closed
        return self._ready_s > 0.0

    def refresh(self, grant: Grant, der: DerStore | None, now: datetime) -> None:
        """Takes in the grant and the DER controls of this tick."""
        self.grant = grant
        self._der = DerSettings() if der is None else self._settings(der, now)

    def _settings(self, der: DerStore, now: datetime) -> DerSettings:
        droop = der.current("FreqDroop", now)
        floor_w = -self.discharge_rating_w
        cap = der.current("LimitMaxDischarge", now)
        if cap is not None and "pctMaxDischargePower" in cap.body:
            floor_w *= cap.body["pctMaxDischargePower"] / 100.0
        volt_watt = der.current("VoltWatt", now)
        if volt_watt is not None:
            percent = curve_y(volt_watt.body["curveData"], 100.0 * max(self.v_pu))
            floor_w = max(floor_w, -self.config.max_discharge_w * percent / 100.0)
        return DerSettings(
            droop=None if droop is None else droop.body,
            floor_w=floor_w,
            service=service_rules(der, now),
        )

    def step(self, dt_s: float, f_hz: float) -> float:
        """Integrates ``dt_s`` seconds at local frequency ``f_hz``; returns the mean power, W."""
        self.f_hz = f_hz
        vehicle, tx = self.vehicle, self.tx
        v_pct = 100.0 * sum(self.v_pu) / len(self.v_pu)
        in_service = self.service.step(self._der.service, dt_s, f_hz, v_pct)
        if vehicle is None or tx is None or not self.operative or tx.ended is not None:
            self._release()
            self.service.session_ended()
            return 0.0
        self._ready_s -= dt_s
        if self.handshaking:
            self.power_w = 0.0
            return 0.0
        self.service.enter(self._der.service, f_hz, v_pct)
        if not in_service or not self.service.in_service:
            self._release()
            return 0.0
        request_w = self._request(vehicle, dt_s, f_hz)
        self.power_w = vehicle.step(request_w, dt_s)
        wanted_w = min(vehicle.max_charge_now_w(), self.config.max_charge_w)
        self.curtailed_wh += max(0.0, wanted_w - max(0.0, self.power_w)) * dt_s / 3600.0
        self.meter.add(self.power_w, dt_s)
        return self.power_w

    def _release(self) -> None:
        """No power either way."""
        self.power_w = self.droop_w = self.response_w = self._base_w = 0.0
        if self.vehicle is not None:
            self.vehicle.release()

    def _request(self, vehicle: Vehicle, dt_s: float, f_hz: float) -> float:
        high_level, grant = self.high_level, self.grant
        upper_w = min(grant.limit_w, self.config.max_charge_w)
        if high_level is not None:  # a new limit reaches the car in the next round of the loop
            upper_w = min(max(upper_w, high_level.order_w), self.config.max_charge_w)
        lower_w = grant.discharge_limit_w
        if self._der.floor_w is not None:
            lower_w = max(lower_w, self._der.floor_w)
        if not vehicle.can_discharge:
            lower_w = 0.0
        target_w = self.granted_w(f_hz) if high_level is None else high_level.order_w
        target_w = min(max(target_w, lower_w), upper_w, vehicle.max_charge_now_w())
        self._base_w = self._ramped(target_w, dt_s)
        request_w = min(max(self._base_w + self._droop(dt_s, f_hz), lower_w), upper_w)
        self.response_w = request_w - self._base_w
        if self.config.kind == "AC" and abs(request_w) < self._min_ac_w(vehicle):
            return 0.0  # IEC 61851-1: no duty cycle below 6 A
        return request_w

    def granted_w(self, f_hz: float) -> float:
        """What the grant asks for, or the most that it leaves to the car, W; < 0 injects."""
        grant = self.grant
        upper_w = min(grant.limit_w, self.config.max_charge_w)
        target_w = upper_w if grant.setpoint_w is None else grant.setpoint_w
        if grant.freq_watt:
            points = [{"x": x, "y": y} for x, y in grant.freq_watt]
            target_w += curve_y(points, f_hz)
        return min(max(target_w, grant.discharge_limit_w), upper_w)

    def _ramped(self, target_w: float, dt_s: float) -> float:
        """Gradients and the ramp after coming back, both as the time of a change by the rating."""
        rules = self._der.service
        full_s = rules.soft_ramp_s if self.service.soft else rules.ramp_s
        change_w = self.rated_w * dt_s / full_s if full_s > 0.0 else math.inf
        ramped_w = min(max(target_w, self._base_w - change_w), self._base_w + change_w)
        if ramped_w == target_w:
            self.service.soft = False
        return ramped_w

    def _droop(self, dt_s: float, f_hz: float) -> float:
        body = self._der.droop
        if body is None:
            self.droop_w = 0.0
        else:
            asked_w = droop_w(body, f_hz, self.f_nominal_hz, self.rated_w)
            self.droop_w = lag(self.droop_w, asked_w, body["responseTime"], dt_s)
        return self.droop_w

    def _min_ac_w(self, vehicle: Vehicle) -> float:
        v_ln = self.v_nominal_v * sum(self.v_pu) / len(self.v_pu)
        return vehicle.min_current_a * v_ln * self.n_phases * 0.999

    def readings(self) -> Readings:
        volts = tuple(self.v_nominal_v * v for v in self.v_pu)
        return Readings(
            power_w=self.power_w,
            import_wh=self.meter.import_wh,
            export_wh=self.meter.export_wh,
            v_phases=volts,
            f_hz=self.f_hz,
            soc_frac=None if self.vehicle is None else self.vehicle.soc_frac,
            offered_w=0.0 if self.tx is None else max(0.0, self.grant.limit_w),
        )
