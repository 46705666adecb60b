"""G6: after an outage stations come back one by one, each at its own time, and softly."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.domain.ride_through import RideThroughPolicy, der_controls, ride_through

policies = st.builds(
    RideThroughPolicy,
    under_trip_hz=st.tuples(st.floats(47.0, 48.0), st.floats(48.0, 49.0)),
    over_trip_hz=st.tuples(st.floats(51.0, 51.5), st.floats(51.5, 52.0)),
    trip_delay_s=st.tuples(st.floats(0.1, 0.5), st.floats(0.5, 5.0)),
    return_hz=st.tuples(st.floats(49.0, 49.9), st.floats(50.1, 50.5)),
    return_delay_s=st.floats(5.0, 300.0),
    return_spread_s=st.floats(30.0, 600.0),
    soft_ramp_s=st.floats(10.0, 300.0),
)


@settings(max_examples=100, deadline=None)
@given(policy=policies, count=st.integers(20, 2000), windows=st.integers(2, 10))
def test_g6_no_part_of_the_spread_sees_more_than_its_share_come_back(
    policy: RideThroughPolicy, count: int, windows: int
) -> None:
    back_s = np.array([ride_through(policy, rank).return_delay_s for rank in range(count)])
    assert back_s.min() >= policy.return_delay_s
    assert back_s.max() <= policy.return_delay_s + policy.return_spread_s
    each, _ = np.histogram(
        back_s, windows, (policy.return_delay_s, policy.return_delay_s + policy.return_spread_s)
    )
    assert each.max() <= count / windows + 6.0


@settings(max_examples=50, deadline=None)
@given(policy=policies, rank=st.integers(0, 10_000))
def test_g6_a_station_that_returns_by_itself_draws_its_own_delay_and_ramps(
    policy: RideThroughPolicy, rank: int
) -> None:
    share = ride_through(policy, rank)
    bodies = {control.control_type: control.body for control in der_controls(policy, share)}
    enter = bodies["EnterService"]
    assert enter["delay"] == policy.return_delay_s
    assert enter["randomDelay"] == policy.return_spread_s > 0.0
    assert enter["rampRate"] == bodies["Gradients"]["softGradient"] == policy.soft_ramp_s > 0.0
    assert policy.under_trip_hz[0] <= share.under_trip_hz <= policy.under_trip_hz[1]
    assert policy.over_trip_hz[0] <= share.over_trip_hz <= policy.over_trip_hz[1]
