"""Capacitor banks that switch themselves, as OpenDSS switches them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from csms.grid import import_opendss
from csms.grid.opendss_script import OpenDssError

CIRCUIT = """\
clear
new circuit.c basekv=12.47 pu=1.03 r1=0.1 x1=0.6 r0=0.3 x0=1.8
new linecode.k nphases=3 units=km r1=0.3 x1=0.4 r0=0.6 x0=1.2 c1=0 c0=0
new line.l1 bus1=sourcebus bus2=b linecode=k length=4 units=km
new line.l2 bus1=b bus2=d linecode=k length=4 units=km
new load.x bus1=d kv=12.47 kw={kw} kvar={kvar} vminpu=0.5 vmaxpu=1.5
new capacitor.one bus1=d kv=12.47 kvar=600 {states}
new capacitor.two bus1=b kv=12.47 kvar=900
{control}
set voltagebases=[12.47]
calcvoltagebases
set maxcontroliter=50
solve
"""
KVAR = "new capcontrol.k capacitor=one element=line.l2 terminal=1 type=kvar onsetting=300 offsetting=-450 delayoff=20"
CURRENT = "new capcontrol.c capacitor=two element=line.l1 type=current ctratio=10 onsetting=14 offsetting=8"
VOLTAGE = (
    "new capcontrol.v capacitor=one element=line.l2 terminal=2 type=voltage ptratio=60 "
    "onsetting=116 offsetting=122"
)
OVERRIDE = (
    "new capcontrol.o capacitor=one element=line.l2 terminal=2 type=kvar onsetting=9000 offsetting=-9000 "
    "ptratio=60 voltoverride=yes vmin=117 vmax=121"
)
SECOND = (
    "new capcontrol.s capacitor=two element=line.l1 terminal=1 type=kvar onsetting=300 offsetting=-800 "
    "delay=40 delayoff=10"
)
HEAVY, LIGHT = (3000, 1500), (500, 100)


def banks(circuit: import_opendss.Circuit) -> list[int]:
    return [int(np.any(circuit.network.parts[f"capacitor.{n}"].y)) for n in ("one", "two")]


@pytest.mark.golden
@pytest.mark.oracle
@pytest.mark.parametrize(
    ("control", "states", "load", "expected"),
    [
        (KVAR, "", HEAVY, [1, 1]),
        (KVAR, "", LIGHT, [0, 1]),
        (KVAR, "states=[0]", HEAVY, [1, 1]),
        (KVAR, "states=[0]", LIGHT, [0, 1]),
        (CURRENT, "", HEAVY, [1, 1]),
        (CURRENT, "", LIGHT, [1, 0]),
        (VOLTAGE, "", LIGHT, [0, 1]),
        (VOLTAGE, "states=[0]", HEAVY, [1, 1]),
        (OVERRIDE, "", LIGHT, [0, 1]),
        (f"{KVAR}\n{SECOND}", "", (3000, 300), [1, 0]),  # the second bank's delay ends first
        ("", "states=[0]", HEAVY, [0, 1]),
    ],
)
def test_banks_stand_as_in_opendss(
    tmp_path: Path, control: str, states: str, load: tuple[int, int], expected: list[int]
) -> None:
    dss = pytest.importorskip("opendssdirect")
    file = tmp_path / "c.dss"
    file.write_text(CIRCUIT.format(control=control, states=states, kw=load[0], kvar=load[1]))
    circuit = import_opendss.load(file)
    flow = circuit.solve()
    assert banks(circuit) == expected
    here = Path.cwd()
    dss.Text.Command("clear")
    dss.Text.Command(f'compile "{file}"')
    os.chdir(here)  # OpenDSS moves the process into the circuit's folder
    for name, closed in zip(("one", "two"), expected, strict=True):
        dss.Capacitors.Name(name)
        assert dss.Capacitors.States()[0] == closed
    row = {label: k for k, label in enumerate(circuit.network.node_names)}
    order = [row[label.lower()] for label in dss.Circuit.AllNodeNames()]
    assert np.abs(flow.v_pu[order] - np.array(dss.Circuit.AllBusMagPu())).max() < 2e-5


def write(folder: Path, control: str) -> Path:
    file = folder / "c.dss"
    file.write_text(CIRCUIT.format(control=control, states="", kw=3000, kvar=300))
    return file


def test_a_low_voltage_closes_a_bank_whatever_else_it_sees(tmp_path: Path) -> None:
    """As OpenDSS documents ``Vmin``; its program leaves a bank that starts open as it is."""
    file = tmp_path / "c.dss"
    file.write_text(CIRCUIT.format(control=OVERRIDE, states="states=[0]", kw=3000, kvar=1500))
    circuit = import_opendss.load(file)
    assert circuit.solve(controls=False).v_pu[-1] < 117 * 60 / 7200
    circuit.solve()
    assert banks(circuit) == [1, 1]


def test_a_bank_larger_than_its_band_hunts_and_that_is_an_error(tmp_path: Path) -> None:
    hunting = KVAR.replace("-450", "-200")
    with pytest.raises(OpenDssError, match="controls still act after 200 rounds"):
        import_opendss.load(write(tmp_path, hunting)).solve()


def test_controls_by_time_are_listed_as_left_out(tmp_path: Path) -> None:
    circuit = import_opendss.load(write(tmp_path, KVAR.replace("type=kvar", "type=time")))
    assert circuit.ignored == {"capcontrol": 1}
    circuit.solve()
    assert banks(circuit) == [1, 1]


def test_a_control_without_its_bank_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(OpenDssError, match=r"c\.dss:9: capcontrol 'k': KeyError .*three"):
        import_opendss.load(write(tmp_path, KVAR.replace("=one", "=three")))
