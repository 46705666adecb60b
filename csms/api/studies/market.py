"""Studies of tariffs, prices, bids, robust schedules and savings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.plots import market as plots
from csms.api.studies.sample_prices import sample_prices
from csms.api.studies.study import Params, Study, StudyError, all_figures
from csms.battery.wear import segment_costs
from csms.market import latency, studies
from csms.market.prices import PriceTable, read_prices_csv
from csms.market.savings import SavingsStudy
from csms.market.sessions import BUILT_IN_HOME, SessionModel, read_session_model

MAX_FILE_BYTES = 64 * 1024 * 1024
WEAR_SEGMENTS = 5


class TouRtpParams(Params, frozen=True, kw_only=True):
    preset: Annotated[str, Meta(max_length=20, description="two-state.")] = "two-state"


class StackelbergParams(Params, frozen=True, kw_only=True):
    preset: Annotated[str, Meta(max_length=20, description="trap or uniform.")] = "trap"


class NewsvendorParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str, Meta(max_length=20, description="normal, beta, binomial or beta-binomial.")
    ] = "normal"
    rho: Annotated[
        float, Meta(ge=0, lt=1, description="Correlation of the vehicles (beta-binomial).")
    ] = 0.01


class RobustParams(Params, frozen=True, kw_only=True):
    preset: Annotated[str, Meta(max_length=20, description="price-ellipsoid.")] = "price-ellipsoid"
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
    prices: Annotated[
        str,
        Meta(max_length=4096, description="Day-ahead prices, CSV; without it a synthetic year."),
    ] = ""
    years: Annotated[
        str, Meta(max_length=100, description="Years of the price file, separated by commas.")
    ] = "2019,2021,2022,2024"
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
    try:
        years = [int(year) for year in params.years.split(",")]
    except ValueError:
        raise StudyError(f"years: {params.years!r}, expected such as 2019,2021") from None
    return {str(year): table.year(year) for year in years}, params.prices, table.repairs


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
        TouRtpParams, lambda p: studies.tou_rtp_study(p.preset), all_figures, plots.plot_tou_rtp,
    ),
    Study(
        "stackelberg", "The price that earns most when drivers answer it.",
        StackelbergParams, lambda p: studies.stackelberg_study(p.preset), all_figures,
        plots.plot_stackelberg,
    ),
    Study(
        "newsvendor", "How much capacity to bid when availability is uncertain.",
        NewsvendorParams, lambda p: studies.newsvendor_study(p.preset, rho=p.rho), all_figures,
        plots.plot_newsvendor,
    ),
    Study(
        "robust", "A schedule protected against an ellipsoid of prices.",
        RobustParams, lambda p: studies.robust_study(p.preset, kappa=p.kappa), all_figures,
        plots.plot_robust,
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
        SavingsParams, run_savings, all_figures, lambda study: plots.plot_savings(
            next(iter(study.by_year.values()))
        ),
    ),
)  # fmt: skip
