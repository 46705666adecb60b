"""Whatever octet of the audit log changes, it is noticed."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.audit import AuditLog, MemoryTape
from pki.errors import AuditTamperedError
from pki.store import Store
from tests.unit.pki.support import NOW


@cache
def _written() -> tuple[bytes, tuple[int, str]]:
    tape, store = MemoryTape(), Store(":memory:")
    log = AuditLog(tape, store)
    for number in range(6):
        log.append("issued", NOW, serial=f"{number:x}", subject="CN=Zoë,O=Æ")
    head = store.audit_head()
    assert head is not None
    return b"".join(tape.content), head


def _verify(content: bytes, head: tuple[int, str]) -> None:
    tape, store = MemoryTape(), Store(":memory:")
    tape.content = content.splitlines(keepends=True)
    store.set_audit_head(*head)
    AuditLog(tape, store).verify()


def test_untouched_is_accepted() -> None:
    _verify(*_written())


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_changed_octet(data: st.DataObject) -> None:
    content, head = _written()
    position = data.draw(st.integers(0, len(content) - 1))
    mask = data.draw(st.integers(1, 255))
    changed = content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :]
    with pytest.raises(AuditTamperedError):
        _verify(changed, head)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_octets_cut_out_or_put_in(data: st.DataObject) -> None:
    content, head = _written()
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start, len(content)))
    inserted = data.draw(st.binary(max_size=20))
    changed = content[:start] + inserted + content[end:]
    if changed == content:
        return
    with pytest.raises(AuditTamperedError):
        _verify(changed, head)
