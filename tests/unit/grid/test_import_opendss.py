"""The OpenDSS language and elements, on circuits small enough to check by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.grid import import_opendss
from csms.grid.opendss_script import OpenDssError, matrix, number, numbers

CIRCUIT = """\
clear
new circuit.small basekv=0.4 pu=1.0 r1=0 x1=1e-9 r0=0 x0=1e-9   ! stiff
/* a block
comment */
new linecode.c nphases=3 units=km
~ rmatrix=(1 | 0.1 1 | 0.1 0.1 1) xmatrix=[0.5 | 0 0.5 | 0 0 0.5] cmatrix=(0 | 0 0 | 0 0 0)
new line.l bus1=sourcebus bus2=b linecode=c length=100 units=m
{load}
set voltagebases=[0.4]
"""


def solve(tmp_path: Path, load: str, **more: str) -> import_opendss.NodalFlow:
    file = tmp_path / "c.dss"
    file.write_text(CIRCUIT.replace("{load}", load))
    return import_opendss.load(file).solve()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(8 1000 /)", 0.008),
        ("4.16", 4.16),
        ("[115 12.47 / sqr]", (115 / 12.47) ** 2),
        ("{2 3 ^}", 8.0),
        ("4 sqrt", 2.0),
    ],
)
def test_rpn(text: str, value: float) -> None:
    assert number(text) == pytest.approx(value)


def test_lists_and_triangles() -> None:
    assert numbers("[1, 2 3]") == [1, 2, 3]
    assert matrix("(1 | 2 3)", 2) == [[1, 2], [2, 3]]
    with pytest.raises(ValueError, match="order 2"):
        matrix("(1 | 2)", 2)


def test_a_constant_power_load_by_hand(tmp_path: Path) -> None:
    flow = solve(tmp_path, "new load.x bus1=b.1 phases=1 kv=0.2309401 kw=5 kvar=0 vminpu=0.5")
    e = 400 / np.sqrt(3)
    z = 0.1 + 0.05j
    v = e
    for _ in range(50):
        v = e - z * np.conj(5000 / v)
    assert flow.v_pu[4] == pytest.approx(abs(v) / e, abs=1e-6)
    assert flow.loss_w == pytest.approx(abs(5000 / v) ** 2 * 0.1, rel=1e-5)
    # the induced drop in the other phases is 0.1 I
    assert flow.v_pu[5] != pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("model", "exponent"), [(1, 0), (2, 2), (5, 1)])
def test_load_models_follow_the_voltage(tmp_path: Path, model: int, exponent: int) -> None:
    flow = solve(tmp_path, f"new load.x bus1=b kv=0.4 kw=30 kvar=0 model={model} vminpu=0.5")
    i = np.conj(10e3 * flow.v_pu[4] ** exponent / flow.v[4])
    assert abs(flow.v[1] - (1.0 - 0.1 + 0.5j) * 0.1 * i) == pytest.approx(abs(flow.v[4]), rel=1e-4)


def test_delta_load_and_a_positional_bus(tmp_path: Path) -> None:
    wye = solve(tmp_path, "new load.x bus1=b kv=0.4 kw=30 kvar=10 conn=wye")
    delta = solve(tmp_path, "new load.x 3 b 0.4 30 conn=delta kvar=10")
    assert delta.v_pu[4:7] == pytest.approx(wye.v_pu[4:7], abs=1e-6)


def test_what_is_left_out_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "c.dss"
    file.write_text(
        CIRCUIT.replace("{load}", "new monitor.m line.l 1\nnew load.x bus1=b kv=0.4 kw=1 pf=1")
    )
    assert import_opendss.load(file).ignored == {"monitor": 1}


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (
            "new line.m bus1=b bus2=c linecode=d",
            r"c\.dss:8: line 'm': ValueError unknown linecode 'd'",
        ),
        ("new load.x bus1=b kv=abc", "load 'x': could not convert string to float: 'abc'"),
        ("new load.x kw=1", "load 'x': 'bus1'"),
        ("edit load.nobody kw=1", "no load 'nobody' to edit"),
        ("new regcontrol.r transformer=t", "names no transformer 't'"),
        ("redirect ../../secret.dss", "outside the folder"),
        ("redirect missing.dss", "no such file"),
        ("new load.x bus1=b kv=0.4 kw=1 pf=2", "pf must be"),
    ],
)
def test_errors_name_file_line_and_reason(tmp_path: Path, load: str, reason: str) -> None:
    with pytest.raises(OpenDssError, match=reason):
        solve(tmp_path, load)


def test_a_file_that_redirects_to_itself_ends(tmp_path: Path) -> None:
    with pytest.raises(OpenDssError, match="deep"):
        solve(tmp_path, "redirect c.dss")


@given(st.text(max_size=300))
def test_any_text_is_a_circuit_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("dss") / "c.dss"
    file.write_text(text, "utf-8")
    with pytest.raises(OpenDssError):
        import_opendss.load(file)
