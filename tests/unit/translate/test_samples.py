"""Sampled values: units, signs, phases, places, signatures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import sqrt
from typing import Any

import pytest

from csms.domain.events import MetersRead
from csms.domain.values import MeterReading
from csms.translate import BadValue, event_from_wire

T0 = "2026-03-01T12:00:00Z"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read_v16(*samples: dict[str, Any], connector: int = 1) -> MeterReading:
    payload = {
        "connectorId": connector,
        "meterValue": [{"timestamp": T0, "sampledValue": list(samples)}],
    }
    return _only(event_from_wire("1.6", "MeterValues", payload))


def read_v2x(*samples: dict[str, Any], evse: int = 1) -> MeterReading:
    payload = {
        "evseId": evse,
        "meterValue": [{"timestamp": T0, "sampledValue": list(samples)}],
    }
    return _only(event_from_wire("2.1", "MeterValues", payload))


def _only(event: object) -> MeterReading:
    assert isinstance(event, MetersRead)
    (reading,) = event.readings
    return reading


def sample(value: Any, measurand: str, **rest: Any) -> dict[str, Any]:
    return {"value": value, "measurand": measurand, **rest}


def test_power_is_import_minus_export() -> None:
    reading = read_v16(
        sample("3.5", "Power.Active.Import", unit="kW"),
        sample("500", "Power.Active.Export", unit="W"),
    )
    assert reading.power_w == 3_000.0


def test_export_alone_is_negative_power() -> None:
    assert read_v2x(sample(4_000, "Power.Active.Export")).power_w == -4_000.0


def test_negative_import_is_export() -> None:
    assert read_v16(sample("-4000", "Power.Active.Import")).power_w == -4_000.0


def test_power_told_by_phase_is_netted_by_phase_and_summed() -> None:
    reading = read_v16(
        sample("1000", "Power.Active.Import", phase="L1"),
        sample("1100", "Power.Active.Import", phase="L2-N"),
        sample("300", "Power.Active.Export", phase="L2"),
        sample("50", "Power.Active.Export", phase="L3"),
    )
    assert reading.power_by_phase_w == (1_000.0, 800.0, -50.0)
    assert reading.power_w == 1_750.0


def test_a_total_counts_more_than_the_sum_of_the_phases() -> None:
    reading = read_v16(
        sample("999", "Power.Active.Import"),
        sample("500", "Power.Active.Import", phase="L1"),
    )
    assert reading.power_w == 999.0
    assert reading.power_by_phase_w == (500.0, None, None)


def test_registers_and_reactive_power() -> None:
    reading = read_v2x(
        sample(1.25, "Energy.Active.Export.Register", unitOfMeasure={"unit": "kWh"}),
        sample(100, "Energy.Active.Import.Register", phase="L1"),
        sample(200, "Energy.Active.Import.Register", phase="L2"),
        sample(2, "Power.Reactive.Export", unitOfMeasure={"unit": "kvar"}),
        sample(77, "Energy.Active.Import.Interval"),
    )
    assert reading.energy_export_wh == 1_250.0
    assert reading.energy_import_wh == 300.0
    assert reading.reactive_var == -2_000.0


@pytest.mark.parametrize(
    ("value", "multiplier", "expected"),
    [(2305, -1, 230.5), (23, 1, 230.0), (230, 0, 230.0), (0.23, 3, 230.0)],
)
def test_the_multiplier_is_a_power_of_ten(value: float, multiplier: int, expected: float) -> None:
    told = sample(
        value, "Voltage", phase="L1", unitOfMeasure={"unit": "V", "multiplier": multiplier}
    )
    assert read_v2x(told).voltage_v == (expected, None, None)


def test_multiplier_and_prefix_are_independent() -> None:
    told = sample(72, "Power.Active.Import", unitOfMeasure={"unit": "kW", "multiplier": -1})
    assert read_v2x(told).power_w == 7_200.0


def test_wh_as_the_filled_in_default_unit_means_the_base_unit() -> None:
    told = sample(16, "Current.Import", phase="L1", unitOfMeasure={"unit": "Wh"})
    assert read_v2x(told).current_a == (16.0, None, None)


def test_currents_are_netted_by_phase() -> None:
    reading = read_v16(
        sample("10", "Current.Import", phase="L1"), sample("3", "Current.Export", phase="L2")
    )
    assert reading.current_a == (10.0, -3.0, None)


def test_values_without_a_phase_stand_at_l1() -> None:
    reading = read_v16(sample("12", "Current.Export"), sample("231", "Voltage"))
    assert reading.current_a == (-12.0, None, None)
    assert reading.voltage_v == (231.0, None, None)


def test_balanced_line_voltages_give_phase_voltages() -> None:
    reading = read_v16(
        *(sample("400", "Voltage", phase=phase) for phase in ("L1-L2", "L2-L3", "L3-L1"))
    )
    assert reading.voltage_v == pytest.approx((400 / sqrt(3),) * 3)


def test_unbalanced_line_voltages_give_phase_voltages_without_zero_sequence() -> None:
    phasors = [230 + 0j, 215 * complex(-0.5, -sqrt(3) / 2), 240 * complex(-0.5, sqrt(3) / 2)]
    mean = sum(phasors) / 3
    a, b, c = (phasor - mean for phasor in phasors)
    reading = read_v2x(
        sample(abs(a - b), "Voltage", phase="L1-L2"),
        sample(abs(b - c), "Voltage", phase="L2-L3"),
        sample(abs(c - a), "Voltage", phase="L3-L1"),
    )
    assert reading.voltage_v == pytest.approx((abs(a), abs(b), abs(c)))


def test_a_line_voltage_alone_is_never_taken_for_a_phase_voltage() -> None:
    assert read_v16(sample("400", "Voltage", phase="L1-L2")).voltage_v is None


def test_line_voltages_that_make_no_triangle_are_not_told() -> None:
    reading = read_v16(
        sample("400", "Voltage", phase="L1-L2"),
        sample("10", "Voltage", phase="L2-L3"),
        sample("10", "Voltage", phase="L3-L1"),
    )
    assert reading.voltage_v is None


@pytest.mark.parametrize("location", ["Inlet", "EV", "Body", "Cable"])
def test_other_places_do_not_mix_into_the_outlet(location: str) -> None:
    reading = read_v16(
        sample("7000", "Power.Active.Import"),
        sample("9999", "Power.Active.Import", location=location),
        sample("55", "SoC", unit="Percent", location=location),
    )
    assert reading.power_w == 7_000.0
    assert reading.soc_frac == 0.55


def test_grid_voltages_at_the_inlet_of_a_dc_charger_count() -> None:
    """A DC outlet has no phases; without its inlet the dispatcher would not see the feeder there."""
    reading = read_v16(
        sample("206.8", "Voltage", phase="L1-N", location="Inlet"),
        sample("399", "Voltage", location="Inlet"),
        sample("7000", "Power.Active.Import"),
    )
    assert reading.voltage_v == (206.8, None, None)


def test_the_inlet_counts_for_the_station_itself() -> None:
    told = sample("9999", "Power.Active.Import", location="Inlet")
    assert read_v16(told, connector=0).power_w == 9_999.0


@pytest.mark.parametrize("percent", ["-1", "101", "255"])
def test_an_impossible_state_of_charge_is_unknown(percent: str) -> None:
    reading = read_v16(sample(percent, "SoC"), sample("1", "Power.Active.Import"))
    assert reading.soc_frac is None
    assert reading.power_w == 1.0


def test_the_context_told_first_counts() -> None:
    reading = read_v16({"value": "1"}, {"value": "2", "context": "Transaction.End"})
    assert reading.context == "Transaction.End"
    assert read_v16({"value": "1"}).context == "Sample.Periodic"


def test_a_signed_value_of_16_is_kept_byte_exact_and_is_no_number() -> None:
    ocmf = 'OCMF|{"FV":"1.0"}|{"SD":"3045\\u00e9"}'
    reading = read_v16({"value": ocmf, "format": "SignedData"})
    assert reading.energy_import_wh is None
    (kept,) = reading.signed
    assert json.loads(kept) == {"value": ocmf, "format": "SignedData"}


def test_raw_format_is_a_number() -> None:
    reading = read_v16({"value": "5", "format": "Raw"})
    assert (reading.energy_import_wh, reading.signed) == (5.0, ())


def test_a_signed_value_of_2x_stands_beside_its_number() -> None:
    signed = {"signedMeterData": "AA==", "encodingMethod": "OCMF", "publicKey": ""}
    reading = read_v2x({"value": 5, "signedMeterValue": signed})
    assert reading.energy_import_wh == 5.0
    assert reading.signed == ('{"signedMeterData":"AA==","encodingMethod":"OCMF","publicKey":""}',)


@pytest.mark.parametrize(
    "value", ["", "abc", "nan", "inf", "-Infinity", "1e999", "1_000", "12,5", "1e16", "0x10"]
)
def test_what_is_no_number_in_16_names_its_place(value: str) -> None:
    with pytest.raises(BadValue) as caught:
        read_v16({"value": "1"}, sample(value, "Power.Active.Import"))
    assert caught.value.path == "/meterValue/0/sampledValue/1"


@pytest.mark.parametrize("value", [1e16, -1e300, 10**400])
def test_absurd_numbers_of_2x_are_refused(value: float) -> None:
    with pytest.raises(BadValue):
        read_v2x({"value": value})


@pytest.mark.parametrize(
    "unit_of_measure",
    [{"unit": "kWh"}, {"unit": "horsepower"}, {"unit": "W", "multiplier": 400}],
)
def test_a_unit_that_does_not_fit_is_refused(unit_of_measure: dict[str, Any]) -> None:
    with pytest.raises(BadValue):
        read_v2x(sample(1, "Power.Active.Import", unitOfMeasure=unit_of_measure))


def test_a_complaint_does_not_repeat_a_huge_value() -> None:
    with pytest.raises(BadValue) as caught:
        read_v16({"value": "x" * 100_000})
    assert len(caught.value.reason) <= 120


def test_measurands_that_are_not_held_are_not_read() -> None:
    payload = {
        "connectorId": 1,
        "meterValue": [
            {"timestamp": T0, "sampledValue": [sample("NaN", "Power.Factor")]},
            {"timestamp": T0, "sampledValue": [{"value": "1"}]},
        ],
    }
    event = event_from_wire("1.6", "MeterValues", payload)
    assert isinstance(event, MetersRead)
    assert event.readings == (MeterReading(at=AT, energy_import_wh=1.0),)
