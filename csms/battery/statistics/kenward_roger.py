"""Kenward-Roger F tests: small-sample covariance and denominator degrees of freedom.

Kenward and Roger 1997, doi:10.2307/2533558; checked against R's pbkrtest (Halekoh and Hojsgaard 2014,
doi:10.18637/jss.v059.i09). V is linear in its parameters, so the second-derivative terms vanish.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from csms.battery.errors import ExperimentError
from csms.battery.statistics.mixed_model import MixedModelFit

Float = NDArray[np.float64]
_RANK = 1e-9
"""Singular values of the scaled information below this are rounding."""


@dataclass(frozen=True, slots=True)
class FTest:
    """F statistic with its degrees of freedom and p value."""

    F: float
    df_num: float
    df_den: float
    p: float


@dataclass(frozen=True, slots=True)
class AdjustedCovariance:
    """Kenward-Roger covariance of the fixed effects and the pieces that tests need."""

    phi: Float  # (p, p) model based
    phi_adjusted: Float  # (p, p)
    w: Float  # (m, m) covariance of the variance parameters
    slopes: Float  # (m, p, p) P_i = -X' V^-1 K_i V^-1 X


def adjusted_covariance(fit: MixedModelFit) -> AdjustedCovariance:
    """Covariance of beta with the uncertainty of the variances in it."""
    kernels = np.stack([k.matrix for k in fit.kernels])
    vi = np.linalg.inv(fit.v)
    vix = vi @ fit.x
    phi = fit.phi
    kvix = kernels @ vix  # (m, n, p)
    slopes = -np.einsum("np,mnq->mpq", vix, kvix)
    products = np.einsum("anp,nk,bkq->abpq", kvix, vi, kvix, optimize=True)
    vik = vi @ kernels
    info = (
        np.einsum("aij,bji->ab", vik, vik, optimize=True)
        - 2.0 * np.einsum("pq,abqp->ab", phi, products)
        + np.einsum("pq,aqr,rs,bsp->ab", phi, slopes, phi, slopes, optimize=True)
    )
    if not _invertible(info):
        raise ExperimentError(
            "the variances cannot be told apart: two random effects group the data alike"
        )
    w = 2.0 * np.linalg.inv(info)
    spread = products - np.einsum("apq,qr,brs->abps", slopes, phi, slopes, optimize=True)
    inner = np.einsum("ab,abpq->pq", w, spread)
    inner = 0.5 * (inner + inner.T)
    return AdjustedCovariance(phi, phi + 2.0 * phi @ inner @ phi, w, slopes)


def _invertible(info: Float) -> bool:
    """Whether the parameters' information has full rank, whatever their units; rounding hides an exact zero."""
    scale = np.sqrt(np.abs(np.diag(info)))
    if not scale.all():
        return False
    return bool(np.linalg.matrix_rank(info / np.outer(scale, scale), tol=_RANK) == len(info))


def f_test(
    fit: MixedModelFit, contrast: Float, *, adjusted: AdjustedCovariance | None = None
) -> FTest:
    """Kenward-Roger test of `contrast` @ beta = 0; contrast (q, p) of full row rank.

    Raises ExperimentError when the approximation has no finite degrees of freedom.
    """
    cov = adjusted or adjusted_covariance(fit)
    ell = np.atleast_2d(np.asarray(contrast, dtype=np.float64))
    q = len(ell)
    if np.linalg.matrix_rank(ell) < q:
        raise ExperimentError("the rows of the contrast are linearly dependent")
    theta = ell.T @ np.linalg.solve(ell @ cov.phi @ ell.T, ell)
    parts = theta @ cov.phi @ cov.slopes @ cov.phi  # (m, p, p)
    traces = np.trace(parts, axis1=1, axis2=2)
    a1 = float(traces @ cov.w @ traces)
    a2 = float(np.einsum("ab,aij,bji->", cov.w, parts, parts, optimize=True))
    df_den, factor = _match_moments(q, a1, a2)
    effect = ell @ fit.beta
    wald = float(effect @ np.linalg.solve(ell @ cov.phi_adjusted @ ell.T, effect))
    f = factor * wald / q
    return FTest(F=f, df_num=float(q), df_den=df_den, p=float(stats.f.sf(f, q, df_den)))


def _match_moments(q: int, a1: float, a2: float) -> tuple[float, float]:
    """Denominator degrees of freedom and the factor on the Wald statistic."""
    if abs(a1 - q * a2) <= 1e-9 * a1:  # the Wald F is exactly F (one row, or balanced strata);
        return 2.0 * q / a2, 1.0  # the general formula has poles at 2 and 4 degrees of freedom
    b = (a1 + 6.0 * a2) / (2.0 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2) if a2 > 0.0 else 0.0
    base = 3.0 * q + 2.0 * (1.0 - g)
    c1, c2, c3 = g / base, (q - g) / base, (q + 2.0 - g) / base
    mean = 1.0 / (1.0 - a2 / q)
    variance = (2.0 / q) * (1.0 + c1 * b) / ((1.0 - c2 * b) ** 2 * (1.0 - c3 * b))
    rho = variance / (2.0 * mean**2)
    if q * rho - 1.0 == 0.0:
        raise ExperimentError("Kenward-Roger: the degrees of freedom are not defined")
    df = 4.0 + (q + 2.0) / (q * rho - 1.0)
    if not (np.isfinite(df) and df > 0.0):
        raise ExperimentError(
            f"Kenward-Roger: degrees of freedom {df:.3g}; too few whole plots for this test"
            " (use the parametric bootstrap)"
        )
    if df <= 2.0:
        return df, 1.0
    return df, df / (mean * (df - 2.0))
