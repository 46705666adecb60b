"""What a kWh costs a driver, and what a session has come to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from csms.domain.values import Value


class Tariff(Value, frozen=True, kw_only=True):
    """The price in force from ``since``, money per kWh as the meter counts it, taxes included."""

    since: datetime
    import_per_kwh: Decimal
    export_per_kwh: Decimal = Decimal(0)
    """Paid to the driver for what the car feeds back."""
    currency: str = "EUR"

    @property
    def tariff_id(self) -> str:
        """At most 60 characters, another one for each posted price (2.1 I07)."""
        return f"csms-{self.since:%Y%m%dT%H%M%S%f}"

    @property
    def text(self) -> str:
        """What a display shows."""
        back = f", {self.export_per_kwh} per kWh fed back" if self.export_per_kwh else ""
        return f"{self.import_per_kwh} {self.currency} per kWh{back}"


class Cost(Value, frozen=True, kw_only=True):
    """A session's cost so far, or in the end. Negative when more was earned than paid."""

    amount: Decimal
    """Rounded to hundredths of the currency, half up."""
    earned: Decimal = Decimal(0)
    """Of that, paid to the driver for energy fed back."""
    currency: str
    at: datetime
    """Of the last meter value in it."""
    import_wh: float
    """The register then."""
    final: bool = False
