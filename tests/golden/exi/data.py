"""The shared EXI test data, outside of the project; its tests skip where it is absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

EXI_DATA = Path(__file__).resolve().parents[3] / "../shared/data/exi"


def exi_data(name: str) -> Path:
    path = EXI_DATA / name
    if not path.exists():
        pytest.skip(f"no shared test data: ../shared/data/exi/{name}")
    return path


def _table(source: str) -> str:
    if "app_handshake" in source:
        return "app_protocol"
    if "/din/" in source:
        return "din_70121"
    for family in ("ac", "dc"):
        if source.rpartition("/")[2].startswith(f"{family}_"):
            return f"iso15118_20_{family}"
    return "iso15118_20_common_messages"


def everest_documents() -> list[tuple[str, bytes]]:
    """(table, EXI) of the documents in the tests of EVerest."""
    entries = json.loads(exi_data("everest-documents.json").read_text("utf-8"))
    return [(_table(entry["source"]), bytes.fromhex(entry["exi"])) for entry in entries]
