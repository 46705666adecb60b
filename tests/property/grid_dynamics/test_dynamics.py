"""Properties that hold for every fleet, curve, trace and island."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.grid.black_start import LoadBlock, black_start
from csms.grid.fleet_response import make_fleet, respond_to_trace
from csms.grid.frequency import LoadStep, simulate_frequency
from csms.grid.grid_codes import SHAPES
from csms.grid.relays import CURVES
from csms.grid.resilience import FleetPool, island
from csms.grid.short_circuit import Inverter, Source, branch_currents_a, fault_currents_a
from csms.grid.short_circuit import fault_network as build
from csms.grid.swing import Governor, PowerSystem

SEEDS = st.integers(0, 2**32 - 1)


@given(
    h=st.floats(1.0, 10.0),
    d=st.floats(0.0, 10.0),
    droop=st.floats(0.02, 0.2),
    hp=st.floats(0.0, 1.0),
    loss=st.floats(0.01, 0.3),
)
@settings(max_examples=30, deadline=None)
def test_linear_response_scales_ends_at_the_droop_line_and_starts_at_the_inertia(
    h: float, d: float, droop: float, hp: float, loss: float
) -> None:
    system = PowerSystem(50.0, h, d)
    governors = [Governor(droop, hp_frac=hp, reheat_s=6.0)]
    one = simulate_frequency(system, governors, [LoadStep(0.0, loss)], t_end_s=30.0, dt_s=0.01)
    two = simulate_frequency(system, governors, [LoadStep(0.0, 2 * loss)], t_end_s=30.0, dt_s=0.01)
    assert two.deviation_hz == pytest.approx(2.0 * one.deviation_hz, rel=1e-9, abs=1e-12)
    assert one.rocof_hz_s <= -loss * 50.0 / (2.0 * h) * (1.0 - 1e-9)
    assert one.nadir_hz <= one.steady_hz + 1e-9
    if one.settled:
        assert one.steady_hz == pytest.approx(-loss * 50.0 / (d + 1.0 / droop), rel=0.02)


@given(seed=SEEDS, quantum_w=st.sampled_from([0.0, 230.0, 690.0]))
@settings(max_examples=40, deadline=None)
def test_a_fleet_never_leaves_its_limits(seed: int, quantum_w: float) -> None:
    rng = np.random.default_rng(seed)
    n_ev = 30
    p_min_w, p_max_w = -rng.uniform(0.0, 22e3, n_ev), rng.uniform(0.0, 22e3, n_ev)
    fleet = make_fleet(
        n_ev,
        gain_w_per_hz=rng.uniform(0.0, 1e6, n_ev),
        p_min_w=p_min_w,
        p_max_w=p_max_w,
        lag_s=rng.choice([0.0, 0.2], n_ev),
        delay_s=rng.uniform(0.0, 1.0, n_ev),
        energy_wh=rng.uniform(12e3, 54e3, n_ev),
        quantum_w=quantum_w,
    )
    deviation = np.cumsum(rng.standard_normal(500)) * 0.05
    trace = respond_to_trace(fleet, deviation, 0.05)
    assert (trace.final_power_w >= p_min_w - 1e-6).all()
    assert (trace.final_power_w <= p_max_w + 1e-6).all()
    assert (trace.fleet_power_w >= p_min_w.sum() - 1e-3).all()
    assert (trace.fleet_power_w <= p_max_w.sum() + 1e-3).all()
    # Energy is the integral of power, and its limits hold within one check of one second.
    used_wh = (trace.final_energy_wh - fleet.energy_wh).sum()
    integral_wh = np.trapezoid(trace.fleet_power_w, trace.t_s) / 3600.0
    assert used_wh == pytest.approx(integral_wh, rel=1e-9, abs=1e-6)
    overrun_wh = 22e3 * 1.05 / 3600.0
    assert (trace.final_energy_wh >= fleet.energy_min_wh - overrun_wh).all()
    assert (trace.final_energy_wh <= fleet.energy_max_wh + overrun_wh).all()


@given(name=st.sampled_from(sorted(SHAPES)), a=st.floats(-15.0, 15.0), b=st.floats(-15.0, 15.0))
def test_shapes_oppose_the_deviation_and_never_fall(name: str, a: float, b: float) -> None:
    curve = SHAPES[name]
    at_a, at_b = curve.import_change_frac(curve.f_nom_hz + np.array([a, b]))
    assert -1.0 <= at_a <= 1.0
    assert at_a * a >= 0.0
    assert at_a <= at_b or a >= b


@given(name=st.sampled_from(sorted(CURVES)), m=st.floats(1.01, 40.0), tms=st.floats(0.05, 2.0))
def test_relays_are_faster_at_more_current_and_slower_at_a_higher_tms(
    name: str, m: float, tms: float
) -> None:
    curve = CURVES[name]
    assert 0.0 < float(curve.time_s(m * 1.1, tms)) < float(curve.time_s(m, tms)) < math.inf
    assert float(curve.time_s(m, 2.0 * tms)) == pytest.approx(2.0 * float(curve.time_s(m, tms)))


@given(seed=SEEDS, n=st.integers(2, 25))
@settings(max_examples=40, deadline=None)
def test_fault_currents_obey_kirchhoff_and_the_dense_impedance_matrix(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    parent = np.array([-1, *(rng.integers(0, i) for i in range(1, n))])
    z = rng.uniform(0.05, 2.0, n) + 1j * rng.uniform(0.05, 2.0, n)
    source = Source()
    network = build(parent, z, 12_660.0, source)
    fault, fleet_bus = (int(rng.integers(0, n)) for _ in range(2))
    inverter = Inverter(fleet_bus, 1e6)
    # Oracle: invert the nodal admittance matrix, then inject.
    y = np.zeros((n, n), complex)
    x = source.c * 12_660.0**2 / source.s_sc_va / math.hypot(1.0, source.rx)
    z_source = complex(source.rx * x, x)
    y[0, 0] += 1.0 / z_source
    for i in range(1, n):
        k = parent[i]
        y[i, i] += 1.0 / z[i]
        y[k, k] += 1.0 / z[i]
        y[i, k] -= 1.0 / z[i]
        y[k, i] -= 1.0 / z[i]
    z_bus = np.linalg.inv(y)
    i_inverter = 1.2e6 / (math.sqrt(3.0) * 12_660.0)
    e = source.c * 12_660.0 / math.sqrt(3.0)
    level = (e + abs(z_bus[fault, fleet_bus]) * i_inverter) / abs(z_bus[fault, fault])
    assert fault_currents_a(network, [inverter])[fault] == pytest.approx(level, rel=1e-9)
    # Branch currents, from nodal voltages with the fault applied.
    direction = (e / z_bus[fault, fault]) / abs(e / z_bus[fault, fault])
    injection = np.zeros(n, complex)
    injection[fleet_bus] = i_inverter * direction
    v_before = e + z_bus @ injection
    v = v_before - z_bus[:, fault] * v_before[fault] / z_bus[fault, fault]
    branch = np.array([(e - v[0]) / z_source, *((v[parent[i]] - v[i]) / z[i] for i in range(1, n))])
    ours = branch_currents_a(network, fault, [inverter])
    assert ours == pytest.approx((branch / direction).real, rel=1e-6, abs=1e-6)


@given(seed=SEEDS, n_ev=st.integers(0, 60), soc=st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_an_island_balances_and_never_serves_more_than_it_has(
    seed: int, n_ev: int, soc: float
) -> None:
    rng = np.random.default_rng(seed)
    demand, sun = rng.uniform(0.0, 400e3, 400), rng.uniform(0.0, 100e3, 400)
    fleet = FleetPool(n_ev=n_ev, soc_frac=soc)
    result = island(demand, sun, fleet, 60.0, outage_s=1200.0, restore_s=18_000.0)
    assert (result.served_w <= demand + 1e-6).all()
    assert (result.served_w >= -1e-6).all()
    assert (result.fleet_w <= fleet.power_w + 1e-6).all()
    assert result.fleet_w.sum() * 60.0 / 3600.0 <= fleet.energy_wh + 1e-6
    missing_kwh = (demand - result.served_w).sum() * 60.0 / 3600.0 / 1e3
    assert result.ens_kwh == pytest.approx(missing_kwh, abs=1e-9)


@given(seed=SEEDS, n_ev=st.integers(1, 80), soc=st.floats(0.2, 1.0))
@settings(max_examples=60, deadline=None)
def test_black_start_keeps_every_limit_and_accounts_for_every_block(
    seed: int, n_ev: int, soc: float
) -> None:
    rng = np.random.default_rng(seed)
    blocks = [
        LoadBlock(
            f"block {i}", rng.uniform(1e3, 150e3), int(rng.integers(0, 4)), rng.uniform(1.0, 3.0)
        )
        for i in range(8)
    ]
    fleet = FleetPool(n_ev=n_ev, soc_frac=soc)
    result = black_start(blocks, fleet, outage_h=1.0, step_limit_w=200e3)
    assert (result.drawn_w <= result.limit_w + 1e-6).all()
    assert result.drawn_w.sum() / 3600.0 <= fleet.energy_wh + 1e-6
    closed, dark = {c.name for c in result.order}, {x.name for x in result.left_out}
    assert closed | dark == {b.name for b in blocks}
    assert not closed & dark
    assert [c.t_s for c in result.order] == sorted(c.t_s for c in result.order)
    priority = {b.name: b.priority for b in blocks}
    assert [priority[c.name] for c in result.order] == sorted(priority[n] for n in closed)
