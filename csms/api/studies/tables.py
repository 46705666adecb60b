"""Small tables of numbers that studies are given: every cell a finite number, or the row and column are named."""

from __future__ import annotations

import csv
import io
import math

import numpy as np

from csms.api.studies.study import StudyError
from csms.market.robust import Float

MAX_CELLS = 1_000_000


def read_column(text: str, column: str, *, whole: bool = False) -> Float:
    """(n_rows,) of the column of that name. Raises StudyError."""
    reader = csv.DictReader(io.StringIO(text))
    if column not in (reader.fieldnames or ()):
        raise StudyError(f"data: no column {column!r}; the header is {reader.fieldnames}")
    values = [_number(row[column], at, column) for at, row in enumerate(reader, 2)]
    if whole and any(value != int(value) for value in values):
        raise StudyError(f"data: column {column} holds a value that is not whole")
    return np.array(values)


def read_matrix(text: str) -> Float:
    """(n_rows, n_columns) under a header. Raises StudyError."""
    reader = csv.reader(io.StringIO(text))
    header = next(reader, [])
    rows: list[list[float]] = []
    for at, row in enumerate(reader, 2):
        if not row:
            continue
        if len(row) != len(header):
            raise StudyError(f"data: row {at} has {len(row)} cells, the header {len(header)}")
        if (len(rows) + 1) * len(header) > MAX_CELLS:
            raise StudyError(f"data: more than {MAX_CELLS} cells")
        rows.append([_number(cell, at, name) for cell, name in zip(row, header, strict=True)])
    return np.array(rows).reshape(len(rows), len(header))


def _number(text: str | None, row: int, column: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise StudyError(f"data: row {row}, column {column}: {text!r} is not a number")
    return value
