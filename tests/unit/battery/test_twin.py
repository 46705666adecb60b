from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from csms.battery.ageing_adequacy import read_geisbauer_csv
from csms.battery.calendar_fit import read_naumann_csv
from csms.battery.degradation import advance, health, new_fleet
from csms.battery.errors import AgeingDataError, BatteryError, HistoryError, UnknownPackError
from csms.battery.packs import PACKS
from csms.battery.vehicle_twin import Reading, start_twin, update_twin
from csms.battery.wear import daily_profile, marginal_wear, segment_costs, temperate_year

YEAR = daily_profile(0.3, 0.0)


def capacity(pack: str, soc: np.ndarray, temp: np.ndarray, years: int = 1) -> float:
    state = new_fleet(pack, 1)
    for _ in range(years):
        state = advance(state, soc[None, :], temp, 1.0)
    return float(health(state).capacity_frac[0])


@pytest.mark.parametrize("pack", PACKS)
def test_heat_and_charge_age_a_stored_battery(pack: str) -> None:
    rest = np.full(8760, 0.5)
    assert (
        capacity(pack, rest, np.full(8760, 40.0)) < capacity(pack, rest, np.full(8760, 15.0)) < 1.0
    )
    full = np.full(8760, 0.95)
    assert capacity(pack, full, np.full(8760, 25.0)) < capacity(pack, rest, np.full(8760, 25.0))


@pytest.mark.parametrize("pack", PACKS)
def test_tables_agree_with_the_law(pack: str) -> None:
    law = PACKS[pack]
    soc, temp, days = np.array([0.137, 0.512, 0.893]), np.array([7.3, 21.8, 38.6]), 400
    for s, t in zip(soc, temp, strict=True):
        state = advance(new_fleet(pack, 1), np.full((1, days), s), np.full(days, t), 24.0)
        exact = law.calendar(np.array(t + 273.15), np.array(s)) * days**law.calendar_exponent
        assert health(state).calendar_loss_frac[0] == pytest.approx(float(exact), rel=2e-3)


@pytest.mark.parametrize("pack", PACKS)
def test_constant_cycling_follows_its_power_law(pack: str) -> None:
    law, n = PACKS[pack], 500
    soc = np.tile([0.8, 0.4], n)[None, :]
    h = health(advance(new_fleet(pack, 1), soc, np.full(2 * n, 25.0), 4.0), 25.0)
    per = law.cycling(np.array(298.15), np.array(0.4), np.array(0.1))
    efc = (2 * n - 1) * 0.2
    assert h.equivalent_full_cycles[0] == pytest.approx(efc)
    assert h.cycling_loss_frac[0] == pytest.approx(float(per) * efc**law.cycling_exponent, rel=1e-2)


def test_kokam_knee_comes_late_and_then_binds() -> None:
    soc = np.tile([0.75, 0.25], 18_000)[None, :]
    state = new_fleet("kokam-nmc", 1)
    early = health(advance(state, soc[:, :12_000], np.full(12_000, 25.0), 1.0))
    late = health(advance(state, soc, np.full(36_000, 25.0), 1.0))
    assert early.knee_loss_frac[0] < 1e-3
    assert late.capacity_frac[0] == pytest.approx(1.01 - late.knee_loss_frac[0])


def test_vehicles_do_not_touch_each_other_and_states_are_not_shared() -> None:
    rng = np.random.default_rng(0)
    soc = rng.uniform(0.1, 0.9, (5, 500))
    start = new_fleet("nmc-75ah", 5)
    together = health(advance(start, soc, np.full(500, 20.0), 1.0)).capacity_frac
    alone = [
        health(
            advance(new_fleet("nmc-75ah", 1), row[None, :], np.full(500, 20.0), 1.0)
        ).capacity_frac[0]
        for row in soc
    ]
    assert together == pytest.approx(alone, abs=1e-15)
    assert not start.accumulators.any()


