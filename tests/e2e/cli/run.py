"""The command line as its user runs it: in this process, or in one of its own where that matters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from csms.cli.app import app

PATIENCE_S = 240.0
SCRIPT = "from csms.cli import main; main()"


class Ended(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def csms(*arguments: str) -> Ended:
    """``csms`` in this process."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def csms_process(*arguments: str, cwd: Path) -> Ended:
    """``csms`` in a process of its own, with a clean environment."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("CSMS")}
