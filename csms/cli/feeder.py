"""``csms feeder``: bring a feeder in, check it, look at it, solve it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from csms.cli.output import Json, err, fail, out, print_json, print_table
from csms.grid import feeder_import, feeder_report, feeder_writer, power_flow
from csms.grid.feeder_file import FeederFileError, loads
from csms.grid.feeder_import import ImportedFeeder, OpenDssCircuit
from csms.grid.jsonable import to_jsonable
from csms.grid.network import ABC, Feeder, FeederError
from csms.grid.power_flow import PowerFlowDivergedError

app = typer.Typer(no_args_is_help=True, help="Feeder files: import, check, show, solve.")
Source = Annotated[
    str,
    typer.Argument(help="Built-in name, feeder file, OpenDSS script or folder, pandapower JSON."),
]
Plot = Annotated[Path | None, typer.Option(help="Draw the one-line diagram: .png, .svg or .pdf.")]
COLUMNS = ("bus", "from", "phases", "V", "r1 ohm", "x1 ohm", "A", "kVA", "kW", "kvar")
ROWS = 40
"""Longer tables are left to --json."""


@app.command("import")
def import_(
    source: Source,
    to: Annotated[Path | None, typer.Option("--to", "-o", help="Feeder file to write.")] = None,
    name: Annotated[str, typer.Option(help="Name of the feeder; default: the file's.")] = "",
    force: Annotated[bool, typer.Option(help="Overwrite the file.")] = False,
    lumped: Annotated[
        bool, typer.Option(help="OpenDSS transformers that mix phases become loads.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a feeder of another format as a commented feeder file, and compare the two solutions."""
    imported = _read(source, name, lumped=lumped)
    text = feeder_writer.dumps(imported.feeder, imported.comment())
    if to is None and not json:
        typer.echo(text, nl=False)
        return
    if to is not None:
        if to.exists() and not force:
            fail(f"{to} exists; --force overwrites it", 2)
        try:
            to.write_text(text, encoding="utf-8")
        except OSError as error:
            fail(f"{to}: {error.strerror}")
    compared = _compared(imported, loads(text, str(to or "text")))
    figures = {
        "file": None if to is None else str(to),
        "kind": imported.kind,
        "origin": imported.origin,
        **_few(feeder_report.summary(imported.feeder)),
        **compared,
        "notes": imported.notes,
    }
    if json:
        print_json(to_jsonable(figures))
    else:
        print_table(("", ""), [(key, _cell(value)) for key, value in figures.items() if value])


@app.command("check")
def check(source: Source, json: Json = False) -> None:
    """Say whether a feeder can be used: what is wrong with file, line and reason, and what looks doubtful."""
    try:
        imported = feeder_import.read(source)
    except (FeederError, PowerFlowDivergedError, OSError) as error:
        problem = _problem(source, error)
        if json:
            print_json({"ok": False, "problem": problem, "doubts": []})
            raise typer.Exit(1) from None
        fail(str(error))
    doubts = feeder_report.doubts(imported.feeder)
    if imported.left_out:
        doubts.append(f"left out of the circuit: {feeder_import.named_counts(imported.left_out)}")
    if json:
        print_json({"ok": True, "problem": None, "doubts": doubts})
        return
    feeder = imported.feeder
    out.print(f"{feeder.name}: {feeder.n_bus} buses, can be used", markup=False)
    for doubt in doubts:
        out.print(f"  doubtful: {doubt}", markup=False)


@app.command("show")
def show(source: Source, plot: Plot = None, json: Json = False) -> None:
    """Counts and tables of a feeder, and its one-line diagram."""
    feeder = _read(source).feeder
    counts, rows = feeder_report.summary(feeder), feeder_report.buses(feeder)
    if plot is not None:
        _draw(feeder, plot)
    if json:
        print_json(to_jsonable({**counts, "bus": rows}))
        return
    print_table(("", ""), [(key, _cell(value)) for key, value in counts.items()])
    out.print()
    print_table(COLUMNS, [[_cell(cell, digits=4) for cell in row.values()] for row in rows[:ROWS]])
    if len(rows) > ROWS:
        out.print(f"... {len(rows) - ROWS} more: --json", markup=False)


@app.command("solve")
def solve(source: Source, json: Json = False) -> None:
    """Solve a feeder with its own loads: losses, voltages, residual. OpenDSS circuits with their regulators."""
    path = Path(source)
    try:
        if feeder_import.is_opendss(path):
            figures = _circuit_figures(feeder_import.open_circuit(path))
        else:
            feeder = feeder_import.read(source).feeder
            figures = _flow_figures(feeder, power_flow.solve(feeder))
    except PowerFlowDivergedError as error:
        if json:
            print_json(
                {"ok": False, "residual_pu": error.residual_pu, "iterations": error.iterations}
            )
        fail(str(error))
    except (FeederError, OSError) as error:
        fail(str(error), 2)
    if json:
        print_json(to_jsonable({"ok": True, **figures}))
        return
    voltages = figures.pop("v_pu")
    print_table(("", ""), [(key, _cell(value)) for key, value in figures.items()])
    lowest = sorted(voltages.items(), key=lambda item: item[1])[:5]
    out.print("lowest: " + ", ".join(f"{node} {v:.5f}" for node, v in lowest), markup=False)


