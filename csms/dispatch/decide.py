"""From a snapshot of the fleet to setpoints: AC state, bias, optimum, AC check, rounding. The stopwatch comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import msgspec
import numpy as np

from csms.dispatch.ac_check import AcCheck, Limits
from csms.dispatch.corrected import Dispatch, Dispatcher, Fairness, Requests
from csms.dispatch.energy_room import NOT_TOLD
from csms.dispatch.frequency_support import droop_power_w
from csms.dispatch.meters import read_powers, read_volt_meters
from csms.dispatch.next_kw import next_kw
from csms.dispatch.orders import Order
from csms.dispatch.own_droop import OwnDroop
from csms.dispatch.ramp import Ramp
from csms.dispatch.regulation import Regulated, regulate, regulation_view, reserve_alarms
from csms.dispatch.response import ResponseMeter
from csms.dispatch.safe_power import base_loads, minimum_w, safe_powers
from csms.dispatch.sequence import sequenced
from csms.dispatch.snapshot import EvseNow, Footing, Snapshot
from csms.dispatch.solver import LimitKind
from csms.dispatch.steady import SteadyOffsets
from csms.dispatch.tripping import Tripping
from csms.dispatch.twin import Twin
from csms.dispatch.views import feeder_view
from csms.domain.der import FreqDroop
from csms.domain.feeder_view import FeederView, NextKwView
from csms.domain.fleet import Binding, EvsePlace
from csms.domain.values import Phases
from csms.grid.network import Feeder, FloatArray
from csms.grid.power_flow import PowerFlow
from csms.ids import EvseKey
from csms.units import NOMINAL_PHASE_V

_PHASES = {
    Phases.A: (True, False, False),
    Phases.B: (False, True, False),
    Phases.C: (False, False, True),
    Phases.ABC: (True, True, True),
}
NEXT_KW_CYCLES = 5
OVERDRAW_FRAC, OVERDRAW_W, OVERDRAW_CYCLES = 0.10, 500.0, 5


class Stopwatch(Protocol):
    def monotonic(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Decision:
    orders: tuple[Order, ...]
    view: FeederView


class FeederDesk:
    """Decides for one feeder. Keeps warm starts and counters between cycles; the world comes in as arguments."""

    def __init__(
        self,
        feeder: Feeder,
        places: Mapping[EvseKey, EvsePlace],
        limits: Limits,
        *,
        safe_frac: float,
        ramp_w_per_min: float,
        period_s: float,
        droop: FreqDroop | None,
        own_droop: OwnDroop | None = None,
        nominal_hz: float = 50.0,
        tripping: Tripping | None = None,
        fairness: Fairness = Fairness.PROPORTIONAL,
    ) -> None:
        self.feeder = feeder
        self.limits = limits
        self._places = dict(places)
        self._index = {key: i for i, key in enumerate(self._places)}
        bus = np.array([feeder.bus(place.bus) for place in self._places.values()], np.int32)
        phases = np.array([_PHASES[place.phases] for place in self._places.values()], bool)
        self._fairness = fairness
        self._dispatcher = Dispatcher(feeder, bus, phases.reshape(-1, 3), limits, fairness=fairness)
        half = 0.5 * limits.margin_pu
        self._on_the_way = replace(
            limits, v_min_pu=limits.v_min_pu + half, v_max_pu=limits.v_max_pu - half
        )
        self._bus, self._phases = bus, phases.reshape(-1, 3)
        self.safe_power_w = safe_powers(self._dispatcher, self._places, most_frac=safe_frac)
        self._step_w = np.array([place.step_w for place in self._places.values()])
        self._min_w = np.array([minimum_w(place) for place in self._places.values()])
        self._ramp = Ramp(ramp_w_per_min, period_s, self._step_w, self._min_w, self._rounded_down)
        self._period_s = period_s
        self._response = ResponseMeter()
        self._tripping = tripping
        self._caps_w: dict[EvseKey, float] = {}
        self._droop = droop
        self.own_droop = own_droop or OwnDroop()
        self._nominal_hz = nominal_hz
        low_voltage = feeder.base_v[bus] < 1_000.0 if len(bus) else np.zeros(0, bool)
        self.nominal_phase_v = (
            float(feeder.base_v[bus[0]]) if len(bus) and low_voltage.all() else NOMINAL_PHASE_V
        )
        self._next_kw: NextKwView | None = None
        self._evse_buses = self._dispatcher.solver.load_w(np.ones(len(bus))) > 0.0
        self._warm_up()
        self._import_limit_va: float | None = None
        self._offsets = SteadyOffsets()
        self._twin = Twin(
            self._dispatcher.solver,
            [str(key) for key in self._places],
            np.array([place.max_power_w for place in self._places.values()]),
        )
        self._cycle = 0
        self._overdraw: dict[EvseKey, int] = {}
        self._ordered: dict[EvseKey, float] = {}

    @property
    def places(self) -> Mapping[EvseKey, EvsePlace]:
        return self._places

    def planning_dispatcher(self) -> Dispatcher:
        """Another solver for the same feeder and limits, which a planner may use in another thread."""
        return Dispatcher(self.feeder, self._bus, self._phases, self.limits)

    def limit_import(self, limit_va: float | None) -> None:
        """Cap what the feeder draws at its source, from the next cycle on; ``None`` lifts the cap.

        Raises ``ValueError`` on a feeder whose source feeds several branches: no single one carries the import.
        """
        if limit_va == self._import_limit_va:
            return
        heads = np.flatnonzero(self.feeder.parent == 0)
        if len(heads) != 1:
            raise ValueError(f"{self.feeder.name}: its source feeds {len(heads)} branches, not one")
        rating_va = self.feeder.rating_va.copy()
        if limit_va is not None:
            rating_va[heads[0]] = min(rating_va[heads[0]], max(limit_va, 0.0))
        capped = replace(self.feeder, rating_va=rating_va)
        self._dispatcher = Dispatcher(
            capped, self._bus, self._phases, self.limits, fairness=self._fairness
        )
        self._import_limit_va = limit_va

    def _warm_up(self) -> None:
        """Compile the kernels now: the first cycle must not stop the event loop for seconds."""
        p_w, q_var = base_loads(self._dispatcher)
        safe_w = np.array(list(self.safe_power_w.values()))
        nothing = np.zeros(len(self._places))
        done = self._dispatcher.step(
            p_w, q_var, Requests.simple(nothing, 2.0 * safe_w + 1.0, safe_w + 1.0)
        )
        next_kw(self.feeder, done.ac, self._evse_buses)
        self._dispatcher.reset()

    def decide(self, snapshot: Snapshot, now: datetime, stopwatch: Stopwatch) -> Decision:
        """Setpoints for all EVSEs with a transaction. Raises ``PowerFlowDivergedError`` when the measured state has
        no AC solution, ``DispatchError`` when the problem is not one."""
        begun_s = stopwatch.monotonic()
        self._cycle += 1
        evses = {evse.key: evse for evse in snapshot.evses}
        now_w, floor_w, requests = self._requests(evses, snapshot.frequency_hz)
        p_w, q_var = base_loads(self._dispatcher)
        droop = self.own_droop.band(
            map(evses.get, self._places),
            snapshot.frequency_hz,
            balanced=self._dispatcher.solver.m == 1,
        )
        check = AcCheck(self._dispatcher.solver, self._on_the_way, p_w, q_var)
        here = check.measured(now_w)
        assert here.pf is not None
        modelled = np.abs(here.pf.v_pu).reshape(self.feeder.n_bus, -1)
        volts = read_volt_meters(self._index, evses, self._bus, self._phases, modelled.shape[1])
        if self._twin.is_due():
            power_w, sigma_w = read_powers(self._index, evses)
            self._twin.judge(here.pf, p_w, q_var, volts, power_w, sigma_w, snapshot.import_w, now)
        measured = self._twin.measured_v_pu(modelled, volts)
        measured = self._offsets.cautious(modelled, measured)
        check.learn(here, measured)
        solve_s = stopwatch.monotonic()
        step = partial(
            self._dispatcher.step, p_w, q_var, now_w=now_w, measured_v_pu=measured, droop=droop,
            safe_w=np.array([self.safe_power_w[key] for key in self._places]),
        )  # fmt: skip
        dispatch = step(requests)
        if not dispatch.feasible:
            # Only where pausing every car is not enough are batteries asked to feed back: nobody's is drained so
            # that others charge.
            given_back = replace(requests, lo_w=np.minimum(requests.lo_w, floor_w))
            dispatch = step(given_back)
        regulated: Regulated | None = None
        if snapshot.regulation is not None and dispatch.feasible:  # the feeder comes first
            rooms = [evses[k].room if k in evses else NOT_TOLD for k in self._places]
            regulated = regulate(
                snapshot.regulation, requests, floor_w, rooms, self._led(evses), dispatch, step
            )
            dispatch = regulated.dispatch
        solved_s = stopwatch.monotonic()
        led_w = now_w
        if droop is not None:
            check.droop, led_w = droop.up_to(dispatch.droop_share), droop.without_droop_w(now_w)
            check.secure(np.clip(0.0, requests.lo_w, requests.hi_w))
        still_w = self._still_w(np.minimum(led_w, now_w), evses)
        setpoint_w = sequenced(
            self._ramp.limit(dispatch.setpoint_w, still_w, self._led(evses)),
            still_w,
            self._least_w(np.maximum(led_w, now_w), evses),
            lambda power_w: check(power_w).breach,
            self._rounded_down,
        )
        alarms = self._alarms(evses, dispatch, snapshot) + self._twin.alarms()
        orders = self._orders(evses, dispatch, setpoint_w, requests, regulated)
        view = feeder_view(
            self.feeder, self.limits, here.pf, dispatch, measured, evses, orders,
            believed=self._twin.believed, next_kw=self._where_next(here.pf),
            load_w=p_w, evse_load_w=self._dispatcher.solver.load_w(now_w), cycle=self._cycle, at=now,
            frequency_hz=snapshot.frequency_hz, alarms=alarms,
            solve_ms=(solved_s - solve_s) * 1e3, cycle_ms=(stopwatch.monotonic() - begun_s) * 1e3,
        )  # fmt: skip
        if snapshot.regulation is not None and regulated is not None:
            shown = regulation_view(
                snapshot.regulation, regulated, setpoint_w, now_w, self._led(evses),
                self._response, self._period_s,
            )  # fmt: skip
            view = msgspec.structs.replace(
                view, regulation=shown, alarms=view.alarms + reserve_alarms(shown)
            )
        return Decision(orders, view)

    def _where_next(self, state: PowerFlow) -> NextKwView | None:
        """Made anew every few cycles: it moves slowly, and only people look at it."""
        if self._next_kw is None or self._cycle % NEXT_KW_CYCLES == 0:
            self._next_kw = next_kw(self.feeder, state, self._evse_buses)
        return self._next_kw

    def _requests(
        self, evses: Mapping[EvseKey, EvseNow], frequency_hz: float | None
    ) -> tuple[FloatArray, FloatArray, Requests]:
        n = len(self._places)
        now_w, lo, hi, desired = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
        floor_w = np.full(n, np.inf)
        if self._tripping is not None:
            self._caps_w = self._tripping.caps_w(frequency_hz, self._period_s)
        weight, priority = np.ones(n), np.zeros(n, np.int32)
        step, least = self._step_w.copy(), self._min_w.copy()
        for key, i in self._index.items():
            evse = evses.get(key)
            if evse is None:
                step[i] = least[i] = 0.0
                continue
            now_w[i] = evse.assumed_w
            priority[i] = evse.place.priority
            if evse.footing is Footing.LED:
                wish_w = evse.want.power_w + self._central_droop_w(evse, frequency_hz)
                floor_w[i] = evse.want.floor_w
                lo[i], hi[i] = min(evse.want.power_w, 0.0), max(evse.want.power_w, 0.0)
                if key in self._caps_w:
                    lo[i], hi[i], floor_w[i] = 0.0, min(hi[i], self._caps_w[key]), 0.0
                desired[i] = min(max(wish_w, lo[i]), hi[i])
                weight[i] = evse.want.weight
            elif evse.footing is Footing.STALE:
                # Told to go to its safe power, but it may not hear: the feeder must bear what it may still draw.
                lo[i] = hi[i] = desired[i] = evse.assumed_w
                step[i] = least[i] = 0.0
            else:
                lo[i] = hi[i] = desired[i] = evse.assumed_w
                step[i] = least[i] = 0.0
        return now_w, floor_w, Requests(lo, hi, desired, step, least, weight, priority)

    def _central_droop_w(self, evse: EvseNow, frequency_hz: float | None) -> float:
        if self._droop is None or frequency_hz is None or self.own_droop.curve(evse.key):
            return 0.0
        return droop_power_w(self._droop, frequency_hz, self._nominal_hz, evse.place.max_power_w)

    def _led(self, evses: Mapping[EvseKey, EvseNow]) -> np.ndarray:
        return np.array([k in evses and evses[k].footing is Footing.LED for k in self._places])

    def _still_w(self, now_w: FloatArray, evses: Mapping[EvseKey, EvseNow]) -> FloatArray:
        """What each EVSE may draw until it hears of something new: its last order if higher than what it draws."""
        led = self._led(evses)
        last_w = np.array([self._ordered.get(key, 0.0) for key in self._places])
        return np.where(led, np.maximum(now_w, last_w), now_w)

    def _least_w(self, now_w: FloatArray, evses: Mapping[EvseKey, EvseNow]) -> FloatArray:
        """The least that each may draw until then; one that nobody leads may have stopped."""
        last_w = np.array([self._ordered.get(key, np.inf) for key in self._places])
        return np.minimum(now_w, np.where(self._led(evses), last_w, 0.0))

    def _rounded_down(self, power_w: FloatArray) -> FloatArray:
        step = np.where(self._step_w > 0.0, self._step_w, 1.0)
        whole = np.floor(power_w / step + 1e-9) * step
        return np.where((whole > 0.0) & (whole < self._min_w), 0.0, whole)

    def _orders(
        self,
        evses: Mapping[EvseKey, EvseNow],
        dispatch: Dispatch,
        setpoint_w: FloatArray,
        requests: Requests,
        regulated: Regulated | None,
    ) -> tuple[Order, ...]:
        orders: list[Order] = []
        ordered: dict[EvseKey, float] = {}
        for key, i in self._index.items():
            evse = evses.get(key)
            if evse is None or evse.footing not in (Footing.LED, Footing.STALE):
                continue
            if evse.footing is Footing.STALE:
                power_w = self.safe_power_w[key]
                binding: Binding | None = Binding(
                    kind="telemetry", where=str(key), source="fallback"
                )
            else:
                power_w = float(setpoint_w[i])
                wished_w = float(requests.desired_w[i])
                binding = self._binding(dispatch, i, evse, power_w, wished_w)
                if regulated is not None and regulated.target_w[i] < wished_w - 1.0:
                    binding = Binding(kind="frequency", where=str(key), source="regulation")
            ordered[key] = power_w
            orders.append(Order(key, power_w, evse.want.power_w, binding))
        self._ordered = ordered
        return tuple(orders)

    def _binding(
        self, dispatch: Dispatch, i: int, evse: EvseNow, power_w: float, desired_w: float
    ) -> Binding | None:
        if power_w >= evse.want.power_w - 1.0:
            held = evse.want.scheduled and power_w < evse.place.max_power_w - 1.0
            return Binding(kind="schedule", where=str(evse.key), source="planner") if held else None
        kind = LimitKind(int(dispatch.binding_kind[i]))
        if kind is not LimitKind.NONE:
            bus = self.feeder.bus_names[int(dispatch.binding_bus[i])]
            names = {
                LimitKind.VOLTAGE_LOW: "voltage_low",
                LimitKind.VOLTAGE_HIGH: "voltage_high",
                LimitKind.FLOW_IN: "line",
                LimitKind.FLOW_OUT: "line",
            }
            return Binding(kind=names[kind], where=bus, source=f"feeder {self.feeder.name}")
        if desired_w < evse.want.power_w - 1.0:
            source = "ride-through" if evse.key in self._caps_w else "droop"
            return Binding(kind="frequency", where=str(evse.key), source=source)
        if power_w < dispatch.setpoint_w[i] - 1.0:
            return Binding(kind="ramp", where=self.feeder.name, source="waits for others to fall")
        return Binding(kind="step", where=str(evse.key), source="station")

    def _alarms(
        self, evses: Mapping[EvseKey, EvseNow], dispatch: Dispatch, snapshot: Snapshot
    ) -> tuple[str, ...]:
        alarms: list[str] = []
        if not dispatch.feasible:
            alarms.append(
                f"no setpoints keep {self.feeder.name} inside its limits: "
                f"breach {dispatch.breach_pu:.4f} pu after curtailing all that may be curtailed"
            )
        hz, call = snapshot.frequency_hz, snapshot.regulation
        quiet = (
            hz is None
            or self._droop is None
            or self._droop.under_freq_hz <= hz <= self._droop.over_freq_hz
        ) and not (call is not None and call.change_w)  # a meter is late behind a moving setpoint
        if dispatch.droop_share < 1.0:
            alarms.append(
                f"{self.feeder.name} would bear {dispatch.droop_share:.0%} of its chargers' full droop"
            )
        for evse in evses.values():
            ordered_w = self._ordered.get(evse.key)
            over = (
                quiet
                and evse.footing is Footing.LED
                and ordered_w is not None
                and evse.measured_w > ordered_w + max(OVERDRAW_W, OVERDRAW_FRAC * abs(ordered_w))
            )
            count = self._overdraw.get(evse.key, 0) + 1 if over else 0
            self._overdraw[evse.key] = count
            if count >= OVERDRAW_CYCLES:
                alarms.append(f"{evse.key} draws more than it is told to")
            if evse.footing is Footing.STALE:
                alarms.append(f"{evse.key}: meter values are old, frozen or absurd")
        return tuple(alarms)
