"""The pandapower importer on a document small enough to check by hand."""

from __future__ import annotations

import json

import pytest

from csms.grid import import_pandapower, power_flow
from csms.grid.network import FeederError


def frame(columns: str, *rows: list[object]) -> dict[str, object]:
    table = {"columns": columns.split(), "index": list(range(len(rows))), "data": rows}
    return {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": json.dumps(table)}


def document(**more: object) -> str:
    tables = {
        "name": "small",
        "bus": frame(
            "name vn_kv in_service",
            ["grid", 20.0, True],
            ["lv", 0.4, True],
            ["a", 0.4, True],
            ["a", 0.4, True],
        ),
        "ext_grid": frame("bus vm_pu in_service", [0, 1.02, True]),
        "trafo": frame(
            "hv_bus lv_bus sn_mva vn_hv_kv vn_lv_kv vk_percent vkr_percent tap_side tap_pos tap_neutral "
            "tap_step_percent parallel in_service",
            [0, 1, 0.4, 20.0, 0.4, 6.0, 1.0, "hv", 1.0, 0.0, 2.5, 1, True],
        ),
        "line": frame(
            "from_bus to_bus length_km r_ohm_per_km x_ohm_per_km r0_ohm_per_km x0_ohm_per_km max_i_ka in_service",
            [1, 2, 0.1, 0.2, 0.08, 0.8, 0.3, 0.27, True],
            [2, 3, 0.1, 0.2, 0.08, None, None, 0.27, True],
        ),
        "load": frame(
            "bus p_mw q_mvar scaling in_service",
            [2, 0.03, 0.01, 0.5, True],
            [3, 1.0, 0.0, 1.0, False],
        ),
        "asymmetric_load": frame(
            "bus p_a_mw q_a_mvar p_b_mw scaling in_service", [3, 0.002, 0.001, 0.0, 1.0, True]
        ),
    }
    return json.dumps(
        {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": tables | more}
    )


def test_lines_transformer_and_loads() -> None:
    feeder = import_pandapower.loads(document())
    assert feeder.bus_names == ("grid", "lv", "a#2", "a#3")  # repeated names carry the index
    assert feeder.source_v_pu == 1.02
    assert feeder.base_v[1] == pytest.approx(230.94, abs=0.01)
    z = 0.06 * 400**2 / 400e3
    assert abs(feeder.z_ohm[1, 0, 0]) == pytest.approx(z)
    assert feeder.z_ohm[1, 0, 0].real == pytest.approx(z / 6)
    assert feeder.rating_va[1] == 400e3
    assert feeder.tap is not None
    assert feeder.tap[1] == pytest.approx([1 / 1.025] * 3)
    own = (2 * (0.2 + 0.08j) + 0.8 + 0.3j) / 3 * 0.1
    assert feeder.z_ohm[2, 0, 0] == pytest.approx(own)
    assert feeder.z_ohm[3, 0, 1] == 0  # no zero sequence given
    assert feeder.ampacity_a[2] == 270
    assert feeder.p_w[2].sum() == pytest.approx(15e3)
    assert feeder.p_w[3] == pytest.approx([2e3, 0, 0])


def test_switches_open_lines_and_fuse_buses() -> None:
    switch = frame("bus element et closed", [3, 1, "l", False], [2, 3, "b", True])
    feeder = import_pandapower.loads(document(switch=switch))
    assert feeder.n_bus == 3
    assert feeder.p_w[feeder.bus("a#2")] == pytest.approx([7e3, 5e3, 5e3])


def test_a_line_open_at_one_end_charges_the_other() -> None:
    """10 nF on 100 m at 60 Hz; the whole of it at bus 2 once bus 3's end is open."""
    line = frame(
        "from_bus to_bus length_km r_ohm_per_km x_ohm_per_km c_nf_per_km in_service",
        [1, 2, 0.1, 0.2, 0.08, 0.0, True],
        [2, 3, 0.1, 0.2, 0.08, 100.0, True],
    )
    b_s = 2 * 3.141592653589793 * 60 * 10e-9
    closed = import_pandapower.loads(document(line=line, f_hz=60.0))
    assert closed.b_shunt_s is not None
    assert closed.b_shunt_s[2:].flatten() == pytest.approx([b_s / 2] * 6)
    switch = frame("bus element et closed", [3, 1, "l", False])
    opened = import_pandapower.loads(
        document(line=line, f_hz=60.0, switch=switch, asymmetric_load=frame("bus"))
    )
    assert opened.n_bus == 3
    assert opened.b_shunt_s is not None
    assert opened.b_shunt_s[2] == pytest.approx([b_s] * 3)


def test_what_no_closed_way_leads_to_is_left_out() -> None:
    switch = frame("bus element et closed", [2, 1, "l", False])
    feeder = import_pandapower.loads(document(switch=switch))
    assert feeder.bus_names == ("grid", "lv", "a#2")
    assert feeder.p_w.sum() == pytest.approx(15e3)


def test_a_closed_switch_with_an_impedance_is_a_branch() -> None:
    switch = frame("bus element et closed z_ohm", [3, 1, "l", False, 0.0], [2, 3, "b", True, 0.1])
    feeder = import_pandapower.loads(document(switch=switch))
    assert abs(feeder.z1_pu[3] * feeder.z_base_ohm[3]) == pytest.approx(0.1)


def test_a_tap_on_the_low_side_scales_the_impedance_too() -> None:
    pp = pytest.importorskip("pandapower")
    net = pp.create_empty_network()
    high, low = pp.create_bus(net, 20.0), pp.create_bus(net, 0.4)
    pp.create_ext_grid(net, high)
    pp.create_transformer_from_parameters(
        net, high, low, 0.4, 20.0, 0.4, 1.0, 6.0, 0.0, 0.0, tap_side="lv", tap_neutral=0, tap_pos=2,
        tap_step_percent=2.5, tap_changer_type="Ratio",
    )  # fmt: skip
    pp.create_load(net, low, 0.3, 0.1)
    pp.runpp(net, numba=False)
    flow = power_flow.solve(import_pandapower.from_net(net))
    assert flow.vm_pu[1] == pytest.approx(net.res_bus.vm_pu[1], abs=1e-7)


def test_storage_and_shunts() -> None:
    feeder = import_pandapower.loads(
        document(
            storage=frame("bus p_mw q_mvar scaling in_service", [3, 0.009, 0.0, 1.0, True]),
            shunt=frame("bus q_mvar p_mw vn_kv step in_service", [2, -0.016, 0.003, 0.4, 2, True]),
        )
    )
    assert feeder.p_w[3] == pytest.approx([5e3, 3e3, 3e3])
    assert feeder.p_w[2].sum() == pytest.approx(15e3 + 6e3)
    assert feeder.b_shunt_s is not None
    assert feeder.b_shunt_s[2] == pytest.approx([0.2] * 3)  # 32 kvar at 400 V


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "not a pandapower JSON document"),
        ("nonsense", "not a pandapower JSON document"),
        (
            document(ext_grid=frame("bus vm_pu in_service")),
            "exactly one external grid is needed, the network has 0",
        ),
        (document(bus=frame("name vn_kv")), "has no buses"),
        (
            document(impedance=frame("from_bus to_bus", [0, 1])),
            "impedance elements are not supported",
        ),
        (document(gen=frame("bus p_mw in_service", [2, 0.1, True])), "gen elements are not"),
        (
            document(ext_grid=frame("bus vm_pu in_service", [0, 1.0, True], [1, 1.0, True])),
            "the network has 2 .at grid, lv.: set all but one",
        ),
        (document(load=frame("bus p_mw", [77, 0.1])), "load 0: bus 77 is no bus"),
        (document(load=frame("bus p_mw", [2, None])), "load 0: p_mw is missing"),
        (document(line=frame("from_bus to_bus length_km", [1, 2, 0.1])), "line 0: r_ohm_per_km is"),
        (document(line=frame("from_bus", [1])), "not as pandapower writes it: KeyError"),
    ],
)
def test_what_cannot_be_imported_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FeederError, match=reason):
        import_pandapower.loads(text)
