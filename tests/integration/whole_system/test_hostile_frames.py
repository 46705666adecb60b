"""Hostile frames over the real gateway, services and store: the session lives on and nothing piles up."""

from __future__ import annotations

import gc

import msgspec
import psutil
import pytest
from websockets.exceptions import InvalidStatus

from csms.domain.commands import Trigger
from csms.ids import StationId
from tests.integration.whole_system.site import Site, raw_station
from tests.unit.ocppj.frames import HOSTILE

MIB = 1 << 20
GROWTH = 24 * MIB
"""The stations live in the measured process as well."""
VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@pytest.fixture
def hurried(site: Site) -> Site:
    """Without the pace that is kept per station, which would stretch a flood over minutes."""
    gateway = site.system.gateway
    gateway._settings = msgspec.structs.replace(gateway._settings, max_messages_per_s=1e6)
    return site


def rss() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


async def trigger(site: Site) -> str:
    record = await site.system.desk.submit(
        StationId("CS1"), Trigger(message="Heartbeat"), issued_by="test"
    )
    return (await site.system.desk.finished(record.command_id, within_s=60)).state


@VERSIONS
async def test_no_hostile_frame_ends_the_session(hurried: Site, version: str) -> None:
    async with hurried.station("CS1", version) as station:
        (link,) = hurried.system.gateway.links()
        for name, frame in HOSTILE.items():
            await station.send(frame)
            assert set(await station.ask("Heartbeat", {})) == {"currentTime"}, name
        before = rss()
        for _ in range(10):
            for frame in HOSTILE.values():
                await station.send(frame)
        assert "currentTime" in await station.ask("Heartbeat", {})
        assert await trigger(hurried) == "accepted"  # our own CALLs still find their answers
        assert rss() - before < GROWTH
        assert hurried.system.gateway.links() == [link]


@pytest.mark.parametrize(
    ("version", "frame", "n_frames"),
    [
        ("2.1", '[3,"u{n}",{{}}]', 50_000),
        ("1.6", '[3,"u{n}",{{}}]', 2_000),
        ("1.6", '[4,"u{n}","GenericError","",{{}}]', 2_000),
        ("1.6", '[5,"u{n}","GenericError","",{{}}]', 2_000),
        ("1.6", '[6,"u{n}","Heartbeat",{{}}]', 2_000),
        ("2.1", '[6,"u{n}","NotifyPeriodicEventStream",{{}}]', 2_000),
    ],
)
async def test_a_flood_of_what_nobody_asked_for_is_not_kept(
    hurried: Site, version: str, frame: str, n_frames: int
) -> None:
    async with hurried.station("CS1", version) as station:
        await station.ask("Heartbeat", {})
        before = rss()
        for n in range(n_frames):
            await station.send(frame.format(n=n))
        assert "currentTime" in await station.ask("Heartbeat", {})
        assert await trigger(hurried) == "accepted"
        assert rss() - before < GROWTH


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("CS1", "wrong-password-1"),
        ("CS1", ""),
        ("CS2", "0123456789abcdef"),
        ("unknown", "0123456789abcdef"),
    ],
)
async def test_a_wrong_password_never_reaches_the_websocket(
    site: Site, user: str, password: str
) -> None:
    await site.accept("CS1")
    with pytest.raises(InvalidStatus) as refusal:
        async with raw_station(site.port, user, password=password):
            pass
    assert refusal.value.response.status_code == 401
    assert site.system.fleet.get(StationId(user)) is None  # nothing of it is remembered
    assert [knock.claimed_id for knock in site.system.gateway.knocks.latest()] == [user]
