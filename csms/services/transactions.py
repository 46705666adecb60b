"""Transactions (OCPP block E; 1.6 StartTransaction, StopTransaction).

The merge of ``csms.domain.transaction`` is applied to the live picture first and committed second: should the commit
fail, the station is not answered, tells it again, and the merge of the same event changes nothing but is committed.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from csms.domain.events import TransactionPhase, TransactionReply, TransactionTold
from csms.domain.fleet import StationState
from csms.domain.records import MeterRecord, Record, TransactionRecord
from csms.domain.transaction import Transaction, merge, presume_ended
from csms.domain.values import MeterReading
from csms.ids import TransactionId
from csms.services.contracts import EMAID, charging_elsewhere, flag_two_places
from csms.services.core import Core
from csms.services.metering import take_readings
from csms.services.tokens import check_token

UNASSIGNED_16 = "-1"
"""A 1.6 station that was offline when it started puts this where it never got a transaction id."""


async def transaction_told(
    core: Core, station: StationState, event: TransactionTold
) -> TransactionReply:
    received = core.clock.now()
    transaction_id = await _identify(core, station, event)
    known = station.transactions.get(transaction_id)
    if known is None:
        known = await core.history.transaction(station.station_id, transaction_id)
    tx = merge(known, event, station.station_id, transaction_id, received)
    if event.transaction_id == UNASSIGNED_16 and known is None:
        tx = msgspec.structs.replace(
            tx, suspect="stopped under transaction id -1 and no start of it is known"
        )
    records: list[Record] = [TransactionRecord(transaction=tx)]
    records += [
        TransactionRecord(transaction=zombie) for zombie in _displaced(station, tx, received)
    ]
    _place(station, tx)
    if tx.evse_id:
        records += _meter_records(station, tx, event.readings, received)
        if not event.offline:  # what was queued says how it was, not how it is
            take_readings(core, station.evse(tx.evse_id), event.readings, received)
    await core.journal.commit(*records)
    core.live.publish("transaction", tx)
    total_cost, price_text = None, None
    if core.tariffs is not None:
        total_cost, price_text = await core.tariffs.told(station, event, tx)
    status = None
    if event.token is not None:
        status = (await check_token(core, event.token)).status
        if event.token.kind == EMAID and event.phase is TransactionPhase.STARTED:
            elsewhere = charging_elsewhere(core, station, event.token, transaction_id)
            if elsewhere is not None:
                await flag_two_places(core, station, event.token, elsewhere)
    return TransactionReply(
        transaction_id=transaction_id,
        token_status=status,
        allowed_energy_transfer=core.policy.allowed_energy_transfer,
        total_cost=total_cost,
        price_text=price_text,
    )


async def _identify(core: Core, station: StationState, event: TransactionTold) -> TransactionId:
    if event.transaction_id is None:
        return await _identify_16_start(core, station, event)
    if event.transaction_id == UNASSIGNED_16:
        return _identify_unassigned(station, event)
    return event.transaction_id


async def _identify_16_start(
    core: Core, station: StationState, event: TransactionTold
) -> TransactionId:
    """The id given to this very StartTransaction before, when its answer was lost, or a new one."""
    token_key = event.token.key if event.token else ""
    meter_wh = event.readings[0].energy_import_wh if event.readings else None
    for tx in station.transactions.values():  # told before, but not committed
        if (
            tx.evse_id == event.evse_id
            and tx.started == event.at
            and (tx.token.key if tx.token else "") == token_key
            and tx.imported is not None
            and tx.imported.first.wh == meter_wh
        ):
            return tx.transaction_id
    told_before = await core.history.started_16(
        station.station_id, event.evse_id or 0, token_key, event.at, meter_wh or 0.0
    )
    if told_before is not None:
        return told_before.transaction_id
    return TransactionId(str(await core.journal.next_transaction_number()))


def _identify_unassigned(station: StationState, event: TransactionTold) -> TransactionId:
    token_key = event.token.key if event.token else None
    for tx in reversed(station.transactions.values()):
        if (
            tx.token is not None
            and tx.token.key == token_key
            and (tx.started or event.at) <= event.at
        ):
            return tx.transaction_id
    return TransactionId(f"{UNASSIGNED_16}@{event.at.isoformat()}")


def _displaced(station: StationState, tx: Transaction, now: datetime) -> list[Transaction]:
    """Open transactions on the same EVSE that a newer start proves to be over."""
    if not tx.is_open or tx.started is None:
        return []
    over: list[Transaction] = []
    for other in list(station.transactions.values()):
        if (
            other.transaction_id != tx.transaction_id
            and other.evse_id == tx.evse_id
            and (other.started or other.last_at or tx.started) < tx.started
        ):
            closed = presume_ended(other, min(now, tx.started))
            del station.transactions[other.transaction_id]
            over.append(closed)
    return over


def _place(station: StationState, tx: Transaction) -> None:
    if tx.is_open:
        station.transactions[tx.transaction_id] = tx
    else:
        station.transactions.pop(tx.transaction_id, None)
    if not tx.evse_id:
        return
    evse = station.evse(tx.evse_id)
    current = evse.transaction
    if current is not None and current.transaction_id != tx.transaction_id:
        begun, current_begun = tx.started or tx.last_at, current.started or current.last_at
        if begun is None or (current_begun is not None and begun < current_begun):
            return  # late news of an older transaction
    if current is None or current.transaction_id != tx.transaction_id:
        evse.commanded_w = None
        evse.needs = None
    evse.transaction = tx


def _meter_records(
    station: StationState, tx: Transaction, readings: tuple[MeterReading, ...], received: datetime
) -> list[Record]:
    key = station.evse(tx.evse_id).key
    return [
        MeterRecord(evse=key, reading=reading, received=received, transaction_id=tx.transaction_id)
        for reading in readings
    ]
