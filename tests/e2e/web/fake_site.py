"""A site without stations for looking at the pages: IEEE 33 by LinDistFlow, twenty chargers that come and go.

``python -m tests.e2e.web.fake_site`` serves it on port 8099 and prints a one-time password. It makes pictures, not
measurements: the real loop and the real stations are elsewhere.
"""

from __future__ import annotations

import asyncio
import math
import sys
import tomllib
from collections import defaultdict
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import uvicorn

from csms.api.app import create_api
from csms.clock import SystemClock
from csms.domain.commands import CommandRecord, CommandState
from csms.domain.feeder_view import (
    BranchView,
    BusView,
    EstimateView,
    EvseDecision,
    FeederView,
    NextKwPlace,
    NextKwView,
    RejectedMeter,
)
from csms.domain.fleet import EvsePlace
from csms.domain.records import (
    CommandWritten,
    StationRecord,
    TransactionRecord,
    VariableRecord,
)
from csms.domain.transaction import Register, Span, Transaction
from csms.domain.values import ConnectorStatus, IdToken, MeterReading, Phases
from csms.ids import CommandId, StationId, TransactionId, Uuid7
from csms.services.api_keys import Role
from csms.web.app import create_web
from tests.unit.api.fakes import FakeCycle, FakeKnock, Site, make_site

FEEDERS = Path(__file__).resolve().parents[3] / "csms" / "grid" / "feeders"
LOW_PU, HIGH_PU = 0.90, 1.10
BUSES = [17, 16, 14, 13, 12, 32, 31, 30, 29, 28, 24, 23, 21, 20, 10, 9, 8, 6, 4, 2]
KIND = {0: "1.6", 1: "2.0.1", 2: "2.1"}


