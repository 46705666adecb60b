"""Transactions over both families of versions, as the services see them."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from csms.domain.errors import NotPermitted, StoreUnavailable
from csms.domain.events import Heartbeat, TransactionPhase, TransactionReply, TransactionTold
from csms.domain.fleet import Fleet, StationState
from csms.domain.records import MeterRecord, TokenRecord
from csms.domain.transaction import PRESUMED_ENDED
from csms.domain.values import IdToken, MeterReading, TokenStatus
from csms.ids import StationId, TransactionId
from csms.services.core import Core, Policy
from csms.services.handlers import handle
from csms.services.live import LiveBus
from tests.unit.services.fakes import T0, FakeClock, FakeStore

CARD = IdToken(value="CARD-1")


class Site:
    def __init__(self) -> None:
        self.store = FakeStore()
        self.store.tokens_by_key[CARD.key] = TokenRecord(token=CARD)
        self.clock = FakeClock()
        self.core = Core(
            fleet=Fleet(),
            journal=self.store,
            history=self.store,  # type: ignore[arg-type]
            live=LiveBus(),
            clock=self.clock,
            policy=Policy(),
        )
        self.station = self.restarted()

    def restarted(self) -> StationState:
        return StationState(station_id=StationId("CP1"), booted=True)

    async def tell(self, event: TransactionTold) -> TransactionReply:
        reply = await handle(self.core, self.station, event)
        assert isinstance(reply, TransactionReply)
        return reply


def reading(minute: int, wh: float) -> MeterReading:
    return MeterReading(at=T0 + timedelta(minutes=minute), energy_import_wh=wh)


def start_16(minute: int = 0, wh: float = 1000.0, token: IdToken = CARD) -> TransactionTold:
    return TransactionTold(
        phase=TransactionPhase.STARTED,
        transaction_id=None,
        at=T0 + timedelta(minutes=minute),
        evse_id=1,
        connector_id=1,
        token=token,
        readings=(reading(minute, wh),),
    )


def stop_16(tx_id: str, minute: int, wh: float, token: IdToken | None = None) -> TransactionTold:
    return TransactionTold(
        phase=TransactionPhase.ENDED,
        transaction_id=TransactionId(tx_id),
        at=T0 + timedelta(minutes=minute),
        token=token,
        readings=(reading(minute, wh),),
    )


async def test_a_16_transaction_from_start_to_stop() -> None:
    site = Site()
    reply = await site.tell(start_16())
    assert reply.token_status is TokenStatus.ACCEPTED
    await site.tell(stop_16(reply.transaction_id, 60, 8400.0))
    tx = site.store.transactions_by_id[site.station.station_id, reply.transaction_id]
    assert (tx.energy_wh, tx.evse_id, tx.is_open) == (7400.0, 1, False)
    assert site.station.transactions == {}


async def test_a_retried_16_start_gets_the_id_it_got_before() -> None:
    site = Site()
    first = await site.tell(start_16())
    again = await site.tell(start_16())
    site.station = site.restarted()
    after_restart = await site.tell(start_16())
    assert first.transaction_id == again.transaction_id == after_restart.transaction_id
    assert len(site.store.transactions_by_id) == 1


async def test_an_unknown_token_is_refused_but_its_energy_is_recorded() -> None:
    site = Site()
    reply = await site.tell(start_16(token=IdToken(value="STRANGER")))
    assert reply.token_status is TokenStatus.UNKNOWN
    await site.tell(stop_16(reply.transaction_id, 1, 1100.0))
    tx = site.store.transactions_by_id[site.station.station_id, reply.transaction_id]
    assert tx.energy_wh == 100.0


async def test_a_stop_under_minus_one_finds_the_transaction_of_its_token() -> None:
    site = Site()
    reply = await site.tell(start_16())
    stopped = await site.tell(stop_16("-1", 10, 2000.0, CARD))
    assert stopped.transaction_id == reply.transaction_id


async def test_a_stop_under_minus_one_without_a_start_is_kept_and_marked() -> None:
    site = Site()
    stopped = await site.tell(stop_16("-1", 10, 2000.0, CARD))
    tx = site.store.transactions_by_id[site.station.station_id, stopped.transaction_id]
    assert tx.suspect is not None
    assert not tx.is_open


async def test_a_newer_start_closes_a_zombie_with_evidence_and_a_late_stop_still_wins() -> None:
    site = Site()
    zombie = await site.tell(start_16(0))
    await site.tell(start_16(30, 1500.0))
    record = site.store.transactions_by_id[site.station.station_id, zombie.transaction_id]
    assert record.suspect == PRESUMED_ENDED
    await site.tell(stop_16(zombie.transaction_id, 20, 1400.0))
    record = site.store.transactions_by_id[site.station.station_id, zombie.transaction_id]
    assert (record.suspect, record.energy_wh) == (None, 400.0)


def event_2x(phase: TransactionPhase, seq_no: int, wh: float) -> TransactionTold:
    return TransactionTold(
        phase=phase,
        transaction_id=TransactionId("tx-a"),
        at=T0 + timedelta(minutes=seq_no),
        seq_no=seq_no,
        evse_id=2,
        readings=(reading(seq_no, wh),),
    )


async def test_a_late_2x_update_after_a_restart_does_not_reopen_the_transaction() -> None:
    site = Site()
    await site.tell(event_2x(TransactionPhase.STARTED, 0, 100.0))
    await site.tell(event_2x(TransactionPhase.ENDED, 3, 400.0))
    site.station = site.restarted()
    await site.tell(event_2x(TransactionPhase.UPDATED, 2, 300.0))
    tx = site.store.transactions_by_id[site.station.station_id, TransactionId("tx-a")]
    assert not tx.is_open
    assert site.station.transactions == {}
    assert (tx.energy_wh, tx.missing_seq_nos) == (300.0, (1,))


async def test_a_station_is_not_answered_when_nothing_could_be_written() -> None:
    site = Site()
    site.store.down = True
    with pytest.raises(StoreUnavailable):
        await site.tell(start_16())
    site.store.down = False
    reply = await site.tell(start_16())
    assert list(site.station.transactions) == [reply.transaction_id]


async def test_a_late_reading_never_replaces_a_newer_one() -> None:
    site = Site()
    site.clock.t_s = 3600.0
    await site.tell(event_2x(TransactionPhase.STARTED, 0, 100.0))
    await site.tell(event_2x(TransactionPhase.UPDATED, 5, 600.0))
    await site.tell(event_2x(TransactionPhase.UPDATED, 2, 300.0))
    live = site.station.evse(2).reading
    assert live is not None
    assert live.energy_import_wh == 600.0
    assert sum(isinstance(r, MeterRecord) for r in site.store.records) == 3


async def test_a_station_that_never_booted_may_not_speak() -> None:
    site = Site()
    stranger = StationState(station_id=StationId("CP2"))
    with pytest.raises(NotPermitted):
        await handle(site.core, stranger, Heartbeat())


async def test_the_stations_clock_skew_is_known_from_what_it_tells_now_but_not_from_its_queue() -> (
    None
):
    site = Site()
    late = msgspec.structs.replace(
        event_2x(TransactionPhase.STARTED, 0, 0.0), at=T0 + timedelta(seconds=7)
    )
    await site.tell(late)
    assert site.station.clock_skew_s == 7.0
    await site.tell(
        msgspec.structs.replace(late, seq_no=1, at=T0 - timedelta(hours=1), offline=True)
    )
    assert site.station.clock_skew_s == 7.0


async def test_a_time_from_a_clock_that_was_ahead_does_not_block_what_follows() -> None:
    site = Site()
    ahead = T0 + timedelta(days=1)
    wrong = msgspec.structs.replace(
        event_2x(TransactionPhase.STARTED, 0, 0.0), readings=(MeterReading(at=ahead, power_w=1.0),)
    )
    await site.tell(wrong)
    await site.tell(event_2x(TransactionPhase.UPDATED, 1, 5.0))
    live = site.station.evse(2).reading
    assert live is not None
    assert live.energy_import_wh == 5.0


async def test_what_was_queued_while_offline_is_not_the_live_reading() -> None:
    site = Site()
    await site.tell(event_2x(TransactionPhase.STARTED, 0, 0.0))
    queued = msgspec.structs.replace(event_2x(TransactionPhase.UPDATED, 1, 9.0), offline=True)
    await site.tell(queued)
    live = site.station.evse(2).reading
    assert live is not None
    assert live.energy_import_wh == 0.0
    assert site.station.transactions[TransactionId("tx-a")].energy_wh == 9.0
