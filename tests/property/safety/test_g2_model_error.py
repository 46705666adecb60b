"""G2: every impedance and every load up to 10% off, and no limit is broken after the loop's second step."""

from __future__ import annotations

import pytest

from tests.property.safety.case import Verdict, judge


def assert_safe_and_not_by_refusing(verdict: Verdict) -> None:
    assert not verdict.breaches
    assert verdict.unsafe_uncontrolled > 0.5 * verdict.cases  # control is needed in most cases
    assert verdict.curtailed < 1.06 * verdict.curtailed_at_best


@pytest.mark.oracle
def test_g2_no_breach_after_the_second_step() -> None:
    assert_safe_and_not_by_refusing(judge(range(100)))


@pytest.mark.oracle
@pytest.mark.long
@pytest.mark.parametrize("thousand", range(10))
def test_g2_no_breach_in_ten_thousand_feeders(thousand: int) -> None:
    begin = 200 + 1000 * thousand
    verdict = judge(range(begin, begin + 1000))
    print(verdict)
    assert_safe_and_not_by_refusing(verdict)
