"""Relay curves, IEC 60909 levels on the 33-bus feeder, and pandapower as a second opinion."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from csms.grid.feeder_file import builtin
from csms.grid.network import Feeder
from csms.grid.protection import ieee33_relays, protection_study
from csms.grid.relays import CURVES
from csms.grid.short_circuit import (
    Inverter,
    Source,
    fault_currents_a,
    fault_network,
    feeder_fault_network,
)

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def feeder() -> Feeder:
    return builtin("ieee33")


@pytest.mark.parametrize(
    ("name", "at_5_s", "at_10_s"),
    [
        ("iec-si", 4.2797, 2.9706),
        ("iec-vi", 3.3750, 1.5000),
        ("iec-ei", 3.3333, 0.8081),
        ("iec-lti", 30.00, 13.3333),
        ("ieee-mi", 1.6883, 1.2068),
        ("ieee-vi", 1.3081, 0.6891),
        ("ieee-ei", 1.2967, 0.4065),
    ],
)
def test_operating_times(name: str, at_5_s: float, at_10_s: float) -> None:
    times = CURVES[name].time_s([5.0, 10.0, 1.0, 0.5])
    assert times[:2] == pytest.approx([at_5_s, at_10_s], abs=5e-5)
    assert np.isinf(times[2:]).all()


def test_fault_levels_of_ieee33(feeder: Feeder) -> None:
    result = protection_study(feeder, ieee33_relays(feeder), fleet_bus="24")
    without, with_fleet = result.fault_ka["without_fleet"], result.fault_ka["with_fleet"]
    golden = {"0": 9.12086, "1": 8.53984, "17": 0.53634, "24": 1.95642, "32": 0.87534}
    assert {b: without[b] for b in golden} == pytest.approx(golden, abs=5e-6)
    assert with_fleet["24"] == pytest.approx(2.01115, abs=5e-6)
    assert with_fleet["17"] == pytest.approx(0.54129, abs=5e-6)


@pytest.mark.oracle
@pytest.mark.long  # half a minute of compiling inside pandapower
def test_every_bus_agrees_with_pandapower(feeder: Feeder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandapower as pp
        import pandapower.shortcircuit as sc
        from pandapower import networks

        net = networks.case33bw()
        net.line = net.line[net.line.in_service]
        net.ext_grid["s_sc_max_mva"] = 200.0
        net.ext_grid["rx_max"] = 0.1
        net.line["endtemp_degree"] = 20.0
        pp.create_sgen(
            net,
            24,
            p_mw=1.0,
            sn_mva=1.0,
            k=1.2,
            generator_type="current_source",
            current_source=True,
        )
        sc.calc_sc(net, case="max", fault="3ph")
    inverter = Inverter(feeder.bus("24"), 1e6, 1.2)
    ours = fault_currents_a(feeder_fault_network(feeder, Source()), [inverter]) / 1e3
    oracle = [net.res_bus_sc.ikss_ka[int(name)] for name in feeder.bus_names]
    assert ours == pytest.approx(np.array(oracle), rel=1e-6)


def test_one_bus_network_is_the_source_alone() -> None:
    network = fault_network(np.array([-1]), np.zeros(1, complex), 20_000.0, Source(s_sc_va=500e6))
    assert fault_currents_a(network)[0] == pytest.approx(500e6 / (math.sqrt(3.0) * 20_000.0))
