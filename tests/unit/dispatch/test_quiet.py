"""What keeps a large fleet quiet: steps stay where they are, alarms are counted when there are many."""

from __future__ import annotations

import numpy as np

from csms.dispatch.alarms import MOST_NAMED, evse_alarms
from csms.dispatch.optimum.rounding import refill
from csms.dispatch.sight.snapshot import Footing
from tests.unit.dispatch.seen import Seen, Want, snapshot
from tests.unit.dispatch.test_feeder_desk import PLACES, make_desk


def test_last_steps_stay_with_those_that_have_them() -> None:
    """Regression: with the noise of the meters the cheapest ones changed, and steps wandered from EVSE to EVSE."""
    y, step, hi = np.zeros(4), np.full(4, 100.0), np.full(4, 1e3)
    x, rows, group = np.full(4, 50.0), np.ones((1, 4)), np.zeros(4, np.int64)
    cost, last = np.array([1.0, 2.0, 3.0, 4.0]), np.array([np.nan, 0.0, 100.0, 100.0])
    arguments = (x, y, rows, group, hi, step, np.zeros(4), cost)
    assert refill(*arguments).tolist() == [100.0, 100.0, 0.0, 0.0]
    assert refill(*arguments, last).tolist() == [0.0, 0.0, 100.0, 100.0]


def test_of_many_alike_alarms_the_number_is_told() -> None:
    desk = make_desk()
    few = snapshot(desk, [Seen(key, Footing.STALE, 0.0, 0.0, Want(1.0)) for key in PLACES])
    nobody = np.zeros(len(PLACES), bool)
    assert len(evse_alarms(desk.rows.keys, few, nobody)) == len(PLACES)
    many = 1_000
    keys = [desk.rows.keys[0]] * many
    told = evse_alarms(keys, few, np.ones(many, bool))
    assert told[MOST_NAMED] == f"{many - MOST_NAMED} more: draws more than it is told to"
    assert len(told) == MOST_NAMED + 1 + len(PLACES)
