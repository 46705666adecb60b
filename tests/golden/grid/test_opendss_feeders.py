"""The OpenDSS test feeders as trees: what they say at the solved state, and what a dispatcher may build on them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from csms.dispatch.optimum.ac_check import Limits
from csms.dispatch.optimum.corrected import Dispatcher, Requests
from csms.grid import feeder_file, import_opendss, opendss_to_feeder, power_flow
from csms.grid.import_opendss import Circuit
from csms.grid.network import Feeder, FeederError, FloatArray
from csms.grid.nodal import NodalFlow

FOLDER = Path(__file__).resolve().parents[3] / "../shared/data/feeders/opendss"
pytestmark = [pytest.mark.golden, pytest.mark.oracle]
IEEE13, IEEE34 = "13Bus/IEEE13Nodeckt.dss", "34Bus/ieee34Mod1.dss"
IEEE37, IEEE123 = "37Bus/ieee37.dss", "123Bus/IEEE123Master.dss"
EUROPEAN_LV, BIG = "LVTestCase/Master.dss", "8500-Node/Master.dss"


@cache
def solved(name: str) -> tuple[Circuit, NodalFlow]:
    if not FOLDER.exists():
        pytest.skip("the OpenDSS test feeders are not here")
    circuit = import_opendss.load((FOLDER / name).resolve())
    return circuit, circuit.solve()


def tree(name: str, *, lumped: bool = False) -> Feeder:
    return opendss_to_feeder.to_feeder(*solved(name), name, lumped=lumped)


def v_pu_of(
    feeder: Feeder, volts: Callable[[str, int], complex], *, three_wire: bool
) -> FloatArray:
    """(n, 3) magnitudes of a circuit in the feeder's terms, NaN where a phase is absent and at the source."""
    v = np.full((feeder.n_bus, 3), np.nan)
    for i, f in np.argwhere(feeder.phase_mask):
        if i > 0:
            bus = feeder.bus_names[i]
            other = volts(bus, (f + 1) % 3) if three_wire else 0.0
            v[i, f] = abs(volts(bus, f) - other) / feeder.base_v[i]
    return v


@pytest.mark.parametrize(
    ("name", "nodes", "v_pu", "loss"),
    [
        (IEEE13, 41, 1e-6, 2e-3),
        (IEEE34, 95, 2e-5, 1e-4),
        (IEEE37, 117, 1.5e-3, 1e-3),  # unequal taps of an open-delta regulator
        (IEEE123, 275, 2e-5, 1e-4),  # without the unloaded transformer at 610
        (EUROPEAN_LV, 2721, 1e-6, 2e-2),  # 15 W of the source's own impedance beside 880 W
    ],
)
def test_a_feeder_is_the_solved_circuit(name: str, nodes: int, v_pu: float, loss: float) -> None:
    circuit, flow = solved(name)
    feeder = tree(name)
    state = power_flow.solve(feeder, feeder.p_w, feeder.q_var)
    row = {label: k for k, label in enumerate(circuit.network.node_names)}
    expected = v_pu_of(
        feeder, lambda bus, f: flow.v[row[f"{bus}.{f + 1}"]], three_wire=name == IEEE37
    )
    assert int(feeder.phase_mask.sum()) == nodes
    assert np.nanmax(np.abs(state.vm_pu - expected)) < v_pu
    assert state.loss_w == pytest.approx(flow.loss_w, rel=loss)


def test_european_lv_is_the_built_in_one() -> None:
    one, other = tree(EUROPEAN_LV), feeder_file.builtin("european-lv")
    assert set(one.bus_names[1:]) <= {bus.lower() for bus in other.bus_names}


