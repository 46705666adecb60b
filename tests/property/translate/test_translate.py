"""Whatever the domain asks for is valid by the official schema or refused; whatever stations say never crashes."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.commands import (
    RemoteStart,
    SetChargingProfile,
    SetDerControl,
    UpdateDynamicSchedule,
)
from csms.domain.der import DerControl
from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.events import MetersRead
from csms.domain.profile import (
    ChargingProfile,
    DynamicUpdate,
    Kind,
    OperationMode,
    Period,
    Purpose,
    RateUnit,
)
from csms.domain.values import IdToken
from csms.ids import TransactionId
from csms.translate import BadValue, command_to_wire, event_from_wire
from csms.translate.charging_rules import tenths_toward_zero
from csms.translate.v2x.components import component_name, component_to_wire
from tests.conformance.translate.official import VERSIONS, check_request

versions = st.sampled_from(VERSIONS)
maybe = st.none
rates = st.floats(-50_000, 50_000) | st.sampled_from([float("nan"), float("inf"), 1e300])
small = st.integers(-1, 5)
times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001

periods = st.builds(
    Period,
    start_s=st.integers(0, 10),
    limit=maybe() | rates,
    discharge_limit=maybe() | rates,
    setpoint=maybe() | rates,
    number_phases=maybe() | small,
    phase_to_use=maybe() | small,
    mode=maybe() | st.sampled_from(OperationMode),
    v2x_baseline_w=maybe() | rates,
    freq_watt=st.lists(st.tuples(rates, rates), max_size=22).map(tuple),
)
ordered = st.lists(periods, max_size=4).map(
    lambda found: tuple(
        Period(**{name: getattr(p, name) for name in p.__struct_fields__} | {"start_s": 60 * i})
        for i, p in enumerate(found)
    )
)
limits_only = st.lists(st.floats(-50_000, 50_000), min_size=1, max_size=5).map(
    lambda limits: tuple(Period(start_s=60 * i, limit=w) for i, w in enumerate(limits))
)
transaction_ids = st.sampled_from(["7", "-1", "not a number"]).map(TransactionId)
profiles = st.builds(
    ChargingProfile,
    profile_id=st.integers(0, 2**31 - 1),
    stack_level=small,
    purpose=st.sampled_from(Purpose),
    kind=st.sampled_from(Kind),
    unit=st.sampled_from(RateUnit),
    periods=limits_only | ordered | st.lists(periods, max_size=3).map(tuple),
    start=maybe() | times,
    duration_s=maybe() | st.integers(-1, 86_400),
    valid_from=maybe() | times,
    valid_to=maybe() | times,
    transaction_id=maybe() | transaction_ids,
    recurrency=st.sampled_from([None, None, "Daily", "Weekly", "Yearly"]),
    max_offline_s=maybe() | st.integers(0, 60),
    invalid_after_offline=maybe() | st.booleans(),
    dyn_update_interval_s=maybe() | st.integers(0, 60),
)


watts = st.floats(-50_000, 50_000)
modes = {
    None: {"limit": watts},
    OperationMode.CHARGING_ONLY: {"limit": watts},
    OperationMode.CENTRAL_SETPOINT: {"setpoint": watts},
    OperationMode.EXTERNAL_SETPOINT: {"limit": watts, "discharge_limit": st.floats(-50_000, 0)},
    OperationMode.LOCAL_FREQUENCY: {
        "v2x_baseline_w": watts,
        "freq_watt": st.lists(st.tuples(watts, watts), min_size=2, max_size=20).map(tuple),
    },
    OperationMode.IDLE: {},
}


@st.composite
def sensible_profiles(draw: st.DrawFn) -> tuple[int, ChargingProfile]:
    """Profiles that obey the rules of 2.1, with the EVSE that they are for."""
    purpose = draw(st.sampled_from([p for p in Purpose if p is not Purpose.EXTERNAL]))
    kind = draw(st.sampled_from(Kind))
    if purpose is Purpose.STATION_MAX and kind is Kind.RELATIVE:
        kind = Kind.ABSOLUTE
    v2x = purpose in (Purpose.TX, Purpose.TX_DEFAULT)
    allowed = list(modes) if v2x else [None, OperationMode.CHARGING_ONLY]
    told = []
    for i in range(1 if kind is Kind.DYNAMIC else draw(st.integers(1, 5))):
        mode = draw(st.sampled_from(allowed))
        phases = draw(
            st.sampled_from([{}, {"number_phases": 3}, {"number_phases": 1, "phase_to_use": 2}])
        )
        values = draw(st.fixed_dictionaries(modes[mode]))
        told.append(Period(start_s=900 * i, mode=mode, **phases, **values))
    plain = kind in (Kind.ABSOLUTE, Kind.RECURRING)
    return (
        0 if purpose is Purpose.STATION_MAX else draw(st.integers(1, 9)),
        ChargingProfile(
            profile_id=draw(st.integers(0, 2**31 - 1)),
            stack_level=draw(st.integers(0, 9)),
            purpose=purpose,
            kind=kind,
            unit=RateUnit.W,
            periods=tuple(told),
            start=draw(times) if plain else None,
            duration_s=None
            if purpose is Purpose.PRIORITY
            else draw(maybe() | st.integers(1, 86_400)),
            valid_from=draw(maybe() | times),
            valid_to=draw(maybe() | times),
            transaction_id=TransactionId("7") if purpose is Purpose.TX else None,
            recurrency=draw(st.sampled_from(["Daily", "Weekly"]))
            if kind is Kind.RECURRING
            else None,
            max_offline_s=draw(maybe() | st.integers(0, 60)),
            invalid_after_offline=draw(maybe() | st.booleans()),
            dyn_update_interval_s=draw(maybe() | st.integers(0, 60))
            if kind is Kind.DYNAMIC
            else None,
        ),
    )


@given(sensible_profiles())
def test_21_can_say_every_sensible_profile(placed: tuple[int, ChargingProfile]) -> None:
    evse_id, profile = placed
    call = command_to_wire("2.1", SetChargingProfile(evse_id=evse_id, profile=profile))
    check_request("2.1", *call)


@given(st.sampled_from(["1.6", "2.0.1"]), sensible_profiles())
def test_older_versions_say_a_sensible_profile_or_that_they_cannot(
    version: str, placed: tuple[int, ChargingProfile]
) -> None:
    evse_id, profile = placed
    try:
        call = command_to_wire(version, SetChargingProfile(evse_id=evse_id, profile=profile))
    except NotExpressible:
        return
    check_request(version, *call)


@given(versions, st.integers(-1, 2), profiles)
def test_any_profile_is_schema_valid_or_refused(
    version: str, evse_id: int, profile: ChargingProfile
) -> None:
    try:
        call = command_to_wire(version, SetChargingProfile(evse_id=evse_id, profile=profile))
    except (InvalidInput, NotExpressible):
        return
    check_request(version, *call)


@given(versions, profiles, st.sampled_from(["", "Central", "ISO14443", "VIN"]))
def test_any_remote_start_is_schema_valid_or_refused(
    version: str, profile: ChargingProfile, kind: str
) -> None:
    command = RemoteStart(token=IdToken(value="T", kind=kind), evse_id=1, profile=profile)
    try:
        call = command_to_wire(version, command)
    except (InvalidInput, NotExpressible):
        return
    check_request(version, *call)


@pytest.mark.parametrize("version", VERSIONS)
@given(limits_only, times, st.sampled_from(RateUnit))
def test_plain_limits_are_expressible_everywhere(
    version: str, plain: tuple[Period, ...], start: datetime, unit: RateUnit
) -> None:
    profile = ChargingProfile(
        profile_id=1,
        stack_level=0,
        purpose=Purpose.TX_DEFAULT,
        kind=Kind.ABSOLUTE,
        unit=unit,
        periods=plain,
        start=start,
    )
    check_request(
        version, *command_to_wire(version, SetChargingProfile(evse_id=1, profile=profile))
    )


@given(st.floats(-1e9, 1e9))
def test_rounding_never_raises_a_limit_and_loses_less_than_a_tenth(value: float) -> None:
    sent = tenths_toward_zero(value)
    assert abs(sent) <= abs(value)
    assert abs(value) - abs(sent) < 0.1 + 1e-6
    assert sent == round(sent, 1)


@given(maybe() | rates, maybe() | rates, maybe() | rates)
def test_any_dynamic_update_is_schema_valid_or_refused(
    setpoint: float | None, limit: float | None, discharge: float | None
) -> None:
    update = DynamicUpdate(setpoint=setpoint, limit=limit, discharge_limit=discharge)
    try:
        call = command_to_wire("2.1", UpdateDynamicSchedule(profile_id=1, update=update))
    except InvalidInput:
        return
    check_request("2.1", *call)
    assert all(isfinite(value) for value in call.payload["scheduleUpdate"].values())


numbers = st.floats(-1e6, 1e6)
priority = st.integers(0, 100)
timing = st.fixed_dictionaries(
    {}, optional={"startTime": st.just("2026-03-01T12:00:00Z"), "duration": st.floats(0, 1e5)}
)


def body(**required: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"priority": priority, **required})


def timed(**required: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda a, b: a | b, body(**required), timing)


points = st.lists(st.fixed_dictionaries({"x": numbers, "y": numbers}), min_size=1, max_size=10)
units = st.sampled_from(["PctMaxW", "PctMaxVar", "Not_Applicable"])
curve = timed(curveData=points, yUnit=units)
BODIES = {
    "FreqDroop": timed(
        overFreq=numbers,
        underFreq=numbers,
        overDroop=numbers,
        underDroop=numbers,
        responseTime=numbers,
    ),
    "EnterService": body(
        highVoltage=numbers, lowVoltage=numbers, highFreq=numbers, lowFreq=numbers
    ),
    "Gradients": body(gradient=numbers, softGradient=numbers),
    "FixedPFAbsorb": timed(displacement=numbers, excitation=st.booleans()),
    "FixedPFInject": timed(displacement=numbers, excitation=st.booleans()),
    "FixedVar": timed(setpoint=numbers, unit=units),
    "LimitMaxDischarge": timed(pctMaxDischargePower=numbers),
    **dict.fromkeys(
        (
            "FreqWatt", "HFMustTrip", "HFMayTrip", "HVMustTrip", "HVMomCess", "HVMayTrip",
            "LFMustTrip", "LVMustTrip", "LVMomCess", "LVMayTrip", "PowerMonitoringMustTrip",
            "VoltVar", "VoltWatt", "WattPF", "WattVar",
        ),
        curve,
    ),
}  # fmt: skip


@given(st.data(), st.sampled_from(sorted(BODIES)), st.booleans())
def test_every_der_control_is_schema_valid_or_refused(
    data: st.DataObject, kind: str, is_default: bool
) -> None:
    told = data.draw(BODIES[kind])
    control = DerControl(control_id="c", control_type=kind, is_default=is_default, body=told)
    forbidden = (
        {"startTime", "duration"} & told.keys()
        if is_default
        else kind in {"EnterService", "Gradients"}
    )
    if forbidden:
        with pytest.raises(InvalidInput, match="R04"):
            command_to_wire("2.1", SetDerControl(control=control))
        return
    call = command_to_wire("2.1", SetDerControl(control=control))
    check_request("2.1", *call)
    own = set(call.payload) - {"isDefault", "controlId", "controlType"}
    assert [call.payload[field] for field in own] == [told]


texts = st.text(max_size=12) | st.floats().map(str) | st.integers().map(str)


@given(texts, st.sampled_from([None, "W", "kW", "Wh", "A", "Percent"]), texts)
def test_any_text_of_16_is_a_finite_reading_or_a_bad_value(
    value: str, unit: str | None, time: str
) -> None:
    sample = {"value": value, "measurand": "Power.Active.Import"}
    if unit is not None:
        sample["unit"] = unit
    payload = {"connectorId": 1, "meterValue": [{"timestamp": time, "sampledValue": [sample]}]}
    for at in (time, "2026-03-01T12:00:00Z"):
        payload["meterValue"] = [{"timestamp": at, "sampledValue": [sample]}]
        try:
            event = event_from_wire("1.6", "MeterValues", payload)
        except BadValue:
            continue
        assert isinstance(event, MetersRead)
        (reading,) = event.readings
        assert reading.power_w is not None
        assert isfinite(reading.power_w)


@given(
    st.floats(allow_nan=False) | st.integers(),
    st.sampled_from(["W", "kW"]),
    st.integers(),
)
def test_any_number_of_2x_is_a_finite_reading_or_a_bad_value(
    value: float, unit: str, multiplier: int
) -> None:
    sample = {
        "value": value,
        "measurand": "Power.Active.Export",
        "unitOfMeasure": {"unit": unit, "multiplier": multiplier},
    }
    payload = {
        "evseId": 1,
        "meterValue": [{"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [sample]}],
    }
    try:
        event = event_from_wire("2.0.1", "MeterValues", payload)
    except BadValue:
        return
    assert isinstance(event, MetersRead)
    assert event.readings[0].power_w == pytest.approx(
        -value * 10.0**multiplier * (1e3 if unit == "kW" else 1.0), rel=1e-12
    )


@given(
    st.text("abcXYZ-_:.", min_size=1, max_size=10),
    maybe() | st.text(max_size=10),
    maybe() | st.integers(0, 9),
    maybe() | st.integers(0, 99),
)
def test_component_names_go_there_and_back(
    name: str, instance: str | None, evse: int | None, connector: int | None
) -> None:
    component: dict[str, Any] = {"name": name}
    if instance is not None:
        component["instance"] = instance
    if evse is not None:
        component["evse"] = {"id": evse}
        if connector is not None:
            component["evse"]["connectorId"] = connector
    assert component_to_wire(component_name(component), evse) == component
