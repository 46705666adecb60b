"""``csms study``: one question, one answer in figures and, with --plot, one picture."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Studies of grid, market and batteries.")
