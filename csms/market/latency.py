"""How long a command takes from the central system to the car, and how often it gets there. Pure.

The chain's stages are independent: their delays add, so their densities convolve; each may lose the command. The
convolution is checked by drawing the same chain at random, in the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import fftconvolve

from csms.market.errors import MarketError
from csms.market.market_rules import RULES

Float = NDArray[np.float64]
MAX_CELLS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One leg. ``shape`` "exponential" has the mean ``scale_s``; "lognormal" has the median ``scale_s`` and the
    log-standard deviation ``sigma``; "uniform" lies between 0 and ``scale_s``; "fixed" takes ``scale_s``.
    ``shift_s`` is added to each."""

    name: str
    shape: Literal["exponential", "lognormal", "uniform", "fixed"]
    scale_s: float
    source: str
    sigma: float = 0.0
    shift_s: float = 0.0
    loss: float = 0.0  # probability that the command ends here

    def cdf(self, t_s: Float) -> Float:
        after = np.maximum(t_s - self.shift_s, 0.0)
        if self.shape == "exponential":
            return np.asarray(-np.expm1(-after / self.scale_s))
        if self.shape == "lognormal":
            return np.asarray(stats.lognorm.cdf(after, self.sigma, scale=self.scale_s))
        if self.shape == "uniform":
            return np.minimum(after / self.scale_s, 1.0)
        return np.where(t_s >= self.shift_s + self.scale_s, 1.0, 0.0)

    def draw(self, rng: np.random.Generator, n: int) -> Float:
        if self.shape == "exponential":
            return self.shift_s + rng.exponential(self.scale_s, n)
        if self.shape == "lognormal":
            return self.shift_s + self.scale_s * np.exp(self.sigma * rng.standard_normal(n))
        if self.shape == "uniform":
            return self.shift_s + rng.uniform(0.0, self.scale_s, n)
        return np.full(n, self.shift_s + self.scale_s)


@dataclass(frozen=True, slots=True)
class DeadlineOdds:
    market: str
    deadline_s: float
    p_met: float


@dataclass(frozen=True, slots=True)
class LatencyStudy:
    """``p_late``: delivered, but after ``deadline_s``, or lost. Percentiles are of delivered commands."""

    preset: str
    deadline_s: float
    p_late: float
    p_lost: float
    mean_s: float
    p50_s: float
    p99_s: float
    p999_s: float
    monte_carlo_p_late: float
    monte_carlo_standard_error: float
    markets: tuple[DeadlineOdds, ...]
    stages: tuple[Stage, ...]
    t_s: Float  # (n,)
    cdf: Float  # (n,) of delivered commands


_TRIAL_LTE = "published LTE trials: means 23 to 49 ms"
_CAPTURE = "public captures of one charger and car"
_IN_THE_CAR: Final = (
    Stage(
        "wait for the charge loop",
        "uniform",
        0.131,
        f"{_CAPTURE}: one round, met at a random moment",
    ),
    Stage("SECC", "fixed", 0.019, f"{_CAPTURE}: CurrentDemand, charger's share"),
    Stage("PLC", "lognormal", 0.0069, f"{_CAPTURE}: 6.0 to 7.8 ms", sigma=0.08, loss=1e-4),
    Stage("EV", "lognormal", 0.105, f"{_CAPTURE}: CurrentDemand, car's share", sigma=0.25),
)
"""The charger asks the car nothing: a new power waits until the car's next CurrentDemandReq."""
PRESETS: Final[dict[str, tuple[float, tuple[Stage, ...]]]] = {
    "three-exponentials": (
        0.3,
        (
            Stage("first", "exponential", 0.050, "closed form"),
            Stage("second", "exponential", 0.020, "closed form"),
            Stage("third", "exponential", 0.030, "closed form"),
        ),
    ),
    "lte": (
        1.0,
        (
            Stage("CSMS", "exponential", 0.002, "make bench: decide and send"),
            Stage("TLS and LTE", "lognormal", 0.033, _TRIAL_LTE, sigma=0.35, loss=2e-3),
            Stage("OCPP in the charger", "exponential", 0.010, "assumed"),
            *_IN_THE_CAR,
        ),
    ),
    "fibre": (
        1.0,
        (
            Stage("CSMS", "exponential", 0.002, "make bench: decide and send"),
            Stage("TLS and fibre", "lognormal", 0.008, "assumed", sigma=0.3, loss=1e-5),
            Stage("OCPP in the charger", "exponential", 0.010, "assumed"),
            *_IN_THE_CAR,
        ),
    ),
}


