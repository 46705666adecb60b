"""G5: a cap on the feeder's rise per minute that no wish passes, and no profile of anybody's over dispatch's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.domain.commands import RemoteStart, SetChargingProfile
from csms.domain.errors import InvalidInput
from csms.domain.fleet import EvsePlace, Fleet
from csms.domain.profile import ChargingProfile, Kind, Period, Purpose, RateUnit
from csms.domain.values import IdToken, Phases
from csms.ids import StationId
from csms.services.guard import PowerGuard
from tests.property.safety.site import Site, ordered
from tests.unit.dispatch.seen import Want
from tests.unit.services.fakes import T0

RAMP_W_PER_MIN = 60e3
MINUTE = 60  # cycles
CP1 = StationId("CP1")
SAFE_W, RATING_W = 2_500.0, 22_000.0


@pytest.mark.oracle
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_g5_no_minute_rises_by_more_than_the_cap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    site = Site(rng, ramp_w_per_min=RAMP_W_PER_MIN)
    power_w = dict.fromkeys(site.places, 0.0)
    highest: list[float] = [0.0]  # what may be drawn under all that was ordered and is drawn
    for _ in range(90):
        for key, place in site.places.items():
            if rng.random() < 0.2:  # a car comes, goes, or changes its mind
                site.wants[key] = Want(float(rng.uniform(0.0, place.max_power_w)), 0.0, 1.0)
        orders = ordered(site.cycle(power_w))
        highest.append(sum(max(orders[k], power_w[k]) for k in orders))
        follows = {key: rng.random() < 0.8 for key in orders}
        power_w = {k: orders[k] if follows[k] else power_w[k] for k in orders}
    for i in range(len(highest)):
        assert max(highest[i : i + MINUTE + 1]) - highest[i] <= RAMP_W_PER_MIN + 1.0
    assert max(highest) - min(highest) > 4_000.0  # and not by letting nobody rise


profiles = st.builds(
    ChargingProfile,
    profile_id=st.integers(1, 10_000),
    stack_level=st.integers(0, 9),
    purpose=st.sampled_from([Purpose.TX, Purpose.TX_DEFAULT]),
    kind=st.sampled_from(list(Kind)),
    unit=st.sampled_from(list(RateUnit)),
    start=st.none() | st.just(T0),
    duration_s=st.none() | st.integers(1, 100_000),
    periods=st.lists(
        st.builds(
            Period,
            start_s=st.integers(0, 3600),
            limit=st.none() | st.floats(0.0, 1e6),
            setpoint=st.none() | st.floats(-1e6, 1e6),
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(
    profile=profiles,
    evse_id=st.integers(0, 2),
    at_start=st.booleans(),
    phases=st.sampled_from(list(Phases)),
)
def test_g5_nobody_puts_more_than_its_safe_power_over_the_lease(
    profile: ChargingProfile, evse_id: int, at_start: bool, phases: Phases
) -> None:
    """Judged by what a station would draw that multiplies amperes by its own voltage, up to 10% high."""
    fleet = Fleet()
    evse = fleet.station(CP1).evse(1)
    evse.place = EvsePlace(bus="1", phases=phases, max_power_w=RATING_W)
    guard = PowerGuard(fleet, lambda _key, _place: SAFE_W)
    command = SetChargingProfile(evse_id=evse_id, profile=profile)
    if at_start:
        token = IdToken(value="AB")
        command = RemoteStart(token=token, evse_id=evse_id or None, profile=profile)  # type: ignore[assignment]
    try:
        guard.check(CP1, command)
    except InvalidInput:
        return
    if evse_id == 2:
        return  # an EVSE that does not stand on the feeder
    scale = 1.0 if profile.unit is RateUnit.W else 1.1 * 230.0 * phases.n_phases
    for period in profile.periods:
        told = [x for x in (period.limit, period.setpoint) if x is not None]
        assert told
        assert min(told) * scale <= SAFE_W + 1.1
