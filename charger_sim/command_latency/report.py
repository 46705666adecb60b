"""Figures of a measurement beside those of the model. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from charger_sim.command_latency.run import Measured, Plan
from charger_sim.command_latency.stages import (
    EMULATED,
    NETWORK,
    STAGES,
    Float,
    largest_gap,
    modelled_totals,
)

DRAWS = 200_000


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """ms."""

    p50: float
    p99: float
    p999: float


class StageReport(msgspec.Struct, frozen=True, kw_only=True):
    """``emulated``: drawn from the model's own distribution; ``modelled_ms`` is ``None`` where the
    model has no such stage."""

    name: str
    emulated: bool
    measured_ms: Percentiles
    modelled_ms: Percentiles | None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """From the command's creation in the central system until the car's converter is set.

    ``gap`` is the Kolmogorov-Smirnov distance between the two distributions, 0..1.
    """

    measured_ms: Percentiles
    modelled_ms: Percentiles
    gap: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    stations: int
    versions: tuple[str, ...]
    link: str
    commands: int
    followed: int
    loop_period_ms: float
    """Measured."""
    timer_overrun_ms: Percentiles
    """How late emulated delays ended: more than a few ms tell of a machine that is too busy."""
    api_ms: Percentiles
    """Before the first stage: the HTTP request, until the command is written down."""
    stages: tuple[StageReport, ...]
    total: Total
    measured_total_ms: tuple[float, ...]
    """Sorted."""


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """Sorted end-to-end delays, s, for plots."""

    measured_s: Float
    modelled_s: Float


def report(plan: Plan, link: str, measured: Measured, seed: int) -> tuple[Report, Curves]:
    """Raises ``ValueError`` where no command was followed."""
    if not measured.legs_s:
        raise ValueError(f"none of {measured.given} commands was followed by its car")
    rng = np.random.default_rng(seed)
    model = {
        name: delay for name, delay in measured.model.items() if plan.network or name != NETWORK
    }
    totals = sorted(sum(legs.values()) for legs in measured.legs_s)
    modelled = modelled_totals(model, rng, DRAWS)
    stages = tuple(
        StageReport(
            name=name,
            emulated=name in EMULATED and name in model,
            measured_ms=percentiles([legs[name] for legs in measured.legs_s]),
            modelled_ms=percentiles(model[name].draws(rng, DRAWS)) if name in model else None,
        )
        for name in STAGES
    )
    return Report(
        stations=plan.stations,
        versions=plan.versions,
        link=link,
        commands=measured.given,
        followed=len(measured.legs_s),
        loop_period_ms=round(1e3 * measured.loop_s, 3),
        timer_overrun_ms=percentiles(measured.overruns_s),
        api_ms=percentiles(measured.api_s),
        stages=stages,
        total=Total(
            measured_ms=percentiles(totals),
            modelled_ms=percentiles(modelled),
            gap=round(largest_gap(totals, modelled), 4),
        ),
        measured_total_ms=tuple(round(1e3 * each, 3) for each in totals),
    ), Curves(measured_s=np.asarray(totals), modelled_s=modelled)


def percentiles(values_s: Sequence[float] | Float) -> Percentiles:
    p50, p99, p999 = (round(1e3 * float(each), 3) for each in np.quantile(values_s, _QUANTILES))
    return Percentiles(p50=p50, p99=p99, p999=p999)


_QUANTILES = (0.5, 0.99, 0.999)
