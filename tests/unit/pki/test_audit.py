from __future__ import annotations

from pathlib import Path

import pytest

from pki.audit import AuditLog, FileTape, MemoryTape
from pki.errors import AuditTamperedError
from pki.store import Store
from tests.unit.pki.support import NOW


def _log(path: Path, entries: int = 3) -> AuditLog:
    log = AuditLog(FileTape(path / "audit.log"), Store(path / "pki.sqlite"))
    for number in range(entries):
        log.append("issued", NOW, serial=f"{number:x}")
    return log


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    entries = _log(tmp_path).verify()
    assert [(each.seq, each.event, each.data) for each in entries] == [
        (0, "issued", {"serial": "0"}),
        (1, "issued", {"serial": "1"}),
        (2, "issued", {"serial": "2"}),
    ]


def test_two_writers_share_one_chain(tmp_path: Path) -> None:
    first = _log(tmp_path)
    second = AuditLog(FileTape(tmp_path / "audit.log"), Store(tmp_path / "pki.sqlite"))
    second.append("revoked", NOW, serial="1")
    first.append("crl", NOW, number="1")
    assert [each.event for each in first.verify()][-2:] == ["revoked", "crl"]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [],
        lambda lines: [line.replace(b'"0"', b'"f"') for line in lines],
        lambda lines: [line.replace(b":", b": ", 1) for line in lines],
    ],
    ids=["cut", "headless", "hole", "swapped", "doubled", "emptied", "edited", "spaced"],
)
def test_tampering_is_detected(tmp_path: Path, change: object) -> None:
    log = _log(tmp_path)
    path = tmp_path / "audit.log"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))  # type: ignore[operator]
    with pytest.raises(AuditTamperedError):
        log.verify()


def test_a_log_that_was_cut_is_not_written_on(tmp_path: Path) -> None:
    """The next entry would otherwise hide what is gone."""
    log = _log(tmp_path)
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(AuditTamperedError):
        log.append("issued", NOW, serial="3")


def test_losing_the_last_line_feed_does_not_drop_the_entry(tmp_path: Path) -> None:
    log = _log(tmp_path)
    path = tmp_path / "audit.log"
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    with pytest.raises(AuditTamperedError):
        log.append("issued", NOW, serial="3")
    with pytest.raises(AuditTamperedError):
        log.verify()


def test_a_line_torn_by_a_crash_is_dropped(tmp_path: Path) -> None:
    """It was never confirmed, so nothing was done on its strength."""
    log = _log(tmp_path)
    with (tmp_path / "audit.log").open("ab") as file:
        file.write(b'{"seq":3,"at":"2026')
    log.append("issued", NOW, serial="3")
    assert [each.seq for each in log.verify()] == [0, 1, 2, 3]


def test_a_crash_between_log_and_head_is_no_tampering(tmp_path: Path) -> None:
    class Crashing:
        def __init__(self, store: Store) -> None:
            self._store = store

        def audit_head(self) -> tuple[int, str] | None:
            return self._store.audit_head()

        def set_audit_head(self, seq: int, digest: str) -> None:
            raise KeyboardInterrupt

    log = _log(tmp_path)
    store = Store(tmp_path / "pki.sqlite")
    crashing = AuditLog(FileTape(tmp_path / "audit.log"), Crashing(store))
    with pytest.raises(KeyboardInterrupt):
        crashing.append("issued", NOW, serial="3")
    assert len(log.verify()) == 4
    log.append("issued", NOW, serial="4")
    assert len(log.verify()) == 5


def test_an_entry_is_bounded() -> None:
    log = AuditLog(MemoryTape(), Store(":memory:"))
    with pytest.raises(ValueError, match="at most 65536"):
        log.append("issued", NOW, subject="x" * 70_000)
    assert log.verify() == []
