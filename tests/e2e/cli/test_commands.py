"""What an operator types: every command ends with a status and an answer that can be acted upon."""

from __future__ import annotations

import json
import socket
import tomllib
from pathlib import Path

import pytest

from csms.grid import feeder_file
from tests.e2e.cli.run import csms, csms_process


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_wrong_key_names_the_right_one(tmp_path: Path) -> None:
    config = tmp_path / "csms.toml"
    config.write_text("[gateway]\nprot = 9000\n")
    answer = csms("serve", "--config", str(config))
    assert answer.returncode == 2
    assert "gateway.prot" in answer.stderr
    assert "gateway.port" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_meshed_feeder_names_its_loop(tmp_path: Path) -> None:
    radial = Path(feeder_file.__file__).parent.joinpath("feeders/ieee33.toml").read_text()
    last = '  ["31", "32", 0.3410, 0.5302],\n'
    assert last in radial
    meshed = tmp_path / "meshed.toml"
    meshed.write_text(radial.replace(last, last + '  ["32", "28", 0.5, 0.5],\n'))
    config = tmp_path / "csms.toml"
    config.write_text(f'[site]\nfeeder = "{meshed}"\n[gateway]\nport = 0\n[http]\nport = 0\n')
    answer = csms_process("serve", "--config", str(config), cwd=tmp_path)
    assert answer.returncode == 2
    assert "loop" in answer.stderr
    for bus in ("28", "29", "30", "31", "32"):
        assert bus in answer.stderr
    assert "Traceback" not in answer.stderr
    findings = json.loads(csms("doctor", "--config", str(config), "--json").stdout)
    (feeder,) = [check for check in findings["checks"] if check["check"] == "feeder"]
    assert (findings["ok"], feeder["ok"]) == (False, False)
    assert "loop" in feeder["found"] + feeder["fix"]


def test_stations_are_accepted_listed_and_shown(tmp_path: Path) -> None:
    config = tmp_path / "csms.toml"
    config.write_text(f'[store]\nurl = "sqlite:///{tmp_path / "fresh.db"}"\n')
    common = ("--config", str(config), "--json")
    accepted = json.loads(csms("station", "accept", "CS/1", *common).stdout)
    assert accepted["url"].endswith("/ocpp/CS%2F1")
    assert len(accepted["password"]) >= 16
    listed = csms("station", "list", *common).stdout
    assert [s["station_id"] for s in json.loads(listed)["stations"]] == ["CS/1"]
    shown = csms("station", "show", "CS/1", *common).stdout
    assert json.loads(shown)["station"]["enabled"] is True
    assert accepted["password"] not in listed + shown
    assert "argon2" not in listed + shown
    unknown = csms("station", "show", "CS9", *common)
    assert unknown.returncode == 1
    assert "CS9" in unknown.stderr
    assert (tmp_path / "fresh.db").stat().st_mode & 0o077 == 0


def test_the_printed_configuration_can_be_used(tmp_path: Path) -> None:
    printed = csms("config", "print")
    assert printed.returncode == 0
    config = tmp_path / "csms.toml"
    config.write_text(printed.stdout)
    assert "gateway" in tomllib.loads(printed.stdout)
    before = json.loads(csms("config", "print", "--json").stdout)
    again = ("config", "print", "--config", str(config))
    assert json.loads(csms(*again, "--json").stdout) == before
    changed = tmp_path / "changed.toml"
    changed.write_text(
        '[gateway]\nport = 9123\n[[site.evses]]\nstation = "A"\nbus = "7"\nmax_power_w = 11e3\nmax_discharge_w = 11e3\n'
    )
    first = csms("config", "print", "--config", str(changed)).stdout
    config.write_text(first)
    assert csms("config", "check", "--config", str(config)).returncode == 0
    assert csms(*again).stdout == first
    assert tomllib.loads(first)["site"]["evses"][0]["max_discharge_w"] == 11e3


def test_each_feeder_of_several_is_checked(tmp_path: Path) -> None:
    config = tmp_path / "csms.toml"

    def told(bus: str) -> str:
        evse = f'[[sites.evses]]\nstation = "S-1"\nbus = "{bus}"\nmax_power_w = 11e3\n'
        return f'[[sites]]\nname = "north"\n[[sites]]\nname = "south"\nfeeder = "ieee123"\n{evse}'

    config.write_text(told("none-such"))
    answer = csms("config", "check", "--config", str(config))
    assert answer.returncode == 2
    for part in ("feeder south", "S-1/1", "none-such"):
        assert part in answer.stderr
    found = json.loads(csms("doctor", "--config", str(config), "--json").stdout)["checks"]
    feeders = {check["check"]: check for check in found if check["check"].startswith("feeder")}
    assert feeders["feeder north"]["ok"] is True
    assert feeders["feeder south"]["ok"] is False
    assert "sites[2].evses" in feeders["feeder south"]["fix"]
    config.write_text(told("1"))
    checked = json.loads(csms("config", "check", "--config", str(config), "--json").stdout)
    assert "33 buses, 0 EVSEs" in checked["feeders"]["north"]
    assert "1 EVSEs placed" in checked["feeders"]["south"]


def test_a_doctor_finds_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "csms.toml"
        config.write_text(f"[gateway]\nport = {port}\n[http]\nport = 0\n")
        answer = csms("doctor", "--config", str(config), "--json")
    assert answer.returncode == 1
    findings = {check["check"]: check for check in json.loads(answer.stdout)["checks"]}
    assert findings["port for stations"]["ok"] is False
    assert "gateway.port" in findings["port for stations"]["fix"]
    assert findings["database"]["ok"] is True
