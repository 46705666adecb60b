"""The answer to GetCompositeSchedule: for one EVSE, or summed over the station."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charger_sim.station.profiles import Grant, composite

if TYPE_CHECKING:
    from charger_sim.station.station import Station


def expected_schedule(
    st: Station, evse_id: int, duration_s: float, unit: str
) -> list[tuple[float, float]]:
    """(offset s, value) steps, value in ``unit`` rounded to 0.1; EVSE 0 is the whole station."""
    ids = list(st.evses) if evse_id == 0 else [evse_id]
    parts: list[list[tuple[float, Grant]]] = []
    volts = 0.0
    for one in ids:
        evse = st.evses[one]
        supply = evse.supply(st.n_active())
        volts = supply.v_ln * supply.n_phases
        parts.append(composite(st.profiles, one, st.moment(evse), duration_s, supply))
    steps: list[tuple[float, float]] = []
    for offset_s in sorted({offset for part in parts for offset, _ in part}):
        watts = sum(_at(part, offset_s) for part in parts)
        value = round(watts if unit == "W" else watts / volts, 1)
        if not steps or steps[-1][1] != value:
            steps.append((offset_s, value))
    return steps


def _at(part: list[tuple[float, Grant]], offset_s: float) -> float:
    grant = next(g for start_s, g in reversed(part) if start_s <= offset_s)
    return grant.limit_w if grant.setpoint_w is None else grant.setpoint_w