class Scene:
    """Moves the fake site on by one second at a time."""

    def __init__(self, site: Site, seed: int = 3, *, limited: bool = True) -> None:
        self.site = site
        self.rng = Random(seed)
        self.limited = limited
        self.cycle = 0
        self.begun = site.clock.now()
        table = tomllib.loads((FEEDERS / "ieee33.toml").read_text())
        self.branches = [(a, b, r, x) for a, b, r, x in table["branches"]["rows"]]
        self.loads = {bus: (p, q) for bus, p, q in table["loads"]["rows"]}
        self.new_id = Uuid7(site.clock, self.rng)

    async def build(self) -> None:
        now = self.site.clock.now()
        for number, bus in enumerate(BUSES):
            station_id = StationId(f"CP-{number + 1:03d}")
            station = self.site.deps.fleet.station(station_id)
            station.version = KIND[number % 3]
            station.connected = number != 13
            station.connected_at, station.last_message = now, now
            station.vendor, station.model, station.firmware = "Example", "EX-60", "1.4.2"
            station.remote, station.booted = f"192.0.2.{10 + number}", True
            station.clock_skew_s = self.rng.gauss(0, 0.4)
            evse = station.evse(1)
            discharge_w = 30_000.0 if number % 3 == 2 else 0.0
            evse.place = EvsePlace(
                bus=str(bus), phases=Phases.ABC, max_power_w=60_000.0, max_discharge_w=discharge_w
            )
            evse.connectors[1] = ConnectorStatus.CHARGING
            if number % 7 == 5:
                evse.connectors[1] = ConnectorStatus.AVAILABLE
            else:
                evse.transaction = Transaction(
                    station_id=station_id,
                    transaction_id=TransactionId(f"tx-{number + 1:04d}"),
                    evse_id=1,
                    token=IdToken(value=f"04A2C9{number:02d}E1", kind="ISO14443"),
                    started=now - timedelta(minutes=7 * number + 2),
                    charging_state="Charging",
                    imported=Span(
                        first=Register(at=now, wh=1000.0),
                        last=Register(at=now, wh=1000.0 + 700.0 * number),
                    ),
                )
                await self.site.store.commit(TransactionRecord(transaction=evse.transaction))
            await self.site.store.commit(
                StationRecord(station_id=station_id, enabled=True),
                VariableRecord(
                    station_id=station_id,
                    component="SmartChargingCtrlr",
                    variable="RateUnit",
                    value="W",
                    at=now,
                    mutability="ReadOnly",
                ),
                VariableRecord(
                    station_id=station_id,
                    component="SecurityCtrlr",
                    variable="BasicAuthPassword",
                    value="planted-password-1",
                    at=now,
                ),
            )
        self.site.admission.waiting = [
            FakeKnock(claimed_id="GARAGE-7", first_at=now, last_at=now, count=12),
            FakeKnock(
                claimed_id="CP-002",
                address="198.51.100.4",
                reason="wrong_password",
                first_at=now,
                last_at=now,
                count=2,
            ),
        ]

    def step(self) -> FeederView:
        self.cycle += 1
        now, now_s = self.site.clock.now(), self.site.clock.monotonic()
        dip = 0.35 * math.exp(-(((self.cycle % 90) - 40) ** 2) / 60)
        frequency_hz = 50.0 + 0.012 * math.sin(self.cycle / 7) - dip + self.rng.gauss(0, 0.003)
        evse_w: dict[str, float] = defaultdict(float)
        decisions = []
        for number, station in enumerate(self.site.deps.fleet):
            evse = station.evse(1)
            assert evse.place is not None
            if not station.connected or evse.transaction is None:
                continue
            wanted_w = 55_000.0 - 900.0 * (number % 5)
            setpoint_w = wanted_w
            limit = None
            if self.limited and number < 12:
                setpoint_w = wanted_w * (0.25 + 0.05 * number)
                limit = ("voltage_low", "17" if number < 5 else "32", "feeder")
            if evse.place.max_discharge_w > 0 and (dip > 0.1 or number == 2):
                setpoint_w = -18_000.0
            power_w = setpoint_w * (0.97 + 0.02 * self.rng.random())
            evse.commanded_w = setpoint_w
            evse.reading = MeterReading(
                at=now,
                power_w=power_w,
                soc_frac=min(1.0, 0.3 + 0.03 * number + self.cycle * 1e-4),
                frequency_hz=frequency_hz,
            )
            evse.reading_received_s = now_s
            station.last_message = now - timedelta(seconds=(number * 7 + self.cycle) % 4)
            self._message(station.station_id, power_w)
            evse_w[evse.place.bus] += power_w
            decisions.append(
                EvseDecision(
                    station_id=station.station_id,
                    evse_id=1,
                    bus=evse.place.bus,
                    measured_w=power_w,
                    wanted_w=wanted_w,
                    setpoint_w=setpoint_w,
                    stale=number == 8 and self.cycle % 30 < 8,
                    limit_kind=limit[0] if limit else None,
                    limit_where=limit[1] if limit else None,
                    limit_source=limit[2] if limit else None,
                )
            )
            evse.decided = partial(decisions.__getitem__, len(decisions) - 1)
        view = self._view(frequency_hz, evse_w, tuple(decisions))
        self.site.views[:] = [view]
        self.site.deps.live.publish("feeder", FakeCycle(view))
        self._commands()
        return view

    def _view(
        self, frequency_hz: float, evse_w: dict[str, float], decisions: tuple[EvseDecision, ...]
    ) -> FeederView:
        flow_w: dict[str, float] = {}
        flow_var: dict[str, float] = {}
        for _from, to, _r, _x in reversed(self.branches):
            below = [b for a, b, _, _ in self.branches if a == to]
            load = self.loads.get(to, (0.0, 0.0))
            flow_w[to] = load[0] + evse_w.get(to, 0.0) + sum(flow_w[b] for b in below)
            flow_var[to] = load[1] + sum(flow_var[b] for b in below)
        v_pu = {"0": 1.0}
        for begin, to, r_ohm, x_ohm in self.branches:
            drop = (r_ohm * flow_w[to] + x_ohm * flow_var[to]) / 12_660.0**2
            v_pu[to] = math.sqrt(max(0.25, v_pu[begin] ** 2 - 2 * drop))
        worst = min(v_pu, key=lambda bus: v_pu[bus])
        return FeederView(
            site=self.site.feeder.name,
            feeder="ieee33",
            cycle=self.cycle,
            at=self.site.clock.now(),
            limit_low_pu=LOW_PU,
            limit_high_pu=HIGH_PU,
            worst_v_pu=v_pu[worst],
            worst_bus=worst,
            predicted_worst_v_pu=v_pu[worst],
            import_w=flow_w["1"],
            loss_w=0.05 * flow_w["1"],
            frequency_hz=frequency_hz,
            curtailed_w=sum(one.curtailed_w for one in decisions),
            solve_ms=2.1,
            cycle_ms=6.0 + self.rng.random(),
            alarms=(f"bus {worst} below {LOW_PU} pu",) if v_pu[worst] < LOW_PU else (),
            buses=tuple(
                BusView(
                    name=bus,
                    v_pu=(v, v, v),
                    load_w=self.loads.get(bus, (0.0, 0.0))[0],
                    evse_w=evse_w.get(bus, 0.0),
                    estimate_v_pu=(v - 0.0007, v - 0.0007, v - 0.0007),
                    sigma_v_pu=(0.0021, 0.0021, 0.0021),
                )
                for bus, v in v_pu.items()
            ),
            branches=tuple(
                BranchView(
                    from_bus=begin,
                    to_bus=to,
                    power_w=flow_w[to],
                    loading_frac=flow_w[to] / 4_900_000.0 if to in ("1", "2") else None,
                )
                for begin, to, _r, _x in self.branches
            ),
            evses=decisions,
            estimate=EstimateView(
                at=self.site.clock.now(),
                lowest_v_pu=v_pu[worst] - 0.0007,
                lowest_sigma_pu=0.0021,
                lowest_bus=worst,
                meters=37,
                rejected=(
                    RejectedMeter(
                        meter="CP-011/1",
                        bus="24",
                        phase="",
                        quantity="voltage",
                        told=1.0412,
                        expected=0.9468,
                        sigmas=14.2,
                        since=self.begun,
                    ),
                ),
                load_level_frac=0.93,
            ),
            next_kw=NextKwView(
                best=tuple(
                    NextKwPlace(bus=bus, phase="", loss_kw_per_kw=loss, v_pu_per_kw=volt)
                    for bus, loss, volt in (
                        ("1", 0.0048, -1.6e-6),
                        ("18", 0.0052, -1.7e-6),
                        ("21", 0.0125, -1.9e-6),
                        ("22", 0.0317, -9.0e-6),
                        ("24", 0.0496, -9.1e-6),
                    )
                ),
                worst=tuple(
                    NextKwPlace(bus=bus, phase="", loss_kw_per_kw=loss, v_pu_per_kw=volt)
                    for bus, loss, volt in (
                        ("17", 0.1472, -9.13e-5),
                        ("16", 0.1449, -8.7e-5),
                        ("32", 0.1265, -4.1e-5),
                        ("30", 0.1237, -4.0e-5),
                        ("24", 0.0496, -9.1e-6),
                    )
                ),
            ),
        )

    def _message(self, station_id: str, power_w: float) -> None:
        frame = (
            f'[2,"{self.cycle}","TransactionEvent",{{"eventType":"Updated","idToken":'
            f'{{"idToken":"04A2C9E1","type":"ISO14443"}},"meterValue":[{{"sampledValue":[{{"value":{power_w:.0f}}}]}}]}}]'
        )
        self.site.deps.messages.add(station_id, "in", frame, self.site.clock.now())
        self.site.deps.messages.add(
            station_id, "out", f'[3,"{self.cycle}",{{}}]', self.site.clock.now()
        )

    def _commands(self) -> None:
        now = self.site.clock.now()
        for _ in range(2):
            station = self.rng.choice(list(self.site.deps.fleet))
            slow = self.rng.random() < 0.05
            trip_ms = self.rng.lognormvariate(2.2, 0.5) * (20 if slow else 1)
            record = CommandRecord(
                command_id=CommandId(self.new_id()),
                station_id=station.station_id,
                action="UpdateDynamicSchedule"
                if station.version == "2.1"
                else "SetChargingProfile",
                payload={},
                issued_by="dispatch",
                created=now,
                state=CommandState.REJECTED if self.rng.random() < 0.04 else CommandState.ACCEPTED,
                status="Accepted",
                sent=now,
                answered=now,
                queue_ms=self.rng.random() * 2,
                round_trip_ms=trip_ms,
            )
            self.site.store.by_command[record.command_id] = CommandWritten(record=record).record
            self.site.deps.live.publish("command", record)


class BehindClock(SystemClock):
    """The machine's clock, set back while the scene's past is made."""

    behind_s = 0.0

    def now(self) -> datetime:
        return super().now() - timedelta(seconds=self.behind_s)


async def serve(port: int) -> None:
    clock = BehindClock()
    site = make_site(clock)  # type: ignore[arg-type]
    scene = Scene(site)
    await scene.build()
    app = create_web(create_api(site.deps), site.deps)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    task = asyncio.create_task(server.serve())
    password = site.deps.access.one_time.issue(Role.ADMIN)
    print(f"http://127.0.0.1:{port}  password {password}", flush=True)
    await asyncio.sleep(0.5)
    for behind_s in range(110, 0, -1):
        clock.behind_s = behind_s
        scene.step()
    clock.behind_s = 0.0
    while not task.done():
        scene.step()
        await asyncio.sleep(1.0)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8099))
