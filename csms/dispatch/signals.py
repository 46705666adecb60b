"""What the grid tells from outside: frequency, price, a limit on the feeder's import. Kept until it is too old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from csms.clock import Clock
from csms.dispatch.sight.snapshot import RegulationCall

FREQUENCY_VALID_S = 5.0
IMPORT_VALID_S = 5.0
REGULATION_VALID_S = 10.0
"""Grid operators send a new setpoint every 1 to 10 s; without one the fleet returns to its baseline."""


@dataclass(frozen=True, slots=True)
class Price:
    per_kwh: float
    currency: str
    at: datetime


class GridSignals:
    """The last signal of each kind. A measured frequency from outside goes before those of the stations."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._frequency: tuple[float, datetime] | None = None
        self._limit: tuple[float, datetime | None] | None = None
        self._change: tuple[float, datetime] | None = None
        self._reserve: tuple[float, float, datetime | None] | None = None
        self._import: tuple[float, datetime] | None = None
        self.price: Price | None = None

    def frequency_hz(self, value: float, at: datetime) -> None:
        if self._frequency is None or at >= self._frequency[1]:
            self._frequency = (value, at)

    def price_per_kwh(self, value: float, currency: str, at: datetime) -> None:
        if self.price is None or at >= self.price.at:
            self.price = Price(value, currency, at)

    def feeder_limit_w(self, value: float | None, at: datetime, until: datetime | None) -> None:  # noqa: ARG002
        self._limit = None if value is None else (value, until)

    def import_w(self, value: float, at: datetime) -> None:
        if self._import is None or at >= self._import[1]:
            self._import = (value, at)

    def regulation_w(self, change_w: float, at: datetime) -> None:
        if self._change is None or at >= self._change[1]:
            self._change = (change_w, at)

    def reserve_w(self, up_w: float, down_w: float, at: datetime, until: datetime | None) -> None:  # noqa: ARG002
        self._reserve = (up_w, down_w, until) if up_w or down_w else None

    def current_regulation(self) -> RegulationCall | None:
        """``None`` while neither reserve is held nor a change is asked."""
        change_w, up_w, down_w = 0.0, 0.0, 0.0
        now = self._clock.now()
        if self._change is not None:
            value_w, at = self._change
            if (now - at).total_seconds() <= REGULATION_VALID_S:
                change_w = value_w
        if self._reserve is not None and (self._reserve[2] is None or now < self._reserve[2]):
            up_w, down_w, _ = self._reserve
        called = bool(change_w or up_w or down_w)
        return RegulationCall(change_w, up_w, down_w) if called else None

    def current_frequency_hz(self) -> float | None:
        """``None`` without a signal of the last five seconds."""
        if self._frequency is None:
            return None
        value, at = self._frequency
        age_s = (self._clock.now() - at).total_seconds()
        return value if age_s <= FREQUENCY_VALID_S else None

    def current_import_w(self) -> float | None:
        """``None`` without a reading of the head meter in the last five seconds."""
        if self._import is None:
            return None
        value, at = self._import
        return value if (self._clock.now() - at).total_seconds() <= IMPORT_VALID_S else None

    def current_import_limit_w(self) -> float | None:
        """``None`` without a limit in force."""
        if self._limit is None:
            return None
        value, until = self._limit
        return value if until is None or self._clock.now() < until else None
