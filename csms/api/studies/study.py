"""What a study is: parameters with bounds, a pure computation, a figure. The command line and REST offer the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from matplotlib.figure import Figure

from csms.grid.jsonable import to_jsonable

MAX_SAMPLES = 1_000
"""Traces in JSON are thinned to so many samples."""


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parameter sets. Each field has a description and, where it needs them, bounds (``msgspec.Meta``)."""


P = TypeVar("P", bound=Params)
R = TypeVar("R")


class StudyError(ValueError):
    """Parameters that make no study; the message names the parameter."""


@dataclass(frozen=True, slots=True)
class Study(Generic[P, R]):
    """``figures`` of the result are the keys that other tools read; ``plot`` draws the same result."""

    name: str
    summary: str
    params: type[P]
    run: Callable[[P], R]
    figures: Callable[[R], dict[str, Any]]
    plot: Callable[[R], Figure]


def all_figures(result: object) -> dict[str, Any]:
    """Every field of a result dataclass, traces thinned: the figures of a study that picks none."""
    figures = to_jsonable(result, MAX_SAMPLES)
    if not isinstance(figures, dict):
        raise TypeError(f"a study's result must be an object, not {type(result).__name__}")
    return figures
