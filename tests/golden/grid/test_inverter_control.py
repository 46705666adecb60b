"""Volt-var, volt-watt and droop inside the solve, against OpenDSS's InvControl."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csms.grid import controlled_flow, feeder_file, inverter_control
from csms.grid.inverter_control import InverterControl, Points
from csms.grid.network import Feeder

pytestmark = [pytest.mark.golden, pytest.mark.oracle]


class OpenDss:
    """A balanced feeder with storage that charges and photovoltaics that export, all under one InvControl."""

    def __init__(self, feeder: Feeder) -> None:
        self.dss: Any = pytest.importorskip("opendssdirect")
        self.feeder = feeder
        self._folder = Path.cwd()

    def voltages(self, requested_w: np.ndarray, control: InverterControl) -> np.ndarray:
        try:
            self._network()
            ders = [
                self._der(i, requested_w[i] / 1e3, control) for i in np.flatnonzero(requested_w)
            ]
            self._control("[" + " ".join(ders) + "]", control, charging=requested_w.max() > 0)
            self._do("set voltagebases=[12.66]", "calcvoltagebases")
            self._do("set controlmode=static maxcontroliter=500 maxiterations=200 tolerance=1e-8")
            self.dss.Solution.Solve()
        finally:
            os.chdir(self._folder)
        assert self.dss.Solution.Converged()
        found = dict(
            zip(self.dss.Circuit.AllNodeNames(), self.dss.Circuit.AllBusMagPu(), strict=True)
        )
        return np.array([found[f"b{name}.1"] for name in self.feeder.bus_names])

    def _do(self, *commands: str) -> None:
        for command in commands:
            self.dss.Text.Command(command)

    def _network(self) -> None:
        feeder, names = self.feeder, self.feeder.bus_names
        self._do(
            "clear",
            f"new circuit.t basekv=12.66 pu={feeder.source_v_pu} bus1=b{names[0]} R1=0 X1=1e-7 R0=0 X0=1e-7",
        )
        for i in range(1, feeder.n_bus):
            own, mutual = feeder.z_ohm[i, 0, 0], feeder.z_ohm[i, 0, 1]
            z1, z0 = own - mutual, own + 2 * mutual
            self._do(
                f"new line.l{i} bus1=b{names[feeder.parent[i]]} bus2=b{names[i]} length=1 units=none "
                f"r1={z1.real} x1={z1.imag} r0={z0.real} x0={z0.imag} c1=0 c0=0",
                f"new load.d{i} bus1=b{names[i]} kv=12.66 kw={feeder.p_w[i].sum() / 1e3} "
                f"kvar={feeder.q_var[i].sum() / 1e3} model=1 vminpu=0.5 vmaxpu=1.5",
            )

    def _der(self, i: int, kw: float, control: InverterControl) -> str:
        kva = abs(kw) * control.va_per_w
        common = (
            f"bus1=b{self.feeder.bus_names[i]} phases=3 kv=12.66 kva={kva} kvarmax={kva} kvarmaxabs={kva} "
            "wattpriority=no vminpu=0.5 vmaxpu=1.5 %cutin=0 %cutout=0"
        )
        if kw < 0:
            self._do(f"new pvsystem.e{i} {common} pmpp={-kw} irradiance=1 %pmpp=100")
            return f"PVSystem.e{i}"
        self._do(
            f"new storage.e{i} {common} kwrated={kw} kwhrated={100 * kw} %stored=10 state=charging %charge=100 "
            "%effcharge=100 %effdischarge=100 %idlingkw=0 dispmode=external"
        )
        return f"Storage.e{i}"

    def _curve(self, name: str, points: Points) -> None:
        held = ((0.3, points[0][1]), *points, (1.7, points[-1][1]))
        v, y = (" ".join(str(point[k]) for point in held) for k in (0, 1))
        self._do(f"new xycurve.{name} npts={len(held)} xarray=[{v}] yarray=[{y}]")

    def _control(self, ders: str, control: InverterControl, *, charging: bool) -> None:
        common = f"derlist={ders} voltage_curvex_ref=rated voltagechangetolerance=1e-6"
        if control.name == "volt-var":
            self._curve("vv", control.var.points)
            self._do(
                f"new invcontrol.i {common} mode=VOLTVAR vvc_curve1=vv refreactivepower=VARMAX "
                "varchangetolerance=1e-5 deltaQ_factor=0.3"
            )
            return
        self._curve("export", control.export.points)
        self._curve("charge", control.charge.points)
        both = "voltwattch_curve=charge" if charging else ""
        self._do(
            f"new invcontrol.i {common} mode=VOLTWATT voltwatt_curve=export {both} voltwattYaxis=PMPPPU "
            "activepchangetolerance=1e-5 deltaP_factor=0.3"
        )


@pytest.mark.parametrize(
    ("name", "curve", "scale"),
    [
        ("volt-var", "ieee1547-b", 1.0),
        ("volt-var", "ieee1547-b", -1.0),
        ("volt-var", "ieee1547-a", 1.0),
        ("volt-var", "en50549", -1.0),
        ("volt-watt", "ieee1547-b", 0.7),
        ("volt-watt", "ieee1547-b", -8.0),
        ("droop", "ieee1547-b", 0.5),
        ("droop", "ieee1547-b", -3.0),
    ],
)
def test_ieee33_with_eight_inverters_as_in_opendss(name: str, curve: str, scale: float) -> None:
    feeder = feeder_file.builtin("ieee33")
    control = inverter_control.preset(name, curve)
    rng = np.random.default_rng(2)
    requested_w = np.zeros(feeder.n_bus)
    requested_w[rng.choice(np.arange(1, 33), 8, replace=False)] = scale * rng.uniform(1e5, 4e5, 8)
    ours = controlled_flow.solve(
        feeder, feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1), requested_w, control
    )
    theirs = OpenDss(feeder).voltages(requested_w, control)
    assert np.abs(ours.flow.vm_pu - theirs).max() < 1e-6
    acts_va = np.abs(ours.p_w - requested_w).max() + np.abs(ours.q_var).max()
    assert acts_va > 1e4  # or the comparison would mean nothing
