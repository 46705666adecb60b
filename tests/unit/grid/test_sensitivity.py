"""The AC adjoint against finite differences, and against the published table of IEEE 33."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from csms.grid import feeder_file, power_flow, sensitivity
from csms.grid.network import Feeder
from tests.unit.grid.oracles import random_feeder

TABLE = {
    "1": 0.004791,
    "5": 0.079753,
    "17": 0.147192,
    "21": 0.012526,
    "24": 0.049559,
    "32": 0.126539,
}


@pytest.mark.golden
def test_loss_sensitivities_of_ieee33() -> None:
    feeder = feeder_file.builtin("ieee33")
    gradient = sensitivity.loss_gradient(feeder, power_flow.solve(feeder))
    for name, expected in TABLE.items():
        assert gradient.dp[feeder.bus(name)] == pytest.approx(expected, abs=1e-6), name
    ranking = sensitivity.rank_buses(feeder, power_flow.solve(feeder))
    assert feeder.bus_names[ranking[0][0]] == "1"
    assert feeder.bus_names[ranking[-1][0]] == "17"
    assert len(ranking) == 32


def with_taps_and_capacitors(seed: int) -> Feeder:
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 14, three_phase=True)
    tap = np.where(feeder.phase_mask, 1.0, 1.0) * rng.choice([0.98, 1.0, 1.02], (14, 3))
    shunt = np.where(feeder.phase_mask, rng.uniform(0, 0.02, (14, 3)), 0.0)
    return replace(feeder, tap=tap, b_shunt_s=shunt)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", ["balanced", "three-phase", "taps"])
def test_gradients_are_finite_differences(seed: int, kind: str) -> None:
    if kind == "taps":
        feeder = with_taps_and_capacitors(seed)
    else:
        feeder = random_feeder(np.random.default_rng(seed), 14, three_phase=kind != "balanced")
    p, q = feeder.p_w, feeder.q_var
    if kind == "balanced":
        p, q = p.sum(axis=1), q.sum(axis=1)
    rng = np.random.default_rng(seed)

    def at(dp: np.ndarray, dq: np.ndarray) -> power_flow.PowerFlow:
        return power_flow.solve(feeder, p + dp, q + dq, tolerance_pu=1e-13)

    flow = at(0 * p, 0 * q)
    loss = sensitivity.loss_gradient(feeder, flow)
    bus = 13
    phase = int(np.flatnonzero(feeder.phase_mask[bus])[0]) if p.ndim == 2 else 0
    volt = sensitivity.voltage_gradient(feeder, flow, bus, phase)
    there = np.ones(14, bool) if p.ndim == 1 else feeder.phase_mask
    direction = rng.normal(size=p.shape) * there
    step = 10.0
    for grad_of, value in (
        (loss, lambda state: state.loss_w),
        (volt, lambda state: state.vm_pu.reshape(14, -1)[bus, phase]),
    ):
        for part, ahead, behind in (
            (grad_of.dp, at(step * direction, 0 * q), at(-step * direction, 0 * q)),
            (grad_of.dq, at(0 * p, step * direction), at(0 * p, -step * direction)),
        ):
            numeric = (value(ahead) - value(behind)) / (2 * step)
            exact = np.nansum(np.where(there, part, 0.0) * direction)
            assert exact == pytest.approx(numeric, rel=2e-5, abs=1e-12)


def test_the_matrix_holds_the_gradients_of_every_bus() -> None:
    feeder = random_feeder(np.random.default_rng(5), 9, three_phase=True)
    flow = power_flow.solve(feeder)
    dp, dq = sensitivity.voltage_matrix(feeder, flow)
    for i, f in np.argwhere(feeder.phase_mask)[3:9]:
        one = sensitivity.voltage_gradient(feeder, flow, int(i), int(f))
        assert dp[i, f] == pytest.approx(one.dp, nan_ok=True)
        assert dq[i, f] == pytest.approx(one.dq, nan_ok=True)
    feeder = feeder_file.builtin("ieee33")
    dp, _ = sensitivity.voltage_matrix(feeder, power_flow.solve(feeder))
    assert np.all(dp[1:, 1:] < 0)
