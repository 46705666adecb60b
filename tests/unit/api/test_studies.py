"""Studies on the command line and over REST: the same names, the same figures, the same errors."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from csms.api.studies import STUDIES
from csms.cli.study import app
from csms.grid import power_flow
from csms.grid.feeder_file import builtin

TOLEDO = Path(__file__).resolve().parents[3] / "../shared/data/frequency/toledo_20250428.csv"
QUICK = {
    "powerflow": [],
    "load-profile": ["--feeder", "ieee123"],
    "sensitivity": ["--feeder", "european-lv"],
    "hosting-capacity": ["--control", "volt-watt", "--placements", "20", "--ev-w", "22000"],
    "frequency": ["--t-end-s", "20"],
    "mixed-fleet": ["--n-ev", "500", "--t-end-s", "10"],
    "damping": ["--droops", "0.05,0.02"],
    "ampere-steps": ["--n-ev", "50"],
    "regulation": ["--t-end-s", "400"],
    "cascade": ["--n-ev", "50", "--t-end-s", "20"],
    "protection": [],
    "resilience": [],
    "black-start": [],
}


def answer(name: str, *arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, [name, *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def refused(name: str, *arguments: object) -> str:
    result = CliRunner().invoke(app, [name, *map(str, arguments)])
    assert result.exit_code == 2, result.output
    return " ".join(result.stderr.split())


@pytest.mark.parametrize("name", QUICK)
def test_each_grid_study_answers_and_draws(name: str, tmp_path: Path) -> None:
    picture = tmp_path / "study.png"
    assert answer(name, *QUICK[name], "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert CliRunner().invoke(app, [name, *QUICK[name]]).exit_code == 0


@pytest.mark.golden
@pytest.mark.parametrize(
    ("bus", "ac_kw", "linear_kw"), [("17", 160.710, 209.608), ("uniform", 548.144, 715.881)]
)
@pytest.mark.parametrize("control", ["none", "volt-var", "volt-watt", "droop"])
def test_hosting_capacity_with_and_without_control_side_by_side(
    bus: str, ac_kw: float, linear_kw: float, control: str
) -> None:
    found = answer(
        "hosting-capacity", "--feeder", "ieee33", "--limit", 0.90, "--bus", bus, "--control", control
    )  # fmt: skip
    assert found["ac_kw"] == pytest.approx(ac_kw, abs=1e-3)
    assert found["lindistflow_kw"] == pytest.approx(linear_kw, abs=1e-3)
    assert ("control" in found) == (control != "none")
    if control != "none":
        assert found["ac_control_kw"] > 1.2 * ac_kw
        assert found["control"]["residual"] < 1e-6
        assert found["control"]["served_kw"] <= found["ac_control_kw"] * (1 + 1e-9)


@pytest.mark.golden
def test_sensitivity_ranks_where_the_next_kilowatt_hurts_least() -> None:
    found = answer("sensitivity")
    assert found["dloss_dp"]["17"] == pytest.approx(0.147192, abs=1e-6)
    assert found["best"][0]["bus"] == found["ranking"][0] == "1"
    assert found["worst"][0]["bus"] == found["ranking"][-1] == found["weakest_bus"] == "17"
    # one more kW at bus 17 lowers the lowest voltage as an AC solve says: 0.90 after 160.7 kW
    per_kw = found["dvmin_dp_pu_per_kw"]["17"]
    assert 0.913090 + 160.71 * per_kw == pytest.approx(0.90, abs=5e-4)


def test_damping_names_the_delay_at_which_the_fleet_oscillates() -> None:
    found = answer("damping", "--droops", "0.12,0.02", "--max-delay-s", 1.0)
    gentle, steep = found["limits"]
    assert gentle["delay_limit_s"] is None
    assert steep["gain_pu"] == pytest.approx(25.0)
    for delay_s, ratio in zip(found["delay_s"], found["damping_ratio"][1], strict=True):
        assert (ratio > 0.0) == (delay_s < steep["delay_limit_s"])
    assert 0.1 < steep["oscillation_hz"] < 2.0


def test_black_start_closes_by_priority_and_says_what_stays_dark() -> None:
    found = answer("black-start", "--blocks", "mill:900:1,ward:100:0,hall:50:1")
    assert [closure["name"] for closure in found["order"]] == ["ward", "hall"]
    assert found["left_out"][0]["name"] == "mill"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["powerflow", "--feeder", "ieee3"], "did you mean 'ieee33'?"),
        (["hosting-capacity", "--bus", "99"], "feeder 'ieee33' has no bus '99'; near: 9"),
        (["hosting-capacity", "--control", "voltvar"], "did you mean 'volt-var'?"),
        (["hosting-capacity", "--control", "droop", "--curve", "ieee1547"], "ieee1547-"),
        (["hosting-capacity", "--limit", "1.2"], "limit"),
        (["protection", "--fleet-bus", "x"], "has no bus 'x'"),
        (["load-profile", "--profile", "scale\n1\nx"], "row 3, column scale"),
        (["load-profile", "--profile", "17,99\n1,2"], "has no bus '99'"),
        (["load-profile", "--profile", "scale\n"], "at least one row"),
        (["load-profile", "--profile", "17,17\n1,2"], "appears twice"),
        (["load-profile", "--profile", "scale\n99"], "did not converge"),
        (["load-profile", "--profile", "none.csv"], "'none.csv' is no file"),
        (["protection", "--feeder", "ieee123"], "feeder 'ieee123' has no example scheme"),
        (["protection", "--relays", "R1:1:400:iec"], "no curve 'iec'"),
        (["protection", "--relays", "R1:0:400:iec-vi"], "stands at the source"),
        (["protection", "--relays", "F1:1:40:fuse"], "expected name:bus:pickup_a:curve"),
        (["hosting-capacity", "--bus", "0"], "bus: '0' is the source"),
        (["hosting-capacity", "--thermal"], "no ampacities and no ratings"),
        (["damping", "--preset", "gb"], "deadbands and limits"),
        (["frequency", "--fleet-shape", "x"], "expected one of ['en50549'"),
        (["damping", "--droops", "5%"], "droops: '5%', expected numbers"),
        (["black-start", "--blocks", "ward"], "blocks: 'ward', expected name:kW:priority"),
        (["frequency-trace"], "trace: the CSV of a recorded frequency is needed"),
        (["frequency-trace", "--trace", "no.csv"], "trace: 'no.csv' is no file"),
        (["frequency", "--preset", "sfx"], "expected one of ['continental', "),
    ],
)
def test_bad_input_is_named_with_what_was_expected(arguments: list[str], words: str) -> None:
    assert words in refused(*arguments)


def test_a_feeder_loaded_beyond_collapse_reports_its_residual(tmp_path: Path) -> None:
    file = tmp_path / "weak.toml"
    file.write_text(
        '[source]\nbus = "a"\nbase_voltage_v = 400\n[branches]\ncolumns = ["from", "to", "r1_ohm", "x1_ohm"]\n'
        'rows = [["a", "b", 1.0, 1.0]]\n[loads]\ncolumns = ["bus", "p_w"]\nrows = [["b", 1e6]]\n'
    )
    for study in ("powerflow", "sensitivity", "hosting-capacity"):
        message = refused(study, "--feeder", file)
        assert "did not converge" in message
        assert "pu after" in message


def test_a_recorded_blackout_is_answered_by_the_whole_fleet() -> None:
    if not TOLEDO.exists():
        pytest.skip(f"test data absent: {TOLEDO.name}")
    found = answer("frequency-trace", "--trace", TOLEDO, "--n-ev", 100)
    assert (found["min_hz"], found["n_gaps"]) == (47.476, 8)
    assert found["least_import_w"] == pytest.approx(-1.1e6, rel=1e-3)


def test_nothing_draws_before_it_is_asked_to() -> None:
    code = "import sys, csms.cli.study, csms.api.routes.studies; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_every_plot_that_a_study_names_exists(name: str) -> None:
    plot = STUDIES[name].plot
    module, _, function = plot.__qualname__.rpartition(".")
    if module.startswith("csms.api.plots."):
        assert callable(getattr(importlib.import_module(module), function))


async def test_rest_computes_what_the_command_prints(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    given = {"bus": "17", "control": "volt-var"}
    reply = await client.post("/v1/studies/hosting-capacity", json=given, headers=admin)
    assert reply.status_code == 200
    assert reply.json() == answer("hosting-capacity", "--bus", "17", "--control", "volt-var")
    headers = admin | {"accept": "image/png"}
    drawn = await client.post("/v1/studies/hosting-capacity", json=given, headers=headers)
    assert drawn.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("frequency", {"preset": "gb", "fleet_shape": "gb-dm", "t_end_s": 5.0}),
        ("mixed-fleet", {"n_ev": 200, "t_end_s": 5.0, "seed": 3}),
        ("load-profile", {"profile": "scale\n1\n0.5\n"}),
        ("protection", {"relays": "R1:1:400:iec-vi,F6:6:120:fuse:40000"}),
        ("sensitivity", {"feeder": "ieee123"}),
        ("powerflow", {"feeder": "european-lv"}),
    ],
)
async def test_rest_takes_what_the_flags_take(
    client: httpx.AsyncClient, admin: dict[str, str], name: str, given: dict[str, Any]
) -> None:
    reply = await client.post(f"/v1/studies/{name}", json=given, headers=admin)
    assert reply.status_code == 200, reply.text
    flags = [x for key, value in given.items() for x in (f"--{key.replace('_', '-')}", value)]
    assert reply.json() == answer(name, *flags)


async def test_rest_opens_no_file_of_this_machine(
    client: httpx.AsyncClient, admin: dict[str, str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("time,frequency\n0,50\n1,49.9\n2,50\n")
    for study, name in (
        ("frequency-trace", "trace"),
        ("load-profile", "profile"),
        ("degradation", "data"),
        ("savings", "prices"),
        ("savings", "sessions"),
    ):
        reply = await client.post(f"/v1/studies/{study}", json={name: str(secret)}, headers=admin)
        assert reply.status_code == 422
        assert "no file of this machine is read" in reply.json()["detail"]
    told = await client.post(
        "/v1/studies/frequency-trace", json={"trace": secret.read_text()}, headers=admin
    )
    assert told.json()["min_hz"] == 49.9


def test_relays_and_fuses_of_ones_own_are_graded() -> None:
    found = answer(
        "protection", "--relays", "R1:1:400:iec-vi, R3:3:250:ieee-ei, F6:6:120:fuse:40000"
    )
    assert set(found["settings_tms"]) == {"R1", "R3"}  # a fuse has no setting
    pairs = {(pair["backup"], pair["primary"]): pair for pair in found["pairs_without_fleet"]}
    assert pairs["R3", "F6"]["margin_s"] >= 0.3
    (loss,) = found["losses"]
    assert (loss["backup"], loss["primary"]) == ("R3", "F6")
    assert loss["restoring_tms"] > loss["tms"]
    assert all(pair["margin_s"] >= 0.3 - 1e-9 for pair in found["pairs_restored"])


def test_the_rating_of_a_transformer_ends_the_capacity_when_asked() -> None:
    file = Path(__file__).resolve().parents[3] / "config/feeders/example.toml"
    street = ("hosting-capacity", "--feeder", str(file))
    by_voltage, by_both = answer(*street), answer(*street, "--thermal")
    assert (by_voltage["limited_by"], by_both["limited_by"]) == ("voltage", "loading")
    assert by_both["ac_kw"] < by_voltage["ac_kw"]


def test_a_shape_of_a_market_is_a_flag() -> None:
    helped = answer("frequency", "--preset", "gb", "--fleet-shape", "gb-dc")
    assert answer("frequency", "--preset", "gb")["nadir_hz"] < helped["nadir_hz"] - 0.2


@pytest.mark.parametrize("feeder", ["ieee33", "ieee123"])
def test_each_step_of_a_profile_is_the_power_flow_of_its_loads(feeder: str, tmp_path: Path) -> None:
    network = builtin(feeder)
    bus = int(network.p_w.sum(axis=1).argmax())
    file = tmp_path / "day.csv"
    file.write_text(f"scale,{network.bus_names[bus]}\n1,50\n0.5,0\n1.1,-20\n")
    found = answer("load-profile", "--feeder", feeder, "--profile", file, "--step-s", 3600)
    for k, (scale, kw) in enumerate([(1.0, 50.0), (0.5, 0.0), (1.1, -20.0)]):
        p, q = scale * network.p_w, scale * network.q_var
        for part, own in ((p, network.p_w), (q, network.q_var)):
            part[bus] = own[bus] / network.p_w[bus].sum() * kw * 1e3
        if network.balanced:
            p, q = p.sum(axis=1), q.sum(axis=1)
        flow = power_flow.solve(network, p, q)
        assert found["min_v_pu"][k] == pytest.approx(flow.min_v_pu, abs=1e-8)
        assert found["loss_kw"][k] == pytest.approx(flow.loss_w / 1e3, rel=1e-6)
    assert found["loss_kwh"] == pytest.approx(sum(found["loss_kw"]))
