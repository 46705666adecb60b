"""Fixed-effect columns of a factorial experiment, in sum-to-zero coding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from csms.battery.errors import ExperimentError

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DesignMatrix:
    """Columns of the mean and which of them belong to which term."""

    x: Float  # (n_obs, n_col)
    columns: dict[str, tuple[int, ...]]  # term name -> column indices; "a:b" is an interaction

    def contrast(self, term: str) -> Float:
        """(q, n_col) matrix L of the hypothesis L beta = 0 for `term` (type III)."""
        if term not in self.columns:
            raise ExperimentError(f"no term {term!r}; the model has {', '.join(self.columns)}")
        return np.eye(self.x.shape[1])[list(self.columns[term])]


def factorial(factors: Mapping[str, Sequence[object]], terms: Sequence[str]) -> DesignMatrix:
    """Design of the named `terms` ("a", "b", "a:b") of categorical `factors`, with an intercept.

    Sum-to-zero coding, so that testing a term's columns is a type III test. Raises ExperimentError
    for an unknown factor, a factor with one level, or an aliased design.
    """
    coded = {name: _sum_to_zero(name, values) for name, values in factors.items()}
    n = len(next(iter(factors.values())))
    blocks: list[Float] = [np.ones((n, 1))]
    columns: dict[str, tuple[int, ...]] = {}
    width = 1
    for term in terms:
        parts = []
        for name in term.split(":"):
            if name not in coded:
                raise ExperimentError(f"term {term!r}: no factor {name!r}")
            parts.append(coded[name])
        picks = product(*(range(part.shape[1]) for part in parts))
        made = [
            np.prod([p[:, j] for p, j in zip(parts, pick, strict=True)], axis=0) for pick in picks
        ]
        blocks.append(np.stack(made, axis=1))
        columns[term] = tuple(range(width, width + len(made)))
        width += len(made)
    x = np.hstack(blocks)
    if np.linalg.matrix_rank(x) < width:
        raise ExperimentError(
            f"{width} columns have rank {np.linalg.matrix_rank(x)}: some cells hold no observation"
        )
    return DesignMatrix(x, columns)


def _sum_to_zero(name: str, values: Sequence[object]) -> Float:
    levels, code = np.unique(np.asarray(values), return_inverse=True)
    if len(levels) < 2:
        raise ExperimentError(f"factor {name!r} has one level only")
    table = np.vstack([np.eye(len(levels) - 1), -np.ones(len(levels) - 1)])
    return np.asarray(table[code], dtype=np.float64)
