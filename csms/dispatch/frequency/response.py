"""How well a fleet follows a regulation signal: how late, and how closely once that is allowed for. Pure.

Delay is that of the best correlation, precision 1 less the mean absolute error over the mean absolute signal, as market
operators score performance (PJM Manual 12, 4.5.6: accuracy, delay and precision).
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from csms.grid.network import FloatArray

WINDOW = 60
MAX_DELAY = 10
LEAST_SAMPLES = 20


class Response(NamedTuple):
    delay_cycles: int
    precision_frac: float
    """1 is perfect; may be negative."""


class ResponseMeter:
    """Keeps the last ``WINDOW`` cycles of a signal and of what the meters showed."""

    def __init__(self) -> None:
        self._asked: deque[float] = deque(maxlen=WINDOW)
        self._delivered: deque[float] = deque(maxlen=WINDOW)

    def add(self, asked_w: float, delivered_w: float) -> Response | None:
        """The response over the window; ``None`` while there is too little signal to judge by."""
        self._asked.append(asked_w)
        self._delivered.append(delivered_w)
        return response(np.array(self._asked), np.array(self._delivered))


def response(asked_w: FloatArray, delivered_w: FloatArray) -> Response | None:
    """Of two series (n,) one cycle apart; ``None`` for less than 20 cycles or a signal that never moves."""
    if len(asked_w) < LEAST_SAMPLES or np.ptp(asked_w) <= 0.0:
        return None
    delays = range(min(MAX_DELAY, len(asked_w) - LEAST_SAMPLES) + 1)
    delay = max(delays, key=lambda d: _correlation(*_aligned(asked_w, delivered_w, d)))
    asked, delivered = _aligned(asked_w, delivered_w, delay)
    size_w = float(np.abs(asked).mean())
    if size_w <= 0.0:
        return None
    return Response(delay, 1.0 - float(np.abs(delivered - asked).mean()) / size_w)


def _aligned(
    asked_w: FloatArray, delivered_w: FloatArray, delay: int
) -> tuple[FloatArray, FloatArray]:
    return asked_w[: len(asked_w) - delay], delivered_w[delay:]


def _correlation(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0.0 else 0.0
