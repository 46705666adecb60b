"""Where the next kilowatt hurts least: told as it is, and used for the last amperes."""

from __future__ import annotations

import numpy as np
import pytest

from csms.dispatch.next_kw import SHOWN, next_kw
from csms.dispatch.optimum.corrected import Dispatcher, Limits, Requests
from csms.grid import feeder_file, power_flow
from csms.grid.sensitivity import loss_gradient

IEEE33 = feeder_file.builtin("ieee33")
P_W, Q_VAR = IEEE33.p_w.sum(axis=1), IEEE33.q_var.sum(axis=1)
STEP_W = 690.0


def test_the_order_and_its_figures_are_those_of_the_literature() -> None:
    places = np.zeros(33, bool)
    places[[IEEE33.bus(name) for name in ("1", "5", "17", "21", "24", "32")]] = True
    found = next_kw(IEEE33, power_flow.solve(IEEE33), places)
    assert found is not None
    assert [place.bus for place in found.best] == ["1", "21", "24", "5", "32"]
    assert [place.bus for place in found.worst] == ["17", "32", "5", "24", "21"]
    assert len(found.best) == SHOWN
    assert found.best[0].loss_kw_per_kw == pytest.approx(0.004791, abs=1e-6)
    assert found.worst[0].loss_kw_per_kw == pytest.approx(0.147192, abs=1e-6)


def test_a_kilowatt_there_does_what_is_told() -> None:
    places = np.ones(33, bool)
    places[0] = False
    before = power_flow.solve(IEEE33, P_W, Q_VAR)
    found = next_kw(IEEE33, before, places)
    assert found is not None
    for place in found.best + found.worst:
        p_w = P_W.copy()
        p_w[IEEE33.bus(place.bus)] += 1_000.0
        after = power_flow.solve(IEEE33, p_w, Q_VAR)
        assert place.loss_kw_per_kw == pytest.approx((after.loss_w - before.loss_w) / 1e3, rel=2e-3)
        # the solver stops at 1e-8 pu, so the difference of two solves is known to some 1e-9
        assert place.v_pu_per_kw == pytest.approx(after.min_v_pu - before.min_v_pu, abs=2e-8)


def test_every_phase_has_a_place_of_its_own() -> None:
    feeder = feeder_file.builtin("european-lv")
    places = np.zeros((feeder.n_bus, 3), bool)
    at = np.argwhere(feeder.phase_mask)[[30, 400, 1_500]]
    places[at[:, 0], at[:, 1]] = True
    found = next_kw(feeder, power_flow.solve(feeder), places)
    assert found is not None
    told = {(place.bus, place.phase) for place in found.best}
    assert told == {(feeder.bus_names[i], "abc"[f]) for i, f in at.tolist()}
    assert found.best == found.worst[::-1]
    assert next_kw(feeder, power_flow.solve(feeder), np.zeros_like(places)) is None


def test_the_last_amperes_add_fewer_losses_and_serve_no_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against the largest remainder first: nobody has two steps less, and at equal power the losses are lower."""

    def setpoints(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        count = 60
        bus = rng.integers(1, 33, count)
        hi = rng.choice([11e3, 22e3, 44e3], count)
        step, least = np.full(count, STEP_W), np.full(count, 6 * STEP_W)
        requests = Requests(np.zeros(count), hi, hi, step, least)
        dispatch = Dispatcher(IEEE33, bus, None, Limits(0.90, 1.05)).step(P_W, Q_VAR, requests)
        assert dispatch.feasible
        return np.stack([bus, dispatch.setpoint_w])

    def loss_w(bus: np.ndarray, power_w: np.ndarray) -> float:
        load = P_W + np.bincount(bus.astype(int), power_w, 33)
        return power_flow.solve(IEEE33, load, Q_VAR).loss_w

    cheap = [setpoints(seed) for seed in range(10)]
    monkeypatch.setattr(Dispatcher, "_loss_ranking", lambda _self, _check, _y: None)
    fair = [setpoints(seed) for seed in range(10)]
    price = loss_gradient(IEEE33, power_flow.solve(IEEE33)).dp
    served = less = 0.0
    for (bus, cheap_w), (_, fair_w) in zip(cheap, fair, strict=True):
        assert np.all(cheap_w >= fair_w - STEP_W - 1.0)
        served += cheap_w.sum() - fair_w.sum()
        # as much power for both: the dearest of the steps that the other did not give are taken back
        more = round((cheap_w.sum() - fair_w.sum()) / STEP_W)
        gained = np.flatnonzero(cheap_w > fair_w + 1.0)
        dearest = gained[np.argsort(-price[bus[gained].astype(int)])]
        equal_w = cheap_w.copy()
        equal_w[dearest[: max(more, 0)]] -= STEP_W
        if more >= 0:
            assert equal_w.sum() == pytest.approx(fair_w.sum())
            less += loss_w(bus, fair_w) - loss_w(bus, equal_w)
    assert served > 0.0
    assert less > 100.0
