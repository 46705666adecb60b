"""The command line as its user runs it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PATIENCE_S = 120.0


def csms(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``csms`` with a clean environment; output as text, exit status unchecked."""
    return subprocess.run(
        [sys.executable, "-c", "from csms.cli import main; main()", *arguments],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.startswith("CSMS")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
