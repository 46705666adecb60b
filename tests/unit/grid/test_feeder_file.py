"""The feeder file: what is read, what is written, and what is refused with line and reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.grid import feeder_file
from csms.grid.feeder_writer import dumps
from tests.unit.grid.oracles import random_feeder

ROOT = Path(__file__).resolve().parents[3]
GOOD = """\
name = "street"

[source]
bus = "substation"
base_voltage_v = 400

[linecodes.NAYY4x150]
r1_ohm_per_km = 0.206
x1_ohm_per_km = 0.08
r0_ohm_per_km = 0.8
x0_ohm_per_km = 0.3
ampacity_a = 270

[branches]
columns = ["from", "to", "linecode", "length_m", "phases"]
rows = [
  ["substation", "a", "NAYY4x150", 120, "abc"],  # a comment with ] and "
  ["a", "b", "NAYY4x150", 80, "abc"],
  ["b", "c", "NAYY4x150", 10, "a"],
]

[loads]
columns = ["bus", "p_w", "q_var", "phases"]
rows = [["b", 3000, 0, "abc"],
        ["c", 1000, 100, "a"]]
"""


def test_reads_linecodes_and_loads() -> None:
    feeder = feeder_file.loads(GOOD)
    a = feeder.bus("a")
    assert feeder.z_ohm[a, 0, 0] == pytest.approx((2 * (0.206 + 0.08j) + 0.8 + 0.3j) / 3 * 0.12)
    assert feeder.ampacity_a[a] == 270
    assert feeder.p_w[feeder.bus("c")] == pytest.approx([1000, 0, 0])
    assert feeder.phase_mask[feeder.bus("c")].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (
            "base_voltage_v",
            "base_voltage",
            5,
            "unknown key 'base_voltage'; did you mean 'base_voltage_v'",
        ),
        ("r0_ohm_per_km", "r0_ohm_per_m", 10, "did you mean 'r0_ohm_per_km'"),
        ("[loads]", "[load]", 22, "did you mean 'loads'"),
        ('"p_w", "q_var"', '"p_kw", "q_var"', 22, "unknown column 'p_kw'; did you mean 'p_w'"),
        (
            '"NAYY4x150", 80',
            '"NAYY4x15", 80',
            18,
            "unknown linecode 'NAYY4x15'; did you mean 'NAYY4x150'",
        ),
        ('"NAYY4x150", 80', '"NAYY4x150", "80 m"', 18, "length_m must be a number, got '80 m'"),
        ('"NAYY4x150", 80', '"NAYY4x150", -80', 18, "length_m must be positive"),
        (
            '["b", "c", "NAYY4x150", 10, "a"]',
            '["b", "c", "NAYY4x150", 10]',
            19,
            "a row needs 5 values",
        ),
        ('["b", "c"', '["b", "a"', 19, "two branches join buses"),
        ('["c", 1000', '["c", nan', 25, "p_w must be a number"),
        ('["c", 1000', '["z", 1000', 25, "load at bus 'z', which no branch connects"),
        ('"c", 1000, 100, "a"', '"c", 1000, 100, "b"', 25, "the bus has 'a'"),
        ('"c", 1000, 100, "a"', '"c", 1000, 100, "q"', 25, "letters of 'abc'"),
        (
            "base_voltage_v = 400",
            "base_voltage_v = 0",
            5,
            "base_voltage_v must be finite and positive",
        ),
        ('bus = "substation"', 'bus = "nowhere"', 3, "no branch touches the source bus 'nowhere'"),
        ("= 270", "= = 270", 12, "not valid TOML"),
    ],
)
def test_refuses_with_line_and_reason(old: str, new: str, line: int, reason: str) -> None:
    assert GOOD.count(old) >= 1
    with pytest.raises(feeder_file.FeederFileError) as caught:
        feeder_file.loads(GOOD.replace(old, new, 1), "street.toml")
    assert reason in str(caught.value)
    assert caught.value.line == line
    assert str(caught.value).startswith("street.toml")


def test_a_loop_is_reported_at_the_branch_that_closes_it() -> None:
    text = GOOD.replace(
        '["b", "c", "NAYY4x150", 10, "a"],',
        '["b", "c", "NAYY4x150", 9, "abc"], \n["c","a","NAYY4x150",9,"abc"],',
    )
    with pytest.raises(feeder_file.FeederFileError, match=r"meshed.*loop") as caught:
        feeder_file.loads(text)
    assert caught.value.line in (18, 19, 20)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), three_phase=st.booleans())
def test_what_is_written_is_read_back(seed: int, three_phase: bool) -> None:
    feeder = random_feeder(np.random.default_rng(seed), 12, three_phase=three_phase)
    back = feeder_file.loads(dumps(feeder, "a comment\nof two lines"))
    assert back.bus_names == feeder.bus_names
    for name in (
        "parent",
        "z_ohm",
        "phase_mask",
        "base_v",
        "p_w",
        "q_var",
        "ampacity_a",
        "rating_va",
    ):
        assert getattr(back, name) == pytest.approx(getattr(feeder, name), rel=1e-10), name


@pytest.mark.parametrize("name", feeder_file.builtin_names())
def test_built_in_feeders_survive_a_round_trip(name: str) -> None:
    feeder = feeder_file.builtin(name)
    back = feeder_file.loads(dumps(feeder))
    assert back.z_ohm == pytest.approx(feeder.z_ohm, rel=1e-10)
    assert back.rating_va == pytest.approx(feeder.rating_va)


def test_an_unknown_built_in_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="european-lv, ieee123, ieee33"):
        feeder_file.builtin("ieee34")


def test_the_documented_example_is_valid() -> None:
    feeder = feeder_file.load(ROOT / "config/feeders/example.toml")
    assert feeder.n_bus > 3


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_feeder_or_a_file_error(text: str) -> None:
    with pytest.raises(feeder_file.FeederFileError):
        feeder_file.loads(text)
