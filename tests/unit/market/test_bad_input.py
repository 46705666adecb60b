"""Bad tables through the command, as a person gives them: a clear message or a stated repair, never a NaN."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.cli.run import Ended, csms

HEAD = "Datetime (UTC),Price (EUR/MWhe)"


def price_rows() -> list[tuple[str, float]]:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return [
        (f"{start + timedelta(hours=k):%Y-%m-%d %H:%M}", 60.0 + 30.0 * (k % 24 > 16))
        for k in range(8784)
    ]


def written(folder: Path, rows: list[str], head: str = HEAD, name: str = "prices.csv") -> str:
    file = folder / name
    file.write_text("\n".join([head, *rows]) + "\n")
    return str(file)


def lines(rows: list[tuple[str, float]]) -> list[str]:
    return [f"{at},{price}" for at, price in rows]


def savings(file: str) -> Ended:
    return csms(
        "study",
        "savings",
        "--prices",
        file,
        "--years",
        "2024",
        "--days",
        "3",
        "--cars",
        "2",
        "--json",
    )


def finite(done: Ended) -> dict:  # type: ignore[type-arg]
    """The JSON, in which no NaN may stand."""
    assert done.returncode == 0, done.stderr

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in the answer")

    return dict(json.loads(done.stdout, parse_constant=refuse))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict:  # type: ignore[type-arg]
    file = written(tmp_path_factory.mktemp("clean"), lines(price_rows()))
    return dict(finite(savings(file))["by_year"]["2024"])


def test_unsorted_and_duplicated_rows_change_nothing(tmp_path: Path, clean: dict) -> None:  # type: ignore[type-arg]
    rows = lines(price_rows())
    rows[5], rows[9] = rows[9], rows[5]
    rows.insert(40, rows[40])
    told = finite(savings(written(tmp_path, rows)))
    assert told["repairs"]["row out of order"] >= 1
    assert told["repairs"]["repeated row"] == 1
    assert told["by_year"]["2024"] == clean


def test_a_missing_price_is_interpolated_and_counted(tmp_path: Path, clean: dict) -> None:  # type: ignore[type-arg]
    rows = lines(price_rows())
    rows[30] = rows[30].split(",")[0] + ","
    told = finite(savings(written(tmp_path, rows)))
    assert told["repairs"] == {"price missing": 1, "interval filled": 1}
    assert told["by_year"]["2024"]["rtp"]["cost_eur"] == pytest.approx(
        clean["rtp"]["cost_eur"], rel=0.05
    )


def test_a_day_of_missing_rows_is_refused_with_its_row(tmp_path: Path) -> None:
    rows = lines(price_rows())
    done = savings(written(tmp_path, rows[:100] + rows[124:]))
    assert done.returncode == 2
    assert "row 102: 24 hours missing" in done.stderr


def test_mixed_date_formats_are_read_each_by_its_own(tmp_path: Path, clean: dict) -> None:  # type: ignore[type-arg]
    rows = lines(price_rows())
    for k in range(700, 744):  # the end of January: the day exceeds 12
        at, price = rows[k].split(",")
        rows[k] = f"{datetime.fromisoformat(at):%d/%m/%Y %H:%M},{price}"
    told = finite(savings(written(tmp_path, rows)))
    assert told["repairs"] == {"mixed date formats": 1}
    assert told["by_year"]["2024"] == clean


def test_a_singular_covariance_names_the_fallback(tmp_path: Path) -> None:
    file = written(tmp_path, ["1,2,3"] * 60, head="h1,h2,h3", name="errors.csv")
    done = csms("study", "robust", "--preset", "coverage", "--data", file, "--json")
    assert done.returncode == 2
    assert "singular even after shrinkage" in done.stderr
    assert "use the nominal plan" in done.stderr


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "0 days of plug-in history"), (["12"], "a bid of zero is the fallback")],
)
def test_an_empty_history_bids_nothing(tmp_path: Path, rows: list[str], message: str) -> None:
    file = written(tmp_path, rows, head="plugged", name="history.csv")
    done = csms("study", "newsvendor", "--preset", "history", "--data", file, "--json")
    assert done.returncode == 2
    assert message in done.stderr
    assert "a bid of zero is the fallback" in done.stderr


@pytest.mark.parametrize("cell", ["", "many", "nan", "inf", "1.5"])
def test_a_history_cell_that_is_no_count_is_named(tmp_path: Path, cell: str) -> None:
    file = written(tmp_path, ["10", cell or '""', "12"], head="plugged", name="history.csv")
    done = csms("study", "newsvendor", "--preset", "history", "--data", file)
    assert done.returncode == 2
    assert "column plugged" in done.stderr


CARS = "arrive_h,depart_h,energy_kwh,target_kwh,capacity_kwh,charger_kw"


def test_an_infeasible_departure_gets_all_it_can_and_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, ["0,8,30,50,60,11", "6,8,10,50,60,11"], head=CARS, name="cars.csv")
    told = finite(csms("study", "day-ahead", "--cars", file, "--limit-kw-per-car", "20", "--json"))
    (missed,) = told["missed"]
    assert missed["car"] == 2
    assert missed["why"] == "stay too short"
    assert missed["missing_kwh"] == pytest.approx(40 - 2 * 11 * 0.95)
    tight = finite(csms("study", "day-ahead", "--cars", file, "--limit-kw-per-car", "1", "--json"))
    assert {m["why"] for m in tight["missed"]} >= {"feeder limit"}
    assert max(tight["planned_kw"]) <= 2.0 + 1e-6


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("8,6,30,50,60,11", "car 1: leaves at 6 h, before it arrives at 8 h"),
        ("0,8,thirty,50,60,11", "row 2, column energy_kwh: 'thirty' is no number"),
    ],
)
def test_a_car_that_cannot_be_is_named(tmp_path: Path, row: str, message: str) -> None:
    file = written(tmp_path, [row], head=CARS, name="cars.csv")
    done = csms("study", "day-ahead", "--cars", file)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_every_market_study_draws_its_result(tmp_path: Path) -> None:
    for arguments in (
        ("tou-rtp", "--preset", "prices"), ("stackelberg", "--preset", "shifting"),
        ("newsvendor", "--preset", "history"), ("robust", "--preset", "coverage"), ("day-ahead",),
    ):  # fmt: skip
        plot = tmp_path / f"{arguments[0]}.png"
        finite(csms("study", *arguments, "--json", "--plot", str(plot)))
        assert plot.read_bytes().startswith(b"\x89PNG")
