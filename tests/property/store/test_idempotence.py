"""Whatever is written, however it is grouped, repeated or interleaved: the same rows.

Run on ``InlineStore``; the contract suite holds the other databases to the same statements.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select

from csms.domain.commands import CommandRecord, CommandState
from csms.domain.profile import ChargingProfile, Kind, Purpose, RateUnit
from csms.domain.records import (
    ApiKeyRecord,
    AuditRecord,
    CommandWritten,
    ConnectorRecord,
    MeterRecord,
    NotificationRecord,
    ProfileInstalled,
    ProfileRemoved,
    Record,
    SecurityRecord,
    StationRecord,
    TariffPosted,
    TokenRecord,
    TransactionRecord,
    VariableRecord,
)
from csms.domain.tariff import Tariff
from csms.domain.transaction import Register, Span, Transaction
from csms.domain.values import ConnectorStatus, IdToken, MeterReading, TokenStatus
from csms.ids import CommandId, EvseKey, StationId, TransactionId
from csms.store import InlineStore
from csms.store.schema import METADATA

T0 = datetime(2026, 1, 1, tzinfo=UTC)
PRICE = Decimal("0.30")

# few keys and few instants, so that records meet
ids = st.integers(1, 2)
instants = st.integers(0, 3).map(lambda s: T0 + timedelta(seconds=s))
words = st.sampled_from(["", "a", "é", "null"])
maybe_words = st.none() | words
floats = st.none() | st.floats(-1e12, 1e12, allow_nan=False)
flags = st.none() | st.booleans()
payloads = st.dictionaries(words, st.none() | st.integers(-5, 5) | words, max_size=2)
phases = st.none() | st.tuples(floats, floats, floats).filter(lambda p: p != (None, None, None))

readings = st.builds(
    MeterReading,
    at=instants,
    context=words,
    power_w=floats,
    power_by_phase_w=phases,
    energy_import_wh=floats,
    voltage_v=phases,
    soc_frac=floats,
    signed=st.lists(words, max_size=2).map(tuple),
)
registers = st.builds(Register, at=instants, wh=st.floats(0, 1e12))
spans = st.none() | st.builds(Span, first=registers, last=registers)


def transactions(station_id: StationId) -> st.SearchStrategy[Transaction]:
    return st.builds(
        Transaction,
        station_id=st.just(station_id),
        transaction_id=ids.map(lambda n: TransactionId(str(n))),
        evse_id=ids,
        token=st.none() | st.builds(IdToken, value=words, kind=words),
        started=st.none() | instants,
        ended=st.none() | instants,
        imported=spans,
        exported=spans,
        seq_seen=st.just(((0, 2), (4, 4))) | st.just(()),
        last_at=st.none() | instants,
        suspect=maybe_words,
    )


def commands(station_id: StationId) -> st.SearchStrategy[CommandRecord]:
    return st.builds(
        CommandRecord,
        command_id=ids.map(lambda n: CommandId(f"{station_id}-{n}")),
        station_id=st.just(station_id),
        action=words,
        payload=payloads,
        issued_by=words,
        created=instants,
        state=st.sampled_from(CommandState),
        answer=st.none() | payloads,
        queue_ms=floats,
    )


def profiles() -> st.SearchStrategy[ChargingProfile]:
    return st.builds(
        ChargingProfile,
        profile_id=ids,
        stack_level=ids,
        purpose=st.sampled_from(Purpose),
        kind=st.sampled_from(Kind),
        unit=st.sampled_from(RateUnit),
        periods=st.just(()),
        start=st.none() | instants,
    )


def records(station: str) -> st.SearchStrategy[Record]:
    """Everything that one station may cause; no key of it belongs to another station too."""
    station_id = StationId(station)
    own = st.just(station_id)
    return st.one_of(
        st.builds(
            StationRecord,
            station_id=own,
            security_profile=st.none() | ids,
            enabled=flags,
            vendor=maybe_words,
            booted_at=st.none() | instants,
        ),
        st.builds(
            ConnectorRecord,
            station_id=own,
            evse_id=ids,
            connector_id=ids,
            status=st.sampled_from(ConnectorStatus),
            at=instants,
            info=maybe_words,
        ),
        st.builds(
            TokenRecord,
            token=st.builds(IdToken, value=words.map(lambda w: station + w), kind=words),
            status=st.sampled_from(TokenStatus),
        ),
        st.builds(TransactionRecord, transaction=transactions(station_id)),
        st.builds(
            MeterRecord,
            evse=ids.map(lambda n: EvseKey(station_id, n)),
            reading=readings,
            received=instants,
            transaction_id=st.none() | st.just(TransactionId("1")),
        ),
        st.builds(CommandWritten, record=commands(station_id)),
        st.builds(ProfileInstalled, station_id=own, evse_id=ids, profile=profiles(), at=instants),
        st.builds(ProfileRemoved, station_id=own, profile_id=ids),
        st.builds(
            VariableRecord,
            station_id=own,
            component=words,
            variable=words,
            value=maybe_words,
            at=instants,
        ),
        st.builds(
            SecurityRecord,
            station_id=own,
            kind=words,
            at=instants,
            received=instants,
            info=maybe_words,
        ),
        st.builds(
            NotificationRecord, station_id=own, action=words, received=instants, payload=payloads
        ),
        st.builds(AuditRecord, at=instants, actor=words, action=words, target=own, detail=payloads),
        st.builds(
            TariffPosted, tariff=st.builds(Tariff, since=instants, import_per_kwh=st.just(PRICE))
        ),
        st.builds(ApiKeyRecord, key_id=own, secret_hash=words, role=words, created=instants),
    )


histories = st.lists(records("A"), max_size=25)
STORE = InlineStore()
"""One for all examples, emptied before each: making tables is slow."""


def clear(conn: Connection) -> None:
    for table in METADATA.sorted_tables:
        conn.execute(delete(table))


def after(calls: Iterable[Sequence[Record]]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table once the calls were committed, one commit each."""

    def dump(conn: Connection) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table.name: [
                tuple(row)
                for row in conn.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in METADATA.sorted_tables
        }

    async def run() -> dict[str, list[tuple[Any, ...]]]:
        await STORE._write(clear)
        for call in calls:
            await STORE.journal.commit(*call)
        return await STORE._read(dump)

    return asyncio.run(run())


