"""State estimation on feeders whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from csms.grid import feeder_file, power_flow
from csms.grid.network import Feeder
from csms.grid.state_estimation import Estimate, Measurement, Quantity, estimate
from tests.unit.grid.oracles import random_feeder


class World:
    """A feeder whose true loads differ from the forecast, and meters that see them with noise."""

    def __init__(self, seed: int, *, three_phase: bool = False):
        self.rng = np.random.default_rng(seed)
        self.feeder: Feeder = (
            random_feeder(self.rng, 40, three_phase=True)
            if three_phase
            else feeder_file.builtin("ieee33")
        )
        p, q = self.feeder.p_w, self.feeder.q_var
        self.p0, self.q0 = (p, q) if three_phase else (p.sum(axis=1), q.sum(axis=1))
        self.ps, self.qs = 0.3 * np.abs(self.p0), 0.3 * np.abs(self.q0)
        self.p = self.p0 + self.rng.normal(size=self.p0.shape) * self.ps
        self.q = self.q0 + self.rng.normal(size=self.p0.shape) * self.qs
        self.truth = power_flow.solve(self.feeder, self.p, self.q)

    def voltage(self, bus: int, sigma: float = 1e-3, phase: int = 0) -> Measurement:
        value = self.truth.vm_pu.reshape(self.feeder.n_bus, -1)[bus, phase]
        return Measurement(
            Quantity.V_PU, bus, phase, float(value + self.rng.normal() * sigma), sigma
        )

    def flow(self, bus: int, sigma: float) -> list[Measurement]:
        s = self.truth.flow_va(self.feeder).reshape(self.feeder.n_bus, -1)[bus, 0]
        return [
            Measurement(Quantity.FLOW_W, bus, 0, float(s.real + self.rng.normal() * sigma), sigma),
            Measurement(
                Quantity.FLOW_VAR, bus, 0, float(s.imag + self.rng.normal() * sigma), sigma
            ),
        ]

    def estimate(self, meters: list[Measurement]) -> Estimate:
        return estimate(self.feeder, self.p0, self.q0, self.ps, self.qs, meters)

    def error(self, found: Estimate) -> np.ndarray:
        return found.flow.vm_pu - self.truth.vm_pu


def some_meters(world: World) -> list[Measurement]:
    feeder = world.feeder
    return [world.voltage(feeder.bus(name)) for name in ("17", "32", "24", "8")] + world.flow(
        1, 5e3
    )


def test_few_meters_come_much_nearer_than_the_forecast() -> None:
    better = 0
    for seed in range(10):
        world = World(seed)
        forecast = power_flow.solve(world.feeder, world.p0, world.q0)
        found = world.estimate(some_meters(world))
        before, after = (
            np.abs(v - world.truth.vm_pu).max() for v in (forecast.vm_pu, found.flow.vm_pu)
        )
        better += after < before
        assert after < 4e-3
        assert found.rejected == ()
    assert better >= 9


@pytest.mark.parametrize("three_phase", [False, True])
def test_the_standard_deviation_is_honest(three_phase: bool) -> None:
    scaled = []
    for seed in range(60):
        world = World(seed, three_phase=three_phase)
        meters = some_meters(world) if not three_phase else [
            world.voltage(int(b), 1e-3, int(f)) for b, f in np.argwhere(world.feeder.phase_mask)[[10, 20, 30]]
        ]  # fmt: skip
        found = world.estimate(meters)
        scaled.append(
            (world.error(found)[1:] / found.v_sigma_pu[1:])[~np.isnan(world.error(found)[1:])]
        )
    z = np.concatenate(scaled)
    assert 0.85 < np.sqrt(np.mean(z**2)) < 1.15
    assert np.mean(np.abs(z) < 2.0) > 0.90


def test_more_meters_make_it_surer() -> None:
    world = World(4)
    few = world.estimate(some_meters(world)[:2]).v_sigma_pu
    more = world.estimate(some_meters(world)).v_sigma_pu
    none = world.estimate([]).v_sigma_pu
    assert np.all(more[1:] <= few[1:] + 1e-12)
    assert np.all(few[1:] < none[1:] + 1e-12)


def test_a_false_meter_is_found_and_dropped() -> None:
    for seed in range(10):
        world = World(seed)
        meters = some_meters(world)
        meters[1] = replace(meters[1], value=meters[1].value + 0.05)
        found = world.estimate(meters)
        assert found.rejected == (1,), seed
        assert np.isnan(found.residual_sigma[1])
        without = world.estimate([meter for k, meter in enumerate(meters) if k != 1])
        assert found.flow.vm_pu == pytest.approx(without.flow.vm_pu, abs=1e-9)


def test_a_precise_load_meter_is_believed() -> None:
    world = World(2)
    bus = world.feeder.bus("24")
    found = world.estimate([Measurement(Quantity.LOAD_W, bus, 0, float(world.p[bus]), 10.0)])
    assert found.p_w[bus] == pytest.approx(world.p[bus], abs=20.0)


def test_bad_input_is_refused() -> None:
    world = World(1)
    with pytest.raises(ValueError, match="measurement 0: no bus 99"):
        world.estimate([Measurement(Quantity.V_PU, 99, 0, 1.0, 1e-3)])
    with pytest.raises(ValueError, match="sigma positive"):
        world.estimate([Measurement(Quantity.V_PU, 1, 0, 1.0, 0.0)])
    with pytest.raises(ValueError, match="p_sigma_w must be finite"):
        estimate(world.feeder, world.p0, world.q0, world.ps[:5], world.qs, [])
