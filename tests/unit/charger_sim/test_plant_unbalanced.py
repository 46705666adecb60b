"""Regulators, missing phases, shunts and voltage-dependent loads of the plant, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_sim.plant import (
    FeederError,
    Injection,
    PlantBranch,
    PlantFeeder,
    PlantLoad,
    PlantShunt,
    PowerFlow,
    Regulator,
    load_feeder,
)

V_LL = 4160.0
V_LN = V_LL / 3**0.5
Z = np.full((3, 3), 0.3 + 0.4j) + np.eye(3) * (0.8 + 1.1j)
SETTINGS = Regulator("0", "1", "a", v_set_v=120.0, band_v=2.0, pt_ratio=20.0, delay_s=15.0)


def line(**more: object) -> PlantFeeder:
    """Source, regulated branch, line."""
    feeder = PlantFeeder(
        "line",
        ("0", "1", "2"),
        (PlantBranch("0", "1", 1e-5 + 0j), PlantBranch("1", "2", Z)),
        (),
        V_LL,
    )
    return replace(feeder, **more)  # type: ignore[arg-type]


def fixed_point(tap: np.ndarray, draw: object, b_s: np.ndarray) -> np.ndarray:
    """(3,) complex V at bus 2 of ``line``, by v = t e - Z i."""
    e = V_LN * np.exp(-2j * np.pi / 3 * np.arange(3))
    v = e.copy()
    for _ in range(400):
        v = tap * e - Z @ (np.conj(draw(v) / v) + 1j * b_s * v)  # type: ignore[operator]
    return v


@given(
    tap=st.tuples(*[st.floats(0.9, 1.1)] * 3),
    power_kva=st.tuples(*[st.complex_numbers(max_magnitude=150.0)] * 3),
    b_ms=st.tuples(*[st.floats(0.0, 20.0)] * 3),
)
def test_ratios_and_shunts_per_phase_by_hand(
    tap: tuple[float, float, float],
    power_kva: tuple[complex, complex, complex],
    b_ms: tuple[float, float, float],
) -> None:
    b_s = np.array(b_ms) * 1e-3
    feeder = line(
        branches=(PlantBranch("0", "1", 1e-7 + 0j, tap=tap), PlantBranch("1", "2", Z)),
        loads=tuple(
            PlantLoad("2", p, 1e3 * s.real, 1e3 * s.imag)
            for p, s in zip("abc", power_kva, strict=True)
        ),
        shunts=(PlantShunt("2", (float(b_s[0]), float(b_s[1]), float(b_s[2]))),),
    )
    solution = PowerFlow(feeder, []).solve()
    s_va = 1e3 * np.array(power_kva)
    v = fixed_point(np.array(tap), lambda _v: s_va, b_s)
    assert solution.v_pu[2] == pytest.approx(np.abs(v) / V_LN, abs=1e-7)
    i = np.conj(s_va / v) + 1j * b_s * v
    assert solution.loss_w == pytest.approx(float((i.conj() @ Z @ i).real), abs=0.5, rel=1e-6)


@pytest.mark.parametrize(("model", "exponent"), [("power", 0), ("current", 1), ("impedance", 2)])
def test_load_models_follow_the_voltage(model: str, exponent: int) -> None:
    load = PlantLoad("2", "b", 200e3, 60e3, model=model)  # type: ignore[arg-type]
    v = fixed_point(
        np.ones(3),
        lambda v: np.array([0, (200e3 + 60e3j) * (abs(v[1]) / V_LN) ** exponent, 0]),
        np.zeros(3),
    )
    solution = PowerFlow(line(loads=(load,)), []).solve()
    assert solution.v_pu[2] == pytest.approx(np.abs(v) / V_LN, abs=2e-6)


@pytest.mark.parametrize("model", ["power", "current", "impedance"])
def test_a_balanced_delta_load_is_a_wye_load(model: str) -> None:
    delta = PlantLoad("2", "abc", 300e3, 90e3, delta=True, model=model)  # type: ignore[arg-type]
    z = 1.1 + 0.9j  # without coupling the voltages stay balanced
    feeder = line(branches=(PlantBranch("0", "1", 1e-5 + 0j), PlantBranch("1", "2", z)))
    one = PowerFlow(replace(feeder, loads=(delta,)), []).solve()
    other = PowerFlow(replace(feeder, loads=(replace(delta, delta=False),)), []).solve()
    assert one.v_pu == pytest.approx(other.v_pu, abs=1e-7)
    assert one.v_pu[2].max() < 0.99


def test_a_load_between_two_phases_draws_its_power_from_both() -> None:
    flow = PowerFlow(line(loads=(PlantLoad("2", "ac", 150e3, 50e3, delta=True),)), [])
    solution = flow.solve()
    assert solution.slack_p_w - solution.loss_w == pytest.approx(150e3, abs=0.2)
    assert solution.v_pu[2, 0] != pytest.approx(solution.v_pu[2, 2], abs=1e-3)
    assert solution.v_pu[2, [0, 2]].min() < solution.v_pu[2, 1]


def test_a_missing_phase_has_no_voltage_and_takes_no_load() -> None:
    lateral = line(branches=(PlantBranch("0", "1", 1e-5 + 0j), PlantBranch("1", "2", Z, "ac")))
    solution = PowerFlow(lateral, [Injection("2", "c")]).solve([(50e3, 1)])
    assert np.isnan(solution.v_pu[2, 1])
    assert solution.v_pu[2, 2] < solution.v_pu[2, 0]
    with pytest.raises(FeederError, match="load on 'b' of bus '2'"):
        PowerFlow(replace(lateral, loads=(PlantLoad("2", "b", 1e3, 0.0),)), [])
    with pytest.raises(ValueError, match="bus '2' lacks one of the phases 'abc'"):
        PowerFlow(lateral, [Injection("2", "abc")])


def test_a_regulator_waits_then_steps_into_its_band_and_stays() -> None:
    feeder = line(slack_v_pu=0.96, regulators=(replace(SETTINGS, phases="abc"),))
    flow = PowerFlow(feeder, [])
    positions = []
    for _ in range(60):
        flow.solve()
        flow.advance(1.0)
        positions.append(flow.regulators.positions[0])
    assert positions[:14] == [0] * 14  # 0.96 pu is 115.3 V, below 119 V
    assert positions[14:20] == [1, 1, 2, 2, 3, 3]
    assert positions[-1] == 6  # 0.96 x 1.0375 x 120.09 V = 119.6 V
    assert flow.solve().v_pu[1] == pytest.approx(0.96 * 1.0375, abs=1e-6)


def test_a_dip_shorter_than_the_delay_moves_no_tap() -> None:
    flow = PowerFlow(line(regulators=(SETTINGS,)), [Injection("2", "a")])
    for n in range(60):
        flow.solve([(900e3 if n % 20 < 10 else 0.0, 1)])
        flow.advance(1.0)
    assert flow.regulators.positions == [0]


def test_line_drop_compensation_raises_under_load() -> None:
    compensated = replace(SETTINGS, ct_a=100.0, drop_v=8.0 + 11.0j, position=0)
    flow = PowerFlow(line(regulators=(compensated,)), [Injection("2", "a")])
    for _ in range(120):
        solution = flow.solve([(200e3, 1)])
        flow.advance(1.0)
    # by hand: the relay sees 120.1 V - |(8 + 11j) V| per 100 A, here 83 A in phase
    assert flow.regulators.positions[0] > 5
    assert solution.v_pu[1, 0] > 1.03
    assert solution.v_pu[1, 1] == pytest.approx(1.0, abs=1e-5)


def test_a_regulator_stops_at_the_end_of_its_range() -> None:
    flow = PowerFlow(line(slack_v_pu=0.7, regulators=(SETTINGS,)), [])
    for _ in range(100):
        flow.solve()
        flow.advance(1.0)
    assert flow.regulators.positions == [16]
    assert flow.solve().v_pu[1] == pytest.approx([0.77, 0.7, 0.7], abs=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"regulators": (replace(SETTINGS, to_bus="2"),)}, "regulator 0 - 2 is on no branch"),
        ({"shunts": (PlantShunt("9", (0.0, 0.0, 0.0)),)}, "shunt at unknown bus '9'"),
        ({"loads": (PlantLoad("2", "a", 1.0, 0.0, delta=True),)}, "load 0 has phases 'a'"),
        ({"loads": (PlantLoad("2", "aa", 1.0, 0.0),)}, "load 0 has phases 'aa'"),
        (
            {"branches": (PlantBranch("0", "1", 1.0 + 0j, tap=(1.0, 0.0, 1.0)),)},
            "branch 0 has taps",
        ),
    ],
)
def test_impossible_feeders_are_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(FeederError, match=reason):
        line(**change)


def test_what_does_not_hang_together_is_refused() -> None:
    with pytest.raises(FeederError, match="nothing feeds bus '2'"):
        PowerFlow(line(branches=(PlantBranch("0", "1", 1.0 + 0j),)), [])
    ring = (
        PlantBranch("0", "1", 1.0 + 0j),
        PlantBranch("1", "2", 1.0 + 0j, tap=(1.1, 1.1, 1.1)),
        PlantBranch("2", "0", 1.0 + 0j),
    )
    with pytest.raises(FeederError, match="taps differ around the loop"):
        PowerFlow(line(branches=ring), [])


FILE = """
name = "street"
[source]
bus = "0"
base_voltage_v = 4160
[branches]
columns = ["from", "to", "r1_ohm", "x1_ohm", "tap_b", "phases", "to_base_voltage_v"]
rows = [["0", "1", 0, 1e-5, 1.05, "", ""], ["1", "2", 0.01, 0.01, "", "bc", 416]]
[loads]
columns = ["bus", "phases", "p_w", "connection", "model"]
rows = [["1", "abc", 3000, "", "current"], ["2", "bc", 4000, "delta", ""]]
[shunts]
columns = ["bus", "b_b_s"]
rows = [["2", 0.1]]
[regulators]
columns = ["from", "to", "phases", "v_set_v", "band_v", "pt_ratio", "r_v", "position", "delay_s"]
rows = [["0", "1", "c", 121, 2.5, 20, 1.5, -3, 30]]
"""


def test_feeder_file_with_taps_shunts_regulators_and_load_models(tmp_path: Path) -> None:
    path = tmp_path / "street.toml"
    path.write_text(FILE)
    feeder = load_feeder(path)
    assert feeder.branches[0].tap == (1.0, 1.05, 1.0)
    assert feeder.branches[1].phases == "bc"
    assert feeder.loads[0].model == "current"
    assert feeder.loads[1].delta
    assert feeder.shunts == (PlantShunt("2", (0.0, pytest.approx(0.001), 0.0)),)
    expected = Regulator("0", "1", "c", 121, 2.5, 20, drop_v=1.5 + 0j, position=-3, delay_s=30)
    assert feeder.regulators == (expected,)
    v_pu = PowerFlow(feeder, []).solve().v_pu
    assert v_pu[1] == pytest.approx([1.0, 1.05, 1 - 3 * 0.00625], abs=1e-4)
    assert np.isnan(v_pu[2, 0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('"current"', '"constant"'), r"\[loads\] row 1: model is power, current or impedance"),
        (('"delta"', '"star"'), r"\[loads\] row 2: connection is wye or delta"),
        (('[["2", 0.1]]', '[["3", 0.1]]'), r"\[shunts\] row 1: unknown bus '3'"),
        (("-3, 30", "-30, 30"), r"\[regulators\] row 1: .*position at most 16"),
        (('"delay_s"]', '"patience"]'), r"\[regulators\] row 1: .*'patience'"),
        (("121, 2.5", "121, 0"), r"\[regulators\] row 1: .*must be positive"),
    ],
)
def test_bad_tables_name_the_row(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    path = tmp_path / "street.toml"
    path.write_text(FILE.replace(*change))
    with pytest.raises(FeederError, match=reason):
        load_feeder(path)
