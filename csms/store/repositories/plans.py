"""Plans as they were made, and what the meters said came of them."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, select, true

from csms.domain.plan import (
    QUARTER_S,
    FleetPlan,
    PlanSummary,
    QuarterAccount,
    QuarterTotal,
    RegisterSample,
    SessionAccount,
)
from csms.domain.records import PlanMade, QuarterAccounted, SessionAccounted
from csms.domain.transaction import Transaction
from csms.ids import EvseKey, StationId, TransactionId
from csms.store.codec import finite, from_us, to_us
from csms.store.repositories import transactions
from csms.store.schema import (
    METER_VALUES,
    PLAN_QUARTERS,
    PLANS,
    SESSION_ACCOUNTS,
    TRANSACTIONS,
)
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(PLANS, OnConflict.REPLACE)
QUARTER_SINK = Upsert(PLAN_QUARTERS, OnConflict.REPLACE)
SESSION_SINK = Upsert(SESSION_ACCOUNTS, OnConflict.REPLACE)

_QUARTER_US = QUARTER_S * 1_000_000
_MAX_BODY_BYTES = 64 * 1024 * 1024
_LONGEST_SESSION = timedelta(days=31)
"""A transaction that ended lately began at most so long ago; else the whole table would be searched for it."""


Stations = Collection[StationId] | None
"""Of which stations; ``None``: of all."""


def plan_rows(record: PlanMade) -> Rows:
    """The body compressed: of a thousand cars' quarter hours most are zero or full power."""
    plan = record.plan
    s = plan.summary
    finite("plan", (s.cost_eur, s.wear_eur, s.uncontrolled_cost_eur, s.energy_wh, s.discharged_wh))
    body = zlib.compress(msgspec.json.encode(plan), 6)
    return ((SINK, (to_us(s.made), s.site, msgspec.json.encode(s).decode(), body)),)


def quarter_rows(record: QuarterAccounted) -> Rows:
    q = record.account
    values = (
        q.planned_wh, q.import_wh, q.export_wh, q.import_eur_per_kwh, q.export_eur_per_kwh
    )  # fmt: skip
    finite("quarter", values)
    return ((QUARTER_SINK, (to_us(q.at), q.station_id, q.evse_id, q.transaction_id, *values)),)


def session_rows(record: SessionAccounted) -> Rows:
    s = record.account
    values = (
        s.import_wh, s.export_wh, s.cost_eur, s.expected_cost_eur, s.uncontrolled_cost_eur,
        s.wear_low_eur, s.wear_high_eur,
    )  # fmt: skip
    finite("session", values)
    row = (s.station_id, s.transaction_id, s.evse_id, to_us(s.started), to_us(s.ended))
    return ((SESSION_SINK, (*row, *values, s.note)),)


def summaries(
    conn: Connection, after: datetime | None, limit: int, site: str | None
) -> list[PlanSummary]:
    """Newest first, of one site or of all."""
    query = select(PLANS.c.summary).order_by(PLANS.c.made.desc(), PLANS.c.site).limit(limit)
    if site is not None:
        query = query.where(PLANS.c.site == site)
    if after is not None:
        query = query.where(PLANS.c.made < to_us(after))
    return [msgspec.json.decode(text, type=PlanSummary) for text in conn.execute(query).scalars()]


def latest(conn: Connection, site: str | None) -> FleetPlan | None:
    query = select(PLANS.c.body).order_by(PLANS.c.made.desc(), PLANS.c.site).limit(1)
    if site is not None:
        query = query.where(PLANS.c.site == site)
    body = conn.execute(query).scalar_one_or_none()
    if body is None:
        return None
    plain = zlib.decompressobj().decompress(bytes(body), _MAX_BODY_BYTES)
    return msgspec.json.decode(plain, type=FleetPlan)


def quarter_totals(
    conn: Connection, since: datetime, until: datetime, stations: Stations
) -> list[QuarterTotal]:
    """Oldest first, ``since <= at < until``."""
    c = PLAN_QUARTERS.c
    planned_price = case((c.planned_wh >= 0.0, c.import_eur_per_kwh), else_=c.export_eur_per_kwh)
    expected = func.coalesce(c.planned_wh, 0.0) * func.coalesce(planned_price, 0.0) / 1e3
    cost = (c.import_wh * c.import_eur_per_kwh - c.export_wh * c.export_eur_per_kwh) / 1e3
    query = (
        select(
            c.at,
            func.coalesce(func.sum(c.planned_wh), 0.0).label("planned_wh"),
            func.sum(c.import_wh - c.export_wh).label("metered_wh"),
            func.sum(expected).label("expected"),
            func.sum(cost).label("cost"),
            func.max(c.import_eur_per_kwh).label("price"),
        )
        .where(c.at >= to_us(since), c.at < to_us(until), _among(c.station_id, stations))
        .group_by(c.at)
        .order_by(c.at)
    )
    return [
        QuarterTotal(
            at=from_us(row.at),
            planned_wh=row.planned_wh,
            metered_wh=row.metered_wh,
            expected_cost_eur=None if row.price is None else row.expected,
            cost_eur=None if row.price is None else row.cost,
            import_eur_per_kwh=row.price,
        )
        for row in conn.execute(query)
    ]


