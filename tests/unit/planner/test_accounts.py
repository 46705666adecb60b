"""What happened, by hand calculation: quarters from registers, a session against full power, the sum."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.dispatch.planner.account import quarter_accounts, session_account
from csms.domain.plan import QUARTER, RegisterSample, SessionAccount, quarter_of, savings
from csms.domain.transaction import Register, Span, Transaction
from csms.ids import StationId, TransactionId
from tests.unit.planner.cars import T0

PRICES = {T0 + k * QUARTER: (0.30 if k < 4 else 0.10, 0.25 if k < 4 else 0.05) for k in range(12)}
WEAR = (0.01, 0.04)


Points = Sequence[tuple[float, float]]
"""Minute and Wh."""


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def session(
    imported: Points,
    exported: Points = (),
    begin_min: float = 5.0,
    end_min: float = 120.0,
) -> tuple[Transaction, list[RegisterSample]]:
    """Registers as (minute, Wh)."""

    def span(points: Points) -> Span | None:
        if not points:
            return None
        first, last = points[0], points[-1]
        return Span(
            first=Register(at=at(first[0]), wh=first[1]), last=Register(at=at(last[0]), wh=last[1])
        )

    tx = Transaction(
        station_id=StationId("A"), transaction_id=TransactionId("1"), evse_id=1, started=at(begin_min),
        ended=at(end_min), imported=span(imported), exported=span(exported),
    )  # fmt: skip
    samples = [RegisterSample(at=at(m), import_wh=wh, export_wh=None) for m, wh in imported]
    samples += [RegisterSample(at=at(m), import_wh=None, export_wh=wh) for m, wh in exported]
    return tx, samples


def account(
    tx: Transaction, samples: list[RegisterSample], *, full_w: float = 12_000.0, efficiency: float = 1.0,
    planned: dict[datetime, float] | None = None, prices: dict[datetime, tuple[float, float]] = PRICES,
) -> SessionAccount:  # fmt: skip
    assert tx.started
    assert tx.ended
    quarters = quarter_accounts(tx, samples, planned or {}, prices, tx.started, tx.ended)
    return session_account(
        tx, quarters, full_power_w=full_w, efficiency=efficiency, wear_eur_per_kwh=WEAR
    )


def test_a_session_that_waited_for_the_cheap_hour() -> None:
    """6 kWh from 9:00 on at 0.10; at once at 12 kW it had been 8:05 to 8:35 at 0.30."""
    found = account(*session([(5, 1_000.0), (60, 1_000.0), (90, 7_000.0), (120, 7_000.0)]))
    assert found.import_wh == pytest.approx(6_000.0)
    assert found.cost_eur == pytest.approx(6 * 0.10)
    assert found.uncontrolled_cost_eur == pytest.approx(6 * 0.30)


def test_energy_over_the_change_of_price_is_split_where_it_was_metered() -> None:
    found = account(*session([(5, 0.0), (45, 0.0), (75, 6_000.0), (120, 6_000.0)]))
    assert found.cost_eur == pytest.approx(3 * 0.30 + 3 * 0.10)


def test_uncontrolled_runs_over_into_the_cheap_hour_when_it_takes_so_long() -> None:
    found = account(*session([(5, 0.0), (60, 0.0), (120, 12_000.0)]), full_w=6_000.0)
    assert found.uncontrolled_cost_eur == pytest.approx(5.5 * 0.30 + 6.5 * 0.10)


def test_feeding_back_earns_wears_and_is_not_charged_twice_uncontrolled() -> None:
    """4 kWh out at 0.25, 10 kWh in at 0.10; the battery gained 10 - 4 / 0.95^2."""
    found = account(
        *session([(5, 0.0), (60, 0.0), (120, 10_000.0)], [(5, 0.0), (25, 0.0), (45, 4_000.0), (120, 4_000.0)]),
        efficiency=0.95,
    )  # fmt: skip
    assert found.cost_eur == pytest.approx(10 * 0.10 - 4 * 0.25)
    assert found.uncontrolled_cost_eur == pytest.approx((10 - 4 / 0.95**2) * 0.30)
    assert (found.wear_low_eur, found.wear_high_eur) == pytest.approx((0.04, 0.16))


def test_what_was_expected_is_what_the_schedule_had() -> None:
    tx, samples = session([(5, 0.0), (120, 6_000.0)])
    found = account(tx, samples, planned={T0: 1_000.0, T0 + 4 * QUARTER: -2_000.0})
    assert found.expected_cost_eur == pytest.approx(1 * 0.30 - 2 * 0.05)


def test_without_registers_or_prices_there_is_no_cost_and_it_says_why() -> None:
    bare = account(*session([]))
    assert bare.cost_eur is None
    assert bare.note == "no meter register was told"
    priceless = account(*session([(5, 0.0), (120, 1_000.0)]), prices={T0: (0.3, 0.3)})
    assert priceless.cost_eur is None
    assert priceless.note == "no price for a part of it"
    total = savings([bare, priceless], T0, T0 + timedelta(days=1))
    assert (total.sessions, total.left_out) == (0, 2)
    assert total.saving_frac is None


def test_the_saving_is_the_sum_and_wear_an_interval() -> None:
    one = account(*session([(5, 0.0), (60, 0.0), (90, 6_000.0), (120, 6_000.0)]))
    two = account(
        *session([(5, 0.0), (60, 0.0), (120, 10_000.0)], [(5, 0.0), (20, 4_000.0), (120, 4_000.0)])
    )
    total = savings([one, two], T0, T0 + timedelta(days=1))
    assert total.saving_eur == pytest.approx((1.8 - 0.6) + (6 * 0.30 - (10 * 0.10 - 4 * 0.25)))
    assert total.saving_after_wear_low_eur == pytest.approx(total.saving_eur - 0.16)
    assert total.saving_after_wear_high_eur == pytest.approx(total.saving_eur - 0.04)
    assert total.saving_frac == pytest.approx(total.saving_eur / 3.6)


def test_an_open_transaction_has_no_account() -> None:
    tx, _ = session([(5, 0.0), (120, 1.0)])
    with pytest.raises(ValueError, match="only an ended"):
        session_account(
            Transaction(station_id=tx.station_id, transaction_id=tx.transaction_id, evse_id=1), [],
            full_power_w=1.0, efficiency=1.0, wear_eur_per_kwh=WEAR,
        )  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 180), st.floats(0.0, 50_000.0)), min_size=2, max_size=30))
def test_no_energy_is_lost_between_quarter_hours(points: list[tuple[int, float]]) -> None:
    minutes = sorted({m for m, _ in points})
    register = sorted(wh for _, wh in points)[: len(minutes)]
    path = list(zip(minutes, register, strict=True))
    tx, samples = session(path, begin_min=minutes[0], end_min=max(minutes[-1], minutes[0] + 1))
    assert tx.started
    assert tx.ended
    quarters = quarter_accounts(tx, samples, {}, PRICES, tx.started, tx.ended)
    assert sum(q.import_wh for q in quarters) == pytest.approx(register[-1] - register[0], abs=1e-6)
    assert all(q.import_wh >= 0 for q in quarters)
    assert [q.at for q in quarters] == [
        quarter_of(tx.started) + k * QUARTER for k in range(len(quarters))
    ]
