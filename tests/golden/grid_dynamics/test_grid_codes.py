"""OpenDER's figures for IEEE 1547-2018 defaults, and the named requirements."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from csms.grid.fleet_response import make_fleet, respond_to_trace
from csms.grid.grid_codes import (
    IEEE_1547_TRIPS,
    SHAPES,
    ffr_activation_s,
    first_trip,
    shape,
)

pytestmark = pytest.mark.golden

OPENDER = Path(__file__).resolve().parents[3] / "../shared/data/ieee1547_AS_defaults_opender.csv"


@pytest.mark.parametrize(
    ("f_hz", "export_kw"), [(59.9, 2.1333), (59.5, 15.4667), (59.0, 32.1333), (60.5, -15.4667)]
)
def test_opender_droop_of_a_100_kw_unit(f_hz: float, export_kw: float) -> None:
    change = shape("ieee1547").import_change_frac(f_hz)
    assert float(-100.0 * change) == pytest.approx(export_kw, abs=5e-5)


def test_opender_t90_within_its_own_step_of_a_tenth() -> None:
    droop = shape("ieee1547")
    fleet = make_fleet(
        1,
        gain_w_per_hz=100e3 / 3.0,
        p_min_w=-100e3,
        p_max_w=100e3,
        deadband_hz=0.036,
        lag_s=droop.lag_s,
        delay_s=0.0,
        energy_wh=50e3,
        energy_min_wh=0.0,
        energy_max_wh=100e3,
    )
    response = respond_to_trace(fleet, np.full(4000, -0.5), 0.01)
    final_w = 100e3 * float(droop.import_change_frac(59.5))
    assert response.fleet_power_w[-1] == pytest.approx(final_w, rel=1e-6)
    t90_s = response.t_s[np.argmax(response.fleet_power_w <= 0.9 * final_w)]
    assert t90_s == pytest.approx(5.1, abs=0.11)


def test_trip_settings_are_those_of_opender() -> None:
    if not OPENDER.exists():
        pytest.skip(f"test data absent: {OPENDER.name}")
    with OPENDER.open() as stream:
        rows = {row["PARAMETER"]: row["VALUE"] for row in csv.DictReader(stream)}
    for trip in IEEE_1547_TRIPS:
        assert float(rows[f"{trip.name}_TRIP_F-AS"]) == trip.f_hz
        assert float(rows[f"{trip.name}_TRIP_T-AS"]) == trip.clearing_s


def test_first_trip_waits_its_clearing_time() -> None:
    f_hz = np.concatenate((np.full(100, 60.0), np.full(100, 56.0)))
    assert first_trip(IEEE_1547_TRIPS, f_hz, 0.02) == ("UF2", pytest.approx(2.16))
    assert first_trip(IEEE_1547_TRIPS, f_hz[:107], 0.02) is None


@pytest.mark.parametrize(
    ("name", "f_hz", "import_frac"),
    [
        ("fcr-n", 49.95, -0.5),
        ("fcr-n", 50.2, 1.0),
        ("fcr-d-up", 49.7, -0.5),
        ("fcr-d-up", 50.4, 0.0),
        ("fcr-d-down", 50.3, 0.5),
        ("fcr-continental", 49.8, -1.0),
        ("en50549", 50.2, 0.0),
        ("en50549", 50.7, 0.2),
        ("g99", 50.4, 0.0),
        ("g99", 50.9, 0.1),
        ("g99", 49.0, 0.0),
        ("gb-dc", 49.985, 0.0),
        ("gb-dc", 49.8, -0.05),
        ("gb-dc", 49.5, -1.0),
        ("gb-dm", 49.9, -0.05),
        ("gb-dm", 49.8, -1.0),
        ("gb-dr", 50.2, 1.0),
    ],
)
def test_shapes(name: str, f_hz: float, import_frac: float) -> None:
    assert float(shape(name).import_change_frac(f_hz)) == pytest.approx(import_frac, abs=1e-12)


def test_ffr_times() -> None:
    assert [ffr_activation_s(f) for f in (49.5, 49.6, 49.7)] == [0.7, 1.0, 1.3]
    with pytest.raises(ValueError, match="expected one of"):
        ffr_activation_s(49.4)


def test_unknown_shape_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="fcr-n"):
        shape("fcr")
    assert len(SHAPES) == 10
