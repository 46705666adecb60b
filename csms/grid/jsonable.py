"""Plain values out of result dataclasses: what `--json` prints and REST returns."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np


def to_jsonable(value: object, max_samples: int | None = None) -> object:
    """`value` as dict, list, str, float, int, bool or None; non-finite numbers become None.

    With `max_samples`, arrays longer than that keep every k-th row, so that traces of one length
    stay aligned. Dataclasses become objects keyed by field name, numpy arrays nested lists. Raises TypeError for
    anything else, so that an object is never printed by its repr.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.generic):
        return to_jsonable(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return to_jsonable(_thinned(value, max_samples).tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: to_jsonable(getattr(value, f.name), max_samples)
            for f in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(k): to_jsonable(v, max_samples) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(v, max_samples) for v in value]
    raise TypeError(f"cannot express {type(value).__name__} as JSON")


def _thinned(array: np.ndarray, max_samples: int | None) -> np.ndarray:
    if max_samples is None or array.ndim == 0 or len(array) <= max_samples:
        return array
    return array[:: -(-len(array) // max_samples)]
