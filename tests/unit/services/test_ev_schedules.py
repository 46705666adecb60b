"""Schedules for cars: out of a plan, in few steps, and whether the car keeps to its own."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.events import EvScheduleTold
from csms.domain.profile import ChargingProfile, Kind, Period, Purpose, RateUnit
from csms.ids import TransactionId
from csms.services.ev_schedules import HORIZON_S, Step, at_most, differ, excess, planned_steps
from tests.unit.services.fakes import T0

W_PER_A = 690.0


def test_a_plan_from_now_on() -> None:
    """Feeding back is no charging, the ceiling holds, and after the plan there is only the ceiling."""
    now = T0 + timedelta(seconds=1_000.4)
    steps = planned_steps((9_000, 5_000, -4_000, 0, 11_000), T0, now, 10_000.0)
    assert steps == [(0.0, 5_000.0), (800.0, 0.0), (2_600.0, 10_000.0)]


def energy_ws(steps: list[Step], end_s: float) -> float:
    ends = [*(start for start, _ in steps[1:]), end_s]
    return sum(w * (end - start) for (start, w), end in zip(steps, ends, strict=True))


@given(
    st.lists(st.floats(0.0, 22_000.0), min_size=1, max_size=96),
    st.integers(1, 24),
)
def test_fewer_steps_carry_the_same_energy(power_w: list[float], n: int) -> None:
    steps = [(900.0 * k, w) for k, w in enumerate(power_w)]
    end_s = max(HORIZON_S, steps[-1][0] + 900.0)
    kept = at_most(steps, n)
    assert len(kept) == min(n, len(steps))
    assert kept[0][0] == 0.0
    assert energy_ws(kept, end_s) == pytest.approx(energy_ws(steps, end_s), abs=1.0)
    assert max(w for _, w in kept) <= max(power_w) + 1e-6


def test_a_plan_that_differs_later_is_another_one() -> None:
    held, new = [(0.0, 5_000.0), (900.0, 0.0)], [(0.0, 5_000.0), (900.0, 2_000.0)]
    assert differ(held, new, 1_000.0)
    assert not differ(held, new, 2_000.0)
    assert not differ([(-900.0, 9_000.0), (0.0, 5_000.0)], [(0.0, 5_000.0)], 1_000.0)


def profile(
    *steps: Step,
    unit: RateUnit = RateUnit.W,
    stack_level: int = 0,
    duration_s: int | None = None,
) -> ChargingProfile:
    return ChargingProfile(
        profile_id=stack_level, stack_level=stack_level, purpose=Purpose.TX, kind=Kind.ABSOLUTE, unit=unit, start=T0,
        transaction_id=TransactionId("t"), duration_s=duration_s,
        periods=tuple(Period(start_s=int(start_s), limit=limit) for start_s, limit in steps),
    )  # fmt: skip


def told(*steps: Step, unit: RateUnit = RateUnit.W, after_s: float = 5.0) -> EvScheduleTold:
    start: datetime = T0 + timedelta(seconds=after_s)
    return EvScheduleTold(evse_id=1, start=start, unit=unit, periods=steps)


FALLING = profile((0, 11_000.0), (900, 4_000.0))
CASES: list[tuple[str, list[ChargingProfile], EvScheduleTold, float | None]] = [
    ("as offered, seconds later", [FALLING], told((0.0, 11_000.0), (900.0, 4_000.0)), None),
    ("less", [FALLING], told((0.0, 3_000.0)), None),
    ("too much at once", [FALLING], told((0.0, 11_100.0)), 0.0),
    ("goes on too long", [FALLING], told((0.0, 11_000.0)), 955.0),
    ("too much later", [FALLING], told((0.0, 0.0), (3_600.0, 4_100.0)), 3_600.0),
    ("amperes of the same mains", [FALLING], told((0.0, 16.0), (900.0, 5.8), unit=RateUnit.A), None),
    ("too many amperes", [FALLING], told((0.0, 32.0), unit=RateUnit.A), 0.0),
    ("the higher level decides", [FALLING, profile((0, 2_000.0), stack_level=3)], told((0.0, 4_000.0)), 0.0),
    ("while it lasts", [FALLING, profile((0, 2_000.0), stack_level=3, duration_s=600)],
     told((0.0, 2_000.0), (1_200.0, 4_000.0)), None),
    ("nothing was sent", [], told((0.0, 50_000.0)), None),
    ("nothing was told", [FALLING], told(), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("profiles", "schedule", "at_s"), [pytest.param(p, s, a, id=case) for case, p, s, a in CASES]
)
def test_where_a_car_goes_beyond(
    profiles: list[ChargingProfile], schedule: EvScheduleTold, at_s: float | None
) -> None:
    found = excess(schedule, profiles, started=T0, w_per_a=W_PER_A)
    assert (found and found.at_s) == at_s
    if found is not None:
        assert found.asked_w > found.allowed_w
        led = excess(schedule, profiles, started=T0, w_per_a=W_PER_A, led_w=found.asked_w)
        assert led is None
