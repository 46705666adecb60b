"""``csms feeder``: what a person sees and what a program reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from csms.cli.app import app as csms
from csms.cli.feeder import app
from csms.grid import feeder_file, feeder_import, import_opendss, power_flow
from csms.grid.network import FeederError

OPENDSS = Path(__file__).resolve().parents[3] / "../shared/data/feeders/opendss"
EXAMPLE = Path(__file__).resolve().parents[3] / "config/feeders/example.toml"
PLAIN = """name = "two"
[source]
bus = "a"
base_voltage_v = 400
[branches]
columns = ["from", "to", "r1_ohm", "x1_ohm"]
rows = [
  ["a", "b", 0.1, 0.05],
]
[loads]
columns = ["bus", "p_w"]
rows = [
  ["b", 5000],
]
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(item) for item in arguments])


def answer(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def opendss(name: str) -> Path:
    if not OPENDSS.exists():
        pytest.skip("the OpenDSS test feeders are not here")
    return (OPENDSS / name).resolve()


@pytest.mark.golden
def test_solve_says_losses_voltages_and_residual() -> None:
    figures = answer("solve", "ieee33")
    assert figures["ok"] is True
    assert figures["loss_kw"] == pytest.approx(202.6771, abs=1e-4)
    assert figures["min_v_pu"] == pytest.approx(0.913090, abs=1e-6)
    assert figures["residual_pu"] < 1e-8
    assert min(figures["v_pu"], key=figures["v_pu"].get) == "17"
    text = run("solve", "ieee33").stdout
    assert "202.677" in text
    assert "lowest: 17 0.91309" in text


@pytest.mark.golden
@pytest.mark.parametrize(
    ("name", "nodes", "loss_kw"),
    [("13Bus", 41, 112.391), ("37Bus/ieee37.dss", 117, 152.345)],
)
def test_solve_takes_opendss_scripts_and_folders_with_their_regulators(
    name: str, nodes: int, loss_kw: float
) -> None:
    figures = answer("solve", opendss(name))
    assert figures["nodes"] == nodes
    assert figures["loss_kw"] == pytest.approx(loss_kw, abs=6e-4)
    assert figures["taps"]


@pytest.mark.golden
def test_an_imported_circuit_is_a_commented_file_that_solves_alike(tmp_path: Path) -> None:
    script = opendss("123Bus/IEEE123Master.dss")
    file = tmp_path / "feeder.toml"
    figures = answer("import", script, "--to", file)
    assert figures["loss_kw"] == pytest.approx(figures["circuit_loss_kw"], rel=1e-4)
    assert figures["min_v_pu"] == pytest.approx(0.97921, abs=5e-5)
    assert any("regulators keep the taps" in note for note in figures["notes"])
    text = file.read_text()
    assert text.startswith("# Imported from IEEE123Master.dss (OpenDSS).\n# SI units")
    flow = power_flow.solve(feeder_file.load(file))
    circuit = import_opendss.load(script).solve()
    assert flow.loss_w == pytest.approx(circuit.loss_w, rel=1e-4)
    again = run("import", script, "--to", file)
    assert (again.exit_code, "--force" in again.stderr) == (2, True)


@pytest.mark.golden
@pytest.mark.parametrize(
    ("name", "loss_kw", "min_v_pu"),
    [("13Bus/IEEE13Nodeckt.dss", 112.391, 0.96085), ("34Bus/ieee34Mod1.dss", 273.513, 0.92310),
     ("37Bus/ieee37.dss", 152.345, 0.87103)],
)  # fmt: skip
def test_a_study_takes_an_opendss_script_and_says_what_opendss_says(
    name: str, loss_kw: float, min_v_pu: float
) -> None:
    result = CliRunner().invoke(
        csms, ["study", "powerflow", "--feeder", str(opendss(name)), "--json"]
    )
    figures = json.loads(result.stdout)
    assert figures["loss_kw"] == pytest.approx(loss_kw, rel=1e-4)
    assert figures["min_v_pu"] == pytest.approx(min_v_pu, abs=2e-4)
    assert figures["tree_loss_kw"] == pytest.approx(loss_kw, rel=5e-3)


@pytest.mark.golden
def test_split_phase_transformers_become_loads_when_asked(tmp_path: Path) -> None:
    script, file = opendss("8500-Node/Master.dss"), tmp_path / "big.toml"
    refused = run("import", script, "--to", file)
    assert (refused.exit_code, "import --lumped" in refused.stderr) == (2, True)
    figures = answer("import", script, "--lumped", "--to", file)
    assert figures["circuit_loss_kw"] == pytest.approx(1210.257, rel=1e-5)
    assert figures["loss_kw"] < figures["circuit_loss_kw"]  # the transformers' own are in the loads
    assert any("are loads" in note for note in figures["notes"])
    assert feeder_file.load(file).n_bus == figures["buses"]


def test_a_script_where_a_feeder_file_belongs_is_named_with_the_way_out(tmp_path: Path) -> None:
    script = tmp_path / "street.dss"
    script.write_text("New Circuit.street\n")
    with pytest.raises(
        FeederError, match=r"an OpenDSS script, no feeder file; .*csms feeder import"
    ):
        feeder_file.load_feeder(str(script))


def test_a_meshed_circuit_is_refused_as_a_feeder_and_solved_as_a_circuit(tmp_path: Path) -> None:
    lines = "\n".join(
        f"New Line.{a}{b} bus1={a} bus2={b} r1=0.1 x1=0.1 r0=0.1 x0=0.1 c1=0 c0=0 length=1"
        for a, b in ("ab", "bc", "ca")
    )
    (tmp_path / "ring.dss").write_text(
        f"clear\nNew Circuit.ring basekv=4.16 bus1=a\n{lines}\n"
        "New Load.l bus1=c kv=4.16 kw=300 pf=0.95\nSet voltagebases=[4.16]\nsolve\n"
    )
    result = run("import", tmp_path)
    assert result.exit_code == 2
    assert "meshed" in result.stderr
    assert "csms feeder solve" in result.stderr
    assert answer("solve", tmp_path)["nodes"] == 9


@pytest.mark.oracle
def test_pandapower_json_is_imported(tmp_path: Path) -> None:
    pandapower = pytest.importorskip("pandapower")
    net = pandapower.networks.create_cigre_network_lv()
    source = tmp_path / "cigre.json"
    pandapower.to_json(net, str(source))
    figures = answer("import", source, "--to", tmp_path / "cigre.toml")
    assert figures["kind"] == "pandapower"
    assert figures["loss_kw"] == pytest.approx(28.3292, rel=5e-3)
    assert answer("check", tmp_path / "cigre.toml")["ok"] is True


@pytest.mark.parametrize(
    ("broken", "line", "reason"),
    [
        (PLAIN.replace('"r1_ohm"', '"r1_ohms"'), 6, "did you mean 'r1_ohm'?"),
        (PLAIN.replace('["b", 5000]', '["c", 5000]'), 13, "load at bus 'c'"),
        (PLAIN.replace("0.1, 0.05", '"x", 0.05'), 8, "r1_ohm must be a number, got 'x'"),
        (PLAIN.replace("base_voltage_v", "base_voltage"), 3, "did you mean 'base_voltage_v'?"),
        (PLAIN.replace("400", "= 400"), 4, "not valid TOML"),
        (
            PLAIN.replace('["a", "b", 0.1, 0.05],', '["a", "b", 0.1, 0.05],\n["b", "a", 1, 1],'),
            9,
            "two branches join",
        ),
    ],
)
def test_check_names_line_and_reason(tmp_path: Path, broken: str, line: int, reason: str) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(broken)
    result = run("check", file, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert found["problem"]["source"] == str(file)
    assert reason in found["problem"]["reason"]
    assert abs(found["problem"]["line"] - line) <= 1
    plain = run("check", file)
    assert plain.exit_code == 1
    where = f"broken.toml:{found['problem']['line']}: {found['problem']['reason']}"
    assert where in plain.stderr  # brackets in the reason are no markup


def test_check_says_what_looks_doubtful(tmp_path: Path) -> None:
    file = tmp_path / "weak.toml"
    file.write_text(PLAIN.replace("5000", "180000"))
    doubts = answer("check", file)["doubts"]
    assert any("no branch has an ampacity" in doubt for doubt in doubts)
    assert any("below 0.9 pu" in doubt and doubt.endswith("b") for doubt in doubts)
    assert answer("check", EXAMPLE)["doubts"] == []


def test_more_load_than_the_feeder_bears_is_reported_with_its_residual(tmp_path: Path) -> None:
    file = tmp_path / "collapse.toml"
    file.write_text(PLAIN.replace("5000", "5000000"))
    result = run("solve", file, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert found["residual_pu"] is None or found["residual_pu"] > 1e-8
    assert found["iterations"] > 0
    assert "did not converge" in result.stderr
    assert any("did not converge" in doubt for doubt in answer("check", file)["doubts"])


@pytest.mark.parametrize(
    ("name", "words"),
    [("ieee34", "did you mean 'ieee33'?"), ("nothing/at/all.toml", "neither a file nor built in")],
)
def test_an_unknown_feeder_is_answered_with_what_there_is(name: str, words: str) -> None:
    for verb in ("check", "show", "solve", "import"):
        result = run(verb, name)
        assert result.exit_code != 0
        assert words in result.stderr


def test_a_file_misspelt_is_found_beside(tmp_path: Path) -> None:
    (tmp_path / "street.toml").write_text(PLAIN)
    result = run("solve", tmp_path / "streat.toml")
    assert f"did you mean '{tmp_path / 'street.toml'}'" in result.stderr


def test_a_folder_with_two_circuits_asks_which(tmp_path: Path) -> None:
    for name in ("a.dss", "b.dss"):
        (tmp_path / name).write_text("clear\nNew Circuit.x\n")
    result = run("solve", tmp_path)
    assert result.exit_code == 2
    assert "name one: a.dss, b.dss" in result.stderr


def test_show_counts_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "tree.png"
    figures = answer("show", "european-lv", "--plot", picture)
    assert (figures["buses"], figures["transformers"], figures["loaded_buses"]) == (907, 1, 55)
    assert figures["line_to_line_v"] == [11000, 416]
    assert len(figures["bus"]) == 907
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "907" in run("show", "european-lv").stdout
    assert run("show", "ieee33", "--plot", tmp_path / "tree.xyz").exit_code == 2


def test_an_import_to_the_screen_can_be_read_back(tmp_path: Path) -> None:
    file = tmp_path / "copy.toml"
    file.write_text(run("import", EXAMPLE).stdout)
    flows = [power_flow.solve(feeder_import.read(str(path)).feeder) for path in (EXAMPLE, file)]
    assert flows[0].loss_w == pytest.approx(flows[1].loss_w, rel=1e-9)


def test_what_a_circuit_loses_on_import_is_said_by_check_and_by_the_study(tmp_path: Path) -> None:
    script = tmp_path / "pv.dss"
    script.write_text(
        "New Circuit.c basekv=0.4 r1=0.01 x1=0.01 r0=0.01 x0=0.01\n"
        "New Line.l bus1=sourcebus bus2=b r1=0.1 x1=0.1 r0=0.1 x0=0.1 c1=0 c0=0 length=1\n"
        "New Load.x bus1=b kv=0.4 kw=5\nNew PVSystem.p bus1=b kv=0.4 kva=5 pmpp=5\n"
        "Set voltagebases=[0.4]\n"
    )
    assert answer("check", script)["doubts"][-1] == "left out of the circuit: 1 pvsystem"
    result = CliRunner().invoke(csms, ["study", "powerflow", "--feeder", str(script), "--json"])
    assert json.loads(result.stdout)["left_out"] == {"pvsystem": 1}


@pytest.mark.parametrize("name", ["x.xyz", "no/such/folder/x.png"])
def test_a_plot_that_cannot_be_written_is_an_error_that_names_the_file(
    tmp_path: Path, name: str
) -> None:
    result = CliRunner().invoke(csms, ["study", "powerflow", "--plot", str(tmp_path / name)])
    assert result.exit_code == 2
    assert name in result.stderr.replace("\n", "")


def test_what_a_person_typed_is_quoted_as_typed() -> None:
    result = CliRunner().invoke(csms, ["study", "black-start", "--blocks", "a:b:c"])
    assert "'a:b:c'" in result.stderr  # and no emoji in place of :b:
