"""The metered history of one driver's vehicle, out of the store, as its battery twin wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from csms.battery.driver_report import Car, DriverReport, driver_report
from csms.battery.errors import HistoryError
from csms.battery.packs import PACKS
from csms.battery.vehicle_twin import Reading
from csms.domain.ports import History
from csms.domain.records import MeterRecord
from csms.domain.transaction import Transaction
from csms.ids import EvseKey
from csms.services.session_costs import INSTANT, SessionCosts

PAGE, MAX_PAGES = 1_000, 1_000
SPACING_S = 300.0
"""Readings closer than this add nothing to a twin that steps by quarter hours."""
EFFICIENCY = 0.94
ASSUMED_END_FRAC = 0.8
ASSUMED_C = 20.0


@dataclass(frozen=True, slots=True)
class VehicleHistory:
    readings: list[Reading]
    sessions: int
    without_soc: int
    """Sessions whose charger told no state of charge: it was worked out from the energy."""
    earned: float
    """For energy fed back, at the posted prices."""


async def vehicle_history(
    history: History, costs: SessionCosts, vehicle: str, car: Car, *, temperature_c: float
) -> VehicleHistory:
    """All sessions begun with the id token ``vehicle``. Raises ``StoreUnavailable``, HistoryError."""
    found = [tx async for tx in _sessions(history, vehicle.casefold())]
    if not found:
        raise HistoryError(f"empty history: no session of {vehicle!r} is in the store")
    readings: list[Reading] = []
    without_soc, earned = 0, 0.0
    for tx in sorted(found, key=_begun):
        records = await _metered(history, tx)
        session, told = _readings(records, car, temperature_c)
        without_soc += not told
        last_s = readings[-1].t_s if readings else float("-inf")
        readings += [r for r in session if r.t_s > last_s]
        if tx.discharged_wh > 0.0:
            earned += float((await costs.cost(tx)).earned)
    return VehicleHistory(readings, len(found), without_soc, earned)


async def report_for(
    history: History,
    costs: SessionCosts,
    vehicle: str,
    car: Car,
    *,
    temperature_c: float = ASSUMED_C,
    packs: Sequence[str] = (),
) -> DriverReport:
    """Raises HistoryError, UnknownPackError, ``StoreUnavailable``."""
    told = await vehicle_history(history, costs, vehicle, car, temperature_c=temperature_c)
    notes = [
        f"From {told.sessions} sessions; the battery's temperature is taken as {temperature_c:g} °C,"
        " since chargers do not see it."
    ]
    if told.without_soc:
        notes.append(
            f"In {told.without_soc} of them the charger saw no state of charge: it was worked out from"
            f" the energy, with {100 * ASSUMED_END_FRAC:.0f}% at the end."
        )
    return await asyncio.to_thread(
        driver_report,
        told.readings,
        car,
        earned_eur=told.earned,
        packs=tuple(packs or PACKS),
        notes=notes,
    )


async def _sessions(history: History, key: str) -> AsyncIterator[Transaction]:
    after: tuple[datetime, str, str] | None = None
    for _ in range(MAX_PAGES):
        page = await history.transactions(after=after, limit=PAGE)
        for tx in page:
            if tx.token is not None and tx.token.key == key:
                yield tx
        if len(page) < PAGE or page[-1].started is None:
            return
        after = (page[-1].started, page[-1].station_id, page[-1].transaction_id)


def _begun(tx: Transaction) -> float:
    begun = tx.started or tx.last_at
    return begun.timestamp() if begun else 0.0


async def _metered(history: History, tx: Transaction) -> list[MeterRecord]:
    spans = [span for span in (tx.imported, tx.exported) if span is not None]
    if not spans or not tx.evse_id:
        return []
    begin, end = min(s.first.at for s in spans), max(s.last.at for s in spans) + INSTANT
    found: list[MeterRecord] = []
    key = EvseKey(tx.station_id, tx.evse_id)
    while True:
        page = await history.meter_values(key, begin, end, limit=10_000)
        found += [r for r in page if r.transaction_id == tx.transaction_id]
        if len(page) < 10_000 or page[-1].reading.at <= begin:
            return found
        begin = page[-1].reading.at


def _readings(
    records: Sequence[MeterRecord], car: Car, temperature_c: float
) -> tuple[list[Reading], bool]:
    """Thinned readings of one session, and whether the charger told the state of charge."""
    points = [r.reading for r in records if r.reading.energy_import_wh is not None]
    told = any(p.soc_frac is not None for p in points)
    readings: list[Reading] = []
    exported_wh = points[0].energy_export_wh or 0.0 if points else 0.0
    for index, point in enumerate(points):
        soc = point.soc_frac
        if soc is None:
            if told:
                continue
            stored_wh = _stored_wh(point.energy_import_wh or 0.0, point.energy_export_wh or 0.0)
            end_wh = _stored_wh(
                points[-1].energy_import_wh or 0.0, points[-1].energy_export_wh or 0.0
            )
            soc = ASSUMED_END_FRAC - (end_wh - stored_wh) / (1e3 * car.battery_kwh)
        t_s = point.at.timestamp()
        is_last = index == len(points) - 1
        if readings and not is_last and t_s - readings[-1].t_s < SPACING_S:
            continue
        given_wh = max(0.0, (point.energy_export_wh or exported_wh) - exported_wh)
        exported_wh = point.energy_export_wh or exported_wh
        readings.append(Reading(t_s, min(1.0, max(0.0, soc)), temperature_c, given_wh))
    return readings, told


def _stored_wh(import_wh: float, export_wh: float) -> float:
    return import_wh * EFFICIENCY - export_wh / EFFICIENCY
