"""Kept days, the second source, the port that the planner asks, the command, and the posting of the price."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from csms.cli import prices as command
from csms.domain.tariff import Tariff
from csms.market.errors import PriceTableError
from csms.market.price_points import PricePoint, joined, prices_csv, table_from_points
from csms.market.prices import PriceTable, read_prices_csv
from csms.services.live import LiveBus
from csms.services.price_posting import RETRY, Markup, PricePosting
from csms.services.price_sources.delivery_day import DaySource, NotPublished, check_area
from csms.services.price_sources.published import PublishedPrices
from tests.unit.api.fakes import StepClock
from tests.unit.price_sources.publications import intervals, price_of

DAY = date(2026, 6, 1)


class Publisher:
    """Publishes the days before `until`, in memory."""

    def __init__(self, name: str, until: date = date.max, minutes: int = 15) -> None:
        self.name, self.until, self.minutes = name, until, minutes
        self.asked: list[date] = []
        self.broken = ""

    async def fetch(self, day: date) -> PriceTable:
        self.asked.append(day)
        if self.broken:
            raise PriceTableError(f"{self.name}: {self.broken}")
        if day >= self.until:
            raise NotPublished(f"{self.name}: nothing published for {day}")
        return table_from_points(
            PricePoint(start, 60 * self.minutes, price_of(start))
            for start, _ in intervals(day, self.minutes)
        )


async def test_a_day_is_fetched_once_and_kept(tmp_path: Path) -> None:
    publisher = Publisher("ENTSO-E NL")
    prices = PublishedPrices([publisher], tmp_path / "kept")
    first, name = await prices.day(DAY)
    again, kept = await prices.day(DAY)
    assert publisher.asked == [DAY]
    assert (name, kept) == ("ENTSO-E NL", "ENTSO-E NL (kept)")
    assert again.price_eur_per_mwh.tolist() == first.price_eur_per_mwh.tolist()
    (file,) = (tmp_path / "kept").iterdir()
    file.write_text(file.read_text()[:200])  # a torn file is no day
    assert (await prices.day(DAY))[0].price_eur_per_mwh.tolist() == first.price_eur_per_mwh.tolist()
    assert publisher.asked == [DAY, DAY]


async def test_the_next_source_is_asked_and_all_reasons_are_told() -> None:
    first, second = Publisher("ENTSO-E NL"), Publisher("Nord Pool NL")
    first.broken = "no answer within 20 s"
    prices = PublishedPrices([first, second])
    assert (await prices.day(DAY))[1] == "Nord Pool NL"
    second.broken = "HTTP 500"
    with pytest.raises(
        PriceTableError, match="ENTSO-E NL: no answer within 20 s; Nord Pool NL: HTTP 500"
    ):
        await prices.day(DAY)


async def test_day_ahead_reaches_as_far_as_is_published() -> None:
    prices = PublishedPrices([Publisher("X", until=date(2026, 6, 3))])
    start = datetime(2026, 6, 1, 10, 7, tzinfo=UTC)
    table = await prices.day_ahead(start, start + timedelta(days=2))
    assert table.start == datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
    assert table.times()[-1] == datetime(2026, 6, 2, 21, 45, tzinfo=UTC)  # midnight CEST
    assert table.price_eur_per_mwh.tolist() == [price_of(at) for at in table.times()]
    short = await prices.day_ahead(start, start + timedelta(minutes=1))
    assert len(short.price_eur_per_mwh) == 1
    with pytest.raises(NotPublished):
        await prices.day_ahead(start + timedelta(days=2), start + timedelta(days=3))


async def test_hours_and_quarters_join_on_the_day_the_market_changed() -> None:
    hours = await Publisher("X", minutes=60).fetch(date(2025, 9, 30))
    quarters = await Publisher("X", minutes=15).fetch(date(2025, 10, 1))
    table = joined([hours, quarters])
    assert table.step_s == 900
    assert (
        table.price_eur_per_mwh[:8].tolist()
        == [price_of(hours.start)] * 4 + [price_of(hours.start + timedelta(hours=1))] * 4
    )


T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "no price was published"),
        ([PricePoint(T0, 900, float("nan"))], "not a number"),
        ([PricePoint(T0, 60, 1.0)], "an interval of 60 s"),
        ([PricePoint(T0, 900, 1.0), PricePoint(T0, 900, 1.0)], "a second price for 2026-01-01T00"),
        ([PricePoint(T0, 900, 1.0), PricePoint(T0 + timedelta(hours=1), 900, 1.0)], "no price for"),
    ],
)
def test_points_that_make_no_table(points: list[PricePoint], message: str) -> None:
    with pytest.raises(PriceTableError, match=message):
        table_from_points(points)


@given(st.lists(st.floats(-500, 4000), min_size=2, max_size=100))
def test_a_table_written_is_the_table_read(values: list[float]) -> None:
    table = table_from_points(
        PricePoint(T0 + timedelta(minutes=15 * k), 900, v) for k, v in enumerate(values)
    )
    back = read_prices_csv(prices_csv(table), strict=True)
    assert back.start == table.start
    assert back.step_s == 900
    assert back.price_eur_per_mwh.tolist() == values


@pytest.mark.parametrize("area", ["", "../NL", "N L", "NL;x", "X" * 40])
def test_an_area_is_a_bidding_zone(area: str) -> None:
    with pytest.raises(PriceTableError, match="expected a bidding zone"):
        check_area(area)


def test_fetch_command_writes_a_file_that_studies_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, str]] = []

    def source(kind: str, area: str, _options: object) -> DaySource:
        asked.append((kind, area))
        return Publisher(f"{kind} {area}")

    monkeypatch.setattr(command, "day_source", source)
    file = tmp_path / "spring.csv"
    arguments = ["fetch", "--source", "entsoe", "--area", "NL", "--day", "2026-03-29"]
    done = CliRunner().invoke(command.app, [*arguments, "--out", str(file), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert asked == [("entsoe", "NL")]
    assert (told["intervals"], told["resolution_min"], told["hours"]) == (92, 15, 23.0)
    assert told["unit"] == "EUR/MWh"
    table = read_prices_csv(file.read_text(), strict=True)
    assert table.price_eur_per_mwh.tolist() == told["prices"]


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["--day", "tomorrow"], "Invalid isoformat", 2),
        (["--day", "2026-06-01", "--source", "oracle"], "expected entsoe or nordpool", 2),
        (["--day", "2026-06-01", "--area", "../x"], "expected a bidding zone", 1),
        (["--day", "2026-06-01", "--source", "entsoe"], "ENTSO-E NL: ", 1),
    ],
)
def test_fetch_command_says_what_is_wrong(arguments: list[str], message: str, status: int) -> None:
    done = CliRunner().invoke(command.app, ["fetch", *arguments])
    assert done.exit_code == status
    assert message in done.output


class Board:
    """Stands in for the tariff desk."""

    def __init__(self) -> None:
        self.posts: list[tuple[Decimal, Decimal]] = []

    @property
    def current(self) -> Tariff | None:
        if not self.posts:
            return None
        return Tariff(since=T0, import_per_kwh=self.posts[-1][0], export_per_kwh=self.posts[-1][1])

    async def post(
        self, import_per_kwh: Decimal, *, export_per_kwh: Decimal, actor: str, why: str
    ) -> None:
        assert (actor, why) == ("day-ahead", "X")
        self.posts.append((import_per_kwh, export_per_kwh))


async def test_the_price_is_posted_once_in_every_interval() -> None:
    board, publisher, live = Board(), Publisher("X"), LiveBus()
    clock = StepClock(datetime(2026, 6, 1, 10, 7, tzinfo=UTC))
    source = PublishedPrices([publisher])
    posting = PricePosting(board, source, Markup(0.05, 0.02, 0.9), live, clock)  # type: ignore[arg-type]
    again = await posting.post_now()
    assert again == datetime(2026, 6, 1, 10, 15, tzinfo=UTC)
    spot = price_of(datetime(2026, 6, 1, 10, 0, tzinfo=UTC)) / 1e3
    assert board.posts == [(Decimal(f"{spot + 0.07:.3f}"), Decimal(f"{spot * 0.9:.3f}"))]
    await posting.post_now()
    assert len(board.posts) == 1
    watch = live.watch("alarm")
    publisher.broken = "HTTP 500"
    clock.at = again
    assert await posting.post_now() == again + RETRY
    assert len(board.posts) == 1
    assert "the last one stands: X: HTTP 500" in (await anext(watch)).data
