"""However often and in whatever order a station tells a transaction, the record is the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.events import TransactionPhase, TransactionTold
from csms.domain.transaction import Transaction, merge, presume_ended
from csms.domain.values import IdToken, MeterReading
from csms.ids import StationId, TransactionId

T0 = datetime(2026, 1, 1, tzinfo=UTC)
STATION, TX = StationId("CP1"), TransactionId("t1")


def history(steps_wh: list[float]) -> list[TransactionTold]:
    """A well-behaved transaction: one event a minute, its register rising by ``steps_wh``."""
    told, register_wh = [], 1000.0
    for i, step_wh in enumerate([0.0, *steps_wh]):
        register_wh += step_wh
        at = T0 + timedelta(minutes=i)
        last = i == len(steps_wh)
        phase = (
            TransactionPhase.STARTED
            if i == 0
            else TransactionPhase.ENDED
            if last
            else TransactionPhase.UPDATED
        )
        told.append(
            TransactionTold(
                phase=phase,
                transaction_id=TX,
                at=at,
                seq_no=i,
                evse_id=1,
                token=IdToken(value="AA") if i == 0 else None,
                stopped_reason="EVDisconnected" if last else None,
                readings=(MeterReading(at=at, energy_import_wh=register_wh),),
            )
        )
    return told


def fold(events: list[TransactionTold]) -> Transaction:
    def step(known: Transaction | None, event: TransactionTold) -> Transaction:
        return merge(known, event, STATION, TX, T0)

    result = reduce(step, events, None)
    assert result is not None
    return result


histories = st.lists(st.floats(0, 1e5), min_size=1, max_size=12).map(history)


@given(histories, st.data())
def test_order_and_repetition_change_nothing(
    events: list[TransactionTold], data: st.DataObject
) -> None:
    straight = fold(events)
    repeated = data.draw(st.lists(st.sampled_from(events), max_size=8))
    shuffled = fold(data.draw(st.permutations(events + repeated)))
    assert shuffled == straight


@given(histories)
def test_energy_is_the_difference_of_the_registers(events: list[TransactionTold]) -> None:
    tx = fold(events)
    first, last = events[0].readings[0], events[-1].readings[0]
    assert first.energy_import_wh is not None
    assert last.energy_import_wh is not None
    assert tx.energy_wh == last.energy_import_wh - first.energy_import_wh
    assert not tx.is_open
    assert tx.missing_seq_nos == ()


@given(histories, st.data())
def test_a_lost_event_shows_as_a_gap_until_it_comes(
    events: list[TransactionTold], data: st.DataObject
) -> None:
    lost = data.draw(st.integers(0, len(events) - 2))
    without = fold(events[:lost] + events[lost + 1 :])
    assert without.missing_seq_nos == (lost,)
    assert merge(without, events[lost], STATION, TX, T0).missing_seq_nos == ()


def test_a_late_update_does_not_reopen_an_ended_transaction() -> None:
    events = history([100.0, 100.0, 100.0])
    tx = fold([events[0], events[-1], events[1]])
    assert tx.ended == events[-1].at
    assert tx.stopped_reason == "EVDisconnected"


def test_a_late_stop_wins_over_a_presumed_end() -> None:
    events = history([100.0, 100.0])
    zombie = presume_ended(fold(events[:1]), T0 + timedelta(hours=5))
    assert zombie.suspect is not None
    settled = merge(zombie, events[-1], STATION, TX, T0)
    assert (settled.ended, settled.suspect) == (events[-1].at, None)


def test_a_transaction_survives_serialisation() -> None:
    tx = fold(history([10.0, 20.0]))
    assert msgspec.json.decode(msgspec.json.encode(tx), type=Transaction) == tx
