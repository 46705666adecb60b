"""Deny by default: every route, every role; keys, sessions, brakes."""

from __future__ import annotations

import hashlib

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from csms.api.access import PUBLIC_PATHS, refuse_open_routes, role_of
from csms.api.sessions import COOKIE, FailureBrake, OneTimePasswords, Sessions
from csms.services.api_keys import Role
from tests.unit.api.fakes import Site, StepClock

FILL = {
    "kind": "agc",
    "name": "powerflow",
    "station_id": "CP-1",
    "command_id": "none",
    "transaction_id": "tx",
    "evse_id": "1",
    "version": "2.0.1",
    "action": "Reset",
    "key_id": "00",
    "token": "DRIVER",
}


def routes(app: FastAPI) -> list[tuple[str, str, Role]]:
    found = []
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path not in PUBLIC_PATHS:
            role = role_of(route)
            assert role is not None, route.path
            found += [(method, route.path.format(**FILL), role) for method in route.methods or ()]
    return found


async def test_every_route_refuses_a_caller_without_a_key(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    tried = routes(app)
    assert len(tried) > 25
    for method, path, _role in tried:
        answer = await client.request(method, path)
        page = answer.status_code == 303 and answer.headers["location"] == "/login"
        assert answer.status_code == 401 or page, (method, path, answer.status_code)


async def test_every_route_refuses_a_role_below_its_own(
    site: Site, app: FastAPI, client: httpx.AsyncClient
) -> None:
    keys = {role: await site.key(role) for role in Role}
    before = len(site.store.audits)
    for method, path, needed in routes(app):
        for role in Role:
            if not role.covers(needed):
                answer = await client.request(method, path, headers=keys[role])
                assert answer.status_code == 403, (method, path, role)
                assert answer.json()["code"] == "role_too_low"
    assert len(site.store.audits) == before


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ({"command": "Reset"}, Role.OPERATOR),
        ({"command": "ClearChargingProfile"}, Role.GRID_OPERATOR),
        ({"command": "ClearDerControl", "is_default": True}, Role.GRID_OPERATOR),
        ({"command": "RawCall", "action": "Reset", "payload": {}}, Role.ADMIN),
        ({"command": "SetVariables", "values": []}, Role.ADMIN),
    ],
)
async def test_a_command_needs_its_own_role(
    site: Site, client: httpx.AsyncClient, command: dict[str, object], needed: Role
) -> None:
    for role in Role:
        answer = await client.post(
            "/v1/stations/CP-1/commands", json=command, headers=await site.key(role)
        )
        assert answer.status_code == (202 if role.covers(needed) else 403), role


def test_a_route_without_a_role_cannot_be_built(app: FastAPI) -> None:
    @app.get("/v1/open")
    async def open_route() -> None: ...

    with pytest.raises(RuntimeError, match="/v1/open asks for no role"):
        refuse_open_routes(app)


async def test_keys_are_kept_as_hashes_and_a_wrong_secret_is_refused(
    site: Site, client: httpx.AsyncClient
) -> None:
    made = await site.deps.access.keys.create(Role.VIEWER)
    key_id, secret = made.plaintext.split(".")
    assert len(secret) == 43  # 256 bits
    assert made.record.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(site.store.by_key)
    for wrong in (f"{key_id}.{secret[:-1]}", f"{key_id}.", secret, f"0000.{secret}", "x" * 5_000):
        answer = await client.get("/v1/stations", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401, wrong
        assert wrong[:20] not in answer.text
    basic = await client.get("/v1/stations", headers={"Authorization": f"Basic {made.plaintext}"})
    assert basic.status_code == 401


async def test_a_revoked_key_ends_at_once(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    made = (await client.post("/v1/api-keys", json={"role": "viewer"}, headers=admin)).json()
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    assert (await client.get("/v1/stations", headers=headers)).status_code == 200
    cookie = site.deps.access.sessions.issue(made["key_id"], Role.VIEWER, key_id=made["key_id"])
    client.cookies.set(COOKIE, cookie)
    assert (await client.get("/")).status_code == 200
    await client.post(f"/v1/api-keys/{made['key_id']}/revoke", headers=admin)
    assert (await client.get("/v1/stations", headers=headers)).status_code == 401
    assert (await client.get("/")).status_code == 303
    again = await client.post(f"/v1/api-keys/{made['key_id']}/revoke", headers=admin)
    assert again.status_code == 422


async def test_guessing_is_slowed_down_and_then_forgiven(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    wrong = {"Authorization": "Bearer 00.11"}
    codes = [(await client.get("/v1/stations", headers=wrong)).status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    site.clock.mono_s += 61
    assert (await client.get("/v1/stations", headers=admin)).status_code == 200


def test_the_brake_forgets_old_addresses_before_it_grows() -> None:
    brake = FailureBrake(StepClock(), per_min=1, max_addresses=3)
    for address in "abcd":
        brake.failed(address)
    assert [brake.retry_after_s(address) > 0 for address in "abcd"] == [False, True, True, True]


def test_a_session_cannot_be_forged_shared_or_outlived() -> None:
    clock = StepClock()
    mine = Sessions(clock, _bytes, lifetime_s=60)
    other = Sessions(clock, lambda n: b"z" * n, lifetime_s=60)
    cookie = mine.issue("me", Role.VIEWER)
    session = mine.read(cookie)
    assert session is not None
    assert session.role is Role.VIEWER
    body, _, signature = cookie.partition(".")
    assert other.read(cookie) is None
    for forged in ("", ".", body, f"{body[:-2]}AA.{signature}", cookie + "x", "é.é", "x" * 9_999):
        assert mine.read(forged) is None
    clock.mono_s += 61
    assert mine.read(cookie) is None


def _bytes(count: int) -> bytes:
    return b"k" * count


def test_a_one_time_password_opens_once_and_expires() -> None:
    clock = StepClock()
    passwords = OneTimePasswords(clock, lambda n: bytes(range(n)), valid_s=60)
    first = passwords.issue(Role.ADMIN)
    assert passwords.redeem("wrong") is None
    assert passwords.redeem(f" {first.upper()} ") is Role.ADMIN
    assert passwords.redeem(first) is None
    late = passwords.issue(Role.ADMIN)
    clock.mono_s += 61
    assert passwords.redeem(late) is None
