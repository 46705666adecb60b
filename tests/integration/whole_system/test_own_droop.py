"""A loss of generation on a feeder whose bidirectional chargers all stand on one phase, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.whole_system.virtual import V_MIN_PU, VirtualSite, on_virtual_site

LOSS_S, EVENT_OVER_S = 20.0, 45.0


@pytest.mark.parametrize("phase", ["a", "b", "c"])
def test_what_droop_feeds_back_on_one_phase_breaks_no_limit_on_the_others(phase: str) -> None:
    """Regression: neither the AC check nor the measured bias expected the chargers' own droop. Ten of them that fed
    back on one phase brought another one to 0.883 pu, for seconds."""

    async def course(site: VirtualSite) -> tuple[float, float, float]:
        await asyncio.sleep(LOSS_S + EVENT_OVER_S)
        record = site.swarm.world.record
        return record.lowest_after_grace_v_pu, record.droop_peak_w, record.ev_wh

    lowest_v_pu, droop_w, served_wh = on_virtual_site(
        course, n_stations=30, feeder="european-lv", events=True, bidirectional_on=phase
    )
    assert droop_w > 40e3  # they did respond
    assert lowest_v_pu >= V_MIN_PU
    assert served_wh > 1_900.0  # by no more than 12% less than without counting it


def test_cars_under_droop_keep_their_wishes() -> None:
    """Regression: what a station's droop took off was read as a car that takes no more; its wish sank to a few kW and
    came back by and by, after the event."""

    async def wishes(site: VirtualSite) -> tuple[float, list[float], list[float]]:
        await asyncio.sleep(LOSS_S - 1.0)
        before = [site.decided(k).wanted_w for k in site.of_version("2.1")]
        lowest_hz, least = 50.0, list(before)
        for _ in range(20):
            await asyncio.sleep(1.0)
            now = [site.decided(k).wanted_w for k in site.of_version("2.1")]
            least = [min(pair) for pair in zip(least, now, strict=True)]
            lowest_hz = min(lowest_hz, site.swarm.world.frequency.f_hz)
        return lowest_hz, before, least

    lowest_hz, before, least = on_virtual_site(
        wishes, n_stations=12, feeder="european-lv", events=True
    )
    assert lowest_hz < 49.65
    assert min(before) > 0.0
    assert least == before
