"""Where the shared price and session data are; tests skip, with the reason, where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "../shared/data/ev2gym"


def ev2gym_text(name: str) -> str:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"shared test data absent: {name}")
    return path.read_text(encoding="utf-8")
