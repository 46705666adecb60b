"""What stations tell the central system, version-neutral, and what it answers.

``translate`` makes events from wire payloads and wire payloads from replies; ``services`` handles them.
The station's own time stamps are kept beside the time of receipt, which the service adds.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from csms.domain.certificates import CertificateEvent, CertificateReply
from csms.domain.der import DerControl
from csms.domain.profile import DynamicUpdate, RateUnit
from csms.domain.values import ConnectorStatus, IdToken, MeterReading, TokenStatus, Value
from csms.ids import TransactionId


class RegistrationStatus(StrEnum):
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Booted(Value, frozen=True, kw_only=True):
    vendor: str
    model: str
    serial: str | None = None
    firmware: str | None = None
    reason: str | None = None


class BootReply(Value, frozen=True, kw_only=True):
    now: datetime
    interval_s: int
    status: RegistrationStatus


class Heartbeat(Value, frozen=True, kw_only=True):
    pass


class HeartbeatReply(Value, frozen=True, kw_only=True):
    now: datetime


class StatusChanged(Value, frozen=True, kw_only=True):
    """``evse_id`` 0 is the station itself (OCPP 1.6 connector 0)."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    at: datetime | None = None
    error_code: str | None = None
    info: str | None = None


class AuthorizeAsked(Value, frozen=True, kw_only=True):
    token: IdToken
    certificate_pem: str | None = None
    hash_data: tuple[dict[str, str], ...] = ()


class AuthorizeReply(Value, frozen=True, kw_only=True):
    status: TokenStatus
    expires: datetime | None = None
    group: IdToken | None = None
    certificate_status: str | None = None


class TransactionPhase(StrEnum):
    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class TransactionTold(Value, frozen=True, kw_only=True):
    """One step of a transaction. In OCPP 1.6 Start and Stop become ``STARTED`` and ``ENDED``.

    ``transaction_id`` is ``None`` only in a 1.6 start: the central system assigns it. ``seq_no`` is ``None`` in 1.6.
    A 1.6 start's ``meterStart`` and a stop's ``meterStop`` arrive as readings with context ``Transaction.Begin`` /
    ``Transaction.End``.
    """

    phase: TransactionPhase
    transaction_id: TransactionId | None
    at: datetime
    seq_no: int | None = None
    trigger: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    token: IdToken | None = None
    charging_state: str | None = None
    stopped_reason: str | None = None
    remote_start_id: int | None = None
    operation_mode: str | None = None
    offline: bool = False
    readings: tuple[MeterReading, ...] = ()
    station_cost: Decimal | None = None
    """2.1: what the station itself calculated (costDetails, I12)."""


class TransactionReply(Value, frozen=True, kw_only=True):
    transaction_id: TransactionId
    token_status: TokenStatus | None = None
    """``None`` when the event carried no token."""
    allowed_energy_transfer: tuple[str, ...] = ()
    total_cost: Decimal | None = None
    """``None`` where nobody posted a price, or the station calculates by itself (2.1 I07)."""
    price_text: str | None = None
    """A price that the station has not shown yet."""


class MetersRead(Value, frozen=True, kw_only=True):
    """MeterValues. ``transaction_id`` only in 1.6; ``evse_id`` 0 is the main meter."""

    evse_id: int
    readings: tuple[MeterReading, ...]
    transaction_id: TransactionId | None = None


class ChargingNeedsTold(Value, frozen=True, kw_only=True):
    """NotifyEVChargingNeeds: what the car wants and can do."""

    evse_id: int
    requested_transfer: str
    departure: datetime | None = None
    energy_wh: float | None = None
    """Energy wanted until departure."""
    min_energy_wh: float | None = None
    max_charge_w: float | None = None
    max_discharge_w: float | None = None
    """Positive number; 0 when the car cannot or will not discharge."""
    soc_frac: float | None = None
    target_soc_frac: float | None = None
    capacity_wh: float | None = None
    """Of the car's battery."""
    control_mode: str | None = None
    max_periods: int | None = None
    """So many periods the car takes in a schedule (``maxScheduleTuples``)."""
    raw: dict[str, Any] = msgspec.field(default_factory=dict)


class ChargingNeedsReply(Value, frozen=True, kw_only=True):
    status: str = "Accepted"


class EvScheduleTold(Value, frozen=True, kw_only=True):
    """NotifyEVChargingSchedule: what the car chose out of what it was offered (K15.FR.10)."""

    evse_id: int
    start: datetime
    """The instant that ``periods`` count from."""
    unit: RateUnit
    periods: tuple[tuple[float, float], ...]
    """(start in s, W or A per phase), ascending."""
    duration_s: float | None = None
    raw: dict[str, Any] = msgspec.field(default_factory=dict)


class EvScheduleReply(Value, frozen=True, kw_only=True):
    status: str = "Accepted"


class DynamicUpdatePulled(Value, frozen=True, kw_only=True):
    """PullDynamicScheduleUpdate (K28)."""

    profile_id: int


class DynamicUpdateReply(Value, frozen=True, kw_only=True):
    """``None`` is Rejected: unknown or not Dynamic (K28.FR.12)."""

    update: DynamicUpdate | None


class DerReported(Value, frozen=True, kw_only=True):
    """ReportDERControl: one part of the answer to GetDERControl."""

    request_id: int
    controls: tuple[DerControl, ...]
    more: bool = False


class DerAlarm(Value, frozen=True, kw_only=True):
    control_type: str
    at: datetime
    fault: str | None = None
    ended: bool = False
    info: str | None = None


class DerStartStop(Value, frozen=True, kw_only=True):
    control_id: str
    started: bool
    at: datetime
    superseded_ids: tuple[str, ...] = ()


class VariableReported(Value, frozen=True, kw_only=True):
    component: str
    variable: str
    value: str | None
    evse_id: int | None = None
    instance: str | None = None
    attribute: str = "Actual"
    mutability: str | None = None
    unit: str | None = None


class ReportPart(Value, frozen=True, kw_only=True):
    """NotifyReport: one part of a device model report."""

    request_id: int
    seq_no: int
    variables: tuple[VariableReported, ...]
    more: bool = False


class ProfilesReported(Value, frozen=True, kw_only=True):
    """ReportChargingProfiles."""

    request_id: int
    evse_id: int
    profiles: tuple[dict[str, Any], ...]
    more: bool = False


class SecurityEventTold(Value, frozen=True, kw_only=True):
    kind: str
    at: datetime
    info: str | None = None


class VendorData(Value, frozen=True, kw_only=True):
    """DataTransfer."""

    vendor: str
    message: str | None = None
    data: Any = None


class VendorDataReply(Value, frozen=True, kw_only=True):
    status: str
    data: Any = None


class Notified(Value, frozen=True, kw_only=True):
    """Any other notification that is stored and acknowledged with an empty answer."""

    action: str
    payload: dict[str, Any]


class Acknowledged(Value, frozen=True, kw_only=True):
    """The empty answer."""


Event = (
    Booted
    | Heartbeat
    | StatusChanged
    | AuthorizeAsked
    | TransactionTold
    | MetersRead
    | ChargingNeedsTold
    | EvScheduleTold
    | DynamicUpdatePulled
    | DerReported
    | DerAlarm
    | DerStartStop
    | ReportPart
    | ProfilesReported
    | SecurityEventTold
    | VendorData
    | Notified
    | CertificateEvent
)
Reply = (
    BootReply
    | HeartbeatReply
    | AuthorizeReply
    | TransactionReply
    | ChargingNeedsReply
    | EvScheduleReply
    | DynamicUpdateReply
    | VendorDataReply
    | Acknowledged
    | CertificateReply
)
