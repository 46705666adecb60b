"""Reads a recorded frequency out of CSV: any header that names a time and a frequency, missing rows found."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from csms.grid.swing import FloatArray

MAX_SAMPLES = 2_000_000
MAX_STRETCH = 4  # samples on the even grid, over rows: beyond it the times are no recording
_STAMPS = ("%d-%b-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S")


class TraceError(ValueError):
    """A CSV that holds no frequency trace; the message names line and column."""


@dataclass(frozen=True, slots=True)
class RawTrace:
    """Evenly spaced samples, NaN where nothing was recorded."""

    f_hz: FloatArray  # (n,)
    v_pu: FloatArray | None  # (n,) of the median, where a voltage is recorded
    dt_s: float


def read_frequency_csv(text: str) -> RawTrace:
    """Columns are found by name: one with "freq" or in Hz, one with "time" (seconds or a date), one with "volt".

    Raises :class:`TraceError`.
    """
    rows = csv.reader(io.StringIO(text))
    head = [cell.strip() for cell in next(rows, [])]
    f_at = _column(head, ("freq", "hz"), "frequency")
    t_at = _column(head, ("time", "stamp", "t_s", "date"), "time")
    v_at = next((i for i, name in enumerate(head) if "volt" in name.lower()), None)
    t_s: list[float] = []
    f_hz: list[float] = []
    volts: list[float] = []
    for line, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(head):
            raise TraceError(f"line {line}: {len(row)} cells, the header has {len(head)}")
        if len(t_s) == MAX_SAMPLES:
            raise TraceError(f"line {line}: more than {MAX_SAMPLES} samples")
        t_s.append(_seconds(row[t_at], line, head[t_at]))
        f_hz.append(_number(row[f_at], line, head[f_at]))
        if v_at is not None:
            volts.append(_number(row[v_at], line, head[v_at]))
    if len(t_s) < 2:
        raise TraceError(f"{len(t_s)} samples; two or more are needed")
    place, dt_s = _on_a_grid(np.array(t_s))
    v_pu = None
    if v_at is not None and np.isfinite(volts).any():
        v_pu = _spread(np.array(volts), place) / np.nanmedian(volts)
    return RawTrace(_spread(np.array(f_hz), place), v_pu, dt_s)


def _column(head: list[str], words: tuple[str, ...], what: str) -> int:
    for word in words:
        for i, name in enumerate(head):
            if word in name.lower():
                return i
    raise TraceError(
        f"line 1: no column for the {what} (a name with {' or '.join(words)}) among {', '.join(head[:20])}"
    )


def _number(cell: str, line: int, column: str) -> float:
    cell = cell.strip()
    if not cell or cell.lower() in ("nan", "null", "na"):
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise TraceError(f"line {line}, {column}: {cell[:40]!r} is no number") from None


def _seconds(cell: str, line: int, column: str) -> float:
    cell = cell.strip()
    try:
        value = float(cell)
    except ValueError:
        return _stamp(cell, line, column)
    if not math.isfinite(value):
        raise TraceError(f"line {line}, {column}: time is {cell}")
    return value


def _stamp(cell: str, line: int, column: str) -> float:
    try:
        found = datetime.fromisoformat(cell)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        pass
    for pattern in _STAMPS:
        try:
            return datetime.strptime(cell, pattern).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise TraceError(f"line {line}, {column}: {cell[:40]!r} is neither seconds nor a date")


def _on_a_grid(t_s: FloatArray) -> tuple[np.ndarray, float]:
    """Index of each row on an even grid, and the grid's step."""
    steps = np.diff(t_s)
    if (steps < 0).any():
        raise TraceError(f"line {int(np.argmax(steps < 0)) + 3}: time goes backwards")
    dt_s = float(np.median(steps))
    if not dt_s > 0:
        raise TraceError("most rows have the same time")
    place = np.rint((t_s - t_s[0]) / dt_s).astype(np.int64)
    if place[-1] >= MAX_STRETCH * len(t_s) or place[-1] >= MAX_SAMPLES:
        raise TraceError(f"{len(t_s)} rows over {place[-1] + 1} steps of {dt_s:g} s: mostly gaps")
    return place, dt_s


def _spread(values: FloatArray, place: np.ndarray) -> FloatArray:
    out = np.full(int(place[-1]) + 1, np.nan)
    out[place] = values
    return out
