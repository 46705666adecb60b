"""What the ports promise, on every database: in memory, SQLite file, PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest

from csms.domain.commands import CommandState
from csms.domain.errors import InvalidInput
from csms.domain.records import (
    ApiKeyRecord,
    AuditRecord,
    ConnectorRecord,
    NotificationRecord,
    ProfileRemoved,
    SecurityRecord,
    StationRecord,
    TariffPosted,
    TokenRecord,
    TransactionRecord,
    VariableRecord,
)
from csms.domain.tariff import Tariff
from csms.domain.values import ConnectorStatus, IdToken, MeterReading, TokenStatus
from csms.ids import EvseKey, StationId, TransactionId
from csms.store import Store
from tests.integration.store.samples import (
    CP1,
    T0,
    TOKEN,
    command,
    installed,
    meter,
    minutes,
    profile,
    transaction,
    transaction_record,
)

EVSE = EvseKey(CP1, 1)


async def test_station_none_leaves_the_stored_value(store: Store) -> None:
    first = StationRecord(
        station_id=CP1, password_hash="$argon2id$x", security_profile=2, enabled=True
    )
    await store.journal.commit(first)
    await store.journal.commit(
        StationRecord(station_id=CP1, vendor="V", booted_at=T0, can_discharge=False),
        StationRecord(station_id=CP1, vendor="W", version="2.1"),
    )
    expected = msgspec.structs.replace(
        first, vendor="W", booted_at=T0, can_discharge=False, version="2.1"
    )
    assert await store.history.station(CP1) == expected
    await store.journal.commit(StationRecord(station_id=StationId("CP0"), enabled=False))
    assert [s.station_id for s in await store.history.stations()] == ["CP0", "CP1"]
    assert await store.history.station(StationId("cp1")) is None  # identities keep their case


async def test_connector_older_never_overwrites_newer(store: Store) -> None:
    def told(status: ConnectorStatus, n: float) -> ConnectorRecord:
        return ConnectorRecord(
            station_id=CP1, evse_id=1, connector_id=1, status=status, at=minutes(n)
        )

    await store.journal.commit(told(ConnectorStatus.CHARGING, 2))
    await store.journal.commit(told(ConnectorStatus.AVAILABLE, 1))
    assert await store.history.connectors(CP1) == [told(ConnectorStatus.CHARGING, 2)]
    # within one group too, in whatever order
    await store.journal.commit(told(ConnectorStatus.FAULTED, 4), told(ConnectorStatus.OCCUPIED, 3))
    assert await store.history.connectors(CP1) == [told(ConnectorStatus.FAULTED, 4)]


async def test_tokens_by_key_without_case(store: Store) -> None:
    record = TokenRecord(token=TOKEN, status=TokenStatus.BLOCKED, expires=minutes(5), group="fleet")
    await store.journal.commit(record)
    assert await store.history.token(IdToken(value="ABC-123").key) == record
    await store.journal.commit(TokenRecord(token=TOKEN))
    assert await store.history.tokens() == [TokenRecord(token=TOKEN)]
    assert await store.history.token("nobody") is None


async def test_transaction_is_read_back_whole_and_replaced_whole(store: Store) -> None:
    tx = transaction()
    await store.journal.commit(TransactionRecord(transaction=tx))
    assert await store.history.transaction(CP1, tx.transaction_id) == tx
    bare = msgspec.structs.replace(
        tx, token=None, imported=None, exported=None, suspect=None, seq_seen=(), ended=T0
    )
    await store.journal.commit(TransactionRecord(transaction=bare))
    assert await store.history.transaction(CP1, tx.transaction_id) == bare
    assert await store.history.transaction(StationId("CP2"), tx.transaction_id) is None


async def test_open_transactions(store: Store) -> None:
    still, over = transaction(1), transaction(2, ended=minutes(60))
    await store.journal.commit(*(TransactionRecord(transaction=t) for t in (still, over)))
    assert await store.history.open_transactions() == [still]


@pytest.mark.parametrize("station_id", [None, CP1])
async def test_transaction_pages_meet_each_once_newest_first(
    store: Store, station_id: StationId | None
) -> None:
    # many share an instant, some have no start: those stand at the last instant heard of
    stations = [CP1, StationId("CP2"), StationId("cp2")]
    known = [
        transaction(n, stations[n % 3], started=None if n % 5 == 0 else minutes(n // 6))
        for n in range(40)
    ]
    await store.journal.commit(*(TransactionRecord(transaction=t) for t in known))

    def key(tx: object) -> tuple[datetime, str, str]:
        at = tx.started or tx.last_at  # type: ignore[attr-defined]
        return (at, tx.station_id, tx.transaction_id)  # type: ignore[attr-defined]

    found, after = [], None
    while page := await store.history.transactions(station_id=station_id, after=after, limit=7):
        found.extend(page)
        after = key(page[-1])
    expected = [t for t in known if station_id in (None, t.station_id)]
    assert found == sorted(expected, key=key, reverse=True)


async def test_started_16_recognises_the_repeated_start_only(store: Store) -> None:
    tx = transaction(1)
    await store.journal.commit(TransactionRecord(transaction=tx))
    ask = store.history.started_16
    assert await ask(CP1, 1, TOKEN.key, T0, 0.0) == tx
    assert await ask(CP1, 1, TOKEN.key, T0, 1.0) is None
    assert await ask(CP1, 2, TOKEN.key, T0, 0.0) is None
    assert await ask(CP1, 1, "other", T0, 0.0) is None
    assert await ask(CP1, 1, TOKEN.key, minutes(1), 0.0) is None
    assert await ask(StationId("CP2"), 1, TOKEN.key, T0, 0.0) is None


async def test_meter_values_in_a_range(store: Store) -> None:
    records = [meter(n) for n in range(5)]
    await store.journal.commit(*reversed(records), meter(0, StationId("CP10")))
    assert await store.history.meter_values(EVSE, minutes(1), minutes(4)) == records[1:4]
    assert await store.history.meter_values(EVSE, T0, minutes(9), limit=2) == records[:2]
    assert await store.history.meter_values(EvseKey(CP1, 2), T0, minutes(9)) == []


async def test_meter_value_is_read_back_whole(store: Store) -> None:
    reading = MeterReading(
        at=T0,
        context="Transaction.Begin",
        power_w=-1.5,
        power_by_phase_w=(1.0, None, -2.0),
        reactive_var=0.0,
        energy_import_wh=1e9 + 0.25,
        energy_export_wh=3.0,
        voltage_v=(229.9, 230.1, 231.0),
        current_a=(None, 16.0, None),
        frequency_hz=49.983,
        soc_frac=0.4,
        power_offered_w=22_000.0,
        current_offered_a=32.0,
        signed=('{"encoding":"OCMF","data":"é  \\u0000"}', "{}", "{}"),
    )
    await store.journal.commit(meter(reading=reading))
    assert await store.history.meter_values(EVSE, T0, minutes(1)) == [meter(reading=reading)]


async def test_meter_value_told_again_fills_in_and_keeps_all_evidence(store: Store) -> None:
    first = meter(reading=MeterReading(at=T0, power_w=1.0, energy_import_wh=10.0, signed=("a",)))
    again = meter(reading=MeterReading(at=T0, energy_import_wh=10.0, soc_frac=0.5, signed=("b",)))
    again = msgspec.structs.replace(again, received=minutes(30), transaction_id=None)
    await store.journal.commit(first)
    await store.journal.commit(again, first, again)
    (kept,) = await store.history.meter_values(EVSE, T0, minutes(1))
    assert kept.received == first.received
    assert kept.transaction_id == first.transaction_id
    assert (kept.reading.power_w, kept.reading.soc_frac) == (1.0, 0.5)
    assert sorted(kept.reading.signed) == ["a", "b"]


async def test_commands_through_their_life(store: Store) -> None:
    await store.journal.commit(*(command(n) for n in range(6)))
    await store.journal.commit(command(1, CommandState.ACCEPTED), command(2, CommandState.SENT))
    await store.journal.commit(command(9, CommandState.OFFLINE, StationId("CP2")))
    open_ = [c.command_id[-2:] for c in await store.history.open_commands()]
    assert open_ == ["00", "02", "03", "04", "05", "09"]
    accepted = command(1, CommandState.ACCEPTED).record
    assert await store.history.command(accepted.command_id) == accepted
    newest = await store.history.commands(station_id=CP1, limit=2)
    assert [c.command_id[-1] for c in newest] == ["5", "4"]
    rest = await store.history.commands(after=newest[-1].command_id)
    assert [c.command_id[-1] for c in rest] == ["3", "2", "1", "0"]


async def test_profiles_installed_and_removed_in_the_order_told(store: Store) -> None:
    removed = ProfileRemoved(station_id=CP1, profile_id=7)
    await store.journal.commit(installed(1), installed(2), installed(1, profile_id=8))
    assert await store.history.profiles(CP1) == [(1, profile(7)), (1, profile(8)), (2, profile(7))]
    # one group, both orders: the last word counts
    await store.journal.commit(removed, installed(1, limit_w=5.0))
    assert await store.history.profiles(CP1) == [(1, profile(7, 5.0)), (1, profile(8))]
    await store.journal.commit(installed(2), removed)
    assert await store.history.profiles(CP1) == [(1, profile(8))]


async def test_variables(store: Store) -> None:
    def variable(value: str | None, evse_id: int = 0) -> VariableRecord:
        return VariableRecord(
            station_id=CP1,
            component="OCPPCommCtrlr",
            variable="HeartbeatInterval",
            value=value,
            at=T0,
            evse_id=evse_id,
            unit="s",
        )

    await store.journal.commit(variable("300", 1), variable("60"))
    await store.journal.commit(variable(None))
    assert await store.history.variables(CP1) == [variable(None), variable("300", 1)]


async def test_security_events_once_each_newest_first(store: Store) -> None:
    def event(n: int, station_id: StationId = CP1) -> SecurityRecord:
        return SecurityRecord(
            station_id=station_id, kind="TamperDetectionActivated", at=minutes(-n),
            received=minutes(n), info="lid", critical=True,
        )  # fmt: skip

    again = msgspec.structs.replace(event(1), received=minutes(99))
    await store.journal.commit(event(1), event(3), event(2, StationId("CP2")))
    await store.journal.commit(again)
    assert await store.history.security_events() == [event(3), event(2, StationId("CP2")), event(1)]
    assert await store.history.security_events(station_id=CP1, limit=1) == [event(3)]


async def test_notifications_of_one_station_newest_first(store: Store) -> None:
    def note(n: int, action: str = "NotifyDERAlarm", who: StationId = CP1) -> NotificationRecord:
        return NotificationRecord(
            station_id=who, action=action, received=minutes(n), payload={"n": n}
        )

    await store.journal.commit(
        note(1), note(3), note(2, "NotifyEvent"), note(4, who=StationId("CP2"))
    )
    assert await store.history.notifications(CP1) == [note(3), note(2, "NotifyEvent"), note(1)]
    found = await store.history.notifications(CP1, action="NotifyDERAlarm", limit=1)
    assert found == [note(3)]


async def test_audit_and_api_keys(store: Store) -> None:
    entries = [
        AuditRecord(at=minutes(n), actor="ann", action="reset", target="CP1", detail={"n": n})
        for n in range(3)
    ]
    await store.journal.commit(*entries, entries[0])
    assert await store.history.audit(limit=2) == [entries[2], entries[1]]
    assert len(await store.history.audit()) == 3
    key = ApiKeyRecord(key_id="k", secret_hash="h", role="operator", created=T0)
    await store.journal.commit(key)
    await store.journal.commit(msgspec.structs.replace(key, revoked=minutes(1)))
    assert await store.history.api_keys() == [msgspec.structs.replace(key, revoked=minutes(1))]


async def test_notifications_are_taken(store: Store) -> None:
    told = NotificationRecord(
        station_id=CP1, action="NotifyDERAlarm", received=T0, payload={"a": [None, "\0"]}
    )
    await store.journal.commit(told, told)


async def test_instants_of_any_zone_come_back_in_utc(store: Store) -> None:
    east = datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=14)))
    for n, at in enumerate(
        (east, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    ):
        tx = transaction(n, started=at)
        await store.journal.commit(TransactionRecord(transaction=tx))
        kept = await store.history.transaction(CP1, tx.transaction_id)
        assert kept is not None
        assert kept.started == at
        assert kept.started.tzinfo is UTC


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (meter(reading=MeterReading(at=T0, power_w=float("nan"))), "finite"),
        (meter(reading=MeterReading(at=T0, soc_frac=float("inf"))), "finite"),
        (meter(reading=MeterReading(at=T0.replace(tzinfo=None))), "naive"),
        (
            TransactionRecord(
                transaction=msgspec.structs.replace(transaction(), remote_start_id=2**63)
            ),
            "",
        ),
        (StationRecord(station_id=StationId("\ud800")), ""),
    ],
    ids=["nan", "infinite", "naive", "65 bits", "surrogate"],
)
async def test_a_poison_record_fails_its_own_caller_only(
    store: Store, bad: object, reason: str
) -> None:
    good = [transaction_record(n) for n in range(20)]
    calls = [store.journal.commit(r) for r in good]
    # the poison's whole call fails, the good record beside it too
    calls.insert(7, store.journal.commit(transaction_record(99), bad))  # type: ignore[arg-type]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    poisoned = outcomes.pop(7)
    assert isinstance(poisoned, InvalidInput)
    assert reason in str(poisoned)
    assert outcomes == [None] * 20
    kept = await store.history.transactions()
    assert {t.transaction_id for t in kept} == {str(n) for n in range(20)}


async def test_limits_are_bounded(store: Store) -> None:
    for limit in (0, -1, 10**9):
        with pytest.raises(InvalidInput, match="limit"):
            await store.history.commands(limit=limit)


async def test_a_huge_integer_in_a_question_is_an_error_not_a_crash(store: Store) -> None:
    with pytest.raises(InvalidInput):
        await store.history.meter_values(EvseKey(CP1, 2**70), T0, minutes(1))


async def test_transaction_numbers_are_unique_and_positive(store: Store) -> None:
    numbers = await asyncio.gather(*(store.journal.next_transaction_number() for _ in range(2_500)))
    assert len(set(numbers)) == 2_500
    assert min(numbers) == 1


async def test_prune_deletes_what_is_older(store: Store) -> None:
    two = EvseKey(StationId("CP2"), 1)
    old = MeterReading(at=T0, power_w=1.0, signed=("x",))
    await store.journal.commit(meter(reading=old), meter(1), meter(2))
    await store.journal.commit(meter(0, two.station_id), meter(5, two.station_id))
    assert await store.prune(minutes(2)) == 3
    assert await store.history.meter_values(EVSE, T0, minutes(9)) == [meter(2)]
    assert await store.history.meter_values(two, T0, minutes(9)) == [meter(5, two.station_id)]
    # told again after pruning, the signed value is not doubled: it was pruned as well
    await store.journal.commit(meter(reading=old))
    (kept, _) = await store.history.meter_values(EVSE, T0, minutes(9))
    assert kept.reading.signed == ("x",)


async def test_many_at_once_are_all_there(store: Store) -> None:
    stations = [StationId(f"CP{n}") for n in range(30)]
    await asyncio.gather(
        *(
            store.journal.commit(transaction_record(n, s), meter(n, s))
            for s in stations
            for n in range(20)
        )
    )
    found = await store.history.transactions(limit=1_000)
    assert {(t.station_id, t.transaction_id) for t in found} == {
        (s, TransactionId(str(n))) for s in stations for n in range(20)
    }
    for s in stations:
        assert len(await store.history.meter_values(EvseKey(s, 1), T0, minutes(60))) == 20


def price(n: int, amount: str) -> Tariff:
    return Tariff(since=minutes(n), import_per_kwh=Decimal(amount), export_per_kwh=Decimal("-0.10"))


async def test_posted_prices(store: Store) -> None:
    """To the last digit, oldest first; one that was posted stays as it was."""
    assert await store.history.tariffs() == []
    prices = [price(1, "0.2500000000000000000001"), price(2, "0.30"), price(3, "-0.05")]
    for one in (prices[2], prices[0], prices[1]):
        await store.journal.commit(TariffPosted(tariff=one))
    await store.journal.commit(TariffPosted(tariff=price(2, "99")))
    assert await store.history.tariffs() == prices
    assert str((await store.history.tariffs())[1].import_per_kwh) == "0.30"
    assert await store.history.tariffs(limit=2) == prices[1:]
    with pytest.raises(InvalidInput, match="TariffPosted cannot be stored"):
        await store.journal.commit(TariffPosted(tariff=price(4, "NaN")))
