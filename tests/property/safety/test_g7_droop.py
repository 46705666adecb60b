"""G7: droop of a station that runs it is the station's alone: dispatch neither doubles nor undoes it.

That the curve is installed and read back: ``test_dispatch_safety.test_each_version_is_led_in_its_own_way``.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.decide import FeederDesk
from csms.dispatch.own_droop import OwnDroop
from csms.domain.der import FreqDroop
from tests.property.safety.site import Site, ordered

DROOP = FreqDroop(
    over_freq_hz=50.2, under_freq_hz=49.8, over_droop_pu=0.01, under_droop_pu=0.01, response_time_s=0.5
)  # fmt: skip


def desk_with_droop(site: Site, *, installed: bool) -> FeederDesk:
    return FeederDesk(
        site.feeder, site.places, site.desk.limits, safe_frac=0.25, ramp_w_per_min=1e9, period_s=1.0,
        droop=DROOP, own_droop=OwnDroop(lambda _key: DROOP if installed else None),
    )  # fmt: skip


@pytest.mark.oracle
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frequency_hz=st.floats(47.0, 49.7) | st.floats(50.3, 52.0))
def test_g7_what_is_ordered_does_not_depend_on_the_frequency(
    seed: int, frequency_hz: float
) -> None:
    site = Site(np.random.default_rng(seed))
    power_w = dict.fromkeys(site.places, 0.0)
    orders = {}
    for installed in (True, False):
        for hz in (50.0, frequency_hz):
            site.desk = desk_with_droop(site, installed=installed)
            orders[installed, hz] = ordered(site.cycle(power_w, frequency_hz=hz))
    assert orders[True, 50.0] == orders[True, frequency_hz]
    if (
        frequency_hz < 49.8
    ):  # stations without the curve are held back by the centre, and never lifted
        assert sum(orders[False, frequency_hz].values()) <= sum(orders[False, 50.0].values()) + 1.0
