"""Numbers published or computed by independent packages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from csms.grid import feeder_file, import_pandapower, lindistflow, power_flow
from csms.grid.builder import Branch, Load, build_feeder
from csms.grid.network import Feeder

pytestmark = pytest.mark.golden
SHARED = Path(__file__).resolve().parents[3] / "../shared/data"


def test_ieee33_losses_and_lowest_voltage() -> None:
    feeder = feeder_file.builtin("ieee33")
    flow = power_flow.solve(feeder)
    assert flow.loss_w == pytest.approx(202_677.1, abs=0.1)
    assert flow.min_v_pu == pytest.approx(0.913090, abs=1e-6)
    assert feeder.bus_names[int(np.argmin(flow.vm_pu))] == "17"
    assert flow.source_va.real == pytest.approx(3_715_000 + flow.loss_w, rel=1e-9)


def test_ieee33_lindistflow_lowest_voltage() -> None:
    feeder = feeder_file.builtin("ieee33")
    u = lindistflow.voltages_squared(feeder, feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1))
    assert np.sqrt(u.min()) == pytest.approx(0.915934, abs=1e-6)


def low_voltage_side() -> Feeder:
    """The European LV feeder behind its transformer: 55 loads of 3 kW at pf 0.95, source at 1.05 of 416 V."""
    full = feeder_file.builtin("european-lv")
    branches = [
        Branch(full.bus_names[full.parent[i]], full.bus_names[i], full.z_ohm[i])
        for i in range(2, full.n_bus)
    ]
    q = 3000.0 * np.tan(np.arccos(0.95))
    loads = [
        Load(full.bus_names[i], 3000.0, q, "abc"[f])
        for i, f in np.argwhere((full.p_w != 0) | (full.q_var != 0))
    ]
    return build_feeder("lv", "1", 416.0, branches, loads, source_v_pu=1.05)


def test_european_lv_side() -> None:
    feeder = low_voltage_side()
    assert (feeder.n_bus, int((feeder.p_w > 0).sum())) == (906, 55)
    flow = power_flow.solve(feeder)
    assert flow.loss_w == pytest.approx(7429.68, abs=0.1)
    assert flow.min_v_pu == pytest.approx(0.9851282, abs=1e-6)
    lin3 = np.sqrt(lindistflow.voltages_squared(feeder, feeder.p_w, feeder.q_var))
    assert np.abs(lin3 - flow.vm_pu).max() == pytest.approx(0.00194, abs=1e-5)


def test_european_lv_side_from_the_shared_arrays() -> None:
    path = SHARED / "feeders/eulv_lvonly.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    data = np.load(path)
    n = len(data["parent"])
    feeder = Feeder(
        name="eulv", bus_names=tuple(data["names"]), parent=data["parent"], z_ohm=data["Z"],
        phase_mask=np.ones((n, 3), bool), base_v=np.full(n, 416 / np.sqrt(3)), source_v_pu=1.05, p_w=data["P"],
        q_var=data["Q"], ampacity_a=np.full(n, np.inf), rating_va=np.full(n, np.inf),
    )  # fmt: skip
    flow = power_flow.solve(feeder)
    assert flow.loss_w == pytest.approx(7429.68, abs=0.1)
    assert flow.min_v_pu == pytest.approx(0.9851282, abs=1e-6)
    ours = power_flow.solve(low_voltage_side())
    assert np.sort(ours.vm_pu.ravel()) == pytest.approx(np.sort(flow.vm_pu.ravel()), abs=2e-6)


@pytest.mark.oracle
@pytest.mark.long
def test_european_lv_agrees_with_pandapower_three_phase_results() -> None:
    """The snapshot that pandapower stores with its network; its transformer has a zero sequence of its own."""
    networks = pytest.importorskip("pandapower.networks")
    net = networks.ieee_european_lv_asymmetric()
    feeder = feeder_file.builtin("european-lv")
    vm = power_flow.solve(feeder).vm_pu
    index = [feeder.bus(str(name)) for name in net.bus["name"]]
    for phase, letter in enumerate("abc"):
        theirs = net.res_bus_3ph[f"vm_{letter}_pu"].to_numpy()
        assert np.abs(vm[index, phase] - theirs).max() < 7e-4


def test_the_built_in_ieee123_is_the_solved_circuit() -> None:
    flow = power_flow.solve(feeder_file.builtin("ieee123"))
    assert flow.loss_w == pytest.approx(95_978, abs=20)
    assert flow.min_v_pu == pytest.approx(0.97921, abs=5e-5)


@pytest.mark.oracle
@pytest.mark.long
@pytest.mark.parametrize(
    ("maker", "loss_kw", "min_v"),
    [
        ("create_cigre_network_lv", 28.3292, 0.912269),
        ("create_cigre_network_mv", 303.5818, 0.922980),
    ],
)
def test_imported_cigre_networks(maker: str, loss_kw: float, min_v: float) -> None:
    networks = pytest.importorskip("pandapower.networks")
    flow = power_flow.solve(import_pandapower.from_net(getattr(networks, maker)()))
    assert flow.loss_w / 1e3 == pytest.approx(loss_kw, rel=5e-3)
    assert flow.min_v_pu == pytest.approx(min_v, abs=2e-3)
