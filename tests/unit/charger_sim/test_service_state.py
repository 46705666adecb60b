"""Trip curves, EnterService, gradients: IEEE 1547-2018 tables as a charger obeys them (2.1 block R)."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_sim.station.config import EvseConfig
from charger_sim.station.der import DerStore
from charger_sim.station.evse import Evse
from charger_sim.station.meter import Readings
from charger_sim.station.profiles import Grant
from charger_sim.station.service_state import EnterWindow, ServiceRules, ServiceState, Trip
from charger_sim.station.transaction import Transaction
from charger_sim.vehicle import Vehicle

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
IEEE1547_TABLE18 = (
    Trip("LFMustTrip", 300.0, 58.5),
    Trip("LFMustTrip", 0.16, 56.5),
    Trip("HFMustTrip", 300.0, 61.2),
    Trip("HFMustTrip", 0.16, 62.0),
)
WINDOW = EnterWindow(59.5, 60.1, 91.7, 105.0, delay_s=5.0, random_s=20.0)


def seconds_until(state: ServiceState, rules: ServiceRules, f_hz: float, most_s: float) -> float:
    """How long until the state changes."""
    was, t_s = state.in_service, 0.0
    while state.in_service is was and t_s < most_s:
        state.step(rules, 0.02, f_hz, 100.0)
        t_s += 0.02
    return t_s


@pytest.mark.golden
@pytest.mark.parametrize(
    ("f_hz", "clears_s", "because"),
    [(58.4, 300.0, "LFMustTrip"), (56.4, 0.16, "LFMustTrip"), (61.3, 300.0, "HFMustTrip"),
     (62.1, 0.16, "HFMustTrip"), (58.6, None, None)],
)  # fmt: skip
def test_default_trips_of_ieee_1547(
    f_hz: float, clears_s: float | None, because: str | None
) -> None:
    state = ServiceState(Random(1))
    after_s = seconds_until(state, ServiceRules(IEEE1547_TABLE18), f_hz, 310.0)
    if clears_s is None:
        assert state.in_service
    else:
        assert after_s == pytest.approx(clears_s, abs=0.021)
        assert (state.out_because, state.trips) == (because, 1)


def test_a_short_excursion_is_ridden_through_however_often_it_comes() -> None:
    state, rules = ServiceState(Random(1)), ServiceRules(IEEE1547_TABLE18)
    for _ in range(10):
        assert seconds_until(state, rules, 58.4, 299.0) >= 299.0
        state.step(rules, 0.02, 58.6, 100.0)
    assert state.in_service


def test_it_returns_after_delay_and_a_random_part_inside_the_window_without_a_break() -> None:
    rules = ServiceRules(IEEE1547_TABLE18, WINDOW)
    returns = []
    for seed in range(40):
        state = ServiceState(Random(seed))
        seconds_until(state, rules, 56.0, 1.0)
        for _ in range(200):  # 4 s inside, then out again: counts for nothing
            state.step(rules, 0.02, 60.0, 100.0)
        state.step(rules, 0.02, 59.4, 100.0)
        returns.append(seconds_until(state, rules, 60.0, 60.0))
        assert state.in_service
        assert state.soft
    assert 5.0 <= min(returns) < 7.0
    assert 23.0 < max(returns) <= 25.1
    assert len({round(r, 1) for r in returns}) > 30


def test_a_session_begins_only_when_the_grid_is_well() -> None:
    rules = ServiceRules(window=WINDOW)
    well, ill = ServiceState(Random(1)), ServiceState(Random(1))
    well.enter(rules, 60.0, 100.0)
    ill.enter(rules, 60.0, 90.0)  # voltage too low
    assert (well.in_service, ill.out_because) == (True, "EnterService")
    well.step(rules, 0.1, 59.0, 100.0)
    assert well.in_service  # outside the window but riding through: only a trip ends service


@given(
    st.lists(st.tuples(st.floats(47.0, 53.0), st.floats(0.02, 20.0)), max_size=60),
    st.integers(0, 5),
)
def test_out_of_service_only_ever_after_a_trip_and_back_only_inside(
    trace: list[tuple[float, float]], seed: int
) -> None:
    window = EnterWindow(49.8, 50.2, 90.0, 110.0, 5.0, 10.0)
    rules = ServiceRules((Trip("LFMustTrip", 0.5, 49.2), Trip("HFMustTrip", 0.5, 51.0)), window)
    state, inside_s = ServiceState(Random(seed)), 0.0
    for f_hz, dt_s in trace:
        was, trips = state.in_service, state.trips
        now = state.step(rules, dt_s, f_hz, 100.0)
        inside_s = inside_s + dt_s if 49.8 <= f_hz <= 50.2 else 0.0
        if was and not now:
            assert f_hz < 49.2 or f_hz > 51.0
            assert state.trips == trips + 1
        if now and not was:
            assert inside_s >= 5.0 - 1e-6


def _evse(controls: list[tuple[str, dict[str, Any]]]) -> Evse:
    evse = Evse(
        EvseConfig(1, "DC", 50_000.0, 50_000.0), Random(3), f_nominal_hz=50.0, v_nominal_v=230.0
    )
    evse.vehicle = Vehicle("EV", 60_000.0, 0.5, 50_000.0, 50_000.0)
    empty = Readings(0.0, 0.0, 0.0, (230.0,) * 3, 50.0, 0.5, 0.0)
    evse.tx = Transaction(
        key="t", evse_id=1, id_token="EV", started=T0, started_s=0.0, start=empty,
        remote_start_id=None,
    )  # fmt: skip
    der = DerStore(available=True)
    for kind, body in controls:
        field = {"EnterService": "enterService", "Gradients": "gradient"}.get(kind, "curve")
        answer = der.set(
            {"isDefault": True, "controlId": kind, "controlType": kind, field: body}, T0
        )
        assert answer.status == "Accepted"
    evse.refresh(Grant(limit_w=50_000.0, discharge_limit_w=-50_000.0), der, T0)
    return evse


ENTER = {"priority": 0, "lowFreq": 49.8, "highFreq": 50.2, "lowVoltage": 90.0, "highVoltage": 110.0}
TRIP = {"priority": 0, "yUnit": "Not_Applicable", "curveData": [{"x": 0.2, "y": 49.2}]}


def test_ramps_are_seconds_for_the_whole_rating() -> None:
    evse = _evse(
        [
            ("EnterService", {**ENTER, "delay": 1.0, "rampRate": 10.0}),
            ("Gradients", {"priority": 0, "gradient": 5.0, "softGradient": 20.0}),
            ("LFMustTrip", TRIP),
        ]
    )
    assert [round(evse.step(1.0, 50.0)) for _ in range(3)] == [5_000, 10_000, 15_000]
    for _ in range(7):
        evse.step(1.0, 50.0)
    assert evse.power_w == 50_000.0
    evse.refresh(Grant(limit_w=0.0), None, T0)
    evse.step(1.0, 50.0)
    assert evse.power_w == 0.0  # without controls: at once
    evse = _evse([("Gradients", {"priority": 0, "gradient": 5.0, "softGradient": 0.0})])
    assert [round(evse.step(1.0, 50.0)) for _ in range(2)] == [10_000, 20_000]


def test_a_trip_stops_charging_and_the_return_is_soft() -> None:
    evse = _evse(
        [("EnterService", {**ENTER, "delay": 2.0, "rampRate": 10.0}), ("LFMustTrip", TRIP)]
    )
    for _ in range(12):
        evse.step(1.0, 50.0)
    assert evse.power_w == 50_000.0
    assert evse.step(0.1, 49.0) == 50_000.0
    assert evse.step(0.1, 49.0) == 0.0
    assert evse.step(30.0, 49.5) == 0.0
    powers = [round(evse.step(1.0, 50.0)) for _ in range(6)]
    assert powers[:2] == [0, 5_000]
    assert powers == sorted(powers)
    assert powers[-1] < 50_000


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("LFMustTrip", {**TRIP, "yUnit": "PctMaxW"}),
        ("HFMustTrip", {**TRIP, "curveData": [{"x": -1.0, "y": 51.0}]}),
        ("EnterService", {**ENTER, "lowFreq": 50.3}),
        ("EnterService", {**ENTER, "randomDelay": -1.0}),
        ("Gradients", {"priority": 0, "gradient": -5.0, "softGradient": 0.0}),
    ],
)
def test_controls_that_mean_nothing_are_refused(kind: str, body: dict[str, Any]) -> None:
    field = {"EnterService": "enterService", "Gradients": "gradient"}.get(kind, "curve")
    request = {"isDefault": True, "controlId": "x", "controlType": kind, field: body}
    assert DerStore(available=True).set(request, T0).reason == "ValueOutOfRange"
