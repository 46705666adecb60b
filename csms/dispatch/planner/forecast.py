"""What the feeder will carry besides the cars: the same quarter hour of past days, bent towards now. Pure.

The forecast is the median of past days at that time of day plus today's last deviation from it, which fades with
``FADE_H``. Its error is measured by running it on the past days themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
PER_DAY = 96
FADE_H = 2.0
MIN_DAYS = 2


@dataclass(frozen=True, slots=True)
class Forecast:
    """``power_w`` (n,) and ``rmse_w`` (n,) by lead time; ``days`` of history, 0 when it is only a constant."""

    power_w: Float
    rmse_w: Float
    days: int


def constant(power_w: float, n: int) -> Forecast:
    """The fallback without history."""
    return Forecast(np.full(n, power_w), np.zeros(n), 0)


def forecast(history_w: Float, now: int, n: int) -> Forecast | None:
    """``n`` quarter hours from ``now``, which is the quarter of the last day (0 to 95) that begins.

    ``history_w`` (days, 96), NaN where nothing is known, the last row today. ``None`` with fewer than two past days:
    use :func:`constant`.
    """
    past = history_w[:-1][np.isfinite(history_w[:-1]).any(axis=1)]
    if len(past) < MIN_DAYS:
        return None
    usual = _usual(past)
    fade = np.exp(-0.25 * np.arange(1, n + 1) / FADE_H)
    today = history_w[-1, :now]
    known = np.flatnonzero(np.isfinite(today))
    deviation = today[known[-1]] - usual[known[-1]] if len(known) and known[-1] >= now - 4 else 0.0
    power = usual[(now + np.arange(n)) % PER_DAY] + deviation * fade
    return Forecast(power, _rmse(past, n, fade), len(past))


def _usual(past: Float) -> Float:
    """Medians by quarter hour; those never seen are interpolated around the clock."""
    seen = np.flatnonzero(np.isfinite(past).any(axis=0))
    value = np.nanmedian(past[:, seen], axis=0)
    return np.asarray(np.interp(np.arange(PER_DAY), seen, value, period=PER_DAY))


def _rmse(past: Float, n: int, fade: Float) -> Float:
    """Root mean square error by lead, each past day forecast from the others."""
    residual = np.concatenate(
        [day - _usual(np.delete(past, i, axis=0)) for i, day in enumerate(past)]
    )
    rmse = np.zeros(n)
    for lead in range(1, n + 1):
        if lead < len(residual):
            error = residual[lead:] - fade[lead - 1] * residual[:-lead]
            squares = error[np.isfinite(error)] ** 2
            rmse[lead - 1] = np.sqrt(squares.mean()) if len(squares) else np.nan
        else:
            rmse[lead - 1] = np.nan
    worst = np.nanmax(rmse) if np.isfinite(rmse).any() else 0.0
    return np.where(np.isfinite(rmse), rmse, worst)
