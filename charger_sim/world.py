"""Stations on their feeder and in their power system: one tick of physics, no event loop.

Sign: chargers' power > 0 charges. A tick decides the grants once, integrates frequency and powers
in sub-steps, then solves the voltages and hands them to the chargers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from charger_sim.plant import (
    FrequencyState,
    FrequencySystem,
    Injection,
    PlantFeeder,
    PowerFlow,
)
from charger_sim.station.station import Station

GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class GenerationLoss:
    """``power_w`` of generation trips at ``at_s``."""

    at_s: float
    power_w: float


@dataclass(slots=True)
class WorldRecord:
    """What the plant has seen. Voltages are the lowest of any bus and phase; those of the first
    ``GRACE_S`` seconds are in ``worst_v_pu`` but not in ``seconds_below_limit`` and in
    ``lowest_by_phase_v_pu``. The nadir is that since the first generation loss, ``None`` before
    one; ``nadir_without_ev_hz`` that of the same system with no charger on it."""

    worst_v_pu: float = 1.0
    worst_bus: str = ""
    seconds_below_limit: float = 0.0
    lowest_by_phase_v_pu: tuple[float, float, float] = (1.0, 1.0, 1.0)
    nadir_hz: float | None = None
    nadir_without_ev_hz: float | None = None
    droop_peak_w: float = 0.0
    peak_power_w: float = 0.0
    ev_wh: float = 0.0
    frequency_trace: list[tuple[float, float]] = field(default_factory=list)
    power_trace: list[tuple[float, float]] = field(default_factory=list)
    voltage_trace: list[tuple[float, float]] = field(default_factory=list)

    @property
    def lowest_after_grace_v_pu(self) -> float:
        return min(self.lowest_by_phase_v_pu)


class World:
    """Advances stations and plant together."""

    def __init__(
        self,
        stations: Sequence[Station],
        feeder: PlantFeeder,
        system: FrequencySystem,
        losses: Sequence[GenerationLoss] = (),
        *,
        substep_s: float = 0.1,
    ) -> None:
        self.stations = tuple(stations)
        self.feeder = feeder
        self.record = WorldRecord()
        self.t_s = 0.0
        self.frequency = FrequencyState(system)
        self._bare = FrequencyState(system)
        self._losses = tuple(losses)
        self._substep_s = substep_s
        self._evses = [evse for station in stations for evse in station.evses.values()]
        self._flow = PowerFlow(
            feeder, [Injection(e.config.bus, e.config.phases) for e in self._evses]
        )
        self._solve()

    def tick(self, dt_s: float) -> None:
        """One step of ``dt_s`` seconds. Raises :class:`~charger_sim.plant.PlantDiverged`."""
        for station in self.stations:
            station.refresh()
        n_sub = max(1, round(dt_s / self._substep_s))
        sub_s = dt_s / n_sub
        energy_ws = 0.0
        for _ in range(n_sub):
            energy_ws += self._substep(sub_s)
        self.record.ev_wh += energy_ws / 3600.0
        self._solve()
        self._flow.advance(dt_s)
        for station in self.stations:
            station.ticked()
        self._note(dt_s)

    def _substep(self, sub_s: float) -> float:
        f_hz = self.frequency.f_hz
        power_w = sum(station.step(sub_s, f_hz) for station in self.stations)
        lost_w = sum(loss.power_w for loss in self._losses if loss.at_s <= self.t_s + 1e-9)
        s_base_va = self.frequency.system.s_base_va
        self.frequency.step(sub_s, -(lost_w + power_w) / s_base_va)
        self._bare.step(sub_s, -lost_w / s_base_va)
        self.t_s += sub_s
        record = self.record
        if lost_w > 0.0:
            record.nadir_hz = _lower(record.nadir_hz, self.frequency.f_hz)
            record.nadir_without_ev_hz = _lower(record.nadir_without_ev_hz, self._bare.f_hz)
        response_w = abs(sum(evse.response_w for evse in self._evses))
        record.droop_peak_w = max(record.droop_peak_w, response_w)
        return power_w * sub_s

    def _solve(self) -> None:
        solution = self._flow.solve((e.power_w, e.n_phases) for e in self._evses)
        self.v_pu = solution.v_pu  # (n_bus, 3), NaN where a bus lacks the phase
        for evse in self._evses:
            row = solution.v_pu[self._flow.row(evse.config.bus)]
            evse.v_pu = tuple(float(row["abc".index(p)]) for p in evse.config.phases)

    @property
    def lowest_v_pu(self) -> float:
        return float(np.nanmin(self.v_pu))

    @property
    def power_w(self) -> float:
        """All chargers together."""
        return sum(evse.power_w for evse in self._evses)

    def _note(self, dt_s: float) -> None:
        record, lowest = self.record, self.lowest_v_pu
        if lowest < record.worst_v_pu:
            record.worst_v_pu = lowest
            record.worst_bus = self.feeder.bus_ids[int(np.nanargmin(self.v_pu)) // 3]
        if self.t_s > GRACE_S:
            a, b, c = np.fmin(record.lowest_by_phase_v_pu, np.nanmin(self.v_pu, axis=0)).tolist()
            record.lowest_by_phase_v_pu = (a, b, c)
            if lowest < self.feeder.v_min_pu:
                record.seconds_below_limit += dt_s
        record.peak_power_w = max(record.peak_power_w, self.power_w)
        record.frequency_trace.append((self.t_s, self.frequency.f_hz))
        record.power_trace.append((self.t_s, self.power_w))
        record.voltage_trace.append((self.t_s, lowest))


def _lower(known: float | None, value: float) -> float:
    return value if known is None else min(known, value)
