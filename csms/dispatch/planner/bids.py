"""Capacity bids from the plug-in history of this very site, hour by hour of the day ahead. Pure.

A beta-binomial fitted to how many were plugged in at that hour gives the newsvendor's bid; the order statistic of the
same days caps it, so that on a further exchangeable day it is fully available as often as asked, whatever the
distribution. A fit alone is too sure of itself: from five days it was there on 56% of days where 90% were asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from csms.dispatch.planner.needs import PastSession
from csms.domain.plan import HourBid
from csms.ids import EvseKey
from csms.market.availability import beta_binomial, learn_plug_in
from csms.market.errors import EmptyHistoryError
from csms.market.market_rules import MarketRule, round_to_market
from csms.market.newsvendor import Terms, best_bid

MAX_WEEKS = 26
RELIABILITY = 0.9
HOUR = timedelta(hours=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Reserve:
    """What is offered, and on which terms (EUR per MW and hour)."""

    rule: MarketRule
    terms: Terms

    @property
    def reliability(self) -> float:
        """Least probability that the whole bid is available."""
        return self.rule.reliability or RELIABILITY

    @property
    def least_days(self) -> int:
        """With fewer no order statistic can show the reliability."""
        return ceil(1.0 / (1.0 - self.reliability) - 1e-9) - 1


class PlugInHistory:
    """Who of ``able`` (EVSE -> W it may feed back) was plugged in when, from ``since`` on."""

    def __init__(
        self, sessions: Sequence[PastSession], able: Mapping[EvseKey, float], since: datetime
    ) -> None:
        """Raises ``EmptyHistoryError`` without an EVSE that may discharge."""
        if not able:
            raise EmptyHistoryError("no EVSE may discharge: nothing to bid")
        index = {key: i for i, key in enumerate(able)}
        relevant = [s for s in sessions if s.key in able]
        self.n = len(able)
        self.each_mw = sum(able.values()) / len(able) / 1e6
        self._since = since
        self._evse = np.array([index[s.key] for s in relevant], dtype=np.int64)
        self._begin_s = np.array([s.started.timestamp() for s in relevant])
        self._end_s = np.array([s.ended.timestamp() for s in relevant])

    def counts(self, hour: datetime, least: int) -> NDArray[np.int64]:
        """How many were plugged in for the whole of ``hour`` on past days, newest first.

        The same day of the week if that leaves twice ``least`` days, else working days or weekends alike, else all.
        """
        days: list[datetime] = []
        at = hour - timedelta(days=1)
        while at >= self._since and hour - at <= timedelta(weeks=MAX_WEEKS):
            days.append(at)
            at -= timedelta(days=1)
        alike = [day for day in days if _weekend(day) == _weekend(hour)]
        same = [day for day in alike if day.weekday() == hour.weekday()]
        chosen = same if len(same) >= 2 * least else alike if len(alike) >= least else days
        return np.array([self._count(day) for day in chosen], dtype=np.int64)

    def _count(self, at: datetime) -> int:
        there = (self._begin_s <= at.timestamp()) & (self._end_s >= (at + HOUR).timestamp())
        return len(np.unique(self._evse[there]))


def hour_bids(
    history: PlugInHistory, reserve: Reserve, start: datetime, hours: int = 24
) -> tuple[HourBid, ...]:
    """Bids for ``hours`` from ``start`` (a whole hour).

    Raises ``EmptyHistoryError`` with too few days to show the reliability: the bid is then zero.
    """
    return tuple(_bid(history, reserve, start + k * HOUR) for k in range(hours))


def _bid(history: PlugInHistory, reserve: Reserve, hour: datetime) -> HourBid:
    counts = history.counts(hour, reserve.least_days)
    n_days = len(counts)
    if n_days < max(reserve.least_days, 2):
        raise EmptyHistoryError(
            f"{n_days} days of plug-in history cannot show a reliability of {reserve.reliability:g},"
            f" {reserve.least_days} can: a bid of zero is the fallback"
        )
    rank = floor((1.0 - reserve.reliability) * (n_days + 1) + 1e-9)
    sure_mw = float(np.sort(counts)[rank - 1]) * history.each_mw
    model = learn_plug_in(counts, history.n)
    available = beta_binomial(history.n, model.probability, model.correlation, unit=history.each_mw)
    best = best_bid(
        reserve.terms, available, reliability=reserve.reliability, energy_limit_mw=sure_mw
    )
    offered = round_to_market(reserve.rule, best.q_mw / reserve.rule.power_ratio)
    held = offered * reserve.rule.power_ratio
    profit = (reserve.terms.reward - reserve.terms.cost) * offered
    profit -= reserve.terms.penalty * available.expected_shortfall(held) / reserve.rule.power_ratio
    return HourBid(
        at=hour, bid_mw=offered, p90_mw=min(best.p90, sure_mw), expected_profit_eur=profit,
        availability_frac=available.probability_at_least(held), samples=n_days,
    )  # fmt: skip


def _weekend(day: datetime) -> bool:
    return day.weekday() >= SATURDAY
