"""The plant's published numbers and its refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from charger_sim.plant import (
    FeederError,
    FrequencyState,
    FrequencySystem,
    Injection,
    PlantBranch,
    PlantDiverged,
    PlantFeeder,
    PlantLoad,
    PowerFlow,
    ieee33,
    load_feeder,
)

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.mark.golden
def test_ieee33_published_losses_and_lowest_voltage() -> None:
    solution = PowerFlow(ieee33(), []).solve()
    assert solution.loss_w / 1e3 == pytest.approx(202.677, abs=1e-3)
    assert solution.v_pu.min() == pytest.approx(0.91309, abs=1e-5)
    assert sum(load.p_w for load in ieee33().loads) == 3_715_000.0
    assert sum(load.q_var for load in ieee33().loads) == 2_300_000.0


@pytest.mark.golden
def test_ieee33_hosting_capacity_at_the_far_end() -> None:
    flow = PowerFlow(ieee33(), [Injection("17", "abc")])
    assert flow.solve([(160_710.0, 3)]).v_pu.min() == pytest.approx(0.90, abs=1e-6)


def test_asymmetric_solver_agrees_with_the_symmetric_one() -> None:
    balanced = PowerFlow(ieee33(), [Injection("17", "abc")]).solve([(90e3, 3)])
    phases = [Injection("17", p) for p in "abc"]
    single = PowerFlow(ieee33(), phases).solve([(30e3, 1)] * 3)
    assert np.allclose(balanced.v_pu, single.v_pu, atol=1e-7)


def test_single_phase_draw_lowers_its_own_phase() -> None:
    z = np.full((3, 3), 0.05 + 0.05j) + np.eye(3) * (0.2 + 0.1j)
    feeder = PlantFeeder(
        "one", ("0", "1"), (PlantBranch("0", "1", z),), (PlantLoad("1", "abc", 3e3, 0.0),), 400.0
    )
    v = PowerFlow(feeder, [Injection("1", "b")]).solve([(7.4e3, 1)]).v_pu[1]
    assert v[1] < min(v[0], v[2]) - 0.02


@pytest.mark.golden
def test_european_lv_matches_opendss() -> None:
    path = DATA / "feeders" / "eulv_lvonly.npz"
    if not path.is_file():
        pytest.skip(f"reference data {path.name} is not here")
    solution = PowerFlow(_european_lv(path), []).solve()
    assert solution.loss_w / 1e3 == pytest.approx(7.42968, rel=1e-4)
    assert solution.v_pu.min() == pytest.approx(0.9851282, abs=1e-5)


def test_collapse_is_an_error_with_the_load_in_it() -> None:
    flow = PowerFlow(ieee33(), [Injection("17", "abc")])
    with pytest.raises(PlantDiverged, match="103715 kW"):
        flow.solve([(100e6, 3)])


@pytest.mark.golden
def test_frequency_nadir_of_the_aggregate_model() -> None:
    """Anderson and Mirheydar's example, 60 Hz, a step of -0.1 pu."""
    state = FrequencyState(FrequencySystem(f_nominal_hz=60.0, d=1.0))
    trace = [(n * 0.001, state.step(0.001, -0.1) - 60.0) for n in range(1, 60_001)]
    at_s, nadir = min(trace, key=lambda point: point[1])
    assert nadir == pytest.approx(-0.64991, abs=1e-5)
    assert at_s == pytest.approx(2.369, abs=2e-3)
    assert trace[-1][1] == pytest.approx(-0.300, abs=1e-6)
    assert trace[0][1] / 0.001 == pytest.approx(-0.75, abs=1e-2)


def test_frequency_step_is_exact_at_any_length() -> None:
    system = FrequencySystem(agc_per_s=0.5)
    fine, coarse = FrequencyState(system), FrequencyState(system)
    for _ in range(6_000):
        fine.step(0.01, -0.1)
    assert coarse.step(60.0, -0.1) == pytest.approx(fine.f_hz, abs=1e-9)


