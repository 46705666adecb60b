"""A transaction as the merge of everything told about it, in whatever order and however often it is told.

The merge is commutative over a transaction's events and idempotent, so a retried, duplicated or late event changes
nothing that it should not: energy comes from the meter's registers, completeness from sequence numbers, and an
``Updated`` that arrives after ``Ended`` never reopens the transaction (OCPP 2.0.1 E02-E13; ``ocpp.md``).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from csms.domain.events import TransactionPhase, TransactionTold
from csms.domain.values import IdToken, MeterReading, Value
from csms.ids import StationId, TransactionId


class Register(Value, frozen=True, kw_only=True):
    """A meter register at an instant, in Wh."""

    at: datetime
    wh: float


class Span(Value, frozen=True, kw_only=True):
    """The first and the last known value of one register during a transaction."""

    first: Register
    last: Register

    @property
    def wh(self) -> float:
        return self.last.wh - self.first.wh


class Transaction(Value, frozen=True, kw_only=True):
    station_id: StationId
    transaction_id: TransactionId
    evse_id: int
    connector_id: int = 1
    token: IdToken | None = None
    started: datetime | None = None
    ended: datetime | None = None
    stopped_reason: str | None = None
    charging_state: str | None = None
    operation_mode: str | None = None
    remote_start_id: int | None = None
    imported: Span | None = None
    exported: Span | None = None
    seq_seen: tuple[tuple[int, int], ...] = ()
    """Disjoint, sorted, closed intervals of the sequence numbers received."""
    last_at: datetime | None = None
    received: datetime | None = None
    """When the central system last heard of it."""
    suspect: str | None = None
    """Why the record may be wrong, with evidence; ``None`` when nothing is amiss."""

    @property
    def energy_wh(self) -> float:
        """Imported energy by the registers."""
        return self.imported.wh if self.imported else 0.0

    @property
    def discharged_wh(self) -> float:
        """Exported energy by the registers."""
        return self.exported.wh if self.exported else 0.0

    @property
    def is_open(self) -> bool:
        return self.ended is None

    @property
    def missing_seq_nos(self) -> tuple[int, ...]:
        """Gaps in what was received so far; a 2.x transaction is complete when it ended without gaps."""
        gaps: list[int] = []
        expected = 0
        for low, high in self.seq_seen:
            gaps.extend(range(expected, low))
            expected = high + 1
        return tuple(gaps)


def merge(
    known: Transaction | None,
    told: TransactionTold,
    station_id: StationId,
    transaction_id: TransactionId,
    received: datetime,
) -> Transaction:
    """Fold one event into what is known. ``known`` is ``None`` for the first event heard, whatever its phase."""
    tx = known or Transaction(
        station_id=station_id, transaction_id=transaction_id, evse_id=told.evse_id or 0
    )
    newest = tx.last_at is None or told.at >= tx.last_at
    changes: dict[str, object] = {"received": received}
    if newest:
        changes["last_at"] = told.at
    if told.evse_id:
        changes["evse_id"] = told.evse_id
    if told.connector_id:
        changes["connector_id"] = told.connector_id
    if told.token is not None and (tx.token is None or told.phase is TransactionPhase.STARTED):
        changes["token"] = told.token
    if told.remote_start_id is not None:
        changes["remote_start_id"] = told.remote_start_id
    if newest and told.charging_state is not None:
        changes["charging_state"] = told.charging_state
    if newest and told.operation_mode is not None:
        changes["operation_mode"] = told.operation_mode
    if told.seq_no is not None:
        changes["seq_seen"] = _with_seq(tx.seq_seen, told.seq_no)
    if told.phase is TransactionPhase.STARTED:
        changes["started"] = told.at
    elif told.phase is TransactionPhase.ENDED:
        changes["ended"] = told.at
        changes["stopped_reason"] = told.stopped_reason or tx.stopped_reason or "Local"
        changes["suspect"] = None if tx.suspect == PRESUMED_ENDED else tx.suspect
    imported, exported = tx.imported, tx.exported
    for reading in told.readings:
        imported = _extend(imported, reading.at, reading.energy_import_wh)
        exported = _extend(exported, reading.at, reading.energy_export_wh)
    changes["imported"], changes["exported"] = imported, exported
    return msgspec.structs.replace(tx, **changes)


def with_readings(tx: Transaction, readings: tuple[MeterReading, ...]) -> Transaction:
    """Fold in meter values that arrived outside a transaction message (OCPP 1.6 MeterValues)."""
    imported, exported = tx.imported, tx.exported
    for reading in readings:
        if tx.ended is not None and reading.at > tx.ended:
            continue
        imported = _extend(imported, reading.at, reading.energy_import_wh)
        exported = _extend(exported, reading.at, reading.energy_export_wh)
    return msgspec.structs.replace(tx, imported=imported, exported=exported)


PRESUMED_ENDED = "presumed ended: the EVSE began another transaction"


def presume_ended(tx: Transaction, at: datetime) -> Transaction:
    """Close a transaction whose end was never told; a late stop still wins over this."""
    return msgspec.structs.replace(
        tx, ended=at, stopped_reason="Other", suspect=tx.suspect or PRESUMED_ENDED
    )


def _extend(span: Span | None, at: datetime, wh: float | None) -> Span | None:
    if wh is None:
        return span
    here = Register(at=at, wh=wh)
    if span is None:
        return Span(first=here, last=here)
    if at < span.first.at or (at == span.first.at and wh < span.first.wh):
        return Span(first=here, last=span.last)
    if at > span.last.at or (at == span.last.at and wh > span.last.wh):
        return Span(first=span.first, last=here)
    return span


def _with_seq(seen: tuple[tuple[int, int], ...], seq_no: int) -> tuple[tuple[int, int], ...]:
    if seen and seen[-1][1] + 1 == seq_no:  # the usual case: in order
        return (*seen[:-1], (seen[-1][0], seq_no))
    merged: list[tuple[int, int]] = []
    low = high = seq_no
    for a, b in seen:
        if b < low - 1 or a > high + 1:
            merged.append((a, b))
        else:
            low, high = min(a, low), max(b, high)
    merged.append((low, high))
    return tuple(sorted(merged))
