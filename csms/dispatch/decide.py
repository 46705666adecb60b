"""From a snapshot of the fleet to setpoints: AC state, bias, optimum, AC check, rounding. The stopwatch comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import numpy as np

from csms.dispatch.alarms import Overdraw, evse_alarms, feeder_alarms, is_quiet
from csms.dispatch.asked import Asked, asked
from csms.dispatch.belief.carried import Carried
from csms.dispatch.belief.steady import SteadyOffsets
from csms.dispatch.belief.twin import Twin
from csms.dispatch.explain import orders_of
from csms.dispatch.frequency.frequency_support import droop_power_w
from csms.dispatch.frequency.own_droop import own_band
from csms.dispatch.frequency.regulation import Regulated, regulate, regulation_view, reserve_alarms
from csms.dispatch.frequency.response import ResponseMeter
from csms.dispatch.frequency.tripping import Tripping
from csms.dispatch.next_kw import next_kw
from csms.dispatch.optimum.ac_check import AcCheck, Limits, Trial
from csms.dispatch.optimum.corrected import Dispatch, Dispatcher, Fairness, Requests
from csms.dispatch.optimum.safe_power import base_loads, safe_powers
from csms.dispatch.orders import Orders
from csms.dispatch.ramp import Ramp
from csms.dispatch.sequence import sequenced
from csms.dispatch.sight.meters import read_powers, read_volt_meters
from csms.dispatch.sight.places import Places
from csms.dispatch.sight.snapshot import Snapshot
from csms.dispatch.views import Cycle
from csms.domain.der import FreqDroop
from csms.domain.feeder_view import FeederSummary, FeederView, RegulationView
from csms.domain.fleet import EvsePlace
from csms.grid.network import BoolArray, Feeder, FloatArray
from csms.ids import EvseKey
from csms.units import NOMINAL_PHASE_V


class Stopwatch(Protocol):
    def monotonic(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Decision:
    orders: Orders
    cycle: Cycle

    @property
    def summary(self) -> FeederSummary:
        return self.cycle.summary

    @property
    def view(self) -> FeederView:
        """Made when it is asked for."""
        return self.cycle.view


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The state of the feeder at the start of a cycle."""

    check: AcCheck
    here: Trial
    v_pu: FloatArray  # (n, m) measured where it is, else modelled


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
        nominal_hz: float = 50.0,
        tripping: Tripping | None = None,
        fairness: Fairness = Fairness.PROPORTIONAL,
        site: str = "",
    ) -> None:
        """``droop``: evaluated here, for stations that cannot run one; ``site``: the feeder's name in the settings."""
        self.feeder = feeder
        self.limits = limits
        self.places = places
        self.rows = rows = Places.of(feeder, places)
        self._site = site
        self._fairness = fairness
        self._dispatcher = Dispatcher(feeder, rows.bus, rows.phases, limits, fairness=fairness)
        half = 0.5 * limits.margin_pu
        self._on_the_way = replace(
            limits, v_min_pu=limits.v_min_pu + half, v_max_pu=limits.v_max_pu - half
        )
        self._base = base_loads(self._dispatcher)
        self.safe_w = safe_powers(self._dispatcher, rows, most_frac=safe_frac)
        self.safe_power_w = dict(zip(rows.keys, self.safe_w.tolist(), strict=True))
        self._ramp = Ramp(ramp_w_per_min, period_s, rows.step_w, rows.min_w, self._rounded_down)
        self._period_s = period_s
        self._response = ResponseMeter()
        self._tripping = tripping
        self._droop = droop
        self._nominal_hz = nominal_hz
        low_voltage = feeder.base_v[rows.bus] < 1_000.0
        self.nominal_phase_v = (
            float(feeder.base_v[rows.bus[0]])
            if len(rows) and low_voltage.all()
            else NOMINAL_PHASE_V
        )
        self._evse_buses: BoolArray = self._dispatcher.solver.load_w(np.ones(len(rows))) > 0.0
        self._warm_up()
        self._import_limit_va: float | None = None
        self._carried = Carried(len(rows), self._dispatcher.solver.m)
        self._offsets = SteadyOffsets(feeder.n_bus, self._dispatcher.solver.m)
        self._twin = Twin(
            self._dispatcher.solver, [str(key) for key in rows.keys], rows.max_power_w
        )
        self._cycle = 0
        self._overdraw = Overdraw(len(rows))
        self._ordered_w = np.full(len(rows), np.nan)

    def planning_dispatcher(self) -> Dispatcher:
        """Another solver for the same feeder and limits, which a planner may use in another thread."""
        return Dispatcher(self.feeder, self.rows.bus, self.rows.phases, self.limits)

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
            capped, self.rows.bus, self.rows.phases, self.limits, fairness=self._fairness
        )
        self._import_limit_va = limit_va

    def forget_orders(self) -> None:
        """As if nothing had been ordered yet."""
        self._ordered_w[:] = np.nan

    def _warm_up(self) -> None:
        """Compile the kernels now: the first cycle must not stop the event loop for seconds."""
        nothing = np.zeros(len(self.rows))
        done = self._dispatcher.step(
            *self._base, Requests.simple(nothing, 2.0 * self.safe_w + 1.0, self.safe_w + 1.0)
        )
        next_kw(self.feeder, done.ac, self._evse_buses)
        self._dispatcher.reset()

    def decide(self, snapshot: Snapshot, now: datetime, stopwatch: Stopwatch) -> Decision:
        """Setpoints for all EVSEs with a transaction. Raises ``PowerFlowDivergedError`` when the measured state has
        no AC solution, ``DispatchError`` when the problem is not one."""
        begun_s = stopwatch.monotonic()
        self._cycle += 1
        asked_for = self._asked(snapshot)
        seen = self._look(snapshot, now)
        solve_s = stopwatch.monotonic()
        dispatch, regulated = self._dispatch(snapshot, asked_for, seen)
        solved_s = stopwatch.monotonic()
        setpoint_w = self._sent_w(snapshot, seen, dispatch)
        overdraws = self._overdraw.judge(
            snapshot, self._ordered_w, quiet=is_quiet(snapshot, self._droop)
        )
        orders = orders_of(
            self.feeder, self.rows, snapshot, asked_for, dispatch, regulated, setpoint_w, self.safe_w
        )  # fmt: skip
        self._ordered_w = np.where(orders.told, orders.power_w, np.nan)
        regulation = self._regulation(snapshot, regulated, setpoint_w)
        alarms = (
            *feeder_alarms(self.feeder.name, dispatch),
            *evse_alarms(self.rows.keys, snapshot, overdraws),
            *self._twin.alarms(),
            *(reserve_alarms(regulation) if regulation else ()),
        )
        assert seen.here.pf is not None
        state, lowest = seen.here.pf, int(np.nanargmin(seen.v_pu))
        summary = FeederSummary(
            site=self._site, feeder=self.feeder.name, cycle=self._cycle, at=now,
            limit_low_pu=float(np.min(self.limits.v_min_pu)),
            limit_high_pu=float(np.max(self.limits.v_max_pu)),
            worst_v_pu=float(seen.v_pu.flat[lowest]),
            worst_bus=self.feeder.bus_names[lowest // seen.v_pu.shape[1]],
            predicted_worst_v_pu=float(np.nanmin(dispatch.v_pu)),
            import_w=float(state.source_va.real), loss_w=float(state.loss_w),
            frequency_hz=snapshot.frequency_hz, curtailed_w=orders.curtailed_w,
            alarms=alarms, regulation=regulation,
            solve_ms=(solved_s - solve_s) * 1e3, cycle_ms=(stopwatch.monotonic() - begun_s) * 1e3,
        )  # fmt: skip
        cycle = Cycle(
            summary, self.feeder, self.rows, snapshot, orders, state, seen.v_pu,
            load_w=self._base[0], evse_load_w=self._dispatcher.solver.load_w(snapshot.assumed_w),
            evse_buses=self._evse_buses, believed=self._twin.believed,
        )  # fmt: skip
        return Decision(orders, cycle)

    def _asked(self, snapshot: Snapshot) -> Asked:
        hz, caps_w = snapshot.frequency_hz, np.full(len(self.rows), np.inf)
        if self._tripping is not None:
            caps_w = self._tripping.caps_w(hz, self._period_s, snapshot.trips_itself)
        droop_w: FloatArray | float = 0.0
        if self._droop is not None and hz is not None:
            change_pu = droop_power_w(self._droop, hz, self._nominal_hz, rated_w=1.0)
            droop_w = np.where(snapshot.curves.on, 0.0, change_pu * self.rows.max_power_w)
        return asked(snapshot, self.rows, central_droop_w=droop_w, caps_w=caps_w)

    def _look(self, snapshot: Snapshot, now: datetime) -> _Seen:
        """The AC state of what was measured, and what the voltmeters say of the model."""
        check = self._dispatcher.checker(*self._base)
        here = check.measured(snapshot.assumed_w)
        assert here.pf is not None
        modelled = np.abs(here.pf.v_pu).reshape(self.feeder.n_bus, -1)
        volts = read_volt_meters(snapshot, self.rows, modelled.shape[1])
        volts = self._carried.to_now(volts, modelled, snapshot.new)
        if self._twin.is_due():
            power_w, sigma_w = read_powers(snapshot, self.rows)
            self._twin.judge(here.pf, *self._base, volts, power_w, sigma_w, snapshot.import_w, now)
        measured = self._twin.measured_v_pu(modelled, volts)
        measured = self._offsets.cautious(modelled, measured)
        here = check.learn(here, measured)
        return _Seen(check, here, np.where(np.isfinite(measured), measured, modelled))

    def _dispatch(
        self, snapshot: Snapshot, asked_for: Asked, seen: _Seen
    ) -> tuple[Dispatch, Regulated | None]:
        balanced = self._dispatcher.solver.m == 1
        step = partial(
            self._dispatcher.step_from, seen.check, seen.here, snapshot.assumed_w, safe_w=self.safe_w,
            droop=own_band(snapshot, self.rows, self._nominal_hz, balanced=balanced),
            last_w=self._ordered_w,
        )  # fmt: skip
        requests, floor_w = asked_for.requests, asked_for.floor_w
        dispatch = step(requests)
        if not dispatch.feasible:
            # Only where pausing every car is not enough are batteries asked to feed back: nobody's is drained so
            # that others charge.
            dispatch = step(replace(requests, lo_w=np.minimum(requests.lo_w, floor_w)))
        if snapshot.regulation is None or not dispatch.feasible:  # the feeder comes first
            return dispatch, None
        regulated = regulate(
            snapshot.regulation, requests, floor_w, snapshot.room, snapshot.led, dispatch, step
        )
        return regulated.dispatch, regulated

    def _sent_w(self, snapshot: Snapshot, seen: _Seen, dispatch: Dispatch) -> FloatArray:
        """The setpoints (N,) of this cycle: what the ramp leaves, in an order that is safe whoever hears first."""
        now_w, droop = snapshot.assumed_w, seen.check.droop
        bare_w = now_w if droop is None else droop.without_droop_w(now_w)
        still_w = self._still_w(np.minimum(bare_w, now_w), snapshot.led)
        check = seen.check.within(self._on_the_way)
        return sequenced(
            self._ramp.limit(dispatch.setpoint_w, still_w, snapshot.led),
            still_w,
            self._least_w(np.maximum(bare_w, now_w), snapshot.led),
            lambda power_w: check(power_w).breach,
            self._rounded_down,
        )

    def _still_w(self, now_w: FloatArray, led: BoolArray) -> FloatArray:
        """What each EVSE may draw until it hears of something new: its last order if higher than what it draws."""
        return np.where(led, np.maximum(now_w, np.nan_to_num(self._ordered_w)), now_w)

    def _least_w(self, now_w: FloatArray, led: BoolArray) -> FloatArray:
        """The least that each may draw until then; one that nobody leads may have stopped."""
        last_w = np.nan_to_num(self._ordered_w, nan=np.inf)
        return np.minimum(now_w, np.where(led, last_w, 0.0))

    def _rounded_down(self, power_w: FloatArray) -> FloatArray:
        step = np.where(self.rows.step_w > 0.0, self.rows.step_w, 1.0)
        whole = np.floor(power_w / step + 1e-9) * step
        return np.where((whole > 0.0) & (whole < self.rows.min_w), 0.0, whole)

    def _regulation(
        self, snapshot: Snapshot, regulated: Regulated | None, setpoint_w: FloatArray
    ) -> RegulationView | None:
        if snapshot.regulation is None or regulated is None:
            return None
        return regulation_view(
            snapshot.regulation, regulated, setpoint_w, snapshot.assumed_w, snapshot.led,
            self._response, self._period_s,
        )  # fmt: skip
