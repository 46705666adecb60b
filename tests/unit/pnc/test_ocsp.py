"""Asking about revocation: cached until it ends, only where allowed, never longer than allowed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from csms.pnc.http import HttpAnswer
from csms.pnc.ocsp import LEFT_ALONE_S, OcspLookup
from csms.pnc.ocsp_cache import OcspCache, ends_at
from pki.hash_data import HashData, hash_data, ocsp_request
from pki.issue import Pki
from pki.ocsp import ANSWER_VALIDITY, Responder
from pki.profiles import Role, Suite
from tests.unit.pki.support import NOW, OCSP_URL, new_pki, shared_credential, shared_pki
from tests.unit.pnc.support import Clock, FakeHttp, ok

HOST = "ocsp.example.com"


def contract() -> tuple[Pki, HashData]:
    issued = shared_credential(Suite.ISO_2, Role.CONTRACT).issued
    return shared_pki(Suite.ISO_2), hash_data(issued.certificate, issued.intermediates[0])


def lookup(http: FakeHttp, clock: Clock, *hosts: str) -> OcspLookup:
    return OcspLookup(http, clock, hosts or (HOST,), timeout_s=1.5)


async def test_an_answer_is_asked_for_once_and_kept_until_it_ends() -> None:
    pki, data = contract()
    http, clock = FakeHttp({OCSP_URL: lambda body: ok(Responder(pki).answer(body))}), Clock()
    asking = lookup(http, clock)
    first = await asking.answer(data, (OCSP_URL,))
    clock.move(hours=11)
    assert await asking.answer(data, (OCSP_URL,)) == first
    assert len(http.asked) == 1
    clock.at = NOW + ANSWER_VALIDITY
    await asking.answer(data, (OCSP_URL,))
    assert len(http.asked) == 2


async def test_cars_that_come_together_share_one_question() -> None:
    pki, data = contract()
    http = FakeHttp({OCSP_URL: lambda body: ok(Responder(pki).answer(body))})
    asking = lookup(http, Clock())
    answers = await asyncio.gather(*(asking.answer(data, (OCSP_URL,)) for _ in range(20)))
    assert len(http.asked) == 1
    assert len(set(answers)) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/ocsp",
        "http://evil.example.com/?ocsp.example.com",
        "http://ocsp.example.com.evil.example/",
        "http://ocsp.example.com@evil.example/",
        "http://user@ocsp.example.com/",
        "file:///etc/passwd",
        "gopher://ocsp.example.com/",
        "http://[::1",
        "",
    ],
)
async def test_a_station_cannot_send_us_to_any_address(url: str) -> None:
    _, data = contract()
    http = FakeHttp()
    assert await lookup(http, Clock()).answer(data, (url,)) is None
    assert http.asked == []


async def test_a_silent_responder_is_left_alone_for_a_while() -> None:
    _, data = contract()
    http, clock = FakeHttp(), Clock()
    asking = lookup(http, clock)
    for _ in range(3):
        assert await asking.answer(data, (OCSP_URL,)) is None
    assert http.asked == [OCSP_URL]
    assert http.timeouts_s == [1.5]
    clock.move(seconds=LEFT_ALONE_S)
    await asking.answer(data, (OCSP_URL,))
    assert len(http.asked) == 2


@pytest.mark.parametrize(
    "body", [b"", b"\x30\x03\x0a\x01\x03", b"<html>", Responder(new_pki()).answer(b"?")]
)
async def test_what_is_no_successful_answer_is_none_and_not_kept(body: bytes) -> None:
    _, data = contract()
    http = FakeHttp({OCSP_URL: lambda _body: ok(body)})
    asking = lookup(http, Clock())
    assert await asking.answer(data, (OCSP_URL,)) is None
    assert await asking.answer(data, (OCSP_URL,)) is None
    assert len(http.asked) == 2
    http.answers[OCSP_URL] = lambda _body: HttpAnswer(503, b"")
    assert await asking.answer(data, (OCSP_URL,)) is None


async def test_our_own_pki_is_asked_in_process_every_time() -> None:
    pki, data = contract()
    http = FakeHttp()
    asking = OcspLookup(http, Clock(), (), timeout_s=1.5, in_process=Responder(pki).answer)
    assert await asking.answer(data, ()) is not None
    foreign = HashData("SHA256", "ab" * 32, "cd" * 32, "1")
    assert await asking.answer(foreign, (OCSP_URL,)) is None


def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago() -> None:
    pki, data = contract()
    answer = Responder(pki).answer(ocsp_request(data))
    cache = OcspCache(size=2)
    keys = [HashData("SHA256", "ab" * 32, "cd" * 32, f"{n}") for n in range(3)]
    cache.put(keys[0], answer, NOW)
    cache.put(keys[1], answer, NOW)
    assert cache.get(keys[0], NOW) is not None
    cache.put(keys[2], answer, NOW)
    assert [cache.get(key, NOW) is not None for key in keys] == [True, False, True]


def test_an_answer_ends_with_its_next_update() -> None:
    pki, data = contract()
    answer = Responder(pki).answer(ocsp_request(data))
    assert ends_at(answer, NOW) == NOW + ANSWER_VALIDITY
    assert ends_at(answer, NOW + ANSWER_VALIDITY + timedelta(seconds=1)) is None
