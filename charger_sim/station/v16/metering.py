"""1.6 MeterValue objects: every value is a string, and Frequency has no unit in this version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from charger_sim.clock import iso
from charger_sim.station.meter import Readings, currents_a

Sample = dict[str, Any]


def _sample(
    value: float, measurand: str, unit: str | None, context: str, decimals: int, phase: str = ""
) -> Sample:
    sample: Sample = {
        "value": f"{value:.{decimals}f}",
        "context": context,
        "measurand": measurand,
    }
    if phase:
        sample["phase"] = phase
    if unit:
        sample["unit"] = unit
    return sample


def meter_value(r: Readings, at: datetime, context: str, *, dc: bool) -> dict[str, Any]:
    """One coherent MeterValue."""
    samples = [
        _sample(max(0.0, r.power_w), "Power.Active.Import", "W", context, 1),
        _sample(max(0.0, -r.power_w), "Power.Active.Export", "W", context, 1),
        _sample(r.import_wh, "Energy.Active.Import.Register", "Wh", context, 1),
        _sample(r.export_wh, "Energy.Active.Export.Register", "Wh", context, 1),
        _sample(r.offered_w, "Power.Offered", "W", context, 1),
        _sample(r.f_hz, "Frequency", None, context, 4),
    ]
    direction = "Current.Export" if r.power_w < 0 else "Current.Import"
    for n, (volts, amps) in enumerate(zip(r.v_phases, currents_a(r), strict=True), start=1):
        voltage = _sample(volts, "Voltage", "V", context, 3, f"L{n}-N")
        if dc:
            voltage["location"] = "Inlet"
        samples += [voltage, _sample(amps, direction, "A", context, 2, f"L{n}")]
    if r.soc_frac is not None and dc:
        soc = _sample(100.0 * r.soc_frac, "SoC", "Percent", context, 2)
        samples.append({**soc, "location": "EV"})
    return {"timestamp": iso(at), "sampledValue": samples}
