"""Both publishers through their client libraries, on answers of the publishers' own form; nothing leaves the machine.

The libraries are in the extra `prices`; without it these tests are skipped.
"""

from __future__ import annotations

import io
import logging
from datetime import date
from typing import Any

import httpx
import numpy as np
import pytest

from csms.market.errors import PriceTableError
from csms.services.price_sources.delivery_day import MAX_BYTES, DaySource, NotPublished, day_bounds
from csms.services.price_sources.entsoe import MAX_REQUESTS, EntsoeSource
from csms.services.price_sources.nordpool import NordPoolSource
from tests.unit.price_sources.publications import NO_DATA, a44, intervals, price_index, price_of

TOKEN = "planted-secret-4711"
SPRING, AUTUMN, USUAL = date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1)
BEFORE_QUARTERS = date(2024, 3, 31)


class Adapter:
    """Stands in for the network below `requests`."""

    def __init__(self, *bodies: str, status: int = 200, repeat: bool = False) -> None:
        self.bodies, self.status, self.repeat = list(bodies), status, repeat
        self.asked: list[str] = []

    def send(self, request: Any, **_kwargs: Any) -> Any:
        import requests
        from urllib3 import HTTPResponse

        self.asked.append(request.url)
        body = self.bodies[0] if self.repeat else (self.bodies.pop(0) if self.bodies else NO_DATA)
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = self.status, request, request.url
        answer.headers["content-type"] = "application/xml"
        answer.raw = HTTPResponse(io.BytesIO(body.encode()), preload_content=False)
        return answer

    def close(self) -> None:
        pass


def entsoe(*bodies: str, token: str = TOKEN, **options: Any) -> tuple[EntsoeSource, Adapter]:
    pytest.importorskip("entsoe", reason="the extra `prices` is not installed")
    adapter = Adapter(*bodies, **options)
    return EntsoeSource("NL", token, adapter=adapter), adapter


def nordpool(body: bytes, status: int = 200) -> tuple[NordPoolSource, list[httpx.Request]]:
    pytest.importorskip("nordpool", reason="the extra `prices` is not installed")
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, content=body)

    return NordPoolSource("NL", transport=httpx.MockTransport(answer)), asked


def of(publisher: str, day: date, minutes: int) -> DaySource:
    if publisher == "entsoe":
        return entsoe(a44(day, minutes))[0]
    return nordpool(price_index(day, minutes))[0]


@pytest.mark.parametrize("publisher", ["entsoe", "nordpool"])
@pytest.mark.parametrize(
    ("day", "minutes", "expected"),
    [
        (USUAL, 15, 96), (SPRING, 15, 92), (AUTUMN, 15, 100),
        (BEFORE_QUARTERS, 60, 23), (date(2024, 10, 27), 60, 25), (date(2024, 6, 1), 60, 24),
    ],
)  # fmt: skip
async def test_every_interval_of_the_delivery_day_at_its_own_time(
    publisher: str, day: date, minutes: int, expected: int
) -> None:
    table = await of(publisher, day, minutes).fetch(day)
    assert len(table.price_eur_per_mwh) == expected
    assert table.step_s == 60 * minutes
    assert table.start == day_bounds(day)[0]
    assert table.price_eur_per_mwh.tolist() == [price_of(at) for at, _ in intervals(day, minutes)]


async def test_both_publishers_agree() -> None:
    ours = await of("entsoe", SPRING, 15).fetch(SPRING)
    theirs = await of("nordpool", SPRING, 15).fetch(SPRING)
    assert np.array_equal(ours.price_eur_per_mwh, theirs.price_eur_per_mwh)


async def test_a_day_that_is_not_published_says_so() -> None:
    with pytest.raises(NotPublished, match="ENTSO-E NL: nothing published for 2026-06-01"):
        await entsoe(NO_DATA)[0].fetch(USUAL)
    for body, status in ((b"", 204), (b'{"multiIndexEntries": [], "currency": "EUR"}', 200)):
        with pytest.raises(NotPublished, match="Nord Pool NL: nothing published"):
            await nordpool(body, status)[0].fetch(USUAL)


async def test_the_token_goes_to_the_publisher_and_nowhere_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    source, adapter = entsoe("<html>who are you</html>", status=401)
    with pytest.raises(PriceTableError, match="HTTP 401, the token is refused") as caught:
        await source.fetch(USUAL)
    assert TOKEN in adapter.asked[0]
    chain: BaseException | None = caught.value
    while chain is not None:
        assert chain is caught.value or chain.__suppress_context__ or TOKEN not in str(chain)
        chain = chain.__cause__
    assert TOKEN not in str(caught.value)
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(source)


async def test_without_a_token_the_message_says_where_to_put_it() -> None:
    with pytest.raises(PriceTableError, match=r"set prices\.entsoe_token"):
        await entsoe(a44(USUAL, 15), token="")[0].fetch(USUAL)


@pytest.mark.parametrize("body", ["", "<a", "{}", "<TimeSeries><Period></Period></TimeSeries>"])
async def test_an_answer_that_is_none_ends_as_a_message(body: str) -> None:
    with pytest.raises(PriceTableError, match="ENTSO-E NL: "):
        await entsoe(body)[0].fetch(USUAL)
    if body != "{}":
        with pytest.raises(PriceTableError, match="Nord Pool NL: "):
            await nordpool(body.encode() or b"[]")[0].fetch(USUAL)


async def test_answers_are_bounded_in_size_and_number() -> None:
    with pytest.raises(PriceTableError, match="more than"):
        await entsoe("x" * (MAX_BYTES + 1))[0].fetch(USUAL)
    with pytest.raises(PriceTableError, match="more than"):
        await nordpool(b" " * (MAX_BYTES + 1))[0].fetch(USUAL)
    source, adapter = entsoe(a44(USUAL, 15), repeat=True)  # a server that never says "no more"
    with pytest.raises(PriceTableError, match=f"more than {MAX_REQUESTS} requests"):
        await source.fetch(USUAL)
    assert len(adapter.asked) == MAX_REQUESTS


async def test_a_day_with_a_hole_is_refused() -> None:
    whole = a44(USUAL, 15, curve="A01")
    cut = (
        whole[: whole.index("<Point><position>41<")] + whole[whole.index("<Point><position>43<") :]
    )
    with pytest.raises(PriceTableError, match="no price for 2026-06-01T0"):
        await entsoe(cut)[0].fetch(USUAL)


async def test_an_unknown_area_lists_those_there_are() -> None:
    pytest.importorskip("nordpool", reason="the extra `prices` is not installed")
    with pytest.raises(PriceTableError, match=r"no such area; there are .*NL"):
        await NordPoolSource("XX").fetch(USUAL)
