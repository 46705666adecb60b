"""What the grid tells from outside: frequency, price, a limit on the feeder's import. Kept until it is too old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from csms.clock import Clock

FREQUENCY_VALID_S = 5.0


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
        self.price: Price | None = None

    def frequency_hz(self, value: float, at: datetime) -> None:
        if self._frequency is None or at >= self._frequency[1]:
            self._frequency = (value, at)

    def price_per_kwh(self, value: float, currency: str, at: datetime) -> None:
        if self.price is None or at >= self.price.at:
            self.price = Price(value, currency, at)

    def feeder_limit_w(self, value: float | None, at: datetime, until: datetime | None) -> None:  # noqa: ARG002
        self._limit = None if value is None else (value, until)

    def current_frequency_hz(self) -> float | None:
        """``None`` without a signal of the last five seconds."""
        if self._frequency is None:
            return None
        value, at = self._frequency
        age_s = (self._clock.now() - at).total_seconds()
        return value if age_s <= FREQUENCY_VALID_S else None

    def current_import_limit_w(self) -> float | None:
        """``None`` without a limit in force."""
        if self._limit is None:
            return None
        value, until = self._limit
        return value if until is None or self._clock.now() < until else None
