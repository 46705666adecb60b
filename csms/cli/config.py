"""``csms config``: the commented configuration file."""

from __future__ import annotations

import typer

from csms.cli.common import ConfigFile, read_settings
from csms.cli.output import Json, fail, out, print_json
from csms.cli.site_check import check_site
from csms.grid.network import FeederError
from csms.settings import render_toml

app = typer.Typer(no_args_is_help=True, help="The configuration file.")


@app.command("print")
def print_(config: ConfigFile = None, json: Json = False) -> None:
    """Print a commented configuration: the defaults, or what --config and the environment amount to."""
    settings = read_settings(config)
    if json:
        print_json(settings.model_dump(mode="json"))
    else:
        out.print(render_toml(settings if config else None), markup=False)


@app.command("check")
def check(config: ConfigFile = None, json: Json = False) -> None:
    """Read the configuration and each feeder that it names, and say whether they can be used."""
    settings = read_settings(config)
    found = {}
    for site in settings.feeder_sites:
        try:
            found[site.name] = check_site(site)
        except (FeederError, OSError) as error:
            fail(f"feeder {site.name}: {error}", 2)
    if json:
        print_json({"ok": True, "feeders": found})
    else:
        for name, text in found.items():
            out.print(f"feeder {name}: {text}", markup=False)
        out.print("the configuration can be used")