def _read(source: str, name: str = "", *, lumped: bool = False) -> ImportedFeeder:
    try:
        return feeder_import.read(source, name, lumped=lumped)
    except (FeederError, OSError) as error:
        fail(str(error), 2)
    except PowerFlowDivergedError as error:
        fail(str(error))


def _problem(source: str, error: Exception) -> dict[str, Any]:
    if isinstance(error, FeederFileError):
        return {"source": error.source, "line": error.line or None, "reason": error.reason}
    return {"source": source, "line": None, "reason": str(error)}


def _compared(imported: ImportedFeeder, written: Feeder) -> dict[str, Any]:
    """What the file solves to, beside the circuit that it came from."""
    try:
        flow = power_flow.solve(written)
    except PowerFlowDivergedError as error:
        fail(str(error))
    figures: dict[str, Any] = {"loss_kw": flow.loss_w / 1e3, "min_v_pu": flow.min_v_pu}
    if imported.circuit is not None:
        origin = imported.circuit.flow
        figures |= {"circuit_loss_kw": origin.loss_w / 1e3, "circuit_min_v_pu": origin.min_v_pu}
    return figures


def _flow_figures(feeder: Feeder, flow: power_flow.PowerFlow) -> dict[str, Any]:
    if flow.v_pu.ndim == 1:
        v_pu = dict(zip(feeder.bus_names, flow.vm_pu.tolist(), strict=True))
    else:
        v_pu = {
            f"{feeder.bus_names[i]}.{ABC[f]}": float(flow.vm_pu[i, f])
            for i, f in np.argwhere(feeder.phase_mask)
        }
    return {
        "name": feeder.name,
        "nodes": len(v_pu),
        "loss_kw": flow.loss_w / 1e3,
        "min_v_pu": flow.min_v_pu,
        "max_v_pu": flow.max_v_pu,
        "import_kw": flow.source_va.real / 1e3,
        "import_kvar": flow.source_va.imag / 1e3,
        "iterations": flow.iterations,
        "residual_pu": flow.residual_pu,
        "v_pu": v_pu,
    }


def _circuit_figures(found: OpenDssCircuit) -> dict[str, Any]:
    network, flow = found.circuit.network, found.flow
    v_pu = dict(zip(network.node_names[1:], flow.v_pu[1:].tolist(), strict=True))
    return {
        "name": found.path.stem,
        "nodes": len(v_pu),
        "loss_kw": flow.loss_w / 1e3,
        "min_v_pu": flow.min_v_pu,
        "max_v_pu": float(np.nanmax(flow.v_pu)),
        "iterations": flow.iterations,
        "residual_pu": flow.residual_pu,
        "taps": {r.name: round((r.tap - 1.0) / r.step) for r in found.circuit.regulators},
        "left_out": found.circuit.ignored,
        "v_pu": v_pu,
    }


def _draw(feeder: Feeder, path: Path) -> None:
    from csms.api.plots.feeder import plot_tree
    from csms.api.plots.output import save
    from csms.domain.feeder_view import BranchView
    from csms.web.layout import lay_out

    names = feeder.bus_names
    diagram = lay_out(
        [
            BranchView(from_bus=names[feeder.parent[i]], to_bus=names[i], power_w=0.0)
            for i in range(1, feeder.n_bus)
        ],
        frozenset(),
    )
    spots = {spot.name: (spot.x, spot.y) for spot in diagram.spots}
    try:
        v_pu = power_flow.solve(feeder).vm_pu
    except PowerFlowDivergedError as error:
        err.print(f"drawn without voltages: {error}", markup=False)
        v_pu = None
    figure = plot_tree(feeder, np.array([spots[name] for name in names]), v_pu)
    try:
        save(figure, path, footer="csms feeder show")
    except (ValueError, OSError) as error:
        fail(f"{path}: {error}", 2)
    err.print(f"plot: {path}", markup=False)


def _few(counts: dict[str, Any]) -> dict[str, Any]:
    return {key: counts[key] for key in ("name", "buses", "transformers", "load_kw", "load_kvar")}


def _cell(value: Any, digits: int = 6) -> str:
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(item)}" for key, item in value.items()) or "-"
    return "-" if value is None or value == "" else str(value)
