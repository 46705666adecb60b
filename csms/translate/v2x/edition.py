"""What differs between 2.0.1 and 2.1 where they share a message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from csms.domain.profile import Period, Purpose, RateUnit
from csms.translate.fields import Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    version: str
    token_types: frozenset[str] | None
    """Enumerated in 2.0.1, free text in 2.1."""
    max_token: int
    purposes: frozenset[Purpose]
    v2x_profiles: bool
    """Setpoints, operation modes, Dynamic profiles, off-line limits."""
    iso15118_20: bool
    """Certificates of ISO 15118-20: several contracts a car, OEM roots, request ids."""
    period: Callable[[Period, RateUnit], Payload]
