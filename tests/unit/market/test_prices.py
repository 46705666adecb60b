from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from csms.market.errors import PriceTableError
from csms.market.prices import read_prices_csv

HEAD = "Datetime (UTC),Price (EUR/MWhe)\n"


def table(*rows: str, head: str = HEAD, **options: object):  # type: ignore[no-untyped-def]
    return read_prices_csv(head + "\n".join(rows), **options)  # type: ignore[arg-type]


def test_unsorted_rows_are_sorted_and_counted() -> None:
    t = table("2024-01-01 02:00,30", "2024-01-01 00:00,10", "2024-01-01 01:00,20")
    assert t.price_eur_per_mwh.tolist() == [10, 20, 30]
    assert t.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert t.repairs == {"row out of order": 2}


def test_repeated_rows() -> None:
    t = table(
        "2024-01-01 00:00,10", "2024-01-01 00:00,10", "2024-01-01 01:00,20", "2024-01-01 01:00,21"
    )
    assert t.price_eur_per_mwh.tolist() == [10, 21]  # the later row stands
    assert t.repairs == {"repeated row": 1, "repeated row, other price": 1}


@pytest.mark.parametrize("price", ["", "n/a", "nan", "inf"])
def test_missing_price_is_interpolated_never_nan(price: str) -> None:
    t = table("2024-01-01 00:00,10", f"2024-01-01 01:00,{price}", "2024-01-01 02:00,30")
    assert t.price_eur_per_mwh.tolist() == [10, 20, 30]
    assert t.repairs == {"price missing": 1, "interval filled": 1}


def test_long_gap_is_refused_with_its_row() -> None:
    with pytest.raises(PriceTableError, match=r"row 4: 4 hours missing .* at most 3 are filled"):
        table(
            "2024-01-01 00:00,1", "2024-01-01 01:00,1", "2024-01-01 06:00,1", "2024-01-01 07:00,1"
        )


def test_mixed_formats_are_read_each_by_its_own_form() -> None:
    t = table("2023-01-30 22:00:00,1", "30/01/2023 23:00,2", "31/01/2023 00:00,3")
    assert t.price_eur_per_mwh.tolist() == [1, 2, 3]
    assert t.repairs == {"mixed date formats": 1}


def test_month_first_is_recognised() -> None:
    t = table("01/30/2023 22:00,1", "01/30/2023 23:00,2")
    assert t.start == datetime(2023, 1, 30, 22, tzinfo=UTC)


def test_undecided_slashed_dates_ask_for_an_answer() -> None:
    rows = ("01/02/2023 00:00,1", "01/02/2023 01:00,2")
    with pytest.raises(PriceTableError, match=r"row 2: .* may be day or month first: say which"):
        table(*rows)
    assert table(*rows, day_first=True).start == datetime(2023, 2, 1, tzinfo=UTC)


def test_contradicting_slashed_dates_name_both_rows() -> None:
    with pytest.raises(PriceTableError, match="row 2 puts the day first, row 3 the month"):
        table("30/01/2023 22:00,1", "01/30/2023 23:00,2")


@pytest.mark.parametrize(
    "rows",
    [
        ("2024-01-01 01:00,2", "2024-01-01 00:00,1"),
        ("2024-01-01 00:00,1", "2024-01-01 00:00,1", "2024-01-01 01:00,1"),
        ("2024-01-01 00:00,1", "2024-01-01 01:00,", "2024-01-01 02:00,1"),
        ("2023-01-30 22:00:00,1", "30/01/2023 23:00,2"),
    ],
)
def test_strict_refuses_what_would_be_mended(rows: tuple[str, ...]) -> None:
    with pytest.raises(PriceTableError, match="row"):
        table(*rows, strict=True)


def test_spring_and_autumn_of_local_times() -> None:
    head = "time,price\n"
    spring = table(
        "2024-03-31 01:00,1", "2024-03-31 03:00,2", "2024-03-31 04:00,3",
        head=head, zone="Europe/Amsterdam",
    )  # fmt: skip
    assert spring.price_eur_per_mwh.tolist() == [1, 2, 3]  # 23-hour day: no gap
    autumn = table(
        "2024-10-27 01:00,1", "2024-10-27 02:00,2", "2024-10-27 02:00,3", "2024-10-27 03:00,4",
        head=head, zone="Europe/Amsterdam",
    )  # fmt: skip
    assert autumn.price_eur_per_mwh.tolist() == [1, 2, 3, 4]
    assert autumn.repairs == {}
    with pytest.raises(PriceTableError, match="does not exist"):
        table("2024-03-31 02:00,1", "2024-03-31 03:00,1", head=head, zone="Europe/Amsterdam")


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(PriceTableError, match="no offset: name the time zone"):
        table("2024-01-01 00:00,1", "2024-01-01 01:00,1", head="time,price\n")


@pytest.mark.parametrize("text", ["", "Datetime (UTC),Price (EUR)\n", "a,b\n1,2\n"])
def test_empty_or_foreign_tables_are_refused(text: str) -> None:
    with pytest.raises(PriceTableError):
        read_prices_csv(text)


def test_quarter_hours_and_offsets() -> None:
    t = table("2024-01-01T00:00+01:00,1", "2024-01-01T00:15+01:00,2", head="time,price\n")
    assert (t.step_s, t.start) == (900, datetime(2023, 12, 31, 23, tzinfo=UTC))


def test_part_outside_the_table_is_refused() -> None:
    t = table("2024-01-01 00:00,1", "2024-01-01 01:00,2")
    with pytest.raises(PriceTableError, match="is not inside the table"):
        t.year(2024)
    assert np.isfinite(t.price_eur_per_mwh).all()
