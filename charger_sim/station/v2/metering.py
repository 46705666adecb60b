"""2.x MeterValueType: numbers with a unitOfMeasure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from charger_sim.clock import iso
from charger_sim.station.meter import Readings, currents_a


def _sample(
    value: float, measurand: str, unit: str, context: str, decimals: int, **more: str
) -> dict[str, Any]:
    return {
        "value": round(value, decimals),
        "context": context,
        "measurand": measurand,
        "unitOfMeasure": {"unit": unit},
        **more,
    }


def meter_value(r: Readings, at: datetime, context: str, *, dc: bool) -> dict[str, Any]:
    """One coherent MeterValueType. Voltage is the grid's, at the inlet of a DC charger."""
    samples = [
        _sample(max(0.0, r.power_w), "Power.Active.Import", "W", context, 1),
        _sample(max(0.0, -r.power_w), "Power.Active.Export", "W", context, 1),
        _sample(r.import_wh, "Energy.Active.Import.Register", "Wh", context, 2),
        _sample(r.export_wh, "Energy.Active.Export.Register", "Wh", context, 2),
        _sample(r.offered_w, "Power.Offered", "W", context, 1),
        _sample(r.f_hz, "Frequency", "Hz", context, 4),
    ]
    direction = "Current.Export" if r.power_w < 0 else "Current.Import"
    side = {"location": "Inlet"} if dc else {}
    for n, (volts, amps) in enumerate(zip(r.v_phases, currents_a(r), strict=True), start=1):
        samples.append(_sample(volts, "Voltage", "V", context, 3, phase=f"L{n}-N", **side))
        samples.append(_sample(amps, direction, "A", context, 2, phase=f"L{n}", **side))
    if r.soc_frac is not None and dc:
        samples.append(_sample(100.0 * r.soc_frac, "SoC", "Percent", context, 2, location="EV"))
    return {"timestamp": iso(at), "sampledValue": samples}
