"""A station's EVSE as the power side of an ISO 15118-2 session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charger_sim.iso15118.physical import EvseLimits, MeterReading, Notification
from charger_sim.station.evse import Evse, HighLevel
from charger_sim.station.iso15118.negotiation import Negotiation

if TYPE_CHECKING:
    from charger_sim.station.station import Station

DC_MAX_V, DC_MIN_V = 920.0, 150.0


class Power2:
    """See :class:`charger_sim.iso15118.physical.Evse`."""

    def __init__(
        self, station: Station, evse: Evse, high_level: HighLevel, negotiation: Negotiation
    ) -> None:
        self._station = station
        self._evse = evse
        self._high_level = high_level
        self._negotiation = negotiation

    @property
    def limits(self) -> EvseLimits:
        evse, power_w = self._evse, self._evse.config.max_charge_w
        if evse.config.kind == "DC":
            return EvseLimits(
                power_max_w=power_w,
                current_max_a=power_w / DC_MIN_V,
                voltage_max_v=DC_MAX_V,
                voltage_min_v=DC_MIN_V,
                phases=1,
            )
        phases = 1 if evse.n_phases == 1 else 3  # the modes of ISO 15118-2 know no two
        return EvseLimits(
            power_max_w=power_w,
            current_max_a=power_w / (evse.v_nominal_v * phases),
            voltage_max_v=evse.v_nominal_v,
            phases=phases,
        )

    def isolation_tested(self) -> bool:
        return True

    def switch(self, on: bool) -> bool:
        self._high_level.closed = on
        if not on:
            self._high_level.order_w = 0.0
        return True

    def drive(self, voltage_v: float, current_a: float) -> tuple[float, float]:
        self._high_level.order_w = voltage_v * current_a
        return voltage_v, current_a

    def power_limit_w(self) -> float:
        if self._evse.tx is None:
            return 0.0
        self._station.refresh_one(self._evse)
        return max(0.0, self._evse.granted_w(self._evse.f_hz))

    def meter(self) -> MeterReading:
        readings = self._station.readings(self._evse)
        at_s = self._station.clock.now().timestamp()
        return MeterReading(meter_id(self._station, self._evse), readings.import_wh, at_s)

    def notification(self) -> Notification:
        if self._evse.tx is None:
            return Notification.STOP
        if self._negotiation.outdated:
            return Notification.RENEGOTIATE
        return Notification.NONE


def meter_id(station: Station, evse: Evse) -> str:
    """At most 32 characters, as both editions want it."""
    return f"{station.config.id[:28]}-{evse.config.id}"[:32]
