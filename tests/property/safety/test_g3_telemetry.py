"""G3: an EVSE whose telemetry is stale, frozen or absurd is sent to its safe power at once.

The feeder bears whatever it draws until it hears of that.
"""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.sight.roster import Roster
from csms.dispatch.sight.snapshot import Footing
from csms.domain.fleet import EvsePlace, Fleet
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading, Phases
from csms.ids import EvseKey, StationId, TransactionId
from tests.property.safety.site import Site, ordered
from tests.unit.dispatch.wishes import STALE_AFTER_S, taken
from tests.unit.services.fakes import T0

RATING_W = 11_000.0
KEY = EvseKey(StationId("CP1"), 1)


@settings(max_examples=200, deadline=None)
@given(
    received_s=st.none() | st.floats(0.0, 100.0),
    changed_s=st.none() | st.floats(0.0, 100.0),
    power_w=st.none() | st.floats(-RATING_W, RATING_W) | st.sampled_from([nan, inf, -inf, 1e12, -1e9]),
    commanded_w=st.none() | st.floats(0.0, RATING_W),
)  # fmt: skip
def test_g3_only_fresh_moving_and_possible_values_lead(
    received_s: float | None, changed_s: float | None, power_w: float | None, commanded_w: float | None
) -> None:  # fmt: skip
    """A power that is not a number, of a station not yet told anything, cost the whole feeder its control."""
    now_s = 100.0
    fleet = Fleet()
    station = fleet.station(KEY.station_id)
    station.connected = True
    evse = station.evse(1)
    place = evse.place = EvsePlace(bus="1", phases=Phases.ABC, max_power_w=RATING_W)
    evse.transaction = Transaction(
        station_id=KEY.station_id, transaction_id=TransactionId("t"), evse_id=1, started=T0
    )
    evse.reading = MeterReading(at=T0, power_w=power_w)
    evse.reading_received_s, evse.changed_s = received_s, changed_s
    evse.commanded_w, evse.commanded_s = commanded_w, None if commanded_w is None else now_s - 1.0
    seen = taken(Roster(fleet, {KEY: place}), place, now_s, safe_w=2_000.0, lease_s=60.0)
    (footing,), (assumed_w,) = seen.footing, seen.assumed_w
    old = min(-inf if t is None else t for t in (received_s, changed_s)) < now_s - STALE_AFTER_S
    absurd = power_w is not None and not abs(power_w) <= 2.0 * RATING_W
    assert (footing == Footing.STALE) == (old or absurd)
    assert np.isfinite(assumed_w)
    if footing == Footing.STALE:  # it may still do what it was last told, or what it falls back to
        assert assumed_w >= max(2_000.0, commanded_w or 0.0)


@pytest.mark.oracle
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_g3_the_feeder_bears_those_who_fell_silent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    site = Site(rng)
    safe_w = site.desk.safe_power_w
    power_w = {
        key: float(rng.uniform(0.0, 0.3)) * max(want.power_w, 0.0)
        for key, want in site.wants.items()
    }
    for _ in range(3):
        if site.breach_pu(power_w) > -0.0005:
            return
        power_w = ordered(site.cycle(power_w))
    silent = {key for key in site.places if rng.random() < 0.5}
    assumed = {
        key: max(power_w[key], safe_w[key]) if key in silent else power_w[key] for key in power_w
    }
    if site.breach_pu(assumed) > -0.0005:
        return  # more than one cycle's work: the leases end it
    footing = dict.fromkeys(silent, Footing.STALE)
    for _ in range(2):
        orders = ordered(site.cycle(power_w, footing=footing, assumed_w=assumed))
        assert all(orders[key] == safe_w[key] for key in silent)
        for _ in range(4):  # from stopped to the worst that is assumed
            drawn = {
                k: float(rng.uniform()) * max(assumed[k], 0.0) if k in silent else orders[k]
                for k in orders
            }
            assert site.breach_pu(drawn) <= 0.0
        worst = {k: assumed[k] if k in silent else orders[k] for k in orders}
        assert site.breach_pu(worst) <= 0.0
        power_w = worst