def test_split_phase_transformers_are_refused_or_lumped() -> None:
    with pytest.raises(FeederError, match=r"mixes phases: .*and 1165 more \(transformers: "):
        tree(BIG)
    circuit, flow = solved(BIG)
    feeder = tree(BIG, lumped=True)
    state = power_flow.solve(feeder, feeder.p_w, feeder.q_var)
    row = {label: k for k, label in enumerate(circuit.network.node_names)}
    expected = v_pu_of(feeder, lambda bus, f: flow.v[row[f"{bus}.{f + 1}"]], three_wire=False)
    assert np.nanmax(np.abs(state.vm_pu - expected)) < 1e-6
    head = circuit.network.parts["transformer.hvmv_sub"]
    v = flow.v[list(head.nodes)]
    drawn_w = float(np.sum(v[:3] * np.conj((head.y @ v)[:3])).real)
    assert state.source_va.real == pytest.approx(drawn_w, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "v_min_pu", "charger_w", "slack_pu"),
    [
        (IEEE13, 0.955, 60e3, 1e-4),
        (IEEE34, 0.92, 20e3, 1e-4),
        (IEEE37, 0.91, 40e3, 1.5e-3),
        (IEEE123, 0.97, 50e3, 1e-4),
    ],
)
def test_what_the_dispatcher_allows_holds_in_opendss(
    name: str, v_min_pu: float, charger_w: float, slack_pu: float
) -> None:
    """With the circuit's own loads, delta and voltage-dependent, and the taps of the solution."""
    dss = pytest.importorskip("opendssdirect")
    feeder, circuit = tree(name), solved(name)[0]
    rng = np.random.default_rng(5)
    bus = rng.choice(np.flatnonzero(feeder.p_w.sum(axis=1) > 1e3), 40)
    phases = np.zeros((40, 3), bool)
    for e, i in enumerate(bus):
        phases[e, rng.choice(np.flatnonzero(feeder.phase_mask[i]))] = True
    dispatcher = Dispatcher(feeder, bus, phases, Limits(v_min_pu=v_min_pu, v_max_pu=1.10))
    wish = np.full(40, charger_w)
    out = dispatcher.step(feeder.p_w, feeder.q_var, Requests.simple(np.zeros(40), wish, wish))
    assert out.feasible
    served = float(out.setpoint_w.sum() / wish.sum())
    assert 0.2 < served < 0.95
    three_wire = name == IEEE37

    def judged(power_w: FloatArray) -> float:
        compiled(dss, name, circuit)
        for e, (i, watts) in enumerate(zip(bus, power_w, strict=True)):
            f = int(np.flatnonzero(phases[e])[0])
            nodes = f"{f + 1}.{(f + 1) % 3 + 1}" if three_wire else f"{f + 1}"
            dss.Text.Command(
                f"new load.ev{e} bus1={feeder.bus_names[i]}.{nodes} phases=1 kw={watts / 1e3} kvar=0 "
                f"kv={feeder.base_v[i] / 1e3} conn={'delta' if three_wire else 'wye'} model=1 vminpu=0.5"
            )
        dss.Solution.Solve()
        assert dss.Solution.Converged()
        flat = np.array(dss.Circuit.AllBusVolts()).view(complex)
        at = dict(zip((n.lower() for n in dss.Circuit.AllNodeNames()), flat, strict=True))
        v = v_pu_of(feeder, lambda bus, f: at[f"{bus}.{f + 1}"], three_wire=three_wire)
        return float(np.nanmin(v))

    assert judged(wish) < v_min_pu - 1e-3
    assert v_min_pu - slack_pu <= judged(out.setpoint_w) < v_min_pu + 0.01


def compiled(dss: ModuleType, name: str, circuit: Circuit) -> None:
    here = Path.cwd()
    dss.Text.Command("clear")
    dss.Text.Command(f'compile "{(FOLDER / name).resolve()}"')
    os.chdir(here)  # OpenDSS moves the process into the circuit's folder
    for regulator in circuit.regulators:
        dss.RegControls.Name(regulator.name)
        dss.RegControls.TapNumber(round((regulator.tap - 1.0) / regulator.step))
    for command in ("set controlmode=off", "set maxiterations=100", "set tolerance=1e-7"):
        dss.Text.Command(command)
