"""What is written down. Each record is idempotent: writing it twice leaves the store as writing it once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from csms.domain.commands import CommandRecord
from csms.domain.plan import FleetPlan, QuarterAccount, SessionAccount
from csms.domain.profile import ChargingProfile
from csms.domain.tariff import Tariff
from csms.domain.transaction import Transaction
from csms.domain.values import ConnectorStatus, IdToken, MeterReading, TokenStatus, Value
from csms.ids import EvseKey, StationId, TransactionId


class StationRecord(Value, frozen=True, kw_only=True):
    """A station that is let in. Upsert by ``station_id``; ``None`` leaves the stored value as it is."""

    station_id: StationId
    password_hash: str | None = None
    """Argon2 PHC string."""
    security_profile: int | None = None
    enabled: bool | None = None
    version: str | None = None
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    booted_at: datetime | None = None
    can_discharge: bool | None = None


class ConnectorRecord(Value, frozen=True, kw_only=True):
    """Upsert by (station, evse, connector); an older ``at`` never overwrites a newer one."""

    station_id: StationId
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    at: datetime
    error_code: str | None = None
    info: str | None = None


class TokenRecord(Value, frozen=True, kw_only=True):
    """Upsert by ``token.key``."""

    token: IdToken
    status: TokenStatus = TokenStatus.ACCEPTED
    expires: datetime | None = None
    group: str | None = None


class TransactionRecord(Value, frozen=True, kw_only=True):
    """Upsert of the whole merged transaction by (station, transaction id)."""

    transaction: Transaction


class MeterRecord(Value, frozen=True, kw_only=True):
    """One wide row by (station, evse, at); told again, it is the same row."""

    evse: EvseKey
    reading: MeterReading
    received: datetime
    transaction_id: TransactionId | None = None


class CommandWritten(Value, frozen=True, kw_only=True):
    """Upsert by command id."""

    record: CommandRecord


class ProfileInstalled(Value, frozen=True, kw_only=True):
    """Upsert by (station, evse, profile id)."""

    station_id: StationId
    evse_id: int
    profile: ChargingProfile
    at: datetime


class ProfileRemoved(Value, frozen=True, kw_only=True):
    station_id: StationId
    profile_id: int


class VariableRecord(Value, frozen=True, kw_only=True):
    """Device model (1.6: configuration key). Upsert by (station, component, variable, evse, instance, attribute)."""

    station_id: StationId
    component: str
    variable: str
    value: str | None
    at: datetime
    evse_id: int = 0
    instance: str = ""
    attribute: str = "Actual"
    mutability: str | None = None
    unit: str | None = None


class SecurityRecord(Value, frozen=True, kw_only=True):
    """Append; told again with the same (station, kind, at), it is the same row."""

    station_id: StationId
    kind: str
    at: datetime
    received: datetime
    info: str | None = None
    critical: bool = False


class NotificationRecord(Value, frozen=True, kw_only=True):
    """Any other message worth keeping (DER alarms, vendor data, notifications). Append."""

    station_id: StationId
    action: str
    received: datetime
    payload: dict[str, Any]


class AuditRecord(Value, frozen=True, kw_only=True):
    """Who did what through the API or the command line. Append only."""

    at: datetime
    actor: str
    action: str
    target: str
    detail: dict[str, Any]


class TariffPosted(Value, frozen=True, kw_only=True):
    """A price put in force. Append only: of two that name the same ``since`` the first is kept."""

    tariff: Tariff


class ApiKeyRecord(Value, frozen=True, kw_only=True):
    """Upsert by ``key_id``. Only a hash of the secret is kept."""

    key_id: str
    secret_hash: str
    role: str
    created: datetime
    revoked: datetime | None = None


class PlanMade(Value, frozen=True, kw_only=True):
    """Upsert by the instant at which it was made."""

    plan: FleetPlan


class QuarterAccounted(Value, frozen=True, kw_only=True):
    """Upsert by (quarter hour, station, evse, transaction): late meter values correct it."""

    account: QuarterAccount


class SessionAccounted(Value, frozen=True, kw_only=True):
    """Upsert by (station, transaction id)."""

    account: SessionAccount


Record = (
    StationRecord
    | ConnectorRecord
    | TokenRecord
    | TransactionRecord
    | MeterRecord
    | CommandWritten
    | ProfileInstalled
    | ProfileRemoved
    | VariableRecord
    | SecurityRecord
    | NotificationRecord
    | AuditRecord
    | TariffPosted
    | ApiKeyRecord
    | PlanMade
    | QuarterAccounted
    | SessionAccounted
)