@settings(max_examples=40, deadline=None)
@given(histories)
def test_written_twice_is_written_once(history: list[Record]) -> None:
    once = after([[r] for r in history])
    assert after([[r] for r in history * 2]) == once
    assert after([history, history]) == once
    assert after([[r] for r in history for _ in range(2)]) == once


@settings(max_examples=40, deadline=None)
@given(histories, st.lists(st.integers(1, 7), min_size=1, max_size=25))
def test_grouping_does_not_matter(history: list[Record], sizes: list[int]) -> None:
    alone = after([[r] for r in history])
    calls, at = [], 0
    for size in sizes:
        calls.append(history[at : at + size])
        at += size
    assert after([*calls, history[at:]]) == alone
    assert after([history]) == alone


@settings(max_examples=40, deadline=None)
@given(histories, st.lists(records("B"), max_size=15), st.randoms(use_true_random=False))
def test_stations_may_interleave(a: list[Record], b: list[Record], rng: Any) -> None:
    turns = [0] * len(a) + [1] * len(b)
    rng.shuffle(turns)
    queues = [iter(a), iter(b)]
    mixed = [next(queues[turn]) for turn in turns]
    assert after([mixed]) == after([[r] for r in a] + [[r] for r in b])


@settings(max_examples=40, deadline=None)
@given(st.lists(transactions(StationId("A")), max_size=8), st.lists(readings, max_size=8))
def test_what_was_written_last_is_read_back(
    txs: list[Transaction], told: list[MeterReading]
) -> None:
    async def run() -> None:
        store = STORE
        await store._write(clear)
        evse = EvseKey(StationId("A"), 1)
        await store.journal.commit(
            *(TransactionRecord(transaction=t) for t in txs),
            *(MeterRecord(evse=evse, reading=r, received=T0) for r in told),
        )
        for tx in {t.transaction_id: t for t in txs}.values():
            assert await store.history.transaction(tx.station_id, tx.transaction_id) == tx
        kept = await store.history.meter_values(evse, T0, T0 + timedelta(hours=1))
        assert [k.reading.at for k in kept] == sorted({r.at for r in told})
        for k in kept:
            same = [r for r in told if r.at == k.reading.at]
            powers = [r.power_w for r in same if r.power_w is not None]
            assert k.reading.power_w == (powers[-1] if powers else None)
            assert {s for r in same for s in r.signed} == set(k.reading.signed)

    asyncio.run(run())
