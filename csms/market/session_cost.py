"""What a charging session costs: metered energy at the price in force when it flowed.

Between two meter values the register is taken to move in a straight line, so energy on both sides of a price
change is split by time. Money is decimal and rounded once, at the end, half up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
_WH_PER_KWH = Decimal(1000)
_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class PriceStep:
    """From ``since`` on, money per kWh imported and paid per kWh exported."""

    since: datetime
    import_per_kwh: Decimal
    export_per_kwh: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class MeterPoint:
    """Both registers at an instant, Wh."""

    at: datetime
    import_wh: float
    export_wh: float


@dataclass(frozen=True, slots=True)
class Account:
    """A running session. ``points`` counts the meter values in it; none before the first."""

    last: MeterPoint | None = None
    exact: Decimal = Decimal(0)
    earned: Decimal = Decimal(0)
    """Of that, what was paid for energy fed back (as a positive amount)."""
    imported_wh: float = 0.0
    exported_wh: float = 0.0
    late: int = 0
    """Meter values that came after later ones: only a reckoning from the whole history has them in."""

    @property
    def amount(self) -> Decimal:
        """Rounded to cents, half up."""
        return self.exact.quantize(CENT, ROUND_HALF_UP)


def add(account: Account, point: MeterPoint, steps: Sequence[PriceStep]) -> Account:
    """The account with one meter value more. ``steps`` ascend; before the first of them energy is free.

    A value no newer than the last one changes nothing but ``late``. A register that runs back (a replaced meter)
    starts afresh: no energy is taken from it.
    """
    last = account.last
    if last is None:
        return replace(account, last=point)
    if point.at <= last.at:
        repeated = point == last
        return account if repeated else replace(account, late=account.late + 1)
    import_wh = max(0.0, point.import_wh - last.import_wh)
    export_wh = max(0.0, point.export_wh - last.export_wh)
    paid = earned = Decimal(0)
    for share, step in _shares(last.at, point.at, steps):
        paid += _decimal(import_wh) * share / _WH_PER_KWH * step.import_per_kwh
        earned += _decimal(export_wh) * share / _WH_PER_KWH * step.export_per_kwh
    return replace(
        account,
        last=point,
        exact=account.exact + paid - earned,
        earned=account.earned + earned,
        imported_wh=account.imported_wh + import_wh,
        exported_wh=account.exported_wh + export_wh,
    )


def reckon(points: Iterable[MeterPoint], steps: Sequence[PriceStep]) -> Account:
    """The account of a whole history, in whatever order it is told."""
    account = Account()
    for point in sorted(points, key=lambda p: (p.at, p.import_wh, p.export_wh)):
        account = add(account, point, steps)
    return replace(account, late=0)


def _shares(
    begin: datetime, end: datetime, steps: Sequence[PriceStep]
) -> Iterable[tuple[Decimal, PriceStep]]:
    """Which part of the time from ``begin`` to ``end`` lies under which price."""
    whole = (end - begin).total_seconds()
    first = bisect_right(steps, begin, key=lambda s: s.since) - 1
    for index in range(max(first, 0), len(steps)):
        step = steps[index]
        if step.since >= end:
            return
        until = steps[index + 1].since if index + 1 < len(steps) else end
        seconds = (min(until, end) - max(step.since, begin)).total_seconds()
        if seconds > 0.0:
            yield Decimal(seconds) / Decimal(whole), step


def _decimal(wh: float) -> Decimal:
    return Decimal(wh).quantize(_MICRO)
