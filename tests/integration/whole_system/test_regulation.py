"""An AGC signal followed by a mixed fleet on a feeder at its limit: 1.6, 2.0.1 and 2.1, in virtual time."""

from __future__ import annotations

import asyncio
import math

import numpy as np

from csms.domain.feeder_view import RegulationView
from tests.integration.whole_system.virtual import V_MIN_PU, VirtualSite, on_virtual_site

SETTLED_S = 30.0
UP_W, DOWN_W, PERIOD_S = 60e3, 60e3, 60.0


def test_the_fleet_follows_a_signal_and_the_feeder_stays_inside() -> None:
    async def run(site: VirtualSite) -> list[RegulationView]:
        system = site.system
        await asyncio.sleep(SETTLED_S)
        system.site.signals.reserve_w(UP_W, DOWN_W, system.clock.now(), None)
        await asyncio.sleep(8.0)
        seen = []
        for second in range(75):
            change_w = -UP_W * math.sin(2.0 * math.pi * second / PERIOD_S)
            system.site.signals.regulation_w(change_w, system.clock.now())
            await asyncio.sleep(1.0)
            assert system.site.view is not None
            view = system.site.view.regulation
            assert view is not None
            seen.append(view)
        assert site.lowest_after_grace_v_pu >= V_MIN_PU
        return seen

    seen = on_virtual_site(run)
    asked = np.array([view.asked_w for view in seen])
    ordered = np.array([view.ordered_w for view in seen])
    delivered = np.array([view.delivered_w for view in seen])
    assert float(np.abs(ordered - asked).mean()) < 0.1 * UP_W
    assert np.corrcoef(asked[:-3], delivered[3:])[0, 1] > 0.9
    last = seen[-1]
    assert last.delay_s is not None
    assert last.precision_frac is not None
    assert last.delay_s <= 4.0  # a command, a second of the charger, a second of its meter, a cycle
    assert last.precision_frac > 0.7
    assert last.can_up_w > UP_W
