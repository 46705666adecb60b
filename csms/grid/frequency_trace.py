"""Measured frequency as an input: gaps are found, counted and filled only by a stated policy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from csms.grid.swing import FloatArray, require_positive, sample_times

LIVE_V_PU = 0.5  # below it a meter's frequency is not a measurement


class GapError(ValueError):
    """A gap in the trace that the policy does not allow to be filled."""


@dataclass(frozen=True, slots=True)
class GapPolicy:
    """How to fill missing samples, and the longest gap that may be filled.

    `refuse` raises on any gap; `hold` repeats the last good value (what a controller knew at the
    time); `interpolate` draws a line across (needs the future: for studies after the event).
    """

    method: Literal["refuse", "hold", "interpolate"] = "refuse"
    max_gap_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FrequencyTrace:
    """A complete, evenly sampled trace. `filled` marks samples that were not measured."""

    f_hz: FloatArray  # (n,)
    dt_s: float
    filled: NDArray[np.bool_]  # (n,)
    n_gaps: int
    longest_gap_s: float

    @property
    def t_s(self) -> FloatArray:
        """(n,) time from the first sample."""
        return sample_times(len(self.f_hz), self.dt_s)

    def resampled(self, dt_s: float) -> FrequencyTrace:
        """The trace at a finer step, by linear interpolation; ValueError for a coarser one."""
        require_positive("resampled", dt_s=dt_s)
        if dt_s > self.dt_s:
            raise ValueError(f"resampled: dt_s expected <= {self.dt_s:g}, got {dt_s:g}")
        t_old = self.t_s
        t_new = sample_times(math.floor(t_old[-1] / dt_s + 1e-9) + 1, dt_s)
        source = np.clip(np.rint(t_new / self.dt_s).astype(np.int64), 0, len(t_old) - 1)
        return FrequencyTrace(
            f_hz=np.asarray(np.interp(t_new, t_old, self.f_hz), np.float64),
            dt_s=dt_s,
            filled=self.filled[source],
            n_gaps=self.n_gaps,
            longest_gap_s=self.longest_gap_s,
        )


def clean_trace(
    f_hz: FloatArray, dt_s: float, policy: GapPolicy, *, v_pu: FloatArray | None = None
) -> FrequencyTrace:
    """A complete trace out of samples `dt_s` apart, some NaN.

    With `v_pu` (n,), samples at less than 0.5 pu or without a voltage are missing too: a meter on
    a dead line reports a number, not a frequency. Raises GapError for a gap that `policy` does not
    fill, for one at either end, and for a trace without a good sample.
    """
    require_positive("clean_trace", dt_s=dt_s)
    f = np.asarray(f_hz, np.float64)
    if f.ndim != 1 or not f.size:
        raise ValueError(f"clean_trace: f_hz expected (n,), got {f.shape}")
    missing = ~np.isfinite(f)
    if v_pu is not None:
        if v_pu.shape != f.shape:
            raise ValueError(f"clean_trace: v_pu expected {f.shape}, got {v_pu.shape}")
        missing |= ~(v_pu >= LIVE_V_PU)
    if missing.all():
        raise GapError("clean_trace: no sample is measured")
    gaps = _runs(missing)
    longest_s = 0.0
    for first, end in gaps:
        gap_s = (end - first) * dt_s
        longest_s = max(longest_s, gap_s)
        where = f"{gap_s:g} s from t = {first * dt_s:g} s"
        if policy.method == "refuse" or gap_s > policy.max_gap_s:
            raise GapError(
                f"gap of {where}: the policy {policy.method!r} fills up to {policy.max_gap_s:g} s"
            )
        if first == 0 or end == len(f):
            raise GapError(f"gap of {where} at the end of the trace: cut the trace there")
    good = np.flatnonzero(~missing)
    index = np.arange(len(f))
    if policy.method == "hold":
        filled = f[good[np.searchsorted(good, index, side="right") - 1]]
    else:
        filled = np.where(missing, np.interp(index, good, f[good]), f)
    return FrequencyTrace(filled, dt_s, missing, len(gaps), longest_s)


def live_samples(v_pu: FloatArray) -> int:
    """Samples before the line is dead for good (voltage under 0.5 pu till the end)."""
    live = np.flatnonzero(v_pu >= LIVE_V_PU)
    return int(live[-1]) + 1 if live.size else 0


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
