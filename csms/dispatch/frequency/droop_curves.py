"""One droop for a fleet, as a curve for each charger. Pure.

A charger that moves in 1 A steps answers a deviation only when it has grown by a whole step's worth; equal curves
switch together and the fleet oscillates. So each curve is shifted within the width of one step, evenly over the
fleet: the sum is straight again (SINTEF publication 1735750; ``csms.grid.fleet_response.spread_shift_hz``).
"""

from __future__ import annotations

import msgspec
import numpy as np

from csms.domain.der import FreqDroop
from csms.grid.fleet_response import droop_gain_w_per_hz, make_fleet, spread_shift_hz
from csms.grid.network import FloatArray

MAX_DROOP_PU = 1.0
"""A charger whose share would need a flatter curve gets none."""


def shifted(
    droop: FreqDroop, rated_w: FloatArray, step_w: FloatArray, nominal_hz: float
) -> tuple[FreqDroop, ...]:
    """The same droop for chargers of ``rated_w`` (N,) that move in steps of ``step_w`` (N,), 0 for continuous ones:
    both edges of the dead band move together by at most half a step's width, so its width stays."""
    if not len(rated_w):
        return ()
    slope_pu = min(droop.over_droop_pu, droop.under_droop_pu)
    fleet = make_fleet(
        len(rated_w),
        gain_w_per_hz=droop_gain_w_per_hz(rated_w, slope_pu, nominal_hz),
        quantum_w=step_w,
    )
    return tuple(
        msgspec.structs.replace(
            droop,
            over_freq_hz=droop.over_freq_hz + shift_hz,
            under_freq_hz=droop.under_freq_hz + shift_hz,
        )
        for shift_hz in spread_shift_hz(fleet).tolist()
    )


def split_droop(
    droop: FreqDroop,
    full_w: float,
    share_w: FloatArray,
    rated_w: FloatArray,
    step_w: FloatArray,
    nominal_hz: float,
) -> tuple[FreqDroop | None, ...]:
    """Curves whose sum is ``full_w`` at the deviation at which ``droop`` asks for 1 pu, split by ``share_w`` (N,), what
    each charger can give; ``None`` for one whose share is too small for a curve.

    Raises ``ValueError`` when the shares do not add up to ``full_w``.
    """
    total_w = float(share_w.sum())
    if not 0.0 < full_w <= total_w * (1.0 + 1e-9):
        raise ValueError(f"full_w {full_w}: expected above 0 and at most the shares' {total_w} W")
    given_w = share_w * (full_w / total_w)
    own_pu = np.divide(rated_w, given_w, out=np.full_like(rated_w, np.inf), where=given_w > 0.0)
    curves: list[FreqDroop | None] = []
    for n, even in enumerate(shifted(droop, given_w, step_w, nominal_hz)):
        over_pu, under_pu = even.over_droop_pu * own_pu[n], even.under_droop_pu * own_pu[n]
        curves.append(
            msgspec.structs.replace(
                even, over_droop_pu=float(over_pu), under_droop_pu=float(under_pu)
            )
            if max(over_pu, under_pu) <= MAX_DROOP_PU
            else None
        )
    return tuple(curves)


def freq_watt(
    droop: FreqDroop, up_w: float, down_w: float, rated_w: float, nominal_hz: float
) -> tuple[tuple[float, float], ...]:
    """The droop as points (Hz, W) of a V2XFreqWattCurve (OCPP 2.1 Q08), import > 0, added to the profile's baseline:
    down to ``-up_w`` under and up to ``down_w`` over the dead band, flat beyond."""
    under_hz = nominal_hz * droop.under_droop_pu * up_w / rated_w
    over_hz = nominal_hz * droop.over_droop_pu * down_w / rated_w
    points = [(droop.under_freq_hz, 0.0), (droop.over_freq_hz, 0.0)]
    if up_w > 0.0:
        points.insert(0, (droop.under_freq_hz - under_hz, -up_w))
    if down_w > 0.0:
        points.append((droop.over_freq_hz + over_hz, down_w))
    return tuple((round(hz, 4), round(w, 1)) for hz, w in points)
