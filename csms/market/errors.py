"""What can be wrong with a market study.

```
MarketError (ValueError)
├── PriceTableError           a price table that cannot be used: row, text and remedy named
├── TariffError               no break-even price, periods that do not match the hours
├── GameError                 a pricing game without a bounded optimum
├── EmptyHistoryError         nothing to learn from
├── SingularCovarianceError   an uncertainty set of no width, or too few samples
├── PlanError                 a plan that cannot be stated (shapes, signs, windows)
└── SolverError               the solver stopped short; carries its status
```
"""

from __future__ import annotations


class MarketError(ValueError):
    """Base of this package's errors."""


class PriceTableError(MarketError):
    """A price table that cannot be used."""


class TariffError(MarketError):
    """A tariff that does not exist or does not fit the hours."""


class GameError(MarketError):
    """A pricing game without a bounded optimum."""


class EmptyHistoryError(MarketError):
    """Nothing to learn from."""


class SingularCovarianceError(MarketError):
    """An uncertainty set of no width."""


class PlanError(MarketError):
    """A plan that cannot be stated."""


class SolverError(MarketError):
    """The solver stopped short of an answer."""

    def __init__(self, what: str, status: str) -> None:
        super().__init__(f"{what}: solver status {status}")
        self.status = status
