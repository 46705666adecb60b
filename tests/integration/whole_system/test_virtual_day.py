"""The whole system in virtual time: a bad day at a charging site, and the same day again."""

from __future__ import annotations

import pytest

from csms.cli.demo.whole_system import run_simulation


def test_a_day_of_losses_duplicates_and_reconnects_leaves_every_watt_hour_right() -> None:
    summary = run_simulation(n_stations=50, hours=24.0, seed=1)
    assert summary.transactions > 200
    assert summary.connects > 3 * 50
    assert (summary.mismatched, summary.missing) == (0, 0)


def test_one_seed_has_one_history() -> None:
    first = run_simulation(n_stations=6, hours=2.0, seed=7)
    again = run_simulation(n_stations=6, hours=2.0, seed=7)
    other = run_simulation(n_stations=6, hours=2.0, seed=8)
    assert first.history_hash == again.history_hash
    assert first.history_hash != other.history_hash


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_many_bad_days(seed: int) -> None:
    summary = run_simulation(n_stations=8, hours=8.0, seed=seed)
    assert (summary.mismatched, summary.missing) == (0, 0)
