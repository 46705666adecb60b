"""The command tree."""

from __future__ import annotations

import typer

from csms.cli.lazy import Lazy, LazyGroup

COMMANDS = {
    "serve": Lazy("csms.cli.serve:serve", "Run the central system."),
    "doctor": Lazy("csms.cli.doctor:doctor", "What would keep the central system from running."),
    "demo": Lazy("csms.cli.demo.command:demo", "Central system, chargers and feeder, live."),
    "simulate": Lazy("csms.cli.demo.command:simulate", "The whole system in virtual time."),
    "plug-and-charge": Lazy(
        "csms.cli.demo.plug_and_charge:plug_and_charge", "The whole chain of a contract, live."
    ),
    "station": Lazy("csms.cli.station:app", "Charging stations."),
    "token": Lazy("csms.cli.token:token_app", "Who may charge."),
    "key": Lazy("csms.cli.token:key_app", "API keys."),
    "tariff": Lazy("csms.cli.tariff:app", "The price that drivers are shown."),
    "prices": Lazy("csms.cli.prices:app", "Day-ahead prices."),
    "battery": Lazy("csms.cli.battery:app", "Battery twins of vehicles."),
    "plan": Lazy("csms.cli.plan:app", "The planner's schedules and what they saved."),
    "config": Lazy("csms.cli.config:app", "The configuration file."),
    "feeder": Lazy("csms.cli.feeder:app", "Feeder files: import, check, show, solve."),
    "study": Lazy("csms.cli.study:app", "Studies of grid, market and batteries."),
}

app = typer.Typer(
    name="csms",
    cls=LazyGroup,
    help="Charge-point management system for OCPP 1.6, 2.0.1 and 2.1 that closes a grid loop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "obj": COMMANDS},
)


@app.callback()
def _root() -> None:
    """Charge-point management system for OCPP 1.6, 2.0.1 and 2.1 that closes a grid loop."""


def main() -> None:
    app()
