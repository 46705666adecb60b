"""G8: whoever commands a whole fleet needs a second person."""

from __future__ import annotations

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.api.app import create_api
from csms.domain.commands import GetReport, Reset
from csms.domain.errors import InvalidInput
from csms.domain.records import StationRecord
from csms.ids import StationId
from csms.services.api_keys import Role
from csms.services.fleet_brake import ALONE_FRAC, ALONE_LEAST, WINDOW_S, FleetBrake
from tests.unit.api.fakes import make_site
from tests.unit.services.fakes import FakeClock

PEOPLE = ["key:ann", "login:ann", "key:bob"]
events = st.one_of(
    st.tuples(st.just("reset"), st.sampled_from(PEOPLE), st.integers(0, 60)),
    st.tuples(st.just("read"), st.sampled_from(PEOPLE), st.integers(0, 60)),
    st.tuples(st.just("wait"), st.just(""), st.integers(1, 400)),
    st.tuples(st.just("release"), st.sampled_from(PEOPLE), st.integers(0, 2)),
)


@settings(max_examples=150, deadline=None)
@given(happens=st.lists(events, min_size=30, max_size=150), fleet_size=st.integers(1, 300))
def test_g8_nobody_commands_more_than_a_part_of_the_fleet_alone(
    happens: list[tuple[str, str, int]], fleet_size: int
) -> None:
    clock = FakeClock()
    brake = FleetBrake(clock)
    alone = max(ALONE_LEAST, int(ALONE_FRAC * fleet_size))
    told: dict[str, list[tuple[float, int]]] = {"ann": [], "bob": []}
    released = dict.fromkeys(told, -1.0)
    for what, who, number in happens:
        if what == "wait":
            clock.t_s += number
            continue
        person = who.partition(":")[2]
        if what == "release":
            by = PEOPLE[number]
            try:
                brake.release(who, by)
            except InvalidInput:
                assert by.endswith(person)
            else:
                assert not by.endswith(person)
                released[person] = clock.t_s + WINDOW_S
            continue
        command = Reset() if what == "reset" else GetReport(request_id=1)
        allowed = brake.lets(who, StationId(f"CP{number}"), command, fleet_size)
        if what == "read":
            assert allowed
            continue
        recent = {station for at_s, station in told[person] if at_s > clock.t_s - WINDOW_S}
        if clock.t_s < released[person]:
            assert allowed
        elif allowed:
            assert len(recent | {number}) <= max(alone, len(recent))
        else:
            assert len(recent) >= alone
        if allowed:
            told[person].append((clock.t_s, number))


async def test_g8_over_rest() -> None:
    site = make_site()
    names = [f"CP-{i}" for i in range(ALONE_LEAST + 2)]
    for name in names:
        site.deps.fleet.station(StationId(name)).connected = True
        await site.store.commit(StationRecord(station_id=StationId(name), enabled=True))
    ann, bob = await site.key(Role.ADMIN), await site.key(Role.OPERATOR)
    viewer = await site.key(Role.VIEWER)
    transport = httpx.ASGITransport(create_api(site.deps), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://csms.test") as client:

        async def reset(name: str) -> httpx.Response:
            path = f"/v1/stations/{name}/commands"
            return await client.post(path, json={"command": "Reset"}, headers=ann)

        for name in names[:-2]:
            assert (await reset(name)).status_code == 202
        refused = await reset(names[-2])
        assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed")
        me = refused.json()["detail"].split()[0]
        asked = {"principal": me}
        for key, status in ((ann, 422), (viewer, 403), (bob, 201)):
            answer = await client.post("/v1/fleet-releases", json=asked, headers=key)
            assert answer.status_code == status
        assert (await reset(names[-2])).status_code == 202
        assert site.store.audits[-2].action == "fleet.release"
    await site.deps.desk.close()
