"""The sweep against power-grid-model, and laws that hold on every feeder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.grid import lindistflow, power_flow
from tests.unit.grid.oracles import pgm_voltages, random_feeder

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.oracle
@settings(max_examples=40, deadline=None)
@given(seed=seeds, n=st.integers(2, 60), three_phase=st.booleans())
def test_agrees_with_power_grid_model(seed: int, n: int, three_phase: bool) -> None:
    feeder = random_feeder(np.random.default_rng(seed), n, three_phase=three_phase)
    theirs = pgm_voltages(feeder, feeder.p_w, feeder.q_var)
    ours = power_flow.solve(feeder, feeder.p_w, feeder.q_var).v_pu
    there = feeder.phase_mask
    assert np.abs(ours - theirs)[there].max() < 1e-6
    if not three_phase:
        one = power_flow.solve(feeder, feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)).v_pu
        assert np.abs(one - theirs[:, 0]).max() < 1e-6


@settings(max_examples=25, deadline=None)
@given(seed=seeds, three_phase=st.booleans(), scenarios=st.integers(1, 40))
def test_a_batch_is_its_scenarios(seed: int, three_phase: bool, scenarios: int) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 20, three_phase=three_phase)
    p, q = feeder.p_w, feeder.q_var
    if not three_phase:
        p, q = p.sum(axis=1), q.sum(axis=1)
    scale = rng.uniform(-1.0, 2.0, (scenarios, *p.shape))
    batch = power_flow.solve_batch(feeder, scale * p, scale * q)
    for s in range(scenarios):
        alone = power_flow.solve(feeder, scale[s] * p, scale[s] * q)
        assert np.nanmax(np.abs(batch.v_pu[s] - alone.v_pu)) < 1e-8
        assert batch.loss_w[s] == pytest.approx(alone.loss_w, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_a_batch_gives_up_what_has_no_solution_and_nothing_else(seed: int) -> None:
    """Up to the nose and beyond: what the single sweep solves the batch solves too, and its answers are true."""
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 20, three_phase=False)
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    nose = 1.0
    while power_flow.solve(feeder, nose * p, nose * q, check=False).converged:
        nose *= 1.2
    scale = rng.uniform(0.1, 1.2, 40)[:, None] * nose
    batch = power_flow.solve_batch(feeder, scale * p, scale * q, check=False)
    assert not batch.converged.all()
    for s, factor in enumerate(scale[:, 0]):
        alone = power_flow.solve(feeder, factor * p, factor * q, check=False)
        if alone.converged:
            assert batch.converged[s]
            assert np.abs(batch.v_pu[s] - alone.v_pu).max() < 2e-7
        elif batch.converged[s]:  # nearer to the nose than the slower sweep gets in time
            again = power_flow.solve(
                feeder, factor * p, factor * q, start=batch.v_pu[s], max_iterations=1, check=False
            )
            assert again.residual_pu < 1e-7
        else:
            assert np.isnan(batch.v_pu[s]).all()


@settings(max_examples=25, deadline=None)
@given(seed=seeds, three_phase=st.booleans())
def test_power_is_conserved(seed: int, three_phase: bool) -> None:
    feeder = random_feeder(np.random.default_rng(seed), 30, three_phase=three_phase)
    flow = power_flow.solve(feeder, feeder.p_w, feeder.q_var)
    assert flow.source_va.real == pytest.approx(feeder.p_w.sum() + flow.loss_w, abs=1e-2)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, three_phase=st.booleans())
def test_the_adjoint_is_the_transpose(seed: int, three_phase: bool) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 30, three_phase=three_phase)
    model = lindistflow.linear_model(feeder, balanced=not three_phase)
    shape = (30, model.m)
    p, q, g = (rng.normal(size=shape) * model.mask for _ in range(3))
    flat, _, _ = lindistflow.sweep(model, np.zeros(shape), np.zeros(shape))
    u, _, _ = lindistflow.sweep(model, p, q)
    h, k = lindistflow.adjoint(model, g)
    assert np.vdot(g, u - flat) == pytest.approx(-np.vdot(h, p) - np.vdot(k, q), rel=1e-9, abs=1e-9)
