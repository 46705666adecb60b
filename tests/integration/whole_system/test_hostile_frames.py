"""Hostile frames over the real gateway, services and store: the session lives on and nothing piles up."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import psutil
import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.whole_system.site import RawStation, Site, boot_of, raw_station
from tests.unit.ocppj.frames import HOSTILE

MIB = 1 << 20
ROUNDS = 20
UNSOLICITED = 50_000


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_no_hostile_frame_ends_the_session(site: Site, version: str) -> None:
    async with site.station("CS1", version) as station:
        for name, frame in HOSTILE.items():
            await _say(station, frame)
            answer = await station.ask("Heartbeat", {})
            assert set(answer) == {"currentTime"}, name
        epoch = site.system.gateway.links()[0].epoch
        gc.collect()
        before = psutil.Process().memory_info().rss
        for frame in _again():
            await _say(station, frame)
        assert "currentTime" in await station.ask("Heartbeat", {})
        gc.collect()
        grown = psutil.Process().memory_info().rss - before
        assert grown < 24 * MIB  # the client lives in this process as well
        assert site.system.gateway.links()[0].epoch == epoch  # the same connection throughout


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_unsolicited_answers_are_not_kept(site: Site, version: str) -> None:
    async with site.station("CS1", version) as station:
        await station.ask("Heartbeat", {})
        gc.collect()
        before = psutil.Process().memory_info().rss
        for n in range(UNSOLICITED):
            await station.send(f'[3,"u{n}",{{}}]')
        assert "currentTime" in await station.ask("Heartbeat", {})
        record = await site.system.desk.submit(
            station_id(station), _heartbeat_trigger(), issued_by="test"
        )
        final = await site.system.desk.finished(record.command_id, within_s=60)
        assert final.state == "accepted"  # CALLs of ours still find their answers
        gc.collect()
        assert psutil.Process().memory_info().rss - before < 24 * MIB


def station_id(_station: RawStation):  # type: ignore[no-untyped-def]
    from csms.ids import StationId

    return StationId("CS1")
