"""Append-only log in which every entry carries the hash of the one before.

One JSON object per line in canonical form, so that a flip of any octet shows. Cutting entries off
the end shows against the head that the certificate store keeps: the log may run ahead of that head
(a crash between the two writes), never behind it. Who can rewrite both the log and the store can
forge history; ship `head()` to a third place against that.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from pki.errors import AuditTamperedError

_MAX_ENTRY_OCTETS: Final = 65_536
_START: Final = "0" * 64


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event. `hash` is SHA-256 over the entry's canonical JSON with an empty `hash`."""

    seq: int
    at: str
    event: str
    data: dict[str, str]
    prev: str
    hash: str


class HeadStore(Protocol):
    """Remembers how far the log has come."""

    def audit_head(self) -> tuple[int, str] | None: ...

    def set_audit_head(self, seq: int, digest: str) -> None: ...


class Tape(Protocol):
    """Where lines are appended, durably on return."""

    def append_after(self, make: Callable[[bytes], bytes]) -> None:
        """Call `make(last line or b"")` under an exclusive lock and append what it returns."""
        ...

    def lines(self) -> Iterator[bytes]:
        """All lines with their line feeds."""
        ...


class MemoryTape:
    """For simulations and tests."""

    def __init__(self) -> None:
        self.content: list[bytes] = []

    def append_after(self, make: Callable[[bytes], bytes]) -> None:
        self.content.append(make(self.content[-1] if self.content else b""))

    def lines(self) -> Iterator[bytes]:
        return iter(self.content)


class FileTape:
    """A file that several processes may append to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append_after(self, make: Callable[[bytes], bytes]) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _MAX_ENTRY_OCTETS))
            tail = file.read()
            whole, _, torn = tail.rpartition(b"\n")
            last = whole.rpartition(b"\n")[2]
            line = make(last + b"\n" if last else b"")
            if torn:  # a crash in the middle of a line: nothing was done on its strength
                file.truncate(size - len(torn))
            file.write(line)
            os.fsync(file.fileno())

    def lines(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while line := file.readline(_MAX_ENTRY_OCTETS + 1):
                yield line


class AuditLog:
    """The log of one PKI."""

    def __init__(self, tape: Tape, heads: HeadStore) -> None:
        self._tape = tape
        self._heads = heads

    def append(self, event: str, at: datetime, **data: str) -> Entry:
        """Write one entry; on return it is durable. Raises AuditTamperedError on a broken tail."""
        written: list[Entry] = []

        def make(last: bytes) -> bytes:
            seq, prev = 0, _START
            if last:
                previous = _parse(last, where="the last entry")
                seq, prev = previous.seq + 1, previous.hash
            self._check_tail(seq - 1, prev)
            entry = _sealed(Entry(seq, at.isoformat(), event, data, prev, ""))
            line = _line(entry)
            if len(line) > _MAX_ENTRY_OCTETS:
                raise ValueError(f"audit entry of {len(line)} octets, at most {_MAX_ENTRY_OCTETS}")
            written.append(entry)
            return line

        self._tape.append_after(make)
        self._heads.set_audit_head(written[0].seq, written[0].hash)
        return written[0]

    def _check_tail(self, seq: int, digest: str) -> None:
        """Refuse to go on from a log that was cut: the next entry would hide it."""
        head = self._heads.audit_head()
        if head is not None and (seq < head[0] or (seq == head[0] and digest != head[1])):
            raise AuditTamperedError(f"the log ends with entry {seq}, the store knows {head[0]}")

    def verify(self) -> list[Entry]:
        """All entries. Raises AuditTamperedError naming the first entry that is wrong."""
        head = self._heads.audit_head()
        entries: list[Entry] = []
        prev = _START
        for number, line in enumerate(self._tape.lines()):
            entry = _parse(line, where=f"entry {number}")
            if entry.seq != number or entry.prev != prev:
                raise AuditTamperedError(f"entry {number} does not follow the one before it")
            prev = entry.hash
            entries.append(entry)
        if head is not None:
            seq, digest = head
            if len(entries) <= seq:
                raise AuditTamperedError(f"the log ends after {len(entries)} of {seq + 1} entries")
            if entries[seq].hash != digest:
                raise AuditTamperedError(f"entry {seq} is not the one that was written")
        elif len(entries) > 1:
            raise AuditTamperedError("the store has no head, though the log has entries")
        return entries


def _sealed(entry: Entry) -> Entry:
    digest = hashlib.sha256(msgspec.json.encode(entry, order="deterministic")).hexdigest()
    return msgspec.structs.replace(entry, hash=digest)


def _line(entry: Entry) -> bytes:
    return msgspec.json.encode(entry, order="deterministic") + b"\n"


def _parse(line: bytes, where: str) -> Entry:
    try:
        entry = msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AuditTamperedError(f"{where} cannot be read: {error}") from None
    if _line(entry) != line:
        raise AuditTamperedError(f"{where} is not in canonical form")
    if _sealed(msgspec.structs.replace(entry, hash="")) != entry:
        raise AuditTamperedError(f"{where} does not have the hash it names")
    return entry
