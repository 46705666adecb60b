"""The command tree."""

from __future__ import annotations

import typer

from csms.cli import config, doctor, serve, station, study, token
from csms.cli.demo import command as demo

app = typer.Typer(
    name="csms",
    help="Charge-point management system for OCPP 1.6, 2.0.1 and 2.1 that closes a grid loop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.command("simulate")(demo.simulate)
app.add_typer(station.app, name="station")
app.add_typer(token.token_app, name="token")
app.add_typer(token.key_app, name="key")
app.add_typer(config.app, name="config")
app.add_typer(study.app, name="study")


def main() -> None:
    app()
