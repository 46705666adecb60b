"""The whole 1-s loop of one large feeder: ``python -m tests.bench.loop_bench --json``.

10,000 EVSEs on a feeder of 10,000 buses, all charging, metered (power and voltage) and held back by the voltage limit.
A turn of the loop reads the live picture, solves the AC state, estimates it every fifth time, dispatches, verifies by
AC before and after rounding, and picks what must be sent; stations answer at once. Figures are CPU ms a turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import numpy as np

from csms import collector
from csms.dispatch.decide import FeederDesk
from csms.dispatch.frequency.own_droop import SeenFrequency
from csms.dispatch.loop import DispatchLoop
from csms.dispatch.optimum.ac_check import Limits
from csms.dispatch.sight.roster import Roster
from csms.dispatch.signals import GridSignals
from csms.domain.der import FreqDroop
from csms.domain.fleet import EvsePlace, Fleet
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading, Phases
from csms.grid import power_flow
from csms.ids import EvseKey, StationId, TransactionId
from csms.services.live import LiveBus
from tests.bench.grid_feeders import comb

BUSES = EVSES = 10_000
LEASE_S = 60.0
METER_CLASS, NOISE_V = 0.001, 0.03
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SETTLE = 6
DROOP = FreqDroop(
    over_freq_hz=50.2, under_freq_hz=49.8, over_droop_pu=0.05, under_droop_pu=0.05,
    response_time_s=1.0,
)  # fmt: skip


class Clock:
    """A second a turn, whatever it takes."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now_s)


class Stations:
    """They do as they are told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.told = 0

    async def apply(self, _station: Any, evse: Any, power_w: float) -> None:
        evse.commanded_before_w, evse.commanded_w = evse.commanded_w, power_w
        evse.commanded_s = self._clock.monotonic()
        self.told += 1


class Site:
    def __init__(self, *, telling: float, droop: bool) -> None:
        """``telling``: the share of meters that say something new each second."""
        rng = np.random.default_rng(0)
        self._noise = Random(1)
        self._gain = rng.normal(1.0, METER_CLASS, EVSES).tolist()
        self._every = max(1, round(1.0 / telling))
        self.feeder = comb(BUSES, min_v_pu=0.96)
        buses = rng.integers(1, BUSES, EVSES)
        rating_w = rng.uniform(0.5, 1.5, EVSES) * 2.7e6 / EVSES
        self.places = {
            EvseKey(StationId(f"CP{i:05d}"), 1): EvsePlace(
                bus=self.feeder.bus_names[bus], phases=Phases.ABC, max_power_w=float(watts),
                min_current_a=0.0, step_w=5.0,
            )
            for i, (bus, watts) in enumerate(zip(buses.tolist(), rating_w, strict=True))
        }  # fmt: skip
        self.clock = Clock()
        self.fleet = Fleet()
        self.stations = Stations(self.clock)
        desk = FeederDesk(
            self.feeder, self.places, Limits(0.95, 1.05), safe_frac=0.25, ramp_w_per_min=1e9,
            period_s=1.0, droop=None,
        )  # fmt: skip
        roster = Roster(self.fleet, self.places, curve=lambda _key: DROOP if droop else None)
        self.loop = DispatchLoop(
            desk, roster, self.stations, LiveBus(), self.clock, self._spawn,  # type: ignore[arg-type]
            GridSignals(self.clock), SeenFrequency(remember_s=10.0),
            period_s=1.0, lease_s=LEASE_S, stale_after_s=15.0,
        )  # fmt: skip
        self._plug_in()
        self._turn = 0

    def _spawn(self, task: Coroutine[Any, Any, None], _name: str) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(task)

    def _plug_in(self) -> None:
        now = self.clock.now()
        for key, place in self.places.items():
            station = self.fleet.station(key.station_id)
            station.version, station.connected = "2.0.1", True
            evse = station.evse(1)
            evse.place = place
            evse.transaction = Transaction(
                station_id=key.station_id, transaction_id=TransactionId("1"), evse_id=1, started=now
            )

    def meter(self) -> None:
        """Each EVSE draws what it was told, give or take a watt; the voltages are of a plant with less load."""
        evses = [self.fleet.station(key.station_id).evse(1) for key in self.places]
        power_w = np.array([evse.commanded_w or 0.0 for evse in evses])
        p_w, q_var = self.feeder.p_w.sum(axis=1), self.feeder.q_var.sum(axis=1)
        bus = np.array([self.feeder.bus(place.bus) for place in self.places.values()])
        load_w = 0.95 * p_w + np.bincount(bus, power_w, BUSES)
        volts = (power_flow.solve(self.feeder, load_w, 0.95 * q_var).vm_pu * 230.0)[bus].tolist()
        now, now_s = self.clock.now(), self.clock.monotonic()
        for i in range(
            0 if self._turn < 2 else self._turn % self._every,
            EVSES,
            1 if self._turn < 2 else self._every,
        ):
            evse, v = evses[i], volts[i] * self._gain[i] + self._noise.gauss(0.0, NOISE_V)
            evse.reading = MeterReading(
                at=now, power_w=power_w[i] + self._noise.random(), frequency_hz=50.0,
                voltage_v=(v, v, v),
            )  # fmt: skip
            evse.reading_received_s = evse.changed_s = now_s

    async def turn(self) -> tuple[float, Any]:
        """CPU ms of the loop alone."""
        self.clock.now_s += 1.0
        self.meter()
        self._turn += 1
        begun_s = time.process_time()
        decision = self.loop.cycle()
        took_ms = 1e3 * (time.process_time() - begun_s)
        for _ in range(2):  # those that send, and then what they began
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        return took_ms, decision


async def measure(turns: int, *, telling: float, droop: bool = False) -> dict[str, float]:
    site = Site(telling=telling, droop=droop)
    for _ in range(SETTLE):
        await site.turn()
    site.stations.told = 0
    collector.settle()  # as `csms serve` does
    took: list[float] = []
    for _ in range(turns):
        one, decision = await site.turn()
        took.append(one)
    view = decision.summary
    return {
        "turn_ms_p50": float(np.percentile(took, 50)),
        "turn_ms_p90": float(np.percentile(took, 90)),
        "turn_ms_max": float(max(took)),
        "sent_per_turn": site.stations.told / turns,
        "lowest_v_pu": float(view.predicted_worst_v_pu),
        "curtailed_kw": float(view.curtailed_w) / 1e3,
    }


CASES: dict[str, dict[str, Any]] = {
    "meters every 10 s": {"telling": 0.1},
    "meters every second": {"telling": 1.0},
    "meters every 10 s, all with droop": {"telling": 0.1, "droop": True},
}


def run(turns: int = 30) -> dict[str, Any]:
    return {name: asyncio.run(measure(turns, **case)) for name, case in CASES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    result = run()
    if arguments.json:
        print(json.dumps(result))
        return
    for name, part in result.items():
        print(f"{name:36s} " + "  ".join(f"{k} {v:.4g}" for k, v in part.items()))


if __name__ == "__main__":
    main()
