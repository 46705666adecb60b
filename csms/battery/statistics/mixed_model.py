"""Linear mixed models by restricted maximum likelihood (REML).

    y = X beta + e,   V = var(y) = sum_i theta_i K_i

V is linear in its parameters: variances, and covariances of correlated effects. Fisher scoring with
an active set keeps variances at or above zero. Dense algebra: meant for hundreds of observations.

Patterson and Thompson 1971, doi:10.1093/biomet/58.3.545.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.battery.errors import ExperimentError, NotConvergedError

Float = NDArray[np.float64]
MAX_OBSERVATIONS = 2000
MAX_ITERATIONS = 200
GRADIENT_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class RandomEffect:
    """Effects shared by the observations of a group.

    `groups`: a label per observation. `basis`: (n_obs, k) regressors whose coefficients vary by
    group with a full k x k covariance; None is a random intercept.
    """

    name: str
    groups: Sequence[object]
    basis: Float | None = None


@dataclass(frozen=True, slots=True)
class Kernel:
    """One parameter of V."""

    name: str
    matrix: Float  # (n_obs, n_obs)
    is_variance: bool


@dataclass(frozen=True, slots=True)
class MixedModelFit:
    """A REML fit. `variances` has an entry per parameter of V, the last one "residual"."""

    beta: Float  # (p,)
    phi: Float  # (p, p) model-based covariance of beta
    variances: dict[str, float]
    reml_criterion: float  # -2 log restricted likelihood
    iterations: int
    at_boundary: tuple[str, ...]  # variances that ended at zero
    x: Float  # (n, p)
    y: Float  # (n,)
    v: Float  # (n, n)
    kernels: tuple[Kernel, ...]

    @property
    def fitted(self) -> Float:
        """X beta, (n,)."""
        return np.asarray(self.x @ self.beta)


def fit_reml(y: Float, x: Float, effects: Sequence[RandomEffect]) -> MixedModelFit:
    """Fit by REML.

    Raises ExperimentError for bad shapes, a rank-deficient X or a random covariance that is
    singular, NotConvergedError when the score does not vanish.
    """
    y, x = np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64)
    _check(y, x)
    n, p = x.shape
    kernels = covariance_kernels(effects, n)
    scale = float(np.var(y - x @ np.linalg.lstsq(x, y, rcond=None)[0])) * n / (n - p)
    if scale <= 0.0:
        raise ExperimentError("the model fits without any residual: nothing to estimate")
    kernel_stack = np.stack([k.matrix for k in kernels])
    nonneg = np.array([k.is_variance for k in kernels])
    mean_diagonal = np.array([np.trace(k.matrix) / n for k in kernels])
    theta = np.where(nonneg, 1.0 / (nonneg.sum() * np.maximum(mean_diagonal, 1e-12)), 0.0)
    z = y / np.sqrt(scale)
    blocks = _blocks(effects)
    state = _evaluate(theta, z, x, kernel_stack)
    if state is None:
        raise ExperimentError("the covariance of the starting point is singular")
    for iteration in range(1, MAX_ITERATIONS + 1):
        criterion, score, information = state
        free = ~(nonneg & (theta <= 0.0) & (score <= 0.0))
        free[-1] = True
        residual = float(np.abs(score[free] * np.maximum(np.abs(theta[free]), 1e-3)).max())
        if residual < GRADIENT_TOLERANCE:
            return _result(theta * scale, y, x, kernels, kernel_stack, iteration)
        step = np.zeros_like(theta)
        step[free] = np.linalg.lstsq(information[np.ix_(free, free)], score[free], rcond=None)[0]
        moved = _line_search(theta, step, criterion, nonneg, blocks, (z, x, kernel_stack))
        if moved is None:
            if residual < 1e-5:  # the criterion is flat to rounding
                return _result(theta * scale, y, x, kernels, kernel_stack, iteration)
            break
        theta, state = moved
    raise NotConvergedError("REML", iterations=iteration, residual=residual)


def covariance_kernels(effects: Sequence[RandomEffect], n: int) -> tuple[Kernel, ...]:
    """The matrices K_i of V = sum theta_i K_i, the residual last."""
    kernels: list[Kernel] = []
    for effect in effects:
        if len(effect.groups) != n:
            raise ExperimentError(
                f"random effect {effect.name!r}: {len(effect.groups)} labels for {n} observations"
            )
        _, code = np.unique(np.asarray(effect.groups), return_inverse=True)
        same = (code[:, None] == code[None, :]).astype(np.float64)
        basis = np.ones((n, 1)) if effect.basis is None else np.asarray(effect.basis, np.float64)
        k = basis.shape[1]
        for i in range(k):
            for j in range(i, k):
                outer = np.outer(basis[:, i], basis[:, j])
                matrix = same * (outer if i == j else outer + outer.T)
                name = effect.name if k == 1 else f"{effect.name}[{i},{j}]"
                kernels.append(Kernel(name, matrix, i == j))
    kernels.append(Kernel("residual", np.eye(n), is_variance=True))
    return tuple(kernels)


def _check(y: Float, x: Float) -> None:
    if y.ndim != 1 or x.ndim != 2 or len(y) != len(x):
        raise ExperimentError(f"y {y.shape} and X {x.shape} do not match")
    if len(y) > MAX_OBSERVATIONS:
        raise ExperimentError(f"{len(y)} observations, at most {MAX_OBSERVATIONS}")
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise ExperimentError("y or X holds a value that is not finite")
    if len(y) <= x.shape[1]:
        raise ExperimentError(f"{len(y)} observations cannot carry {x.shape[1]} fixed effects")
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ExperimentError("X is rank deficient: a fixed effect is aliased with others")


def _blocks(effects: Sequence[RandomEffect]) -> list[tuple[int, int]]:
    """(offset, k) of each effect with correlated coefficients."""
    found, at = [], 0
    for effect in effects:
        k = 1 if effect.basis is None else np.asarray(effect.basis).shape[1]
        if k > 1:
            found.append((at, k))
        at += k * (k + 1) // 2
    return found


State = tuple[float, Float, Float]


def _evaluate(theta: Float, y: Float, x: Float, kernels: Float) -> State | None:
    """REML criterion, score of the log-likelihood and expected information, or None if V is not PD."""
    v = np.tensordot(theta, kernels, axes=1)
    try:
        chol = np.linalg.cholesky(v)
    except np.linalg.LinAlgError:
        return None
    vi = np.linalg.inv(v)
    vix = vi @ x
    xvx = x.T @ vix
    proj = vi - vix @ np.linalg.solve(xvx, vix.T)
    py = proj @ y
    n, p = x.shape
    log_det_v = 2.0 * float(np.log(np.diag(chol)).sum())
    criterion = (n - p) * np.log(2 * np.pi) + log_det_v + np.linalg.slogdet(xvx)[1] + y @ py
    pk = proj @ kernels  # (m, n, n)
    score = -0.5 * (np.trace(pk, axis1=1, axis2=2) - np.einsum("i,mij,j->m", py, kernels, py))
    information = 0.5 * np.einsum("aij,bji->ab", pk, pk, optimize=True)
    return float(criterion), score, information


def _line_search(
    theta: Float,
    step: Float,
    criterion: float,
    nonneg: NDArray[np.bool_],
    blocks: list[tuple[int, int]],
    data: tuple[Float, Float, Float],
) -> tuple[Float, State] | None:
    length = 1.0
    while length > 1e-9:
        trial = theta + length * step
        trial = np.where(nonneg, np.maximum(trial, 0.0), trial)
        trial[-1] = max(trial[-1], 1e-10)
        if all(_positive(trial, at, k) for at, k in blocks):
            state = _evaluate(trial, *data)
            if state is not None and state[0] < criterion:
                return trial, state
        length *= 0.5
    return None


def _positive(theta: Float, at: int, k: int) -> bool:
    block = np.zeros((k, k))
    upper = np.triu_indices(k)
    block[upper] = theta[at : at + len(upper[0])]
    block = block + np.triu(block, 1).T
    return bool(np.linalg.eigvalsh(block)[0] >= 0.0)


def _result(
    theta: Float, y: Float, x: Float, kernels: tuple[Kernel, ...], stack: Float, iterations: int
) -> MixedModelFit:
    state = _evaluate(theta, y, x, stack)
    if state is None:
        raise ExperimentError("the estimated covariance of the observations is singular")
    v = np.tensordot(theta, stack, axes=1)
    vix = np.linalg.solve(v, x)
    phi = np.linalg.inv(x.T @ vix)
    return MixedModelFit(
        beta=phi @ (vix.T @ y),
        phi=phi,
        variances={k.name: float(t) for k, t in zip(kernels, theta, strict=True)},
        reml_criterion=state[0],
        iterations=iterations,
        at_boundary=tuple(
            k.name for k, t in zip(kernels, theta, strict=True) if k.is_variance and t <= 0.0
        ),
        x=x,
        y=y,
        v=v,
        kernels=kernels,
    )
