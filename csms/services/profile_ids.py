"""Charging profiles that are the central system's own: fixed ids for each EVSE, replaced in place, never piled up."""

from __future__ import annotations

from typing import Final

SAFE_PROFILE_BASE: Final = 100
"""The safe default profile of EVSE n has id 100 + n."""
NEGOTIATED_PROFILE_BASE: Final = 300
"""The schedule that the car at EVSE n negotiates by has id 300 + n."""
SETPOINT_PROFILE_BASE: Final = 1000
"""The setpoint profile of EVSE n has id 1000 + n."""
_SPAN: Final = 100


def is_setpoint(profile_id: int) -> bool:
    return SETPOINT_PROFILE_BASE < profile_id <= SETPOINT_PROFILE_BASE + _SPAN


def is_reserved(profile_id: int) -> bool:
    bases = (SAFE_PROFILE_BASE, NEGOTIATED_PROFILE_BASE, SETPOINT_PROFILE_BASE)
    return any(base < profile_id <= base + _SPAN for base in bases)
