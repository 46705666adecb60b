"""Networks that come with pandapower, imported from its JSON and solved as pandapower solves them."""

from __future__ import annotations

import pytest

from csms.grid import import_pandapower, power_flow

pytestmark = [pytest.mark.golden, pytest.mark.oracle]


@pytest.mark.parametrize(
    "name",
    [
        "create_cigre_network_lv",
        "create_cigre_network_mv",
        "create_kerber_landnetz_freileitung_1",
        "create_kerber_dorfnetz",
        "kb_extrem_vorstadtnetz_1",
        "case33bw",
        "simple_four_bus_system",
        "simple_mv_open_ring_net",
    ],
)
def test_every_voltage_and_the_losses(name: str) -> None:
    pandapower = pytest.importorskip("pandapower")
    from pandapower import networks

    net = getattr(networks, name)()
    net.trafo["pfe_kw"] = net.trafo["i0_percent"] = 0.0  # magnetising branches are left out
    pandapower.runpp(net, calculate_voltage_angles=False, tolerance_mva=1e-10)
    feeder = import_pandapower.loads(pandapower.to_json(net))
    flow = power_flow.solve(feeder)
    v_pu = flow.vm_pu if flow.vm_pu.ndim == 1 else flow.vm_pu[:, 0]
    by_name = dict(zip(feeder.bus_names, v_pu, strict=True))
    compared = 0
    for index, expected in net.res_bus.vm_pu.items():
        label = str(net.bus.at[index, "name"])
        for key in (label, f"{label}#{index}", str(index)):
            if key in by_name:
                assert by_name[key] == pytest.approx(expected, abs=2e-6)
                compared += 1
                break
    assert compared == feeder.n_bus
    loss_kw = (net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()) * 1e3
    assert flow.loss_w / 1e3 == pytest.approx(loss_kw, rel=1e-5)


def test_iron_left_out_moves_no_voltage_by_more_than_a_meter_sees() -> None:
    networks = pytest.importorskip("pandapower.networks")
    pandapower = pytest.importorskip("pandapower")
    net = networks.create_kerber_landnetz_freileitung_1()
    pandapower.runpp(net, calculate_voltage_angles=False)
    flow = power_flow.solve(import_pandapower.from_net(net))
    assert flow.min_v_pu == pytest.approx(float(net.res_bus.vm_pu.min()), abs=1e-4)
