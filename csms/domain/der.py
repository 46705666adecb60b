"""DER controls of OCPP 2.1 (block R) as the central system keeps them."""

from __future__ import annotations

from typing import Any

from csms.domain.values import Value


class FreqDroop(Value, frozen=True, kw_only=True):
    """Frequency droop in the units of OCPP 2.1 FreqDroopType: Hz for the edges, per unit for droop, s for response."""

    over_freq_hz: float
    under_freq_hz: float
    over_droop_pu: float
    under_droop_pu: float
    response_time_s: float
    priority: int = 0


class DerControl(Value, frozen=True, kw_only=True):
    """One control as installed or reported. ``body`` is the control's own object with wire names (volts, Hz, %)."""

    control_id: str
    control_type: str
    is_default: bool
    body: dict[str, Any]
    is_superseded: bool = False
