"""What a study is: parameters with bounds, a pure computation, a figure. The command line and REST offer the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from csms.grid.jsonable import to_jsonable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SAMPLES = 1_000
"""Traces in JSON are thinned to so many samples."""

MAX_TEXT_BYTES = 4 * 1024 * 1024


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parameter sets. Each field has a description and, where it needs them, bounds (``msgspec.Meta``)."""


P = TypeVar("P", bound=Params)
R = TypeVar("R")


class StudyError(ValueError):
    """Parameters that make no study; the message names the parameter."""


@dataclass(frozen=True, slots=True)
class Study(Generic[P, R]):
    """``figures`` of the result are the keys that other tools read; ``plot`` draws the same result.

    ``files`` names the parameters that are files of the machine that computes: REST does not open them.
    """

    name: str
    summary: str
    params: type[P]
    run: Callable[[P], R]
    figures: Callable[[R], dict[str, Any]]
    plot: Callable[[R], Figure]
    files: tuple[str, ...] = ()


class LazyPlots:
    """The functions of a module of ``csms.api.plots``, imported when first drawn: matplotlib takes half a second."""

    def __init__(self, module: str) -> None:
        self._module = f"csms.api.plots.{module}"

    def __getattr__(self, name: str) -> Callable[[Any], Figure]:
        def draw(result: Any) -> Figure:
            figure: Figure = getattr(import_module(self._module), name)(result)
            return figure

        draw.__qualname__ = f"{self._module}.{name}"
        return draw


def text_of(parameter: str, given: str) -> str:
    """The text of the file ``given``, or ``given`` itself where it has lines. Raises :class:`StudyError`."""
    if "\n" in given:
        return given
    file = Path(given)
    if not given or not file.is_file():
        raise StudyError(f"{parameter}: {given!r} is no file")
    if file.stat().st_size > MAX_TEXT_BYTES:
        raise StudyError(f"{parameter}: {given} is larger than {MAX_TEXT_BYTES} bytes")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{parameter}: {given} is not UTF-8: {error.reason}") from None


def all_figures(result: object) -> dict[str, Any]:
    """Every field of a result dataclass, traces thinned: the figures of a study that picks none."""
    figures = to_jsonable(result, MAX_SAMPLES)
    if not isinstance(figures, dict):
        raise TypeError(f"a study's result must be an object, not {type(result).__name__}")
    return figures
