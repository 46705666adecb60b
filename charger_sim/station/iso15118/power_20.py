"""A station's EVSE as the power side of an ISO 15118-20 session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from charger_sim.iso15118.iso20 import ControlMode, Limits, ServiceId
from charger_sim.iso15118.iso20.ports import Delivery, Demand, MeterReading, Notification
from charger_sim.station.evse import Evse, HighLevel
from charger_sim.station.iso15118.negotiation import Negotiation
from charger_sim.station.iso15118.power_2 import DC_MAX_V, DC_MIN_V, meter_id

if TYPE_CHECKING:
    from charger_sim.station.station import Station

_TRANSFERS: Final = {
    ServiceId.AC: frozenset({"AC_single_phase", "AC_two_phase", "AC_three_phase"}),
    ServiceId.DC: frozenset({"DC"}),
    ServiceId.AC_BPT: frozenset({"AC_BPT"}),
    ServiceId.DC_BPT: frozenset({"DC_BPT"}),
}
"""Service -> OCPP's energy transfer modes that it serves."""
RECEIPT_S: Final = 60.0
"""Between two receipts that the car signs, where receipts are asked for."""


class Power20:
    """See :class:`charger_sim.iso15118.iso20.ports.Evse`."""

    def __init__(
        self,
        station: Station,
        evse: Evse,
        high_level: HighLevel,
        negotiation: Negotiation,
        evse_id: str,
    ) -> None:
        self._station = station
        self._evse = evse
        self._high_level = high_level
        self._negotiation = negotiation
        self._receipt_due_s = 0.0
        self._outlet_v = 0.0
        self.evse_id = evse_id

    @property
    def limits(self) -> Limits:
        config = self._evse.config
        return Limits(
            max_charge_w=config.max_charge_w,
            max_charge_a=config.max_charge_w / DC_MIN_V,
            max_v=DC_MAX_V,
            min_v=DC_MIN_V,
            max_discharge_w=config.max_discharge_w,
            max_discharge_a=config.max_discharge_w / DC_MIN_V,
        )

    def allows(self, service: ServiceId) -> bool:
        """By the AuthorizeResponse or NotifyAllowedEnergyTransfer of the transaction (Q03)."""
        allowed = None if self._evse.tx is None else self._evse.tx.allowed_transfer
        return allowed is None or not allowed.isdisjoint(_TRANSFERS[service])

    def cable_check(self, now_s: float) -> bool:
        del now_s
        return True

    def pre_charge(self, target_v: float) -> float:
        self._outlet_v = target_v
        return target_v

    def close_contactor(self) -> bool:
        self._high_level.closed = True
        return True

    def open_contactor(self) -> None:
        self._high_level.closed = False
        self._high_level.order_w = self._outlet_v = 0.0

    def present_v(self) -> float:
        return self._outlet_v

    def exchange(self, demand: Demand, now_s: float) -> Delivery:
        evse = self._evse
        power_w = self._power_w(demand)
        if evse.config.kind == "AC":  # the car's own converter follows, once it has been told
            return Delivery(evse.power_w, power_w, notification=self._notification(demand, now_s))
        self._high_level.order_w = power_w
        volts = min(demand.target_v or self._outlet_v, DC_MAX_V)
        wanted_w = demand.power_w
        return Delivery(
            power_w=power_w,
            target_w=power_w,
            present_v=volts,
            present_a=power_w / volts if volts > 0.0 else 0.0,
            power_limited=wanted_w is not None and power_w < wanted_w,
            notification=self._notification(demand, now_s),
        )

    def _power_w(self, demand: Demand) -> float:
        """What the car wants on DC in scheduled mode, else what the charger does; within limits."""
        evse = self._evse
        if evse.tx is None or not self._high_level.closed:
            return 0.0
        self._station.refresh_one(evse)
        common = self.limits.common(demand.limits)
        power_w = min(evse.granted_w(evse.f_hz), common.max_charge_w)
        if demand.schedule_w is not None:
            power_w = min(power_w, demand.schedule_w)
        by_car = demand.mode is ControlMode.SCHEDULED and demand.target_v > 0.0
        if by_car and demand.power_w is not None:
            power_w = min(power_w, demand.power_w)
        return max(power_w, -common.max_discharge_w)

    def _notification(self, demand: Demand, now_s: float) -> Notification | None:
        if self._evse.tx is None:
            return Notification.TERMINATE
        if demand.mode is ControlMode.SCHEDULED and self._negotiation.outdated:
            return Notification.SCHEDULE_RENEGOTIATION
        if self._station.settings.metering_receipts and now_s >= self._receipt_due_s:
            self._receipt_due_s = now_s + RECEIPT_S
            return Notification.METERING_CONFIRMATION
        return None

    def meter(self) -> MeterReading:
        readings = self._station.readings(self._evse)
        return MeterReading(
            meter_id(self._station, self._evse),
            round(readings.import_wh),
            round(readings.export_wh),
            int(self._station.clock.now().timestamp()),
        )
