"""Frequency-response shapes of grid codes and markets as named presets.

A shape gives the change of *import* as a fraction of rated (or contracted) power against the
frequency. Sign: import > 0, so the answer to a low frequency is negative. A charger applies it on
top of its schedule, within its limits. Sources, by name and clause; no text of any of them:

IEEE 1547-2018 clauses 6.4 (trips) and 6.5.2.7 (frequency-droop), Category I-III default settings;
EN 50549-1:2019 clauses 4.6.1 and 4.6.2; ENA G99, LFSM-O; Regulation (EU) 2016/631 (RfG) articles 13
and 15 (droop 2-12%); Nordic technical requirements for FCR-N, FCR-D and FFR; Regulation (EU)
2017/1485 (SO GL) article 154 and annex V (continental FCR); National Energy System Operator
(GB) service terms of Dynamic Containment, Moderation and Regulation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from csms.grid.swing import FloatArray

LN_10 = math.log(10.0)


@dataclass(frozen=True, slots=True)
class TripSetting:
    """Disconnect once the frequency has been beyond `f_hz` for `clearing_s`."""

    name: str
    f_hz: float
    clearing_s: float

    @property
    def under(self) -> bool:
        """Whether it is an under-frequency element, by its IEEE name (UF..., OF...)."""
        return self.name.startswith("UF")


@dataclass(frozen=True, slots=True)
class FrequencyShape:
    """Piecewise-linear shape: (deviation Hz, change of import as fraction of rated power).

    Points ascend in both; beyond the ends the last value holds.
    """

    name: str
    f_nom_hz: float
    points: tuple[tuple[float, float], ...]
    response_s: float  # to 90% (open-loop response time) or to full activation: see `source`
    source: str
    trips: tuple[TripSetting, ...] = ()

    def __post_init__(self) -> None:
        x, y = np.array(self.points, np.float64).T
        if len(x) < 2 or (np.diff(x) <= 0.0).any() or (np.diff(y) < 0.0).any():
            raise ValueError(
                f"FrequencyShape {self.name}: expected points ascending in deviation and import"
            )

    def import_change_frac(self, f_hz: ArrayLike) -> FloatArray:
        """Change of import as a fraction of rated power at `f_hz` (any shape)."""
        f = np.asarray(f_hz, np.float64)
        if not np.isfinite(f).all():
            raise ValueError(f"{self.name}: f_hz is not finite")
        x, y = np.array(self.points, np.float64).T
        return np.asarray(np.interp(f - self.f_nom_hz, x, y), np.float64)

    @property
    def lag_s(self) -> float:
        """Time constant of the first-order lag that reaches 90% in `response_s`."""
        return self.response_s / LN_10


@dataclass(frozen=True, slots=True)
class FastReserve:
    """Nordic fast frequency reserve: below `f_hz` the whole bid within `activation_s`."""

    name: str
    f_hz: float
    activation_s: float
    support_s: float  # 5 short, 30 long support duration


def droop_shape(
    name: str,
    f_nom_hz: float,
    *,
    droop_pu: float,
    response_s: float,
    source: str,
    under_hz: float | None,
    over_hz: float | None,
    trips: tuple[TripSetting, ...] = (),
) -> FrequencyShape:
    """A droop from threshold deviations: rated power for `droop_pu * f_nom_hz` beyond each.

    `under_hz`, `over_hz`: magnitudes of the deadband below and above, None = that side is silent.
    Raises ValueError for a droop outside 0..1 or a negative deadband.
    """
    if not 0.0 < droop_pu < 1.0:
        raise ValueError(f"{name}: droop_pu expected 0..1, got {droop_pu}")
    width = droop_pu * f_nom_hz
    points: list[tuple[float, float]] = []
    for side, edge in ((-1.0, under_hz), (1.0, over_hz)):
        if edge is None:
            points.append((side * f_nom_hz, 0.0))
            continue
        if edge < 0.0:
            raise ValueError(f"{name}: deadband expected >= 0, got {edge}")
        ends = [(side * (edge + width), side), (side * edge, 0.0)]
        points.extend(ends if side < 0.0 else reversed(ends))
    if under_hz == 0.0 and over_hz == 0.0:
        points.pop(1)  # both edges at zero deviation
    return FrequencyShape(name, f_nom_hz, tuple(points), response_s, source, trips)


def _symmetric(*points: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return tuple((-x, -y) for x, y in reversed(points)) + points


IEEE_1547_TRIPS = (
    TripSetting("UF1", 58.5, 300.0),
    TripSetting("UF2", 56.5, 0.16),
    TripSetting("OF1", 61.2, 300.0),
    TripSetting("OF2", 62.0, 0.16),
)

FFR = (
    FastReserve("FFR 49.7", 49.7, 1.3, 30.0),
    FastReserve("FFR 49.6", 49.6, 1.0, 30.0),
    FastReserve("FFR 49.5", 49.5, 0.7, 30.0),
)

SHAPES = {
    shape.name: shape
    for shape in (
        droop_shape(
            "ieee1547",
            60.0,
            droop_pu=0.05,
            response_s=5.0,
            source="IEEE 1547-2018 defaults; 5 s open-loop response to 90%",
            under_hz=0.036,
            over_hz=0.036,
            trips=IEEE_1547_TRIPS,
        ),
        droop_shape(
            "en50549",
            50.0,
            droop_pu=0.05,
            response_s=2.0,
            source="EN 50549-1 defaults: 50.2 Hz and, for storage, 49.8 Hz; 2 s as RfG art. 13(2)",
            under_hz=0.2,
            over_hz=0.2,
        ),
        droop_shape(
            "g99",
            50.0,
            droop_pu=0.10,
            response_s=2.0,
            source="ENA G99 LFSM-O: 50.4 Hz, 10%; silent below nominal; 2 s as RfG art. 13(2)",
            under_hz=None,
            over_hz=0.4,
        ),
        FrequencyShape(
            "fcr-n", 50.0, _symmetric((0.1, 1.0)), 180.0, "Nordic FCR-N: 63% in 60 s, full in 180 s"
        ),
        FrequencyShape(
            "fcr-d-up", 50.0, ((-0.5, -1.0), (-0.1, 0.0)), 7.5, "Nordic FCR-D up: 49.9 to 49.5 Hz"
        ),
        FrequencyShape(
            "fcr-d-down", 50.0, ((0.1, 0.0), (0.5, 1.0)), 7.5, "Nordic FCR-D down: 50.1 to 50.5 Hz"
        ),
        FrequencyShape(
            "fcr-continental",
            50.0,
            _symmetric((0.2, 1.0)),
            30.0,
            "SO GL annex V: full at +-200 mHz within 30 s",
        ),
        FrequencyShape(
            "gb-dc",
            50.0,
            _symmetric((0.015, 0.0), (0.2, 0.05), (0.5, 1.0)),
            1.0,
            "GB Dynamic Containment, full within 1 s",
        ),
        FrequencyShape(
            "gb-dm",
            50.0,
            _symmetric((0.015, 0.0), (0.1, 0.05), (0.2, 1.0)),
            1.0,
            "GB Dynamic Moderation, full within 1 s",
        ),
        FrequencyShape(
            "gb-dr",
            50.0,
            _symmetric((0.015, 0.0), (0.2, 1.0)),
            10.0,
            "GB Dynamic Regulation, full within 10 s",
        ),
    )
}


def shape(name: str) -> FrequencyShape:
    """The preset called `name`; raises ValueError naming the known ones."""
    found = SHAPES.get(name)
    if found is None:
        raise ValueError(f"frequency shape {name!r}: expected one of {sorted(SHAPES)}")
    return found


def ffr_activation_s(threshold_hz: float) -> float:
    """Time allowed to a fast reserve that acts at `threshold_hz`; ValueError if not offered."""
    for reserve in FFR:
        if math.isclose(reserve.f_hz, threshold_hz, abs_tol=1e-9):
            return reserve.activation_s
    raise ValueError(f"FFR at {threshold_hz} Hz: expected one of {[r.f_hz for r in FFR]}")


def first_trip(
    trips: tuple[TripSetting, ...], f_hz: FloatArray, dt_s: float
) -> tuple[str, float] | None:
    """Name and time (s) of the first element of `trips` to operate on a frequency trace, or None.

    Raises ValueError for samples that are not finite.
    """
    if not np.isfinite(f_hz).all():
        raise ValueError("first_trip: f_hz is not finite")
    found: tuple[str, float] | None = None
    for trip in trips:
        beyond = f_hz < trip.f_hz if trip.under else f_hz > trip.f_hz
        since = np.arange(len(beyond)) - np.maximum.accumulate(
            np.where(beyond, -1, np.arange(len(beyond)))
        )
        operated = np.flatnonzero(beyond & ((since - 1) * dt_s >= trip.clearing_s - 1e-9))
        if operated.size and (found is None or operated[0] * dt_s < found[1]):
            found = (trip.name, float(operated[0] * dt_s))
    return found
