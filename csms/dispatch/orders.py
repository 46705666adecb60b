"""What the dispatcher tells one EVSE, and which limit made it so."""

from __future__ import annotations

from dataclasses import dataclass

from csms.domain.fleet import Binding
from csms.ids import EvseKey


@dataclass(frozen=True, slots=True)
class Order:
    """One EVSE's setpoint; ``binding`` is ``None`` when it gets what it wants."""

    key: EvseKey
    power_w: float
    wanted_w: float
    binding: Binding | None
