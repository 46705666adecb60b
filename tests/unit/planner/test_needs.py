"""Departure and energy: told by the car, else measured, else learned, else a default; and when a car is left alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from csms.dispatch.planner.needs import Learned, Need, PastSession, need_of
from csms.ids import EvseKey, StationId
from tests.unit.planner.cars import DEFAULTS, T0, car, place, told

NOBODY = Learned(())


def session(stay_h: float, kwh: float, token: str | None = "anna", day: int = 1) -> PastSession:
    started = T0 - timedelta(days=day)
    return PastSession(
        EvseKey(StationId("X"), 1), token, started, started + timedelta(hours=stay_h), 1e3 * kwh
    )


def need(*, now_h: float = 0.0, learned: Learned = NOBODY, **rest: Any) -> Need | str:
    return need_of(car(**rest), learned, DEFAULTS, T0 + timedelta(hours=now_h))


def needed(**rest: Any) -> Need:
    found = need(**rest)
    assert isinstance(found, Need)
    return found


def test_what_the_car_tells_counts_and_what_was_charged_since_is_taken_off() -> None:
    found = needed(needs=told(5.0, 30.0), import_wh=12_000.0, told_import_wh=2_000.0)
    assert found.departure == T0 + timedelta(hours=5)
    assert (found.departure_source, found.source) == ("car", "car")
    assert found.target_wh - found.stored_wh == pytest.approx(20_000.0)


def test_the_measured_charge_fills_up_to_the_target_that_was_told() -> None:
    found = needed(needs=told(5.0, None, target_soc_frac=0.9, capacity_wh=50_000.0), soc_frac=0.5)
    assert found.source == "soc"
    assert (found.stored_wh, found.target_wh) == pytest.approx((25_000.0, 45_000.0))


def test_a_told_charge_moves_on_with_the_meter() -> None:
    found = needed(needs=told(5.0, None, soc_frac=0.5, capacity_wh=50_000.0), import_wh=5_000.0)
    assert found.stored_wh == pytest.approx(30_000.0)


def test_a_driver_who_says_nothing_is_learned_from_his_own_sessions() -> None:
    learned = Learned([session(h, k) for h, k in ((6, 10), (7, 12), (8, 14), (9, 16))])
    found = needed(learned=learned, token="anna")
    assert (found.departure_source, found.source) == ("learned", "learned")
    assert found.departure == T0 + timedelta(hours=6.75)  # three in four stay longer
    assert found.target_wh == pytest.approx(15_400.0)  # nine in ten take less


def test_having_stayed_long_already_only_longer_stays_teach() -> None:
    learned = Learned([session(h, 10) for h in (1, 1, 1, 8, 8, 8)])
    found = needed(learned=learned, token="anna", now_h=2.0)
    assert found.departure == T0 + timedelta(hours=8)


def test_others_teach_about_a_stranger_once_there_are_enough() -> None:
    few = Learned([session(4, 10, f"t{k}") for k in range(9)])
    many = Learned([session(4, 10, f"t{k}") for k in range(10)])
    assert needed(learned=few, token="new").departure_source == "default"
    assert needed(learned=many, token="new").departure_source == "learned"
    assert needed(learned=many, token=None).departure == T0 + timedelta(hours=4)


def test_an_empty_history_falls_back_to_the_defaults() -> None:
    found = needed()
    assert (found.departure_source, found.source) == ("default", "default")
    assert found.departure == T0 + timedelta(hours=8)
    assert found.target_wh == pytest.approx(20_000.0)


def test_a_car_of_unknown_charge_is_never_discharged() -> None:
    found = needed(
        at=place(discharge_kw=11.0), needs=told(5.0, 10.0, max_discharge_w=9e3), may_discharge=True
    )
    assert found.max_discharge_w == 0.0


def test_discharge_is_bounded_by_charger_car_and_station() -> None:
    needs = told(5.0, 10.0, max_discharge_w=9e3, soc_frac=0.5)
    both = needed(at=place(discharge_kw=7.0), needs=needs, may_discharge=True)
    assert both.max_discharge_w == 7_000.0
    assert needed(at=place(discharge_kw=7.0), needs=needs).max_discharge_w == 0.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"needs": told(1.0, 10.0), "now_h": 2.0}, "departure (car) is past"),
        ({"now_h": 9.0}, "departure (default) is past"),
        ({"import_wh": 20_000.0}, "taken the default energy"),
    ],
)
def test_a_car_about_which_nothing_more_can_be_said_charges_as_it_likes(
    given: dict[str, Any], words: str
) -> None:
    found = need(**given)
    assert isinstance(found, str)
    assert words in found
    assert "charges as it likes" in found


def test_a_car_that_has_what_it_asked_for_stays_planned_and_is_given_no_more() -> None:
    found = needed(needs=told(5.0, 10.0), import_wh=10_500.0)
    assert found.target_wh == found.stored_wh
