"""The simulated plant against OpenDSS and against the engine: three solvers, one feeder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from charger_sim.plant import Injection, PowerFlow, Solution, ieee123
from csms.cli.demo.plant import plant_feeder
from csms.grid import feeder_file, power_flow

FILE = Path(__file__).resolve().parents[3] / (
    "../shared/data/feeders/opendss/123Bus/IEEE123Master.dss"
)
pytestmark = [pytest.mark.golden, pytest.mark.oracle]
REGULATORS = ("creg1a", "creg2a", "creg3a", "creg3c", "creg4a", "creg4b", "creg4c")
CHARGERS = [("65", "a"), ("66", "c"), ("46", "a"), ("96", "b"), ("48", "abc"), ("32", "c")]
CHARGER_W = 300e3


@pytest.fixture
def dss() -> Iterator[ModuleType]:
    """OpenDSS with IEEE 123 compiled; loads keep their model down to 0.5 pu."""
    module: ModuleType = pytest.importorskip("opendssdirect")
    if not FILE.exists():
        pytest.skip("the OpenDSS test feeders are not here")
    here = Path.cwd()
    module.Text.Command("clear")
    module.Text.Command(f'compile "{FILE.resolve()}"')
    os.chdir(here)  # OpenDSS moves the process into the circuit's folder
    for command in ("batchedit load..* vminpu=0.5 vmaxpu=1.5", "set tolerance=1e-7"):
        module.Text.Command(command)
    yield module
    module.Text.Command("clear")


def solve(dss: ModuleType, taps: list[int], *, step: bool = False) -> None:
    for name, tap in zip(REGULATORS, taps, strict=True):
        dss.RegControls.Name(name)
        dss.RegControls.TapNumber(tap)
    dss.Text.Command(f"set controlmode={'static' if step else 'off'}")
    dss.Solution.Solve()


def assert_same(dss: ModuleType, flow: PowerFlow, solution: Solution) -> None:
    worst = 0.0
    for label, v_pu in zip(dss.Circuit.AllNodeNames(), dss.Circuit.AllBusMagPu(), strict=True):
        bus, phase = label.lower().split(".")
        if bus != "610":  # behind the unloaded transformer that the plant leaves out
            worst = max(worst, abs(solution.v_pu[flow.row(bus), int(phase) - 1] - v_pu))
    assert worst < 1e-4
    assert solution.loss_w == pytest.approx(dss.Circuit.Losses()[0], rel=1e-3)


def test_ieee123_as_published(dss: ModuleType) -> None:
    flow = PowerFlow(ieee123(), [])
    solution = flow.solve()
    solve(dss, flow.regulators.positions)
    assert_same(dss, flow, solution)
    assert solution.loss_w / 1e3 == pytest.approx(95.978, rel=1e-3)
    assert np.nanmin(solution.v_pu) == pytest.approx(0.97921, abs=5e-5)
    assert np.isfinite(solution.v_pu).sum() == 275  # of 278 nodes, three behind the transformer


def test_ieee123_under_single_phase_chargers(dss: ModuleType) -> None:
    """Far from the solved state: loads of constant current and impedance, delta loads, taps."""
    flow = PowerFlow(ieee123(), [Injection(bus, phases) for bus, phases in CHARGERS])
    solution = flow.solve((CHARGER_W, len(phases)) for _, phases in CHARGERS)
    for n, (bus, phases) in enumerate(CHARGERS):
        nodes = ".".join(str("abc".index(phase) + 1) for phase in phases)
        kv = 4.16 if len(phases) == 3 else 4.16 / 3**0.5
        dss.Text.Command(
            f"new load.ev{n} bus1={bus}.{nodes} phases={len(phases)} kv={kv} model=1 "
            f"kw={CHARGER_W / 1e3} kvar=0 vminpu=0.5 vmaxpu=1.5"
        )
    solve(dss, flow.regulators.positions)
    assert np.nanmin(solution.v_pu) < 0.95
    assert_same(dss, flow, solution)


def test_regulators_come_to_rest_where_opendss_leaves_them(dss: ModuleType) -> None:
    feeder = ieee123()
    neutral = tuple(replace(regulator, position=0) for regulator in feeder.regulators)
    flow = PowerFlow(replace(feeder, regulators=neutral), [])
    solution = flow.solve()
    for _ in range(300):
        before = list(flow.regulators.positions)
        flow.advance(1.0)
        solution = flow.solve()
        assert np.abs(np.subtract(flow.regulators.positions, before)).max() <= 1
    taps = list(flow.regulators.positions)
    assert max(taps) >= 6
    solve(dss, taps, step=True)
    for name, tap in zip(REGULATORS, taps, strict=True):
        dss.RegControls.Name(name)
        assert dss.RegControls.TapNumber() == tap
    assert_same(dss, flow, solution)


@pytest.mark.parametrize("name", ["ieee123", "european-lv", "ieee33"])
def test_plant_and_engine_agree(name: str) -> None:
    """Any feeder of the engine's goes to the plant with taps, shunts and missing phases."""
    feeder = replace(feeder_file.builtin(name), name="some")
    plant = plant_feeder(feeder, 0.9)
    solution = PowerFlow(plant, []).solve()
    state = power_flow.solve(feeder, feeder.p_w, feeder.q_var)
    assert (np.isfinite(solution.v_pu) == feeder.phase_mask).all()
    assert np.nanmax(np.abs(solution.v_pu - state.vm_pu)) < 1e-6
    assert solution.loss_w == pytest.approx(state.loss_w, rel=1e-4)


def test_the_two_tables_of_ieee123_agree() -> None:
    """The engine's, with loads frozen at the solved state, and the plant's own."""
    feeder = feeder_file.builtin("ieee123")
    own = plant_feeder(feeder, 0.9)
    assert own.regulators
    flow = PowerFlow(own, [])
    state = power_flow.solve(feeder)
    v_pu = flow.solve().v_pu[[flow.row(bus) for bus in feeder.bus_names]]
    assert (np.isfinite(v_pu) == feeder.phase_mask).all()
    assert np.nanmax(np.abs(v_pu - state.vm_pu)) < 5e-5
