"""Prices for the planner: the file re-read, bad rows, what is not published yet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csms.dispatch.planner.prices import FilePrices, quarter_prices
from csms.market.errors import PriceTableError
from csms.market.prices import PriceTable
from tests.unit.planner.cars import T0


async def at_once(work: Callable[[], Any]) -> Any:
    return work()


def table(price: list[float], step_s: int = 3600) -> PriceTable:
    return PriceTable(T0, step_s, np.array(price, float), {})


def test_hours_become_four_quarters_and_megawatt_hours_kilowatt_hours() -> None:
    found = quarter_prices(table([100.0, 50.0]), T0, 8, {})
    assert found.spot_eur_per_kwh.tolist() == [0.1] * 4 + [0.05] * 4
    assert found.known == 8


def test_five_minute_prices_are_averaged() -> None:
    found = quarter_prices(table([30.0, 60.0, 90.0], 300), T0, 1, {})
    assert found.spot_eur_per_kwh == pytest.approx([0.06])


def test_what_is_not_published_repeats_the_day_before_and_is_told_apart() -> None:
    yesterday = {T0 + timedelta(hours=-23, minutes=15 * k): 0.2 for k in range(4)}
    found = quarter_prices(table([100.0]), T0, 100, yesterday)
    assert found.known == 4
    assert found.spot_eur_per_kwh[4:8].tolist() == [0.2] * 4
    assert found.spot_eur_per_kwh[96:].tolist() == [0.1] * 4
    assert np.isfinite(found.spot_eur_per_kwh).all()


@pytest.mark.parametrize(
    ("given", "start", "words"),
    [
        (table([1.0, 2.0]), T0 + timedelta(hours=2), "bring newer ones"),
        (table([1.0, 2.0]), T0 - timedelta(hours=1), "no price for"),
        (table([1.0, 2.0], 420), T0, "does not fit quarter hours"),
        (table([1.0, 2.0], 90_000), T0, "a price every 25 h"),
    ],
)
def test_prices_that_do_not_serve_are_refused_with_a_reason(
    given: PriceTable, start: Any, words: str
) -> None:
    with pytest.raises(PriceTableError, match=words):
        quarter_prices(given, start, 4, {})


def write(path: Path, *rows: str) -> FilePrices:
    path.write_text("\n".join(["Datetime (UTC),Price", *rows]) + "\n")
    return FilePrices(path, None, at_once)


def ask(prices: FilePrices) -> PriceTable:
    return asyncio.run(prices.day_ahead(T0, T0 + timedelta(hours=36)))


GOOD = ("2026-01-05 08:00,10", "2026-01-05 09:00,20", "2026-01-05 10:00,30")


@pytest.mark.parametrize(
    ("rows", "repair"),
    [
        ((GOOD[1], GOOD[0], GOOD[2]), "row out of order"),
        ((*GOOD, GOOD[1]), "repeated row"),
        ((GOOD[0], GOOD[2], "2026-01-05 11:00,40", "2026-01-05 12:00,50"), "interval filled"),
        ((GOOD[0], "2026-01-05 09:00,", GOOD[2]), "price missing"),
        ((*GOOD, "13/01/2026 08:00,5"), "hours missing"),
    ],
    ids=["unsorted", "duplicated", "gap", "empty", "mixed"],
)
def test_bad_rows_are_mended_and_named_or_refused_with_the_row(
    tmp_path: Path, rows: tuple[str, ...], repair: str
) -> None:
    prices = write(tmp_path / "p.csv", *rows)
    if repair == "hours missing":
        with pytest.raises(PriceTableError, match=r"file p\.csv: row 5: .* hours missing"):
            ask(prices)
        return
    found = ask(prices)
    assert repair in found.repairs
    assert np.isfinite(found.price_eur_per_mwh).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column named"),
        ("Datetime (UTC),Price\n", "holds no row"),
        ("Datetime (UTC),Price\n2026-01-05 08:00,x\n2026-01-05 09:00,y\n", "fewer than two rows"),
        ("Datetime,Price\n2026-01-05 08:00,1\n2026-01-05 09:00,2\n", "name the time zone"),
        ("\x00\x01", "no column named"),
    ],
)
def test_a_file_that_is_no_price_table_is_refused_by_name(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(PriceTableError, match=rf"file p\.csv: .*{words}"):
        ask(FilePrices(tmp_path / "p.csv", None, at_once))


def test_a_missing_or_binary_file_is_a_message_too(tmp_path: Path) -> None:
    with pytest.raises(PriceTableError, match="cannot be read"):
        ask(FilePrices(tmp_path / "none.csv", None, at_once))
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PriceTableError, match="cannot be read"):
        ask(FilePrices(tmp_path / "p.csv", None, at_once))


def test_old_prices_are_refused_and_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    prices = write(path, "2026-01-04 08:00,10", "2026-01-04 09:00,20")
    with pytest.raises(PriceTableError, match="bring newer prices"):
        ask(prices)
    write(path, *GOOD)
    os.utime(path, (1, 1))
    assert ask(prices).price_eur_per_mwh.tolist() == [10.0, 20.0, 30.0]