@pytest.mark.parametrize(
    ("soc", "temp", "message"),
    [
        ([[0.5, 1.2]], [20, 20], "soc_frac of vehicle 0, sample 1: 1.2"),
        ([[0.5, np.nan]], [20, 20], "soc_frac of vehicle 0, sample 1: nan"),
        ([[0.5, 0.5]], [20, 300], "temperature_c of vehicle 0, sample 1: 300"),
        ([[]], [], "empty history"),
        ([[0.5, 0.5]], [20], "charge"),
    ],
)
def test_bad_histories_name_vehicle_and_sample(soc: list, temp: list, message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        advance(new_fleet("sony-lfp", 1), np.array(soc, float), np.array(temp, float), 1.0)


def test_unknown_pack_lists_those_there_are() -> None:
    with pytest.raises(UnknownPackError, match="sony-lfp, kokam-nmc"):
        new_fleet("unobtainium", 1)


def test_marginal_wear_is_an_interval_near_the_reference() -> None:
    wear = marginal_wear(tuple(PACKS))
    found = {row.pack: row.wear_eur_per_kwh for row in wear.by_pack}
    reference = {
        "sony-lfp": 0.002, "kokam-nmc": 0.003, "panasonic-nca": 0.009, "lfp-250ah": 0.016,
        "nmc-75ah": 0.030,
    }  # fmt: skip
    for name, value in reference.items():  # another climate and profile: same size, same order
        assert 0.6 * value < found[name] < 1.7 * value
    assert list(found) == list(reference)
    assert (wear.low_eur_per_kwh, wear.high_eur_per_kwh) == (found["sony-lfp"], found["nmc-75ah"])


def test_segments_sum_to_the_cost_of_a_full_cycle() -> None:
    assert segment_costs(7).mean() == pytest.approx(100 * 5.24e-4 / 0.95)
    with pytest.raises(BatteryError):
        segment_costs(5, exponent=0.5)


def month(step_s: float = 3600.0) -> list[Reading]:
    t = np.arange(0.0, 30 * 86400.0, step_s)
    level = np.interp((t / 3600.0) % 24, [0, 7, 17, 18, 24], [0.5, 0.85, 0.85, 0.45, 0.5])
    return [Reading(float(a), float(s), 18.0) for a, s in zip(t, level, strict=True)]


def test_metered_history_in_pieces_is_the_same_history() -> None:
    readings = month(300.0)
    whole = start_twin(readings)
    pieces = start_twin(readings[:1])
    for reading in readings[1:]:  # one by one, most of them less than a step apart
        pieces = update_twin(pieces, [replace(reading, exported_wh=1.0)])
    for name, state in whole.twins.items():
        assert pieces.twins[name].accumulators == pytest.approx(state.accumulators, rel=1e-9)
    assert pieces.exported_wh == len(readings) - 1


def test_bad_metering_is_named() -> None:
    with pytest.raises(HistoryError, match="its battery counts as new"):
        start_twin([])
    twin = start_twin(month())
    with pytest.raises(HistoryError, match="comes after one at"):
        update_twin(twin, [Reading(5.0, 0.5, 20.0)])
    with pytest.raises(HistoryError, match=r"charge 1\.5 outside"):
        update_twin(twin, [Reading(3e6, 1.5, 20.0)])


def test_ageing_tables_name_row_and_column() -> None:
    head = "temperature_c,storage_soc_fraction,elapsed_days,capacity_ah\n"
    with pytest.raises(AgeingDataError, match="row 3, column capacity_ah"):
        read_naumann_csv(head + "25,0.5,0,3.0\n25,0.5,9,x\n")
    with pytest.raises(AgeingDataError, match="no capacity at day 0"):
        read_naumann_csv(head + "25,0.5,9,3.0\n")
    with pytest.raises(AgeingDataError, match="no column capacity_ah"):
        read_naumann_csv("temperature_c,storage_soc_fraction,elapsed_days\n")
    with pytest.raises(AgeingDataError, match="holds no row"):
        read_naumann_csv(head)
    with pytest.raises(AgeingDataError, match="without a capacity at day 39"):
        read_geisbauer_csv(
            "State-of-Charge,Cell Identity Number,Days Passed,Discharge Capacity\n20,7,59,1.5\n"
        )


def test_profiles_stay_inside_the_battery() -> None:
    level = daily_profile(0.4, 0.4)
    assert level.min() >= -1e-12
    assert level.max() <= 0.8 + 1e-12
    assert temperate_year().mean() == pytest.approx(15.0, abs=0.01)
