"""DER controls of OCPP 2.1 (block R) as the central system keeps them."""

from __future__ import annotations

from typing import Any

from csms.domain.values import Value

OWN_PREFIX = "csms-"
"""Ids of the controls that this system installs; it clears no others."""


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


def droop_control(droop: FreqDroop) -> DerControl:
    """The default control of OCPP 2.1 that makes a station run the droop (R04)."""
    return DerControl(
        control_id=f"{OWN_PREFIX}freq-droop",
        control_type="FreqDroop",
        is_default=True,
        body={
            "priority": droop.priority,
            "overFreq": round(droop.over_freq_hz, 4),
            "underFreq": round(droop.under_freq_hz, 4),
            "overDroop": droop.over_droop_pu,
            "underDroop": droop.under_droop_pu,
            "responseTime": droop.response_time_s,
        },
    )
