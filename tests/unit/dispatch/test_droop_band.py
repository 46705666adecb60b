"""Setpoints under the droop that chargers run by themselves, on a feeder whose phases are coupled."""

from __future__ import annotations

import numpy as np
import pytest

from csms.dispatch.optimum.ac_check import AcCheck
from csms.dispatch.optimum.corrected import Dispatch, Dispatcher, Limits, Requests
from csms.dispatch.optimum.droop_band import DroopBand, droop_band
from csms.dispatch.optimum.solver import DispatchSolver
from csms.dispatch.sight.curves import Curves
from csms.domain.der import FreqDroop
from csms.domain.fleet import EvsePlace
from csms.domain.values import MeterReading, Phases
from csms.grid import feeder_file
from csms.grid.network import balanced_feeder
from tests.unit.dispatch.wishes import wish
from tests.unit.grid.oracles import pgm_voltages
from tests.unit.services.fakes import T0

LV = feeder_file.builtin("european-lv")
V_MIN, V_MAX = 0.90, 1.10
RATED_W = 7_400.0
N_ON_A, N_ON_B = 7, 10
ON_A = np.arange(N_ON_A + N_ON_B) < N_ON_A


def dispatched(*, counted: bool) -> tuple[Dispatcher, Dispatch]:
    """Bidirectional chargers on phase a, others on b."""
    phases = np.zeros((len(ON_A), 3), bool)
    phases[ON_A, 0] = phases[~ON_A, 1] = True
    bus = np.concatenate([np.flatnonzero(LV.p_w[:, f])[-n:] for f, n in ((0, N_ON_A), (1, N_ON_B))])
    dispatcher = Dispatcher(LV, bus, phases, Limits(V_MIN, V_MAX, margin_pu=0.001))
    hi_w = np.full(len(ON_A), RATED_W)
    full_w = np.where(ON_A, -RATED_W, 0.0)
    band = DroopBand(full_w, np.zeros(len(ON_A)), full_w, hi_w) if counted else None
    wish = Requests.simple(np.zeros(len(ON_A)), hi_w, hi_w)
    return dispatcher, dispatcher.step(LV.p_w, LV.q_var, wish, droop=band)


def lowest_at_each_level(dispatcher: Dispatcher, setpoint_w: np.ndarray) -> list[float]:
    lowest = []
    for share in np.linspace(0.0, 1.0, 11):
        drawn_w = np.where(ON_A, np.maximum(setpoint_w - share * RATED_W, -RATED_W), setpoint_w)
        v = np.abs(pgm_voltages(LV, LV.p_w + dispatcher.solver.load_w(drawn_w), LV.q_var))
        lowest.append(float(np.nanmin(np.where(LV.phase_mask, v, np.nan))))
    return lowest


@pytest.mark.oracle
def test_setpoints_hold_at_every_level_of_droop_on_another_phase() -> None:
    """Regression: power fed back on phase a lowers phase b, which nothing expected."""
    dispatcher, blind = dispatched(counted=False)
    assert min(lowest_at_each_level(dispatcher, blind.setpoint_w)) < V_MIN - 0.01
    dispatcher, counted = dispatched(counted=True)
    assert counted.feasible
    assert min(lowest_at_each_level(dispatcher, counted.setpoint_w)) >= V_MIN
    assert counted.setpoint_w.sum() > 0.85 * blind.setpoint_w.sum()  # not by refusing everything


def test_only_under_droop_is_the_upper_limit_lifted() -> None:
    """What droop lifts above it even when nobody charges is borne; setpoints that feed back are not."""
    none = np.zeros(2)
    feeder = balanced_feeder(
        "one", np.array([-1, 0]), np.array([0.0, 1.0 + 0.5j]), none, none, base_ll_v=400.0
    )
    full_w = np.array([-8e3])
    band = DroopBand(full_w, np.zeros(1), full_w, np.array([8e3]))
    limits = Limits(0.9, 1.03, margin_pu=0.001)
    check = AcCheck(DispatchSolver(feeder, [1]), limits, none, none, band)
    assert check(np.zeros(1)).breach > 0.0
    assert check.secure(np.zeros(1)).breach <= 0.0
    assert check(np.array([-8e3])).breach > 0.01


def test_a_band_reaches_from_no_droop_to_the_steepest_curves_full_response() -> None:
    curve = FreqDroop(
        over_freq_hz=50.2, under_freq_hz=49.8, over_droop_pu=0.01, under_droop_pu=0.01,
        response_time_s=0.5,
    )  # fmt: skip
    rated, lo, hi = np.full(2, 10e3), np.array([-4e3, 0.0]), np.full(2, 10e3)
    curves, on = Curves.of([curve, None]), np.array([True, False])
    band = droop_band(curves, on, 49.6, 50.0, rated, lo, hi)
    assert band is not None
    assert band.full_w.tolist() == [-10e3, 0.0]
    assert band.present_w == pytest.approx([-4e3, 0.0])
    half, full = band.drawn_w(np.array([3e3, 3e3]))
    assert half.tolist() == [-2e3, 3e3]
    assert full.tolist() == [-4e3, 3e3]  # no further than the car gives
    assert band.without_droop_w(np.array([1e3, 3e3])) == pytest.approx([5e3, 3e3])
    above = droop_band(curves, on, 50.4, 50.0, rated, lo, hi)
    assert above is not None
    assert above.present_w.tolist() == [0.0, 0.0]  # no room is made for a response upwards
    assert droop_band(Curves.none(2), ~on & on, 49.6, 50.0, rated, lo, hi) is None


def test_a_car_held_down_by_its_stations_droop_keeps_its_wish() -> None:
    place = EvsePlace(bus="1", phases=Phases.A, max_power_w=50e3)

    def wish_w(power_w: float, droop_w: float) -> float:
        reading = MeterReading(at=T0, power_w=power_w)
        return wish(
            place, reading=reading, commanded_w=40e3, previous_w=30e3, droop_w=droop_w
        ).power_w

    assert wish_w(15e3, 0.0) == 24e3  # takes less by itself: forgotten by and by
    assert wish_w(15e3, -25e3) == 30e3
    assert wish_w(2e3, -25e3) == 32e3  # less than droop explains
