"""Charging profiles that no station may accept are refused with the requirement's id."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf, nan
from typing import Any

import pytest

from csms.domain.commands import SetChargingProfile
from csms.domain.errors import InvalidInput
from csms.domain.profile import ChargingProfile, Kind, OperationMode, Period, Purpose, RateUnit
from csms.ids import TransactionId
from csms.translate import command_to_wire

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = ("1.6", "2.0.1", "2.1")
V2X = ("2.0.1", "2.1")
ONLY_21 = ("2.1",)
MODE = OperationMode


def send(version: str, evse_id: int, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "profile_id": 1,
        "stack_level": 0,
        "purpose": Purpose.TX_DEFAULT,
        "kind": Kind.ABSOLUTE,
        "unit": RateUnit.W,
        "periods": (Period(limit=1_000.0),),
        "start": T0,
    }
    command = SetChargingProfile(evse_id=evse_id, profile=ChargingProfile(**(base | changes)))
    return command_to_wire(version, command).payload


def one(**period: Any) -> dict[str, Any]:
    return {"periods": (Period(**period),)}


TX = {"purpose": Purpose.TX, "transaction_id": TransactionId("1")}
CURVE = ((49.0, -1.0), (51.0, 1.0))
REFUSED: list[tuple[tuple[str, ...], int, dict[str, Any], str]] = [
    (ALL, -1, {}, "negative"),
    (ALL, 0, TX, "K01.FR.16"),
    (ALL, 1, {"purpose": Purpose.STATION_MAX}, "evse_id 0"),
    (ALL, 1, {"purpose": Purpose.EXTERNAL}, "K01.FR.22"),
    (ALL, 0, {"purpose": Purpose.STATION_MAX, "kind": Kind.RELATIVE, "start": None}, "FR.38"),
    (ALL, 1, {"transaction_id": TransactionId("1")}, "no transaction"),
    (ALL, 1, {"stack_level": -1}, "stack_level"),
    (ALL, 1, {"kind": Kind.RELATIVE}, "K01.FR.41"),
    (ALL, 1, {"kind": Kind.RECURRING}, "recurrency"),
    (ALL, 1, {"recurrency": "Daily"}, "recurrency"),
    (ALL, 1, {"kind": Kind.RECURRING, "recurrency": "Yearly"}, "Yearly"),
    (ALL, 1, {"duration_s": 0}, "duration_s"),
    (ALL, 1, {"periods": ()}, "0 periods"),
    (ALL, 1, {"periods": tuple(Period(start_s=s, limit=1.0) for s in range(1025))}, "1025"),
    (ALL, 1, one(start_s=5, limit=1.0), "K01.FR.31"),
    (ALL, 1, {"periods": (Period(limit=1.0), Period(limit=2.0))}, "K01.FR.35"),
    (ALL, 1, one(), "limit"),
    (ALL, 1, one(limit=nan), "nan"),
    (ALL, 1, one(limit=inf), "inf"),
    (ALL, 1, one(limit=1.0, number_phases=4), "number_phases"),
    (ALL, 1, one(limit=1.0, phase_to_use=1), "K01.FR.19"),
    (ALL, 1, one(limit=1.0, phase_to_use=1, number_phases=3), "K01.FR.19"),
    (V2X, 1, {"purpose": Purpose.TX}, "K01.FR.03"),
    (V2X, 1, {"start": None}, "K01.FR.40"),
    (ONLY_21, 1, {"kind": Kind.DYNAMIC, "periods": (Period(limit=1.0), Period(start_s=9, limit=1.0))}, "K28"),
    (ONLY_21, 1, {"kind": Kind.DYNAMIC, **one(start_s=3, limit=1.0)}, "K01.FR.31"),
    (ONLY_21, 1, {"dyn_update_interval_s": 5}, "K01.FR.122"),
    (ONLY_21, 1, {"purpose": Purpose.PRIORITY, "duration_s": 5}, "K01.FR.70"),
    (ONLY_21, 0, {"purpose": Purpose.STATION_MAX, **one(mode=MODE.CENTRAL_SETPOINT, setpoint=1.0)}, "ChargingOnly"),
    (ONLY_21, 1, one(mode=MODE.CENTRAL_SETPOINT), "needs setpoint"),
    (ONLY_21, 1, one(mode=MODE.CENTRAL_SETPOINT, setpoint=1.0, limit=2.0), "takes no limit"),
    (ONLY_21, 1, one(mode=MODE.CENTRAL_FREQUENCY, setpoint=1.0), "Dynamic"),
    (ONLY_21, 1, one(limit=1.0, setpoint=1.0), "takes no setpoint"),
    (ONLY_21, 1, one(mode=MODE.EXTERNAL_SETPOINT, discharge_limit=1.0), "above 0"),
    (ONLY_21, 1, one(mode=MODE.LOCAL_FREQUENCY, v2x_baseline_w=0.0), "needs freq_watt"),
    (ONLY_21, 1, one(mode=MODE.LOCAL_FREQUENCY, v2x_baseline_w=0.0, freq_watt=CURVE[:1]), "2 to 20"),
    (ONLY_21, 1, {"unit": RateUnit.A, **one(mode=MODE.LOCAL_FREQUENCY, v2x_baseline_w=0.0, freq_watt=CURVE)}, "unit W"),
    (ONLY_21, 1, one(mode=MODE.LOCAL_FREQUENCY, v2x_baseline_w=0.0, freq_watt=((49.0, nan), (51.0, 1.0))), "nan"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "evse_id", "changes", "reason"),
    [(version, *rest) for versions, *rest in REFUSED for version in versions],
)
def test_refused(version: str, evse_id: int, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        send(version, evse_id, **changes)


def test_a_16_profile_may_begin_with_the_transaction() -> None:
    schedule = send("1.6", 1, start=None)["csChargingProfiles"]["chargingSchedule"]
    assert "startSchedule" not in schedule


@pytest.mark.parametrize(
    ("limit", "sent"),
    [(16.19, 16.1), (32.3, 32.3), (-32.39, -32.3), (0.05, 0.0), (22_999.99, 22_999.9), (6, 6.0)],
)
def test_16_and_201_limits_have_one_decimal_and_never_grow(limit: float, sent: float) -> None:
    for version, name in (("1.6", "csChargingProfiles"), ("2.0.1", "chargingProfile")):
        schedule = send(version, 1, **one(limit=limit))[name]["chargingSchedule"]
        schedule = schedule[0] if version == "2.0.1" else schedule
        assert schedule["chargingSchedulePeriod"][0]["limit"] == sent


def test_local_frequency_profile() -> None:
    curve = one(mode=MODE.LOCAL_FREQUENCY, v2x_baseline_w=500.0, freq_watt=CURVE)
    (schedule,) = send("2.1", 1, **curve)["chargingProfile"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [
        {
            "startPeriod": 0,
            "operationMode": "LocalFrequency",
            "v2xBaseline": 500.0,
            "v2xFreqWattCurve": [
                {"frequency": 49.0, "power": -1.0},
                {"frequency": 51.0, "power": 1.0},
            ],
        }
    ]
