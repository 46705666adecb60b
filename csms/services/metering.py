"""Meter values outside transaction messages (OCPP block J; 1.6 MeterValues), and the live reading of an EVSE."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from csms.domain.events import Acknowledged, MetersRead
from csms.domain.fleet import EvseState, StationState
from csms.domain.records import MeterRecord, Record, TransactionRecord
from csms.domain.transaction import with_readings
from csms.domain.values import MeterReading
from csms.ids import EvseKey
from csms.services.core import Core


async def meters_read(core: Core, station: StationState, event: MetersRead) -> Acknowledged:
    received = core.clock.now()
    evse = station.evse(event.evse_id) if event.evse_id else None
    transaction_id = event.transaction_id
    records: list[Record] = []
    tx = None
    if transaction_id is not None:
        tx = station.transactions.get(transaction_id) or await core.history.transaction(
            station.station_id, transaction_id
        )
        if tx is not None:
            tx = with_readings(tx, event.readings)
            if tx.is_open:
                station.transactions[transaction_id] = tx
                if evse is not None and evse.transaction is not None:
                    evse.transaction = tx
            records.append(TransactionRecord(transaction=tx))
    key = evse.key if evse is not None else EvseKey(station.station_id, event.evse_id)
    records += [
        MeterRecord(evse=key, reading=reading, received=received, transaction_id=transaction_id)
        for reading in event.readings
    ]
    if evse is not None:
        take_readings(core, evse, event.readings, received)
    await core.journal.commit(*records)
    if tx is not None and core.tariffs is not None:
        await core.tariffs.metered(tx, event.readings)
    return Acknowledged()


def take_readings(
    core: Core, evse: EvseState, readings: Sequence[MeterReading], received: datetime
) -> None:
    """Make the newest reading the live one; a late or queued one never replaces a newer."""
    now_s = core.clock.monotonic()
    for reading in readings:
        known = evse.reading
        if known is not None and reading.at < known.at <= received:
            continue  # older; but a time that lay in the future came from a clock that was wrong
        if known is None or is_alive(known, reading):
            evse.changed_s = now_s
        evse.reading = reading
        evse.reading_received_s = now_s
    if readings:
        core.live.publish("evse", evse.key)


MOVING_W = 100.0


def is_alive(before: MeterReading, after: MeterReading) -> bool:
    """Whether the meter moves: power flows but neither register does, or time stands still, is frozen telemetry."""
    if after.at == before.at:
        return False
    if after.power_w is None or abs(after.power_w) < MOVING_W:
        return True
    return (
        after.energy_import_wh != before.energy_import_wh
        or after.energy_export_wh != before.energy_export_wh
        or (after.energy_import_wh is None and after.power_w != before.power_w)
    )
