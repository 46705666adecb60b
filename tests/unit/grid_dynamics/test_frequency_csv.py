"""Recorded frequencies as people have them."""

from __future__ import annotations

import numpy as np
import pytest

from csms.grid.frequency_csv import TraceError, read_frequency_csv


def test_seconds_and_a_missing_row() -> None:
    raw = read_frequency_csv("t_s, f_hz\n0,50.0\n1,49.9\n3,49.8\n4,49.9\n")
    assert raw.dt_s == 1.0
    assert raw.f_hz == pytest.approx([50.0, 49.9, np.nan, 49.8, 49.9], nan_ok=True)
    assert raw.v_pu is None


def test_dates_and_a_voltage_and_an_empty_cell() -> None:
    raw = read_frequency_csv(
        "Voltage L1,Frequency,time\n27000,50.016,28-Apr-2025 11:00:00\n,,28-Apr-2025 11:00:02\n"
        "26000,50.013,28-Apr-2025 11:00:04\n"
    )
    assert raw.dt_s == 2.0
    assert raw.f_hz == pytest.approx([50.016, np.nan, 50.013], nan_ok=True)
    assert raw.v_pu == pytest.approx([27 / 26.5, np.nan, 26 / 26.5], nan_ok=True)


def test_iso_stamps_with_and_without_a_zone() -> None:
    for zone in ("", "Z", "+02:00"):
        text = "timestamp,freq\n" + "".join(f"2025-04-28T11:00:0{k}{zone},50\n" for k in range(3))
        assert read_frequency_csv(text).dt_s == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "line 1: no column for the frequency .* among a, b"),
        ("f_hz,b\n1,2\n", "line 1: no column for the time"),
        ("t_s,f_hz\n0,50\n", "1 samples"),
        ("t_s,f_hz\n0,50\n1,fifty\n", "line 3, f_hz: 'fifty' is no number"),
        ("t_s,f_hz\n0,50\nnoon,50\n", "line 3, t_s: 'noon' is neither seconds nor a date"),
        ("t_s,f_hz\n0,50\n1\n", "line 3: 1 cells, the header has 2"),
        ("t_s,f_hz\n0,50\n2,50\n1,50\n", "line 4: time goes backwards"),
        ("t_s,f_hz\n0,50\n1,50\n2,50\n1e9,50\n", "mostly gaps"),
        ("t_s,f_hz\n0,50\ninf,50\n", "line 3, t_s: time is inf"),
        ("", "line 1: no column"),
    ],
)
def test_what_is_no_trace_is_named(text: str, words: str) -> None:
    with pytest.raises(TraceError, match=words):
        read_frequency_csv(text)
