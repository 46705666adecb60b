"""Does a model describe the data? Lack of fit against pure error, equivalence, parametric bootstrap.

The error variance comes from replicates alone (pure error), so that a misfit cannot inflate it and
hide itself: Gilmour, Goos and Grossmann, arXiv:2504.16531.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats

from csms.battery.errors import ExperimentError, NotConvergedError
from csms.battery.statistics.kenward_roger import FTest, f_test
from csms.battery.statistics.mixed_model import MixedModelFit, RandomEffect, fit_reml

Float = NDArray[np.float64]
MAX_REPLICATES = 100_000


@dataclass(frozen=True, slots=True)
class LackOfFit:
    """Test of a mean model against freely fitted means of the distinct conditions."""

    test: FTest
    pure_error_sd: float  # residual standard deviation, unit of the response
    n_conditions: int
    n_model_columns: int


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests (TOST): is the quantity inside +-margin? Schuirmann 1987."""

    estimate: float
    standard_error: float
    df: float
    margin: float  # stated beforehand, unit of the response
    p: float  # the larger of the two one-sided p values
    low_90: float  # 90% interval: inside +-margin exactly when p < 0.05
    high_90: float
    equivalent: bool  # p < alpha


@dataclass(frozen=True, slots=True)
class BootstrapTest:
    """F test whose null distribution is simulated; for 4 whole plots or fewer."""

    F: float
    p: float
    replicates: int
    failed: int  # refits that did not converge, left out


def lack_of_fit(
    y: Float, conditions: Sequence[object], model: Float, effects: Sequence[RandomEffect]
) -> LackOfFit:
    """Test that the means of the `conditions` lie in the column space of `model` (n_obs, m).

    `model` must be constant within a condition. Raises ExperimentError without replicates, or when
    the model has as many columns as there are conditions.
    """
    _, first, code = np.unique(np.asarray(conditions), return_index=True, return_inverse=True)
    model = np.asarray(model, dtype=np.float64)
    means = model[first]  # (n_cond, m)
    if not np.allclose(means[code], model):
        raise ExperimentError("the model's columns vary within a condition")
    k, m = means.shape
    if len(y) <= k:
        raise ExperimentError("no replicates: pure error cannot be estimated")
    if np.linalg.matrix_rank(means) >= k:
        raise ExperimentError(f"{m} model columns fit {k} conditions exactly: nothing to test")
    fit = fit_reml(y, np.eye(k)[code], effects)
    contrast = linalg.null_space(means.T).T
    return LackOfFit(f_test(fit, contrast), float(np.sqrt(fit.variances["residual"])), k, m)


def equivalence(
    estimate: float, standard_error: float, df: float, margin: float, *, alpha: float = 0.05
) -> Equivalence:
    """TOST of |quantity| < `margin`. Raises ExperimentError for a margin or an error not positive."""
    if margin <= 0.0 or standard_error <= 0.0 or df <= 0.0:
        raise ExperimentError("margin, standard error and degrees of freedom must be positive")
    p = max(
        float(stats.t.sf((estimate + margin) / standard_error, df)),
        float(stats.t.cdf((estimate - margin) / standard_error, df)),
    )
    half = float(stats.t.ppf(0.95, df)) * standard_error
    return Equivalence(
        estimate, standard_error, df, margin, p, estimate - half, estimate + half, p < alpha
    )


def parametric_bootstrap(
    fit: MixedModelFit,
    contrast: Float,
    effects: Sequence[RandomEffect],
    rng: np.random.Generator,
    *,
    replicates: int = 999,
) -> BootstrapTest:
    """p value of `contrast` @ beta = 0 from data simulated under the null model.

    Raises ExperimentError when more than one refit in twenty fails.
    """
    if not 1 <= replicates <= MAX_REPLICATES:
        raise ExperimentError(f"replicates must lie in 1..{MAX_REPLICATES}, not {replicates}")
    contrast = np.atleast_2d(contrast)
    observed = f_test(fit, contrast).F
    null = fit_reml(fit.y, fit.x @ linalg.null_space(contrast), effects)
    root = np.linalg.cholesky(null.v)
    exceed = failed = 0
    for _ in range(replicates):
        y = null.fitted + root @ rng.standard_normal(len(fit.y))
        try:
            exceed += observed <= f_test(fit_reml(y, fit.x, effects), contrast).F
        except (NotConvergedError, ExperimentError):
            failed += 1
    if failed > replicates / 20:
        raise ExperimentError(f"{failed} of {replicates} bootstrap refits failed")
    return BootstrapTest(observed, (1 + exceed) / (1 + replicates - failed), replicates, failed)
