"""Gaps in a measured trace are never filled silently."""

from __future__ import annotations

import numpy as np
import pytest

from csms.grid.frequency_trace import GapError, GapPolicy, clean_trace, live_samples

NAN = float("nan")


def test_refuse_is_the_default_and_says_where() -> None:
    with pytest.raises(GapError, match=r"4 s from t = 2 s"):
        clean_trace(np.array([50.0, NAN, NAN, 49.9]), 2.0, GapPolicy())


def test_hold_and_interpolate() -> None:
    f_hz = np.array([50.0, NAN, NAN, 49.7])
    held = clean_trace(f_hz, 2.0, GapPolicy("hold", 4.0))
    drawn = clean_trace(f_hz, 2.0, GapPolicy("interpolate", 4.0))
    assert held.f_hz == pytest.approx([50.0, 50.0, 50.0, 49.7])
    assert drawn.f_hz == pytest.approx([50.0, 49.9, 49.8, 49.7])
    assert held.filled.tolist() == [False, True, True, False]
    assert (held.n_gaps, held.longest_gap_s) == (1, 4.0)


def test_a_gap_longer_than_the_policy_is_refused() -> None:
    with pytest.raises(GapError, match=r"fills up to 2 s"):
        clean_trace(np.array([50.0, NAN, NAN, 49.7]), 2.0, GapPolicy("hold", 2.0))


@pytest.mark.parametrize("f_hz", [[NAN, 50.0, 50.0], [50.0, 50.0, NAN]])
def test_an_end_without_a_sample_is_refused(f_hz: list[float]) -> None:
    with pytest.raises(GapError, match="end of the trace"):
        clean_trace(np.array(f_hz), 2.0, GapPolicy("hold", 10.0))


def test_a_dead_line_has_no_frequency() -> None:
    v_pu = np.array([1.0, 1.0, 0.0, 1.0, 0.001])
    f_hz = np.array([50.0, 49.9, 40.0, 49.8, 40.0])
    n = live_samples(v_pu)
    assert n == 4
    trace = clean_trace(f_hz[:n], 1.0, GapPolicy("hold", 1.0), v_pu=v_pu[:n])
    assert trace.f_hz == pytest.approx([50.0, 49.9, 49.9, 49.8])
    with pytest.raises(GapError, match="no sample"):
        clean_trace(f_hz, 1.0, GapPolicy("hold", 9.0), v_pu=np.zeros(5))


def test_resampling_is_linear_and_only_finer() -> None:
    trace = clean_trace(np.array([50.0, 49.0, 50.0]), 2.0, GapPolicy())
    fine = trace.resampled(0.5)
    assert fine.f_hz == pytest.approx([50, 49.75, 49.5, 49.25, 49, 49.25, 49.5, 49.75, 50])
    with pytest.raises(ValueError, match="expected <= 2"):
        trace.resampled(3.0)
