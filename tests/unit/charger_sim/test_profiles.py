"""Stacking of charging profiles: golden cases, and properties against a second-by-second oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charger_sim.clock import iso
from charger_sim.station.profiles import (
    Moment,
    ProfileRefused,
    ProfileRules,
    ProfileStore,
    Supply,
    composite,
    evaluate,
    parse_profile,
)

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUPPLY = Supply(rating_w=22_000.0, v_ln=230.0, n_phases=3)
TX = "tx-1"


def profile(
    purpose: str,
    limits: list[tuple[float, float]],
    *,
    id_: int = 1,
    stack: int = 0,
    kind: str = "Absolute",
    unit: str = "W",
    start: datetime | None = T0,
    duration: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    schedule: dict[str, Any] = {
        "id": 1,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": s, "limit": v} for s, v in limits],
    }
    if start is not None:
        schedule["startSchedule"] = iso(start)
    if duration is not None:
        schedule["duration"] = duration
    return {
        "id": id_,
        "stackLevel": stack,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
        **more,
    }


def v2x(mode: str, *, id_: int = 9, stack: int = 1, duration: int | None = None, **period: Any):
    wire = profile("TxProfile", [(0, 0)], id_=id_, stack=stack, kind="Dynamic", start=None)
    schedule = wire["chargingSchedule"][0]
    schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, "operationMode": mode, **period}]
    if duration is not None:
        schedule["duration"] = duration
    return wire


def store(version: str = "2.1", **rules: Any) -> ProfileStore:
    return ProfileStore(ProfileRules(version=version, **{"v2x": version == "2.1", **rules}), (1, 2))


def put(held: ProfileStore, evse: int, wire: dict[str, Any], at: datetime = T0) -> None:
    held.install(evse, parse_profile(wire, at), transaction_id=TX)


def limit_w(held: ProfileStore, t_s: float, supply: Supply = SUPPLY) -> float:
    moment = Moment(T0 + timedelta(seconds=t_s), tx_started=T0)
    return evaluate(held, 1, moment, supply).limit_w


def test_without_profiles_the_rating_is_the_limit() -> None:
    assert limit_w(store(), 0) == 22_000.0


def test_highest_stack_level_wins_and_its_end_uncovers_the_next() -> None:
    held = store()
    put(held, 1, profile("TxProfile", [(0, 10_000.0)], id_=1, stack=0))
    put(held, 1, profile("TxProfile", [(0, 3_000.0)], id_=2, stack=5, duration=60))
    assert [limit_w(held, t) for t in (0, 59, 60, 600)] == [3_000.0, 3_000.0, 10_000.0, 10_000.0]


def test_tx_profile_overrules_tx_default_even_upwards() -> None:
    held = store()
    put(held, 1, profile("TxDefaultProfile", [(0, 4_000.0)], id_=1, stack=9))
    put(held, 1, profile("TxProfile", [(0, 11_000.0)], id_=2, stack=0, duration=30))
    assert [limit_w(held, t) for t in (29, 30)] == [11_000.0, 4_000.0]


def test_default_of_the_evse_overrules_that_of_the_station() -> None:
    held = store()
    put(held, 0, profile("TxDefaultProfile", [(0, 4_000.0)], id_=1, stack=9))
    put(held, 1, profile("TxDefaultProfile", [(0, 6_000.0)], id_=2, stack=0))
    assert limit_w(held, 0) == 6_000.0


def test_station_maximum_caps_and_is_shared_by_active_evses() -> None:
    held = store()
    put(held, 0, profile("ChargingStationMaxProfile", [(0, 8_000.0)], id_=1))
    put(held, 1, profile("TxProfile", [(0, 11_000.0)], id_=2))
    assert limit_w(held, 0) == 8_000.0
    shared = Supply(rating_w=22_000.0, n_active=2)
    assert limit_w(held, 0, shared) == 4_000.0


@pytest.mark.parametrize(("n_phases", "expected_w"), [(3, 11_040.0), (1, 3_680.0)])
def test_amperes_are_per_phase(n_phases: int, expected_w: float) -> None:
    held = store()
    put(held, 1, profile("TxProfile", [(0, 16.0)], unit="A"))
    assert limit_w(held, 0, Supply(rating_w=22_000.0, n_phases=n_phases)) == pytest.approx(
        expected_w
    )


def test_relative_counts_from_the_start_of_the_transaction() -> None:
    held = store()
    wire = profile("TxDefaultProfile", [(0, 9_000.0), (60, 2_000.0)], kind="Relative", start=None)
    put(held, 0, wire, at=T0 - timedelta(hours=3))
    assert [limit_w(held, t) for t in (59, 60)] == [9_000.0, 2_000.0]
    idle = evaluate(held, 1, Moment(T0), SUPPLY)
    assert idle.limit_w == 22_000.0


def test_recurring_repeats_and_has_gaps() -> None:
    held = store()
    wire = profile(
        "TxDefaultProfile", [(0, 5_000.0)], kind="Recurring", duration=3600, recurrencyKind="Daily"
    )
    put(held, 1, wire)
    day = 86_400
    assert [limit_w(held, t) for t in (0, 3600, day, day + 3599, day + 3600)] == [
        5_000.0, 22_000.0, 5_000.0, 5_000.0, 22_000.0,
    ]  # fmt: skip


def test_validity_is_from_inclusive_to_exclusive() -> None:
    held = store()
    valid = {
        "validFrom": iso(T0 + timedelta(60 / 86400)),
        "validTo": iso(T0 + timedelta(120 / 86400)),
    }
    put(held, 1, profile("TxProfile", [(0, 1_000.0)], **valid))
    assert [limit_w(held, t) for t in (59, 60, 119, 120)] == [22_000.0, 1_000.0, 1_000.0, 22_000.0]


def test_dynamic_setpoint_is_a_dead_mans_switch_that_revives() -> None:
    held = store()
    supply = Supply(rating_w=50_000.0, discharge_rating_w=30_000.0)
    put(held, 1, profile("TxDefaultProfile", [(0, 7_000.0)], id_=1))
    put(held, 1, v2x("CentralSetpoint", setpoint=-20_000.0, duration=10))

    def at(t_s: float) -> float | None:
        return evaluate(held, 1, Moment(T0 + timedelta(seconds=t_s), T0), supply).setpoint_w

    assert at(9.9) == -20_000.0
    assert at(10.0) is None  # K28.FR.13
    held.update_dynamic(9, {"setpoint": -99_000.0}, T0 + timedelta(seconds=50))
    assert at(50.0) == -30_000.0  # K28.FR.14, held to the rating
    assert at(60.0) is None
    assert evaluate(held, 1, Moment(T0 + timedelta(seconds=60), T0), supply).limit_w == 7_000.0


def test_setpoint_is_capped_by_the_station_maximum() -> None:
    held = store()
    put(held, 0, profile("ChargingStationMaxProfile", [(0, 8_000.0)], id_=1))
    put(held, 1, v2x("CentralSetpoint", setpoint=15_000.0))
    assert evaluate(held, 1, Moment(T0, T0), SUPPLY).setpoint_w == 8_000.0


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (v2x("CentralSetpoint", setpoint=1.0, limit=5.0), "InvalidSchedule"),  # Q03.FR.02
        (v2x("CentralFrequency"), "InvalidSchedule"),
        (
            v2x("LocalFrequency", v2xFreqWattCurve=[{"frequency": 50, "power": 0}]),
            "InvalidSchedule",
        ),
        (v2x("ExternalSetpoint", setpoint=1.0), "UnsupportedMode"),
        (profile("TxProfile", [(0, 1.0), (5, 2.0)], kind="Dynamic"), "InvalidSchedule"),
        (profile("ChargingStationExternalConstraints", [(0, 1.0)]), "InvalidProfile"),
        (profile("TxProfile", [(0, 1.0)], transactionId="other"), "TxNotFound"),
        (profile("TxProfile", [(0, 1.0)], stack=99), "InvalidProfile"),
        (profile("ChargingStationMaxProfile", [(0, 1.0)]), "InvalidProfile"),
    ],
)
def test_refusals_carry_a_reason(wire: dict[str, Any], reason: str) -> None:
    held = store()
    with pytest.raises(ProfileRefused) as refusal:
        put(held, 1, wire)
    assert refusal.value.reason == reason
    assert len(held) == 0


def test_same_stack_level_is_a_duplicate_in_2x_and_a_replacement_in_16() -> None:
    held = store("2.0.1")
    put(held, 1, profile("TxProfile", [(0, 1_000.0)], id_=1))
    with pytest.raises(ProfileRefused):
        put(held, 1, profile("TxProfile", [(0, 2_000.0)], id_=2))
    put(held, 1, profile("TxProfile", [(0, 3_000.0)], id_=1))
    assert limit_w(held, 0) == 3_000.0
    old = store("1.6")
    put(old, 1, profile("TxProfile", [(0, 1_000.0)], id_=1))
    put(old, 1, profile("TxProfile", [(0, 2_000.0)], id_=2))
    assert (len(old), limit_w(old, 0)) == (1, 2_000.0)


def test_offline_too_long_suspends_and_may_delete() -> None:
    held = store()
    put(held, 1, profile("TxProfile", [(0, 1_000.0)], id_=1, stack=1, maxOfflineDuration=60))
    gone = profile(
        "TxProfile", [(0, 2_000.0)], id_=2, stack=2, maxOfflineDuration=60,
        invalidAfterOfflineDuration=True,
    )  # fmt: skip
    put(held, 1, gone)

    def at(offline_s: float) -> float:
        return evaluate(held, 1, Moment(T0, T0, offline_s), SUPPLY).limit_w

    assert (at(60.0), at(61.0)) == (2_000.0, 22_000.0)
    held.back_online(61.0)
    assert at(0.0) == 1_000.0


def test_negative_limit_discharges_only_where_the_hardware_says_so() -> None:
    supply = Supply(rating_w=22_000.0, discharge_rating_w=10_000.0)
    for capable, expected in ((False, 0.0), (True, -6_000.0)):
        held = store("2.0.1", discharge_by_limit=capable)
        put(held, 1, profile("TxProfile", [(0, -6_000.0)]))
        assert evaluate(held, 1, Moment(T0, T0), supply).setpoint_w == expected


limits = st.lists(
    st.tuples(st.integers(1, 400), st.integers(0, 30_000)), min_size=0, max_size=4,
    unique_by=lambda x: x[0],
)  # fmt: skip


@st.composite
def wires(draw: st.DrawFn, purpose: str, id_: int) -> dict[str, Any]:
    steps = [(0, draw(st.integers(0, 30_000))), *sorted(draw(limits))]
    kind = draw(st.sampled_from(["Absolute", "Relative", "Recurring"]))
    start = T0 + timedelta(seconds=draw(st.integers(-300, 300)))
    more: dict[str, Any] = {"recurrencyKind": "Daily"} if kind == "Recurring" else {}
    if draw(st.booleans()):
        more["validTo"] = iso(T0 + timedelta(seconds=draw(st.integers(1, 500))))
    return profile(
        purpose, [(float(s), float(v)) for s, v in steps], id_=id_, stack=id_, kind=kind,
        start=None if kind == "Relative" else start,
        duration=draw(st.none() | st.integers(1, 500)), **more,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_composite_equals_each_second_and_never_exceeds_a_maximum(data: st.DataObject) -> None:
    held = store()
    purposes = ["ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]
    for n, purpose in enumerate(data.draw(st.permutations(purposes * 2))[:4]):
        evse = 0 if purpose == "ChargingStationMaxProfile" else 1
        put(held, evse, data.draw(wires(purpose, n)))
    moment = Moment(T0, tx_started=T0 - timedelta(seconds=data.draw(st.integers(0, 200))))
    steps = composite(held, 1, moment, 600, SUPPLY)
    caps = [p for _, p in held if p.purpose == "StationMax"]
    only_caps = ProfileStore(held.rules, (1, 2))
    for cap in caps:
        only_caps.install(0, cap, transaction_id=None)
    for t_s in range(600):
        then = Moment(T0 + timedelta(seconds=t_s), moment.tx_started)
        granted = next(g for start_s, g in reversed(steps) if start_s <= t_s)
        assert granted.limit_w == evaluate(held, 1, then, SUPPLY).limit_w
        assert granted.limit_w <= evaluate(only_caps, 1, then, SUPPLY).limit_w
