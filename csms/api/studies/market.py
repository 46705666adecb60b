"""Studies of tariffs, prices, bids, robust schedules and savings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.studies.sample_data import SAMPLE_CARS, sample_errors, sample_plug_in
from csms.api.studies.sample_prices import YEAR as SAMPLE_YEAR
from csms.api.studies.sample_prices import sample_prices
from csms.api.studies.study import LazyPlots, Params, Study, StudyError, all_figures, text_of
from csms.api.studies.tables import read_column, read_matrix
from csms.battery.wear import segment_costs
from csms.market import latency, studies
from csms.market.day_ahead_study import DayAheadStudy, day_ahead_study, read_cars_csv
from csms.market.prices import PriceTable, read_prices_csv
from csms.market.savings import SavingsStudy
from csms.market.sessions import BUILT_IN_HOME, SessionModel, read_session_model

plots = LazyPlots("market")
MAX_FILE_BYTES = 64 * 1024 * 1024
WEAR_SEGMENTS = 5


Prices = Annotated[
    str, Meta(max_length=4096, description="Day-ahead prices, CSV; without it a synthetic year.")
]
Years = Annotated[
    str, Meta(max_length=100, description="Years of the price file, separated by commas.")
]


class TouRtpParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str,
        Meta(max_length=20, description="two-state; prices: what TOU captures of a price table."),
    ] = "two-state"
    prices: Prices = ""
    years: Years = "2019,2021,2022,2024"
    zone: Annotated[str, Meta(max_length=40)] = "Europe/Amsterdam"


class StackelbergParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str,
        Meta(max_length=20, description="trap, uniform, or shifting: several hours, bilevel."),
    ] = "trap"


class NewsvendorParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str,
        Meta(max_length=20, description="normal, beta, binomial, beta-binomial, or history."),
    ] = "normal"
    data: Annotated[
        str,
        Meta(
            max_length=4096,
            description="CSV with a column plugged, one row a day (history); without it made-up days.",
        ),
    ] = ""
    vehicles: Annotated[int, Meta(ge=1, le=1_000_000, description="Of the fleet (history).")] = (
        1_000
    )
    rule: Annotated[str, Meta(max_length=40, description="Market product (history).")] = (
        "energinet-p90"
    )
    seed: Annotated[int, Meta(ge=0)] = 1
    rho: Annotated[
        float, Meta(ge=0, lt=1, description="Correlation of the vehicles (beta-binomial).")
    ] = 0.01


class RobustParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str,
        Meta(max_length=20, description="price-ellipsoid; coverage: a fit judged on unseen days."),
    ] = "price-ellipsoid"
    data: Annotated[
        str,
        Meta(
            max_length=4096,
            description="CSV of forecast errors, one row a day (coverage); without it made-up ones.",
        ),
    ] = ""
    alpha: Annotated[float, Meta(gt=0, lt=1, description="Share left outside (coverage).")] = 0.1
    seed: Annotated[int, Meta(ge=0)] = 1
    kappa: Annotated[float, Meta(ge=0, le=20, description="Radius of the ellipsoid.")] = 2.0


class LatencyParams(Params, frozen=True, kw_only=True):
    preset: Annotated[str, Meta(max_length=40, description="three-exponentials, lte or fibre.")] = (
        "lte"
    )
    deadline_s: Annotated[float, Meta(ge=0, le=3_600, description="0: the preset's own.")] = 0.0
    draws: Annotated[int, Meta(ge=1_000, le=5_000_000, description="Of the Monte-Carlo check.")] = (
        200_000
    )
    seed: Annotated[int, Meta(ge=0)] = 1


class SavingsParams(Params, frozen=True, kw_only=True):
    prices: Prices = ""
    years: Years = "2019,2021,2022,2024"
    sessions: Annotated[
        str, Meta(max_length=4096, description="Folder with arrival, stay and energy tables.")
    ] = ""
    place: Annotated[
        str, Meta(max_length=20, description="private, public or workplace (session tables).")
    ] = "private"
    zone: Annotated[str, Meta(max_length=40)] = "Europe/Amsterdam"
    cars: Annotated[int, Meta(ge=1, le=500)] = 20
    days: Annotated[int, Meta(ge=0, le=366, description="0: whole years.")] = 0
    seed: Annotated[int, Meta(ge=0)] = 1


class DayAheadParams(Params, frozen=True, kw_only=True):
    prices: Prices = ""
    day: Annotated[
        str, Meta(max_length=10, description="First day of the table's prices used; its first.")
    ] = ""
    hours: Annotated[int, Meta(ge=1, le=48)] = 24
    cars: Annotated[
        str,
        Meta(
            max_length=4096,
            description="CSV: arrive_h, depart_h, energy_kwh, target_kwh, capacity_kwh, charger_kw.",
        ),
    ] = ""
    limit_kw_per_car: Annotated[float, Meta(gt=0, le=1_000)] = 3.0
    discharge: Annotated[bool, Meta(description="May they feed back.")] = True
    seed: Annotated[int, Meta(ge=0, description="Of the made-up cars.")] = 1


@dataclass(frozen=True, slots=True)
class SavingsByYear:
    by_year: dict[str, SavingsStudy]
    prices: str
    sessions: str
    repairs: dict[str, int]


def _read(path: Path) -> str:
    if not path.is_file():
        raise StudyError(f"{path} is no file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise StudyError(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return path.read_text(encoding="utf-8")


def run_savings(params: SavingsParams) -> SavingsByYear:
    tables, source, repairs = _price_years(params)
    model = _session_model(params)
    wear = segment_costs(WEAR_SEGMENTS).tolist()
    by_year = {
        year: studies.savings_study(
            table, np.random.default_rng(params.seed), wear_eur_per_kwh=wear, model=model,
            n_cars=params.cars, n_days=params.days or None, zone=params.zone,
        )
        for year, table in tables.items()
    }  # fmt: skip
    return SavingsByYear(by_year, source, model.source, repairs)


def _price_years(params: SavingsParams) -> tuple[dict[str, PriceTable], str, dict[str, int]]:
    if not params.prices:
        return {"synthetic": sample_prices()}, "synthetic, the project's own", {}
    table = read_prices_csv(_read(Path(params.prices)))
    years = _years(params.years)
    return {str(year): table.year(year) for year in years}, params.prices, table.repairs


def _years(text: str) -> list[int]:
    try:
        return [int(year) for year in text.split(",")]
    except ValueError:
        raise StudyError(f"years: {text!r}, expected such as 2019,2021") from None


def run_tou_rtp(params: TouRtpParams) -> studies.TouRtpStudy | studies.PriceShareStudy:
    if params.preset != "prices":
        return studies.tou_rtp_study(params.preset)
    if not params.prices:
        return studies.price_share_study(sample_prices(), [SAMPLE_YEAR], zone=params.zone)
    table = read_prices_csv(_read(Path(params.prices)))
    return studies.price_share_study(table, _years(params.years), zone=params.zone)


def run_stackelberg(params: StackelbergParams) -> studies.StackelbergStudy | studies.ShiftingStudy:
    if params.preset == "shifting":
        return studies.shifting_study()
    return studies.stackelberg_study(params.preset)


def run_newsvendor(params: NewsvendorParams) -> studies.NewsvendorStudy | studies.HistoryBidStudy:
    if params.preset != "history":
        return studies.newsvendor_study(params.preset, rho=params.rho)
    if params.data:
        plugged = read_column(text_of("data", params.data), "plugged", whole=True).astype(np.int64)
    else:
        plugged = sample_plug_in(np.random.default_rng(params.seed), params.vehicles)
    return studies.history_bid_study(plugged, params.vehicles, rule=params.rule)


def run_robust(params: RobustParams) -> studies.RobustStudy | studies.CoverageStudy:
    if params.preset != "coverage":
        return studies.robust_study(params.preset, kappa=params.kappa)
    if params.data:
        errors = read_matrix(text_of("data", params.data))
    else:
        errors = sample_errors(np.random.default_rng(params.seed))
    return studies.coverage_study(errors, alpha=params.alpha)


def run_day_ahead(params: DayAheadParams) -> DayAheadStudy:
    table = read_prices_csv(_read(Path(params.prices))) if params.prices else sample_prices()
    start = table.start
    if params.day:
        try:
            start = datetime.fromisoformat(params.day).replace(tzinfo=UTC)
        except ValueError:
            raise StudyError(f"day: {params.day!r}, expected such as 2024-06-01") from None
    part = table.between(start, start + timedelta(hours=params.hours))
    cars = read_cars_csv(text_of("cars", params.cars) if params.cars else SAMPLE_CARS)
    return day_ahead_study(
        cars, part.price_eur_per_mwh / 1e3, part.step_s / 3600.0, segment_costs(WEAR_SEGMENTS),
        limit_kw_per_car=params.limit_kw_per_car, discharge=params.discharge,
    )  # fmt: skip


def _session_model(params: SavingsParams) -> SessionModel:
    if not params.sessions:
        return BUILT_IN_HOME
    folder = Path(params.sessions)
    return read_session_model(
        _read(folder / "distribution-of-arrival.csv"),
        _read(folder / "distribution-of-connection-time.csv"),
        _read(folder / "distribution-of-energy-demand.csv"),
        column=params.place,
        source=f"{folder.name}, {params.place}",
    )


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "tou-rtp", "Time-of-use against real-time prices: welfare, surplus, dead-weight loss.",
        TouRtpParams, run_tou_rtp, all_figures, plots.plot_tariffs, files=("prices",),
    ),
    Study(
        "stackelberg", "The price that earns most when drivers answer it.",
        StackelbergParams, run_stackelberg, all_figures, plots.plot_posted_price,
    ),
    Study(
        "newsvendor", "How much capacity to bid when availability is uncertain.",
        NewsvendorParams, run_newsvendor, all_figures, plots.plot_bid, files=("data",),
    ),
    Study(
        "robust", "A schedule protected against an ellipsoid of prices.",
        RobustParams, run_robust, all_figures, plots.plot_uncertainty, files=("data",),
    ),
    Study(
        "day-ahead", "One day planned for a table of cars: cost, wear, departures that fail.",
        DayAheadParams, run_day_ahead, all_figures, plots.plot_day_ahead, files=("prices", "cars"),
    ),
    Study(
        "latency", "End-to-end latency and reliability of a command, against each market's deadline.",
        LatencyParams,
        lambda p: latency.latency_study(
            p.preset, np.random.default_rng(p.seed), deadline_s=p.deadline_s or None, draws=p.draws
        ),
        all_figures, plots.plot_latency,
    ),
    Study(
        "savings", "What smart charging and V2G save, per car and year.",
        SavingsParams, run_savings, all_figures, lambda study: plots.plot_savings(study.by_year),
        files=("prices", "sessions"),
    ),
)  # fmt: skip