def quarters_of(conn: Connection, tx: Transaction) -> list[QuarterAccount]:
    """Those kept of one transaction, oldest first."""
    c = PLAN_QUARTERS.c
    query = (
        select(PLAN_QUARTERS)
        .where(c.station_id == tx.station_id, c.transaction_id == tx.transaction_id)
        .order_by(c.at)
    )
    if tx.started is not None:  # the key begins with the instant
        query = query.where(c.at > to_us(tx.started) - _QUARTER_US)
    return [_quarter(row) for row in conn.execute(query)]


def session_accounts(
    conn: Connection, since: datetime, until: datetime, limit: int, stations: Stations
) -> list[SessionAccount]:
    """Those that ended ``since <= ended < until``, newest first."""
    c = SESSION_ACCOUNTS.c
    query = (
        select(SESSION_ACCOUNTS)
        .where(c.ended >= to_us(since), c.ended < to_us(until), _among(c.station_id, stations))
        .order_by(c.ended.desc(), c.station_id, c.transaction_id)
        .limit(limit)
    )
    return [_session(row) for row in conn.execute(query)]


def unsettled(
    conn: Connection, since: datetime, until: datetime, limit: int, stations: Stations
) -> list[Transaction]:
    """Transactions that ended ``since <= ended < until`` and have no account yet."""
    c, account = TRANSACTIONS.c, SESSION_ACCOUNTS.c
    accounted = exists().where(
        and_(account.station_id == c.station_id, account.transaction_id == c.transaction_id)
    )
    query = (
        select(TRANSACTIONS)
        .where(c.sort_at >= to_us(since - _LONGEST_SESSION))
        .where(c.started.is_not(None), c.ended >= to_us(since), c.ended < to_us(until))
        .where(~accounted, _among(c.station_id, stations))
        .order_by(c.sort_at)
        .limit(limit)
    )
    return [transactions.from_row(row) for row in conn.execute(query)]


def registers(
    conn: Connection, evse: EvseKey, since: datetime, until: datetime
) -> list[RegisterSample]:
    """The first and the last value of each quarter hour, oldest first, ``since <= at <= until``."""
    c = METER_VALUES.c
    here = and_(
        c.station_id == evse.station_id,
        c.evse_id == evse.evse_id,
        c.at >= to_us(since),
        c.at <= to_us(until),
        c.energy_import_wh.is_not(None),
    )
    edge = (
        select(func.min(c.at).label("first"), func.max(c.at).label("last"))
        .where(here)
        .group_by(c.at - c.at % _QUARTER_US)
    ).subquery()
    at = select(edge.c.first).union(select(edge.c.last))
    query = (
        select(c.at, c.energy_import_wh, c.energy_export_wh)
        .where(here, c.at.in_(at))
        .order_by(c.at)
    )
    return [
        RegisterSample(
            at=from_us(row.at), import_wh=row.energy_import_wh, export_wh=row.energy_export_wh
        )
        for row in conn.execute(query)
    ]


def main_meter(
    conn: Connection, station_id: StationId, since: datetime, until: datetime
) -> list[tuple[datetime, float]]:
    """Mean power of a station's main meter (EVSE 0) in each quarter hour, W, oldest first."""
    c = METER_VALUES.c
    quarter = (c.at - c.at % _QUARTER_US).label("quarter")
    query = (
        select(quarter, func.avg(c.power_w).label("mean_w"))
        .where(c.station_id == station_id, c.evse_id == 0)
        .where(c.at >= to_us(since), c.at < to_us(until), c.power_w.is_not(None))
        .group_by(quarter)
        .order_by(quarter)
    )
    return [(from_us(row.quarter), row.mean_w) for row in conn.execute(query)]


def _among(column: ColumnElement[Any], stations: Stations) -> ColumnElement[bool]:
    if stations is None:
        return true()
    return column.in_(sorted(stations))


def _quarter(row: Any) -> QuarterAccount:
    return QuarterAccount(
        at=from_us(row.at),
        station_id=StationId(row.station_id),
        evse_id=row.evse_id,
        transaction_id=TransactionId(row.transaction_id),
        planned_wh=row.planned_wh,
        import_wh=row.import_wh,
        export_wh=row.export_wh,
        import_eur_per_kwh=row.import_eur_per_kwh,
        export_eur_per_kwh=row.export_eur_per_kwh,
    )


def _session(row: Any) -> SessionAccount:
    return SessionAccount(
        station_id=StationId(row.station_id),
        transaction_id=TransactionId(row.transaction_id),
        evse_id=row.evse_id,
        started=from_us(row.started),
        ended=from_us(row.ended),
        import_wh=row.import_wh,
        export_wh=row.export_wh,
        cost_eur=row.cost_eur,
        expected_cost_eur=row.expected_cost_eur,
        uncontrolled_cost_eur=row.uncontrolled_cost_eur,
        wear_low_eur=row.wear_low_eur,
        wear_high_eur=row.wear_high_eur,
        note=row.note,
    )
