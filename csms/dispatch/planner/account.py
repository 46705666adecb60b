"""What happened, from the meters: cost by quarter hour, and what the same session had cost uncontrolled. Pure.

Uncontrolled means: the energy that the battery gained, drawn at full power from the moment of plugging in. The feeder's
limits do not hold it back, so the comparison flatters uncontrolled charging where those would bind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from csms.domain.plan import (
    QUARTER,
    QuarterAccount,
    RegisterSample,
    SessionAccount,
    quarter_of,
)
from csms.domain.transaction import Span, Transaction

Prices = Mapping[datetime, tuple[float, float]]
"""Quarter hour -> EUR/kWh of import (fees included) and of export."""
NOTHING_WH = 0.5


def quarters_of(begin: datetime, end: datetime) -> list[datetime]:
    """Every quarter hour that the span touches, begun ones included."""
    first = quarter_of(begin)
    n = max(-((first - end) // QUARTER), 0)
    return [first + k * QUARTER for k in range(n)]


def quarter_accounts(
    tx: Transaction,
    samples: Sequence[RegisterSample],
    planned_wh: Mapping[datetime, float],
    prices: Prices,
    begin: datetime,
    end: datetime,
) -> list[QuarterAccount]:
    """One account for each quarter hour that ``begin`` to ``end`` touches; registers are interpolated at its edges."""
    quarters = quarters_of(begin, end)
    edges = [*quarters, *(q + QUARTER for q in quarters[-1:])]
    imported = _at(edges, tx.imported, [(s.at, s.import_wh) for s in samples])
    exported = _at(edges, tx.exported, [(s.at, s.export_wh) for s in samples])
    out = []
    for k, quarter in enumerate(quarters):
        price = prices.get(quarter)
        out.append(
            QuarterAccount(
                at=quarter,
                station_id=tx.station_id,
                evse_id=tx.evse_id,
                transaction_id=tx.transaction_id,
                planned_wh=planned_wh.get(quarter),
                import_wh=imported[k + 1] - imported[k],
                export_wh=exported[k + 1] - exported[k],
                import_eur_per_kwh=price[0] if price else None,
                export_eur_per_kwh=price[1] if price else None,
            )
        )
    return out


def session_account(
    tx: Transaction,
    quarters: Sequence[QuarterAccount],
    *,
    full_power_w: float,
    efficiency: float,
    wear_eur_per_kwh: tuple[float, float],
) -> SessionAccount:
    """The account of an ended transaction from those of all its quarter hours.

    ``full_power_w``: what charger and car can take; ``efficiency``: one way. Raises ``ValueError`` for an open one.
    """
    if tx.started is None or tx.ended is None:
        raise ValueError(f"{tx.transaction_id}: only an ended transaction has an account")
    import_wh = sum(q.import_wh for q in quarters)
    export_wh = sum(q.export_wh for q in quarters)
    note = None
    if tx.imported is None:
        note = "no meter register was told"
    elif any(q.import_eur_per_kwh is None for q in quarters):
        note = "no price for a part of it"
    cost = uncontrolled = expected = None
    if note is None:
        cost = sum(_cost(q, q.import_wh, q.export_wh) for q in quarters)
        gained_wh = max(import_wh - export_wh / efficiency**2, 0.0)
        uncontrolled = _at_full_power(gained_wh, tx.started, tx.ended, quarters, full_power_w)
        if any(q.planned_wh is not None for q in quarters):
            expected = sum(_planned_cost(q) for q in quarters)
    low, high = wear_eur_per_kwh
    return SessionAccount(
        station_id=tx.station_id,
        transaction_id=tx.transaction_id,
        evse_id=tx.evse_id,
        started=tx.started,
        ended=tx.ended,
        import_wh=import_wh,
        export_wh=export_wh,
        cost_eur=cost,
        expected_cost_eur=expected,
        uncontrolled_cost_eur=uncontrolled,
        wear_low_eur=low * export_wh / 1e3,
        wear_high_eur=high * export_wh / 1e3,
        note=note,
    )


def _at(
    edges: Sequence[datetime], span: Span | None, told: Sequence[tuple[datetime, float | None]]
) -> list[float]:
    """The register at each edge, Wh; constant before the first and after the last value."""
    if span is None or not edges:
        return [0.0] * len(edges)
    points = {span.first.at: span.first.wh, span.last.at: span.last.wh}
    points |= {at: wh for at, wh in told if wh is not None and span.first.at <= at <= span.last.at}
    ordered = sorted(points.items())
    origin = edges[0]
    t_s = [(at - origin).total_seconds() for at, _ in ordered]
    at_s = [(edge - origin).total_seconds() for edge in edges]
    wh = np.maximum.accumulate([wh for _, wh in ordered])  # a register never runs back
    return [float(x) for x in np.interp(at_s, t_s, wh)]


def _cost(quarter: QuarterAccount, import_wh: float, export_wh: float) -> float:
    bought, sold = quarter.import_eur_per_kwh or 0.0, quarter.export_eur_per_kwh or 0.0
    return (import_wh * bought - export_wh * sold) / 1e3


def _planned_cost(quarter: QuarterAccount) -> float:
    wh = quarter.planned_wh or 0.0
    return _cost(quarter, max(wh, 0.0), max(-wh, 0.0))


def _at_full_power(
    energy_wh: float,
    started: datetime,
    ended: datetime,
    quarters: Sequence[QuarterAccount],
    full_power_w: float,
) -> float:
    left_wh, cost = energy_wh, 0.0
    for k, quarter in enumerate(quarters):
        begin, end = max(started, quarter.at), min(ended, quarter.at + QUARTER)
        hours = max(end - begin, timedelta(0)).total_seconds() / 3600.0
        most_wh = full_power_w * hours
        wh = left_wh if k == len(quarters) - 1 else min(left_wh, most_wh)
        cost += _cost(quarter, wh, 0.0)
        left_wh -= wh
        if left_wh <= NOTHING_WH:
            break
    return cost
