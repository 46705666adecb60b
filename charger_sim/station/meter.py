"""The meter of one EVSE: energy registers and the readings that both OCPP families report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Readings:
    """One coherent set, grid side. ``power_w`` > 0 charges; registers only grow."""

    power_w: float
    import_wh: float
    export_wh: float
    v_phases: tuple[float, ...]
    f_hz: float
    soc_frac: float | None
    offered_w: float


@dataclass(slots=True)
class Meter:
    """Integrates power; registers survive reboots."""

    import_wh: float = 0.0
    export_wh: float = 0.0

    def add(self, power_w: float, dt_s: float) -> None:
        energy_wh = power_w * dt_s / 3600.0
        if energy_wh >= 0.0:
            self.import_wh += energy_wh
        else:
            self.export_wh -= energy_wh


def currents_a(readings: Readings) -> tuple[float, ...]:
    """Magnitude per phase, balanced, A."""
    n = len(readings.v_phases)
    return tuple(abs(readings.power_w) / n / v if v > 0.0 else 0.0 for v in readings.v_phases)
