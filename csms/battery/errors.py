"""What can be wrong with a battery or an ageing experiment.

```
BatteryError (ValueError)
├── UnknownPackError        no parameter pack of that name
├── HistoryError            empty, unsorted or out-of-range history of a cell or vehicle
├── AgeingDataError         a table of measurements that cannot be read: row and column named
└── ExperimentError         an experiment that cannot be designed or analysed
    └── NotConvergedError   REML stopped short; carries iterations and residual
```
"""

from __future__ import annotations


class BatteryError(ValueError):
    """Base of this package's errors."""


class UnknownPackError(BatteryError):
    """No parameter pack of that name."""


class HistoryError(BatteryError):
    """A history of charge or temperature that cannot be used."""


class AgeingDataError(BatteryError):
    """A table of ageing measurements that cannot be read."""


class ExperimentError(BatteryError):
    """An experiment that cannot be designed or analysed."""


class NotConvergedError(ExperimentError):
    """The estimate stopped before its gradient vanished."""

    def __init__(self, what: str, *, iterations: int, residual: float) -> None:
        super().__init__(f"{what}: gradient {residual:.3g} after {iterations} iterations")
        self.iterations = iterations
        self.residual = residual
