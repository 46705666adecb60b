"""Shares of a staggered policy, the DER controls that carry them, and what a read-back finds wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from csms import translate
from csms.domain.commands import SetDerControl
from csms.domain.der import DerControl, FreqDroop, droop_control
from csms.domain.der_book import DerBook, mismatches
from csms.domain.ride_through import RideThroughPolicy, der_controls, ride_through
from csms.settings.model import RideThrough
from tests.conformance.translate.official import check_request

POLICY = RideThroughPolicy(
    under_trip_hz=(49.0, 49.6),
    over_trip_hz=(51.5, 51.9),
    trip_delay_s=(0.2, 1.0),
    return_hz=(49.8, 50.2),
    return_delay_s=5.0,
    return_spread_s=55.0,
    soft_ramp_s=10.0,
)
CONTROLS = {c.control_id: c for c in der_controls(POLICY, ride_through(POLICY, 0))}


@given(st.integers(8, 200))
def test_shares_fill_their_ranges_evenly_however_many_there_are(n: int) -> None:
    shares = [ride_through(POLICY, rank) for rank in range(n)]
    for values, (low, high) in (
        ([s.under_trip_hz for s in shares], POLICY.under_trip_hz),
        ([s.trip_delay_s for s in shares], POLICY.trip_delay_s),
        ([s.return_delay_s for s in shares], (5.0, 60.0)),
    ):
        marks = np.sort((np.array(values) - low) / (high - low))
        assert marks[0] >= 0.0
        assert marks[-1] < 1.0
        even = (np.arange(n) + 0.5) / n
        discrepancy = float(np.abs(marks - even).max())
        assert discrepancy < (1.0 + np.log2(n)) / n  # drawn at random: about 1 / sqrt(n)


def test_a_range_without_width_makes_all_alike() -> None:
    alike = msgspec.structs.replace(POLICY, under_trip_hz=(49.2, 49.2), trip_delay_s=(0.2, 0.2))
    shares = [ride_through(alike, rank) for rank in range(9)]
    assert {(s.under_trip_hz, s.trip_delay_s) for s in shares} == {(49.2, 0.2)}


def test_nobodys_share_moves_when_stations_are_added() -> None:
    assert ride_through(POLICY, 3) == ride_through(POLICY, 3)
    assert ride_through(POLICY, 3) != ride_through(POLICY, 4)


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
def test_the_controls_are_what_the_official_schema_takes(control: DerControl) -> None:
    call = translate.command_to_wire("2.1", SetDerControl(control=control))
    check_request("2.1", call.action, call.payload)
    assert call.payload["isDefault"] is True


def reported(**changes: Any) -> dict[str, DerControl]:
    return {**CONTROLS, **changes}


def test_a_faithful_report_has_no_mismatch_and_may_tell_more() -> None:
    body = {**CONTROLS["csms-EnterService"].body, "customData": {"vendorId": "x"}}
    more = msgspec.structs.replace(CONTROLS["csms-EnterService"], body=body)
    assert list(mismatches(CONTROLS, reported(**{"csms-EnterService": more}))) == []
    assert list(mismatches({}, CONTROLS)) == []


def test_each_difference_is_named() -> None:
    enter = CONTROLS["csms-EnterService"]
    trip = CONTROLS["csms-LFMustTrip"]
    point = {**trip.body["curveData"][0], "y": 47.5}
    found = {
        "csms-EnterService": msgspec.structs.replace(
            enter, body={**enter.body, "randomDelay": 0.0}, is_superseded=True
        ),
        "csms-LFMustTrip": msgspec.structs.replace(trip, body={**trip.body, "curveData": [point]}),
        "csms-Gradients": CONTROLS["csms-Gradients"],
    }
    told = list(mismatches(CONTROLS, found))
    assert "EnterService csms-EnterService: superseded" in told
    assert "EnterService csms-EnterService: randomDelay is 0.0, not 55.0" in told
    assert "LFMustTrip csms-LFMustTrip: curveData[0].y is 47.5, not 49.3" in told
    assert "HFMustTrip csms-HFMustTrip: not there" in told
    assert len(told) == 4


def test_the_book_keeps_scheduled_controls_and_knows_what_runs() -> None:
    droop = droop_control(
        FreqDroop(
            over_freq_hz=50.1, under_freq_hz=49.9, over_droop_pu=0.01, under_droop_pu=0.01,
            response_time_s=0.5,
        )
    )  # fmt: skip
    tonight = msgspec.structs.replace(droop, control_id="tonight", is_default=False)
    book = DerBook(expected={droop.control_id: droop}, reported={"tonight": tonight})
    done: list[bool] = []
    book.when_read = lambda: done.append(True)
    book.read_back({droop.control_id: droop})
    assert (set(book.reported), book.mismatches, done) == (
        {"tonight", "csms-freq-droop"}, (), [True],
    )  # fmt: skip
    assert book.runs("FreqDroop")
    superseded = msgspec.structs.replace(droop, is_superseded=True)
    book.read_back({droop.control_id: superseded})
    assert book.mismatches == ("FreqDroop csms-freq-droop: superseded",)
    book.ended("tonight")
    assert not book.runs("FreqDroop")


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"under_trip_hz": (49.6, 49.0)}, "under_trip_hz"),
        ({"return_hz": (49.5, 50.2)}, "return_hz must lie between"),
        ({"over_trip_hz": (50.1, 51.0)}, "return_hz must lie between"),
        ({"trip_delay_s": (-1.0, 1.0)}, "trip_delay_s"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(
    section: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        RideThrough(policy="staggered", **section)
