"""The IEEE test feeders as OpenDSS solves them: every voltage, the losses and every tap."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from csms.grid import import_opendss
from csms.grid.import_opendss import Circuit
from csms.grid.nodal import NodalFlow

FOLDER = Path(__file__).resolve().parents[3] / "../shared/data/feeders/opendss"
pytestmark = [pytest.mark.golden, pytest.mark.oracle]
FILES = {
    "13Bus/IEEE13Nodeckt.dss": (41, 112.391, 0.96085),
    "34Bus/ieee34Mod1.dss": (95, 273.513, 0.92310),
    "37Bus/ieee37.dss": (117, 152.345, 0.87103),
    "123Bus/IEEE123Master.dss": (278, 95.978, 0.97921),
    "LVTestCase/Master.dss": (2721, 0.880, 1.02639),
}
BIG = {"8500-Node/Master.dss": (8531, 1210.257), "8500-Node/Master-unbal.dss": (8531, 1274.468)}


def path(name: str) -> Path:
    if not FOLDER.exists():
        pytest.skip("the OpenDSS test feeders are not here")
    return (FOLDER / name).resolve()


def ours(name: str) -> tuple[Circuit, NodalFlow]:
    circuit = import_opendss.load(path(name))
    return circuit, circuit.solve()


@pytest.mark.parametrize("name", FILES)
def test_published_figures(name: str) -> None:
    nodes, loss_kw, min_v = FILES[name]
    circuit, flow = ours(name)
    assert len(circuit.network.node_names) - 1 == nodes
    assert flow.loss_w / 1e3 == pytest.approx(loss_kw, abs=6e-4)
    assert flow.min_v_pu == pytest.approx(min_v, abs=1.1e-5)


def compare(name: str, tolerance_pu: float) -> None:
    dss = pytest.importorskip("opendssdirect")
    file = path(name)
    here = Path.cwd()
    try:
        dss.Text.Command("clear")
        dss.Text.Command(f'compile "{file}"')
        dss.Text.Command("set maxiterations=100")
        dss.Text.Command("set tolerance=1e-7")
        for regulator in dss.RegControls.AllNames():
            dss.RegControls.Name(regulator)
            dss.RegControls.TapNumber(0)
        dss.Text.Command("set maxcontroliter=50")
        dss.Solution.Solve()
    finally:
        os.chdir(here)  # OpenDSS moves the process into the circuit's folder
    circuit, flow = ours(name)
    index = {label: k for k, label in enumerate(circuit.network.node_names)}
    order = [index[label.lower()] for label in dss.Circuit.AllNodeNames()]
    assert np.abs(flow.v_pu[order] - np.array(dss.Circuit.AllBusMagPu())).max() < tolerance_pu
    assert flow.loss_w == pytest.approx(dss.Circuit.Losses()[0], rel=1e-3)
    for regulator in circuit.regulators:
        dss.RegControls.Name(regulator.name)
        assert round((regulator.tap - 1.0) / regulator.step) == dss.RegControls.TapNumber()


@pytest.mark.parametrize("name", FILES)
def test_every_voltage_and_tap_as_in_opendss(name: str) -> None:
    compare(name, 2e-5)


@pytest.mark.parametrize(
    "name",
    ["8500-Node/Master.dss", pytest.param("8500-Node/Master-unbal.dss", marks=pytest.mark.long)],
)
def test_the_8500_node_feeder(name: str) -> None:
    nodes, loss_kw = BIG[name]
    circuit, flow = ours(name)
    assert len(circuit.network.node_names) - 1 == nodes
    assert flow.loss_w / 1e3 == pytest.approx(loss_kw, rel=1e-5)
    compare(name, 1e-3)
