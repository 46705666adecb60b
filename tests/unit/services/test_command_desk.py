from __future__ import annotations

from itertools import count

import msgspec
import pytest

from csms.domain.commands import CommandState, Outcome, Reset, SetDerControl, UnlockConnector
from csms.domain.der import DerControl
from csms.domain.errors import InvalidInput, NotExpressible, StoreUnavailable
from csms.ids import CommandId, StationId
from csms.services.command_desk import MAX_OPEN_PER_STATION, CommandDesk, Delivery
from csms.services.live import LiveBus
from tests.unit.services.fakes import FakeClock, FakeCourier, FakeStore

CP = StationId("CP1")


class Bench:
    def __init__(self, store: FakeStore | None = None) -> None:
        self.courier, self.store = FakeCourier(), store or FakeStore()
        self.clock = FakeClock()
        ids = count(len(self.store.commands_by_id))
        self.desk = CommandDesk(
            self.courier,
            self.store,
            self.store,
            LiveBus(),
            self.clock,
            lambda: f"{next(ids):04d}",  # type: ignore[arg-type]
        )


async def test_a_command_is_written_before_it_is_sent_and_ends_accepted() -> None:
    bench = Bench()
    record = await bench.desk.submit(CP, Reset(), issued_by="me")
    assert record.state is CommandState.QUEUED
    final = await bench.desk.finished(record.command_id, 1.0)
    assert (final.state, final.status, final.issued_by) == (CommandState.ACCEPTED, "Accepted", "me")
    states = [r.record.state for r in bench.store.records]  # type: ignore[union-attr]
    assert states == [CommandState.QUEUED, CommandState.SENT, CommandState.ACCEPTED]


async def test_an_offline_station_gets_its_commands_in_order_when_it_is_back() -> None:
    bench = Bench()
    bench.courier.online = False
    first = await bench.desk.submit(CP, UnlockConnector(evse_id=1), issued_by="me")
    second = await bench.desk.submit(CP, Reset(), issued_by="me")
    assert first.state is CommandState.OFFLINE
    bench.courier.online = True
    bench.desk.station_is_back(CP)
    await bench.desk.finished(second.command_id, 1.0)
    assert bench.courier.delivered == [UnlockConnector(evse_id=1), Reset()]


async def test_a_restart_takes_up_what_was_waiting_and_never_sends_twice() -> None:
    bench = Bench()
    bench.courier.online = False
    waiting = await bench.desk.submit(CP, Reset(immediate=True), issued_by="me")
    sent = CommandId("9999")
    store = bench.store
    store.commands_by_id[sent] = msgspec.structs.replace(
        waiting, command_id=sent, state=CommandState.SENT
    )
    after = Bench(store)
    after.courier.online = False
    assert await after.desk.recover() == 1
    after.courier.online = True
    after.desk.station_is_back(CP)
    final = await after.desk.finished(waiting.command_id, 1.0)
    assert final.state is CommandState.ACCEPTED
    assert after.courier.delivered == [Reset(immediate=True)]
    assert store.commands_by_id[sent].state is CommandState.TIMED_OUT


async def test_a_command_that_waited_too_long_is_not_sent() -> None:
    bench = Bench()
    bench.courier.online = False
    record = await bench.desk.submit(CP, Reset(), issued_by="me", ttl_s=10.0)
    bench.clock.t_s = 11.0
    bench.courier.online = True
    bench.desk.station_is_back(CP)
    final = await bench.desk.finished(record.command_id, 1.0)
    assert final.state is CommandState.EXPIRED
    assert bench.courier.delivered == []


async def test_what_the_version_cannot_say_is_refused_before_it_is_written() -> None:
    bench = Bench()
    control = DerControl(control_id="x", control_type="FreqDroop", is_default=True, body={})
    with pytest.raises(NotExpressible):
        await bench.desk.submit(CP, SetDerControl(control=control), issued_by="me")
    assert bench.store.records == []


async def test_nothing_is_sent_that_could_not_be_written() -> None:
    bench = Bench()
    bench.store.down = True
    with pytest.raises(StoreUnavailable):
        await bench.desk.submit(CP, Reset(), issued_by="me")
    assert bench.courier.delivered == []


async def test_a_rejection_is_final_and_keeps_the_stations_reason() -> None:
    bench = Bench()
    bench.courier.result = Delivery(
        CommandState.REJECTED,
        Outcome(accepted=False, status="Rejected", reason="TxInProgress"),
        None,
        0.0,
        0.1,
    )
    record = await bench.desk.submit(CP, Reset(), issued_by="me")
    final = await bench.desk.finished(record.command_id, 1.0)
    assert (final.state, final.reason) == (CommandState.REJECTED, "TxInProgress")
    assert final.round_trip_ms == pytest.approx(100.0)
    assert len(bench.courier.delivered) == 1


async def test_open_commands_are_bounded_per_station() -> None:
    bench = Bench()
    bench.courier.online = False
    for _ in range(MAX_OPEN_PER_STATION):
        await bench.desk.submit(CP, Reset(), issued_by="me")
    with pytest.raises(InvalidInput, match="are open already"):
        await bench.desk.submit(CP, Reset(), issued_by="me")


async def test_a_setpoint_for_an_absent_station_is_not_kept_for_later() -> None:
    bench = Bench()
    bench.courier.online = False
    record = await bench.desk.push(CP, Reset(), issued_by="dispatch")
    assert record.state is CommandState.EXPIRED
    bench.courier.online = True
    bench.desk.station_is_back(CP)
    assert await bench.desk.recover() == 0
    assert bench.courier.delivered == []
