"""Configuration: one file made from the model, errors that name the key, secrets that stay secret."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from csms.settings import Settings, SettingsError, load_settings, render_toml
from csms.settings.base import section_of

COMMITTED = Path(__file__).resolve().parents[3] / "config" / "csms.toml"


def write(folder: Path, text: str) -> Path:
    file = folder / "csms.toml"
    file.write_text(text)
    return file


def test_the_committed_file_is_the_models() -> None:
    assert COMMITTED.read_text() == render_toml(), (
        "run: python -m tests.unit.settings.test_settings"
    )


def test_the_committed_file_loads_as_the_defaults() -> None:
    assert load_settings(COMMITTED, {}) == load_settings(None, {})


def test_the_commented_examples_are_valid_once_filled_in(tmp_path: Path) -> None:
    lines = COMMITTED.read_text().splitlines()
    lines = lines[lines.index("# [[site.evses]]") :]
    example = lines[: lines.index("")]
    filled = "\n".join(line.removeprefix("# ") for line in example if not line.startswith("##"))
    filled = filled.replace('station = ""', 'station = "CP-1"').replace('bus = ""', 'bus = "17"')
    loaded = load_settings(write(tmp_path, filled), {})
    assert loaded.site.evses[0].station == "CP-1"
    assert loaded.site.evses[0].max_power_w == 11_000.0


def test_a_changed_configuration_renders_and_loads_back(tmp_path: Path) -> None:
    given = load_settings(
        write(
            tmp_path,
            '[gateway]\nport = 0\n[site]\nname = "A \\"b\\""\n'
            '[[site.evses]]\nstation = "CP-1"\nbus = "17"\nmax_power_w = 22000.0\n'
            '[[site.evses]]\nstation = "CP-2"\nbus = "3"\nphases = "b"\nmax_power_w = 7400.0\n',
        ),
        {},
    )
    again = load_settings(write(tmp_path, render_toml(given)), {})
    assert again == given


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[gateway]\nport = 1\n[http]\nport = 2\n")
    loaded = load_settings(file, {"CSMS__GATEWAY__PORT": "3", "OTHER": "x"})
    assert (loaded.gateway.port, loaded.http.port) == (3, 2)


def test_a_secret_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+asyncpg://u:planted@h/db\n")
    for loaded in (
        load_settings(write(tmp_path, f'[store]\nurl_file = "{secret}"\n'), {}),
        load_settings(None, {"CSMS__STORE__URL_FILE": str(secret)}),
    ):
        assert loaded.store.url.get_secret_value() == "postgresql+asyncpg://u:planted@h/db"
        assert "planted" not in repr(loaded)
        assert "planted" not in render_toml(loaded)
        assert tomllib.loads(render_toml(loaded))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[store]\nulr = 'x'\n", "unknown key store.ulr; did you mean store.url?"),
        ("[gatway]\nport = 1\n", "unknown key gatway; did you mean gateway?"),
        ("[http]\nlease_s = 1\n", "unknown key http.lease_s; did you mean dispatch.lease_s?"),
        (
            "[[site.evses]]\nstation='a'\nbus='b'\nmax_power_w=1.0\npriorty=1\n",
            "unknown key site.evses[1].priorty; did you mean site.evses[1].priority?",
        ),
        ("[gateway]\nport = 'many'\n", "gateway.port: "),
        ("[gateway]\nport = 70000\n", "gateway.port: Input should be less than or equal to 65535"),
        ("[site]\nv_min_pu = nan\n", "site.v_min_pu: "),
        ("[gateway\n", "not TOML"),
        ("[gateway]\nsecurity_profile = 2\n", "profiles 2 and 3 need [gateway.tls]"),
        ("[gateway]\nhost = '0.0.0.0'\n", "set allow_plaintext = true on a closed network"),
        ("[http]\nhost = '0.0.0.0'\n", "plain HTTP on 0.0.0.0"),
        ("[dispatch]\nlease_s = 5\nperiod_s = 4.0\n", "at least twice period_s"),
        ("[droop]\nunder_freq_hz = 51.0\n", "must be below over_freq_hz"),
        ("[store]\nurl = 'a'\nurl_file = 'b'\n", "give either url or url_file, not both"),
        ("[store]\nurl_file = '/does/not/exist'\n", "cannot read /does/not/exist"),
        ("[mqtt]\nurl = 'http://x'\n", "mqtt.url: "),
        (
            "[[site.evses]]\nstation='a'\nbus='b'\nmax_power_w=1.0\n" * 2,
            "a/1 stands there twice",
        ),
        ("[site]\nname='a'\n[[sites]]\nname='b'\n", "give either [site] or [[sites]], not both"),
        ("[[sites]]\nname='a'\n" * 2, "sites[2].name: there are two feeders called a"),
        ("[[sites]]\nname='a/b'\n", "sites[1].name: 1 to 64 characters without"),
        ("[[sites]]\nname=''\n", "sites[1].name: 1 to 64 characters without"),
        (
            "[[sites]]\nname='a'\nfedeer='x'\n",
            "unknown key sites[1].fedeer; did you mean sites[1].feeder?",
        ),
        ("[[sites]]\nname='a'\nv_min_pu=1.5\n", "sites[1].v_min_pu: Input should be less than 1"),
        (
            "".join(
                f"[[sites]]\nname='{name}'\n"
                f"[[sites.evses]]\nstation='CP'\nevse={evse}\nbus='b'\nmax_power_w=1.0\n"
                for evse, name in enumerate(("north", "south"), 1)
            ),
            "sites[2].evses: CP stands on north and on south; a station is fed by one feeder",
        ),
        (
            "[[sites]]\nname='a'\n[[sites]]\nname='b'\n[planner]\nsite_meter='m'\n",
            "give main_meter in each of [[sites]]",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, named: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})
    assert named in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, "[http]\nport = 'a'\n[log]\nlevel = 'loud'\n"), {})
    assert len(str(caught.value).splitlines()) == 2


def test_a_wrong_environment_key_is_named() -> None:
    with pytest.raises(SettingsError, match=r"CSMS__STORE__ULR; did you mean CSMS__STORE__URL\?"):
        load_settings(None, {"CSMS__STORE__ULR": "x"})
    with pytest.raises(SettingsError, match=r"did you mean CSMS__STORE__URL\?"):
        load_settings(None, {"CSMS__STOR__URL": "x"})


def test_a_mistake_never_shows_the_value(tmp_path: Path) -> None:
    for text in ("[store]\nurl = ['planted']\n", "[http]\nport = 'planted'\n"):
        with pytest.raises(SettingsError) as caught:
            load_settings(write(tmp_path, text), {})
        assert "planted" not in str(caught.value)


def test_every_number_says_its_unit() -> None:
    """A bare number's key names a unit, or is one of the few that have none."""
    unitless = {"port", "max_connections", "max_streams", "journal_messages", "priority", "evse"}
    units = ("_s", "_h", "_w", "_wh", "_a", "_pu", "_hz", "_bytes", "_per_min", "_frac", "_per_kwh")
    for name, field in Settings.model_fields.items():
        section = section_of(field.annotation)
        assert section is not None
        for key, info in section.model_fields.items():
            if info.annotation in (int, float):
                assert key in unitless or key.endswith(units), f"{name}.{key}"


def test_several_feeders_survive_being_printed(tmp_path: Path) -> None:
    told = """
[[sites]]
name = "north"
v_min_pu = 0.95
[[sites.evses]]
station = "N-1"
bus = "17"
max_power_w = 11000.0
[[sites]]
name = "south"
feeder = "european-lv"
"""
    loaded = load_settings(write(tmp_path, told), {})
    assert [(site.name, len(site.evses)) for site in loaded.feeder_sites] == [
        ("north", 1),
        ("south", 0),
    ]
    printed = render_toml(loaded)
    assert load_settings(write(tmp_path, printed), {}).feeder_sites == loaded.feeder_sites


def test_one_site_is_a_list_of_one_feeder() -> None:
    assert load_settings(None, {"CSMS__SITE__NAME": "depot"}).feeder_sites[0].name == "depot"
    with pytest.raises(SettingsError, match=r"give either \[site\] or \[\[sites\]\]"):
        load_settings(None, {"CSMS__SITE__NAME": "depot", "CSMS__SITES": '[{"name": "a"}]'})


if __name__ == "__main__":
    COMMITTED.write_text(render_toml())