@pytest.mark.golden
def test_frequency_of_the_overdamped_system() -> None:
    state = FrequencyState(FrequencySystem(f_nominal_hz=60.0, d=5.0))
    nadir = min(state.step(0.001, -0.1) - 60.0 for _ in range(30_000))
    assert nadir == pytest.approx(-0.46427, abs=2e-5)


FEEDER_FILE = """
name = "street"
[source]
bus = "grid"
base_voltage_v = 11000
voltage_pu = 1.02
[linecodes.cable]
r1_ohm_per_km = 0.2
x1_ohm_per_km = 0.1
[branches]
columns = ["from", "to", "linecode", "length_m", "r1_ohm", "x1_ohm", "to_base_voltage_v", "phases"]
rows = [
  ["grid", "busbar", "", "", 0.0032, 0.0155, 400, "abc"],
  ["busbar", "house", "cable", 100, "", "", "", "b"],
]
[loads]
columns = ["bus", "p_w", "q_var", "phases"]
rows = [["house", 4000, 0, "b"]]
"""


def test_feeder_file_with_transformer_and_single_phase_branch(tmp_path: Path) -> None:
    path = tmp_path / "street.toml"
    path.write_text(FEEDER_FILE)
    feeder = load_feeder(path)
    solution = PowerFlow(feeder, []).solve()
    v = solution.v_pu[feeder.bus_ids.index("house")]
    assert np.isnan(v[[0, 2]]).all()
    # by hand: 4 kW through (0.0032 + j0.0155) + (0.02 + j0.01) ohm at 230.94 V per phase
    v_ln, amps = 1.02 * 400 / 3**0.5, 0.0
    drop = abs(v_ln)
    for _ in range(20):
        amps = 4000.0 / drop
        drop = abs(complex(v_ln * (1 - (amps * 0.0255 / v_ln) ** 2) ** 0.5 - amps * 0.0232, 0.0))
    assert v[1] == pytest.approx(drop / (400 / 3**0.5), abs=1e-7)
    assert solution.loss_w == pytest.approx(amps**2 * 0.0232, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"cable", 100', '"wire", 100'), r"\[branches\] row 2: unknown linecode 'wire'"),
        (('["busbar", "house"', '["nowhere", "house"'), "row 2: 'nowhere' is not connected"),
        (('["busbar", "house"', '["busbar", "grid"'), "row 2: 'grid' is fed twice"),
        (('4000, 0, "b"', '4000, 0, "q"'), "phases 'q'"),
        (('4000, 0, "b"', "4000, 0"), r"\[loads\] row 1: 3 cells for 4 columns"),
        (("base_voltage_v = 11000", ""), "base_voltage_v"),
        (('name = "street"', "name ="), "not TOML"),
    ],
)
def test_bad_feeder_file_names_the_place(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "street.toml"
    path.write_text(FEEDER_FILE.replace(*change))
    with pytest.raises(FeederError, match=message):
        load_feeder(path)


@pytest.mark.golden
def test_shipped_feeder_files_give_the_published_numbers() -> None:
    folder = Path(__file__).resolve().parents[3] / "csms" / "grid" / "feeders"
    published = PowerFlow(load_feeder(folder / "ieee33.toml"), []).solve()
    assert published.loss_w / 1e3 == pytest.approx(202.677, abs=1e-3)


def _european_lv(path: Path) -> PlantFeeder:
    data = np.load(path)
    names = [str(name) for name in data["names"]]
    branches = tuple(
        PlantBranch(names[parent], names[n], data["Z"][n])
        for n, parent in enumerate(data["parent"])
        if parent >= 0
    )
    loads = tuple(
        PlantLoad(names[n], "abc"[k], float(data["P"][n, k]), float(data["Q"][n, k]))
        for n, k in zip(*np.nonzero(data["P"]), strict=True)
    )
    return PlantFeeder("european-lv", tuple(names), branches, loads, 416.0, slack_v_pu=1.05)