def latency_study(
    preset: str,
    rng: np.random.Generator,
    *,
    deadline_s: float | None = None,
    draws: int = 200_000,
    dt_s: float = 1e-4,
) -> LatencyStudy:
    """Raises ``MarketError`` for an unknown preset or a grid that would be too fine."""
    if preset not in PRESETS:
        raise MarketError(f"no preset {preset!r}; there are {', '.join(PRESETS)}")
    own_deadline_s, stages = PRESETS[preset]
    limit_s = own_deadline_s if deadline_s is None else deadline_s
    t_s, cdf = compose(stages, dt_s)
    p_kept = float(np.prod([1.0 - stage.loss for stage in stages]))
    total_s = np.sum([stage.draw(rng, draws) for stage in stages], axis=0)
    met = (total_s <= limit_s) & (rng.random(draws) < p_kept)
    drawn = 1.0 - float(met.mean())
    percentile = np.interp([0.5, 0.99, 0.999], cdf, t_s)
    return LatencyStudy(
        preset=preset,
        deadline_s=limit_s,
        p_late=1.0 - p_kept * _at(t_s, cdf, limit_s),
        p_lost=1.0 - p_kept,
        mean_s=float(np.sum(np.diff(cdf, prepend=0.0) * (t_s - 0.5 * dt_s))),
        p50_s=float(percentile[0]),
        p99_s=float(percentile[1]),
        p999_s=float(percentile[2]),
        monte_carlo_p_late=drawn,
        monte_carlo_standard_error=float(np.sqrt(drawn * (1.0 - drawn) / draws)),
        markets=tuple(
            DeadlineOdds(
                name, rule.full_activation_s, p_kept * _at(t_s, cdf, rule.full_activation_s)
            )
            for name, rule in RULES.items()
        ),
        stages=stages,
        t_s=t_s,
        cdf=cdf,
    )


def compose(stages: tuple[Stage, ...], dt_s: float) -> tuple[Float, Float]:
    """(t, P(T <= t)) of the sum, on a grid of ``dt_s`` that holds all but 1e-9 of each stage's mass."""
    span_s = sum(_far(stage) for stage in stages)
    n = int(np.ceil(span_s / dt_s)) + 1
    if n > MAX_CELLS:
        raise MarketError(
            f"{span_s:.1f} s in steps of {dt_s} s is too fine: at most {MAX_CELLS} cells"
        )
    edges: Float = np.linspace(0.0, dt_s * n, n + 1)
    mass: Float | None = None
    for stage in stages:
        cells = np.diff(stage.cdf(edges))
        cells[0] += float(stage.cdf(edges[:1])[0])
        mass = cells if mass is None else np.maximum(fftconvolve(mass, cells)[:n], 0.0)
    if mass is None:
        raise MarketError("a chain needs at least one stage")
    # k stages of midpoints: the mass of cell i sits at (i + k/2) dt, its distribution half a cell later
    t_s: Float = edges[:-1] + dt_s * 0.5 * (len(stages) + 1)
    return t_s, np.asarray(np.minimum(np.cumsum(mass), 1.0), np.float64)


def trials_without_failure(reliability: float, confidence: float) -> int:
    """How many trials without a failure it takes to claim ``reliability`` at ``confidence``."""
    return int(np.ceil(np.log(1.0 - confidence) / np.log(reliability)))


def _far(stage: Stage) -> float:
    if stage.shape == "exponential":
        reach_s = 21.0 * stage.scale_s
    elif stage.shape == "lognormal":
        reach_s = stage.scale_s * float(np.exp(6.0 * stage.sigma))
    else:
        reach_s = stage.scale_s
    return stage.shift_s + reach_s


def _at(t_s: Float, cdf: Float, at_s: float) -> float:
    return float(np.interp(at_s, t_s, cdf, left=0.0))
