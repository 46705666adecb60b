"""What must hold for any history."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.battery.degradation import advance, health, new_fleet
from csms.battery.packs import PACKS

seeds = st.integers(0, 2**32 - 1)
packs = st.sampled_from(sorted(PACKS))


@given(seed=seeds, pack=packs, cut=st.integers(1, 199))
@settings(max_examples=60, deadline=None)
def test_a_history_in_two_parts_is_one_history(seed: int, pack: str, cut: int) -> None:
    rng = np.random.default_rng(seed)
    soc = np.round(rng.uniform(0, 1, (2, 200)), int(rng.integers(0, 4)))  # with plateaus and ties
    temp = rng.uniform(-20, 60, 200)
    whole = advance(new_fleet(pack, 2), soc, temp, 0.5)
    parts = advance(new_fleet(pack, 2), soc[:, :cut], temp[:cut], 0.5)
    parts = advance(parts, soc[:, cut:], temp[cut:], 0.5)
    np.testing.assert_allclose(parts.accumulators, whole.accumulators, rtol=1e-9, atol=1e-12)


@given(seed=seeds, pack=packs)
@settings(max_examples=40, deadline=None)
def test_capacity_never_comes_back(seed: int, pack: str) -> None:
    rng = np.random.default_rng(seed)
    state, last = new_fleet(pack, 3), np.ones(3)
    for _ in range(5):
        soc = np.clip(np.cumsum(rng.normal(0, 0.1, (3, 150)), axis=1) + 0.5, 0, 1)
        state = advance(state, soc, rng.uniform(0, 45, 150), 1.0)
        now = health(state)
        assert np.isfinite(now.capacity_frac).all()
        assert (now.calendar_loss_frac >= 0).all()
        assert (state.accumulators[:, 0] > 0).all()
        assert (now.capacity_frac <= last + 1e-3).all()  # open cycles are settled at half
        last = now.capacity_frac
