"""G1: whatever is ordered keeps the limits, and so does every part of it that has arrived."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.safety.site import Site, ordered

SUBSETS = 6


@pytest.mark.oracle
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_g1_orders_and_every_part_of_them_keep_the_limits(seed: int) -> None:
    """When rises were cut to wait for falls, the falls were not cut in turn: V2G that was to make up for them broke the
    upper limit, alone and as ordered."""
    rng = np.random.default_rng(seed)
    site = Site(rng)
    power_w = {key: float(rng.uniform(0.0, 0.4)) * want.power_w for key, want in site.wants.items()}
    for _ in range(3):
        if site.breach_pu(power_w) > -0.0005:
            return  # out of bounds before anything was ordered
        orders = ordered(site.cycle(power_w))
        parts = [
            orders,
            {key: max(orders[key], power_w[key]) for key in orders},
            {key: min(orders[key], power_w[key]) for key in orders},
        ]
        for _ in range(SUBSETS):
            arrived = rng.random(len(orders)) < rng.random()
            parts.append(
                {
                    key: orders[key] if here else power_w[key]
                    for key, here in zip(orders, arrived, strict=True)
                }
            )
        for part in parts:
            assert site.breach_pu(part) <= 0.0
        power_w = parts[-1]  # some have not heard yet when the next cycle comes
