"""Split-plot ageing experiments: the chamber temperature is the whole plot, the V2G profile the subplot.

A chamber holds one temperature for all cells in it, so temperatures are compared between chamber
runs and profiles within one. Power by the non-central F of the balanced design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from csms.battery.errors import ExperimentError

MAX_CELLS = 10_000


@dataclass(frozen=True, slots=True)
class Placement:
    """One cell: in which chamber run, in which slot, at which levels."""

    run: int  # 1-based order of the chamber runs
    slot: int  # 1-based slot inside the chamber
    whole_level: str
    sub_level: str


@dataclass(frozen=True, slots=True)
class SplitPlotDesign:
    """A randomised plan and the degrees of freedom of its tests."""

    placements: tuple[Placement, ...]
    n_runs: int
    n_cells: int
    df: dict[str, tuple[int, int]]  # test -> (numerator, denominator)


@dataclass(frozen=True, slots=True)
class Power:
    """Chance of finding a difference of `difference` between two levels, the others midway."""

    difference: float
    whole: float
    sub: float
    interaction: float


def design(
    whole_levels: Sequence[str],
    sub_levels: Sequence[str],
    *,
    replicates: int,
    rng: np.random.Generator,
) -> SplitPlotDesign:
    """Randomise runs over whole-plot levels and slots over subplot levels.

    `replicates`: chamber runs per whole-plot level. Raises ExperimentError for fewer than two levels
    or replicates: without a second run the chamber cannot be told from the temperature.
    """
    df = _degrees(len(whole_levels), len(sub_levels), replicates)
    if len(whole_levels) * len(sub_levels) * replicates > MAX_CELLS:
        raise ExperimentError(f"more than {MAX_CELLS} cells")
    runs = np.repeat(np.arange(len(whole_levels)), replicates)
    rng.shuffle(runs)
    placements = [
        Placement(run, slot, whole_levels[int(level)], sub_levels[int(sub)])
        for run, level in enumerate(runs, 1)
        for slot, sub in enumerate(rng.permutation(len(sub_levels)), 1)
    ]
    return SplitPlotDesign(tuple(placements), len(runs), len(placements), df)


def power(
    n_whole: int,
    n_sub: int,
    *,
    replicates: int,
    difference: float,
    sd_whole: float,
    sd_sub: float,
    alpha: float = 0.05,
) -> Power:
    """Power of the three tests for a `difference` in the unit of the standard deviations."""
    if sd_sub <= 0.0 or sd_whole < 0.0 or not 0.0 < alpha < 1.0:
        raise ExperimentError("need sd_sub > 0, sd_whole >= 0 and 0 < alpha < 1")
    df = _degrees(n_whole, n_sub, replicates)
    spread = difference**2 / 2.0  # sum of squared effects: two levels apart, the rest midway
    ncp = {
        "whole": replicates * n_sub * spread / (n_sub * sd_whole**2 + sd_sub**2),
        "sub": replicates * n_whole * spread / sd_sub**2,
        "interaction": replicates * spread / sd_sub**2,
    }
    found = {
        name: float(stats.ncf.sf(stats.f.isf(alpha, *df[name]), *df[name], ncp[name]))
        if ncp[name] > 0.0
        else alpha
        for name in ncp
    }
    return Power(difference, found["whole"], found["sub"], found["interaction"])


def _degrees(n_whole: int, n_sub: int, replicates: int) -> dict[str, tuple[int, int]]:
    if n_whole < 2 or n_sub < 2 or replicates < 2:
        raise ExperimentError(
            f"{n_whole} whole-plot levels, {n_sub} subplot levels, {replicates} runs per level:"
            " each must be at least 2"
        )
    within = n_whole * (replicates - 1) * (n_sub - 1)
    return {
        "whole": (n_whole - 1, n_whole * (replicates - 1)),
        "sub": (n_sub - 1, within),
        "interaction": ((n_whole - 1) * (n_sub - 1), within),
    }
