"""What a session costs, against hand calculation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.market.session_cost import Account, MeterPoint, PriceStep, add, reckon

T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def point(minutes: float, import_wh: float, export_wh: float = 0.0) -> MeterPoint:
    return MeterPoint(at(minutes), import_wh, export_wh)


def step(minutes: float, price: str, paid: str = "0") -> PriceStep:
    return PriceStep(at(minutes), Decimal(price), Decimal(paid))


def test_a_price_change_splits_the_energy_by_time() -> None:
    steps = [step(-60, "0.10"), step(15, "0.40")]
    account = reckon([point(0, 1_000.0), point(60, 5_000.0)], steps)
    # 4 kWh in an hour: 1 kWh before the change, 3 kWh after it
    assert account.exact == Decimal("1.30")
    assert account.imported_wh == 4_000.0


def test_quarter_hour_prices_by_hand() -> None:
    steps = [step(15 * k, price) for k, price in enumerate(("0.21", "0.35", "-0.02", "0.18"))]
    readings = [point(m, 1_000.0 + 11_000.0 * m / 60.0) for m in (2, 14, 29, 31, 52, 60)]
    by_hand = Decimal(11) / 60 * (
        13 * Decimal("0.21") + 15 * Decimal("0.35") - 15 * Decimal("0.02") + 15 * Decimal("0.18")
    )  # fmt: skip
    assert reckon(readings, steps).exact == pytest.approx(by_hand, rel=Decimal("1e-9"))


def test_energy_fed_back_is_paid_for() -> None:
    account = reckon([point(0, 0.0, 0.0), point(60, 2_000.0, 5_000.0)], [step(-1, "0.30", "0.25")])
    assert account.exact == Decimal("-0.65")
    assert account.earned == Decimal("1.25")


def test_before_the_first_price_energy_is_free() -> None:
    account = reckon([point(0, 0.0), point(60, 4_000.0)], [step(30, "0.50")])
    assert account.exact == Decimal("1.00")
    assert reckon([point(0, 0.0), point(60, 4_000.0)], []).exact == 0


@pytest.mark.parametrize(("wh", "cents"), [(45.0, "0.05"), (44.9, "0.04"), (35.0, "0.04")])
def test_cents_are_rounded_half_up(wh: float, cents: str) -> None:
    assert reckon([point(0, 0.0), point(1, wh)], [step(-1, "1")]).amount == Decimal(cents)


def test_a_meter_that_was_replaced_gives_no_energy_back() -> None:
    account = reckon([point(0, 9_000.0), point(1, 100.0), point(2, 1_100.0)], [step(-1, "0.10")])
    assert account.exact == Decimal("0.10")


readings = st.lists(
    st.tuples(st.integers(0, 600), st.integers(0, 2_000)), min_size=2, max_size=30
).map(lambda told: [point(m, float(wh)) for m, wh in sorted(dict(told).items())])


@given(readings, st.lists(st.integers(-10, 600), min_size=1, max_size=8, unique=True), st.randoms())
def test_order_and_repetition_change_nothing(points, changes, rng) -> None:  # type: ignore[no-untyped-def]
    steps = [step(m, f"0.{17 + k:02d}") for k, m in enumerate(sorted(changes))]
    expected = reckon(points, steps)
    shuffled = [*points, *points[:3]]
    rng.shuffle(shuffled)
    assert reckon(shuffled, steps).exact == expected.exact
    running = Account()
    for p in points:
        running = add(running, p, steps)
    assert running.exact == expected.exact
    assert running.late == 0
    assert add(running, points[0], steps).late == (len(points) > 1)


@given(readings, st.integers(1, 599))
def test_a_change_to_the_same_price_changes_nothing(points, minute) -> None:  # type: ignore[no-untyped-def]
    once = reckon(points, [step(-1, "0.23")]).exact
    twice = reckon(points, [step(-1, "0.23"), step(minute, "0.23")]).exact
    assert abs(once - twice) < Decimal("1e-18")
