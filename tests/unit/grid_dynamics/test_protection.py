"""Kirchhoff under fault, inverter behaviour, coordination, blinding and sympathetic trips."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from csms.grid.feeder_file import builtin
from csms.grid.protection import (
    CTI_S,
    Coordination,
    PlacedRelay,
    ieee33_relays,
    protection_study,
)
from csms.grid.relays import CURVES, Fuse, Relay
from csms.grid.short_circuit import (
    FaultNetwork,
    Inverter,
    Source,
    branch_currents_a,
    fault_currents_a,
    fault_network,
    feeder_fault_network,
)

U_N_V = 12_660.0


def line(n: int, z_ohm: complex = 0.5 + 0.5j) -> FaultNetwork:
    """Buses 0..n-1 in a row."""
    z = np.full(n, z_ohm)
    z[0] = 0.0
    return fault_network(np.arange(-1, n - 1), z, U_N_V, Source())


def relay(name: str, pickup_a: float, tms: float = 0.1, curve: str = "iec-vi") -> Relay:
    return Relay(name, CURVES[curve], pickup_a, tms)


def test_branch_current_into_the_fault_is_the_fault_current() -> None:
    network = line(6)
    for fleet_bus in range(6):
        inverter = Inverter(fleet_bus, 2e6)
        current = branch_currents_a(network, 4, [inverter])
        into_fault = current[4] - current[5]
        own = 1.2 * 2e6 / (math.sqrt(3.0) * U_N_V) if fleet_bus == 4 else 0.0
        total = fault_currents_a(network, [inverter])[4]
        # A line of one angle: magnitudes add as IEC 60909 has it, within the source's angle.
        assert into_fault + own == pytest.approx(total, rel=2e-3)


def test_inverter_stops_below_its_cessation_voltage_and_limits_its_current() -> None:
    network = line(6)
    limit_a = 1.2 * 1e6 / (math.sqrt(3.0) * U_N_V)
    stiff = Inverter(5, 1e6, constant_current=False)
    near = branch_currents_a(network, 4, [stiff])
    assert -near[5] == pytest.approx(limit_a)  # voltage collapsed: the limit binds
    far = branch_currents_a(line(200, 0.5 + 0.5j), 199, [replace(stiff, bus=1)])
    source_only = branch_currents_a(line(200, 0.5 + 0.5j), 199)
    assert source_only[0] - far[0] < 0.9 * limit_a  # near nominal voltage: power, not the limit
    ceased = branch_currents_a(network, 4, [replace(stiff, cessation_v_pu=0.5)])
    assert ceased[5] == 0.0


def test_iec_levels_refuse_a_behaviour_the_standard_does_not_know() -> None:
    with pytest.raises(ValueError, match="constant current"):
        fault_currents_a(line(3), [Inverter(1, 1e6, cessation_v_pu=0.5)])


def test_grading_holds_every_pair_with_the_least_setting() -> None:
    feeder = builtin("ieee33")
    network = feeder_fault_network(feeder, Source())
    raw = Coordination(network, ieee33_relays(feeder))
    settings = raw.coordinated_tms([()])
    assert min(p.margin_s for p in raw.with_tms(settings).margins(())) >= CTI_S - 1e-9
    for name in ("R1", "R3", "R6"):  # one step less breaks a pair
        lower = {**settings, name: settings[name] - 0.01}
        assert min(p.margin_s for p in raw.with_tms(lower).margins(())) < CTI_S


def test_study_names_the_lost_pair_its_fleet_size_and_the_setting_that_restores_it() -> None:
    feeder = builtin("ieee33")
    result = protection_study(feeder, ieee33_relays(feeder), fleet_bus="24", sweep_points=2)
    lost = {(x.backup, x.primary): x for x in result.losses}
    assert set(lost) == {("R3", "R6"), ("R6", "R12")}
    for loss in lost.values():
        assert loss.margin_at_full_s < CTI_S <= loss.margin_without_s
        assert loss.restoring_tms > loss.tms
    # The size found is where a fresh calculation sees the margin cross.
    first = lost[("R6", "R12")]
    for factor, holds in ((0.99, True), (1.01, False)):
        again = protection_study(
            feeder,
            ieee33_relays(feeder),
            fleet_bus="24",
            fleet_va=factor * first.fleet_va,
            sweep_points=2,
        )
        pair = next(p for p in again.pairs_with_fleet if (p.backup, p.primary) == ("R6", "R12"))
        assert (pair.margin_s >= CTI_S) is holds
    assert min(p.margin_s for p in result.pairs_restored) >= CTI_S - 1e-9


def test_a_fleet_between_the_pair_blinds_the_backup() -> None:
    network = line(12, 1.5 + 1.5j)
    alone = fault_currents_a(network)[11]
    relays = [PlacedRelay(1, relay("far", 0.95 * alone)), PlacedRelay(8, relay("near", 60.0))]
    coordination = Coordination(network, relays)
    assert coordination.margins(())[0].blinded_buses == ()
    assert "11" in coordination.margins((Inverter(5, 10e6),))[0].blinded_buses


def test_reverse_current_of_the_fleet_trips_a_healthy_lateral() -> None:
    # Two laterals from bus 1; the fleet at the end of the first feeds faults on the second.
    parent = np.array([-1, 0, 1, 1])
    network = fault_network(parent, np.array([0, 0.1, 0.5, 3.0]) * (1 + 1j), U_N_V, Source())
    relays = [
        PlacedRelay(2, relay("fleet", 40.0, 0.05)),
        PlacedRelay(3, relay("faulted", 100.0, 0.5)),
    ]
    coordination = Coordination(network, relays)
    assert coordination.sympathetic_trips(()) == []
    trips = coordination.sympathetic_trips((Inverter(2, 10e6),))
    assert [(t.relay, t.fault_bus) for t in trips] == [("fleet", "3")]
    assert trips[0].time_s < trips[0].primary_s


def test_relay_with_instantaneous_element() -> None:
    device = Relay("50/51", CURVES["iec-si"], 100.0, 0.1, instantaneous_a=1000.0)
    times = device.operating_time_s([90.0, 500.0, 1000.0, 5000.0])
    assert times[0] == math.inf
    assert times[1] == pytest.approx(0.1 * 4.27972, rel=1e-5)
    assert times[2:] == pytest.approx([0.04, 0.04])


def test_fuse_is_adiabatic_at_high_current_and_never_melts_at_its_minimum() -> None:
    fuse = Fuse("T", min_melting_a=60.0, melting_i2t_a2s=8000.0, arcing_frac=0.0)
    assert fuse.melting_time_s(60.0) == math.inf
    assert float(fuse.melting_time_s(6000.0)) * 6000.0**2 == pytest.approx(8000.0, rel=1e-3)
    times = fuse.operating_time_s(np.linspace(61.0, 6000.0, 200))
    assert (np.diff(times) < 0.0).all()


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"parent\[i\] < i"):
        fault_network(np.array([-1, 2, 1]), np.ones(3, complex), U_N_V, Source())
    with pytest.raises(ValueError, match="relay branch 9"):
        Coordination(line(3), [PlacedRelay(9, relay("a", 10.0))])
    with pytest.raises(ValueError, match="one per branch"):
        Coordination(line(3), [PlacedRelay(1, relay("a", 10.0)), PlacedRelay(1, relay("b", 10.0))])
    with pytest.raises(ValueError, match=r"Relay x.tms"):
        relay("x", 10.0, tms=0.0)
    with pytest.raises(ValueError, match="multiple of pickup"):
        CURVES["iec-si"].time_s(float("nan"))
