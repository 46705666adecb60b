"""Small values shared by events, commands and state."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all immutable domain data."""


class TokenStatus(StrEnum):
    """Outcome of an authorisation; the union of what the three versions can say."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class IdToken(Value, frozen=True, kw_only=True):
    """An identification as presented. OCPP 1.6 idTags have kind ``""`` and compare without case."""

    value: str
    kind: str = ""

    @property
    def key(self) -> str:
        """Stores and caches key on this: OCPP identifiers are case-insensitive (CiString)."""
        return self.value.casefold()


class ConnectorStatus(StrEnum):
    """Union of 1.6 ChargePointStatus and 2.x ConnectorStatusEnumType."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class MeterReading(Value, frozen=True, kw_only=True):
    """One meter value: what a station measured at one instant, in SI, import > 0.

    ``power_w`` is the net of import and export. Registers are the meter's own, never reset by us. Tuples are
    (L1, L2, L3) with ``None`` for a phase that was not told.
    """

    at: datetime
    context: str = "Sample.Periodic"
    power_w: float | None = None
    power_by_phase_w: tuple[float | None, float | None, float | None] | None = None
    reactive_var: float | None = None
    energy_import_wh: float | None = None
    energy_export_wh: float | None = None
    voltage_v: tuple[float | None, float | None, float | None] | None = None
    current_a: tuple[float | None, float | None, float | None] | None = None
    frequency_hz: float | None = None
    soc_frac: float | None = None
    power_offered_w: float | None = None
    current_offered_a: float | None = None
    signed: tuple[str, ...] = ()
    """Signed meter values as JSON text, byte-exact (J01.FR.21)."""


class Phases(StrEnum):
    """The conductors that an EVSE is wired to, in the feeder's naming."""

    A = "a"
    B = "b"
    C = "c"
    ABC = "abc"

    @property
    def n_phases(self) -> int:
        return len(self.value)
