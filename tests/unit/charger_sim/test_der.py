"""Droop numbers of IEEE 1547 and the life of DER controls (2.1 block R)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from charger_sim.clock import iso
from charger_sim.station.der import DerStore, curve_y, droop_w, lag

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
IEEE1547 = {
    "priority": 1, "overFreq": 60.036, "underFreq": 59.964,
    "overDroop": 0.05, "underDroop": 0.05, "responseTime": 5.0,
}  # fmt: skip


def freq_droop(control_id: str, priority: int = 1, **more: Any) -> dict[str, Any]:
    default = "duration" not in more
    body = {**IEEE1547, "priority": priority, **more}
    return {
        "isDefault": default,
        "controlId": control_id,
        "controlType": "FreqDroop",
        "freqDroop": body,
    }


@pytest.mark.golden
@pytest.mark.parametrize(
    ("f_hz", "injected_kw"), [(59.9, 2.1333), (59.5, 15.4667), (59.0, 32.1333), (60.5, -15.4667)]
)
def test_droop_of_a_100_kw_unit_matches_opender(f_hz: float, injected_kw: float) -> None:
    assert -droop_w(IEEE1547, f_hz, 60.0, 100e3) / 1e3 == pytest.approx(injected_kw, abs=5e-5)


def test_dead_band_is_silent() -> None:
    assert droop_w(IEEE1547, 59.964, 60.0, 1.0) == droop_w(IEEE1547, 60.036, 60.0, 1.0) == 0.0


def test_open_loop_response_time_is_the_90_percent_point() -> None:
    value = 0.0
    for _ in range(50):
        value = lag(value, 100.0, 5.0, 0.1)
    assert value == pytest.approx(90.0)


def test_lower_priority_number_overrules_and_ties_do_not() -> None:
    held = DerStore(available=True)
    assert held.set(freq_droop("a", 5), T0).superseded_ids == ()
    assert held.set(freq_droop("b", 5), T0).superseded_ids == ()
    assert held.set(freq_droop("c", 1), T0).superseded_ids == ("a", "b")
    assert held.set(freq_droop("d", 7), T0).superseded_ids == ("d",)
    current = held.current("FreqDroop", T0)
    assert current is not None
    assert current.id == "c"


def test_scheduled_control_goes_before_the_default_while_it_lasts() -> None:
    held = DerStore(available=True)
    held.set(freq_droop("default"), T0)
    start = T0 + timedelta(seconds=10)
    held.set(freq_droop("tonight", 9, startTime=iso(start), duration=20.0), T0)

    def current(t_s: float) -> str:
        control = held.current("FreqDroop", T0 + timedelta(seconds=t_s))
        assert control is not None
        return control.id

    assert [current(t) for t in (9, 10, 29, 30)] == ["default", "tonight", "tonight", "default"]
    changes = [
        (c.id, begun)
        for t in (5, 10, 11, 30, 31)
        for c, begun in held.transitions(T0 + timedelta(seconds=t))
    ]
    assert changes == [("tonight", True), ("tonight", False)]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({**freq_droop("x"), "freqDroop": {**IEEE1547, "duration": 5.0}}, "Rejected"),  # R04.FR.12
        ({**freq_droop("x"), "isDefault": False}, "Rejected"),
        ({**freq_droop("x"), "controlType": "VoltWatt"}, "Rejected"),
        ({**freq_droop("x"), "controlType": "WattVar"}, "NotSupported"),
        ({**freq_droop("x"), "freqDroop": {**IEEE1547, "underDroop": 0.0}}, "Rejected"),
    ],
)
def test_what_does_not_fit_is_refused(request_: dict[str, Any], status: str) -> None:
    held = DerStore(available=True)
    assert held.set(request_, T0).status == status
    assert held.controls == {}


def test_station_without_bidirectional_hardware_supports_none() -> None:
    assert DerStore(available=False).set(freq_droop("x"), T0).status == "NotSupported"


def test_clear_by_type_and_default() -> None:
    held = DerStore(available=True)
    held.set(freq_droop("a"), T0)
    assert held.clear({"isDefault": False}).status == "NotFound"
    assert held.clear({"isDefault": True, "controlType": "FreqDroop"}).status == "Accepted"
    assert held.current("FreqDroop", T0) is None


def test_curves_are_flat_outside() -> None:
    points = [{"x": 106.0, "y": 100.0}, {"x": 110.0, "y": 0.0}]
    assert [curve_y(points, x) for x in (100, 108, 120)] == [100.0, 50.0, 0.0]
