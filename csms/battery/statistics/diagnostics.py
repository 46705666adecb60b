"""What to look at after a fit: residuals made independent, normal scores, variance shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from csms.battery.statistics.mixed_model import MixedModelFit

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """All arrays (n_obs,), in the order of the observations unless said otherwise."""

    fitted: Float
    scaled_residual: Float  # L^-1 (y - X beta), V = L L': independent, variance 1 under the model
    normal_score: Float  # ascending
    ordered_residual: Float  # ascending, against normal_score
    shapiro_p: float
    outliers: tuple[int, ...]  # |scaled residual| beyond the Bonferroni 5% point
    variance_share: dict[str, float]  # of the variance parameters, summing to 1


def diagnose(fit: MixedModelFit) -> Diagnostics:
    """Residual diagnostics of a REML fit."""
    n = len(fit.y)
    scaled = np.linalg.solve(np.linalg.cholesky(fit.v), fit.y - fit.fitted)
    limit = float(stats.norm.isf(0.025 / n))
    variances = {
        k.name: fit.variances[k.name] * float(np.trace(k.matrix)) / n
        for k in fit.kernels
        if k.is_variance
    }
    total = sum(variances.values())
    return Diagnostics(
        fitted=fit.fitted,
        scaled_residual=scaled,
        normal_score=stats.norm.ppf((np.arange(1, n + 1) - 0.375) / (n + 0.25)),
        ordered_residual=np.sort(scaled),
        shapiro_p=float(stats.shapiro(scaled).pvalue),
        outliers=tuple(int(i) for i in np.flatnonzero(np.abs(scaled) > limit)),
        variance_share={name: v / total for name, v in variances.items()},
    )
