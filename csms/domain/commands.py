"""What the central system tells stations, version-neutral, and what came of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from csms.domain.certificates import RootUse, SigningUse
from csms.domain.der import DerControl
from csms.domain.profile import ChargingProfile, DynamicUpdate, Purpose, RateUnit
from csms.domain.tariff import Cost, Tariff
from csms.domain.values import IdToken, Value
from csms.ids import CommandId, StationId, TransactionId


class Command(Value, frozen=True, kw_only=True):
    """Base of all commands."""


class RemoteStart(Command, frozen=True, kw_only=True):
    token: IdToken
    evse_id: int | None = None
    remote_start_id: int = 0
    profile: ChargingProfile | None = None


class RemoteStop(Command, frozen=True, kw_only=True):
    transaction_id: TransactionId


class SetChargingProfile(Command, frozen=True, kw_only=True):
    """``evse_id`` 0 is the whole station."""

    evse_id: int
    profile: ChargingProfile


class ClearChargingProfile(Command, frozen=True, kw_only=True):
    profile_id: int | None = None
    evse_id: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None


class GetCompositeSchedule(Command, frozen=True, kw_only=True):
    evse_id: int
    duration_s: int
    unit: RateUnit | None = None


class UpdateDynamicSchedule(Command, frozen=True, kw_only=True):
    """2.1 only (K28)."""

    profile_id: int
    update: DynamicUpdate


class VariableRef(Value, frozen=True, kw_only=True):
    """A device model variable. In 1.6 only ``variable`` counts: it is the configuration key."""

    component: str
    variable: str
    evse_id: int | None = None
    instance: str | None = None
    attribute: str | None = None


class GetVariables(Command, frozen=True, kw_only=True):
    """1.6: GetConfiguration; an empty tuple asks for all keys there."""

    variables: tuple[VariableRef, ...]


class SetVariable(Value, frozen=True, kw_only=True):
    ref: VariableRef
    value: str


class SetVariables(Command, frozen=True, kw_only=True):
    """1.6: ChangeConfiguration, which sets one key a message: exactly one element there."""

    values: tuple[SetVariable, ...]


class GetReport(Command, frozen=True, kw_only=True):
    """2.x GetBaseReport; in 1.6 GetConfiguration of all keys."""

    request_id: int
    base: str = "FullInventory"


class Reset(Command, frozen=True, kw_only=True):
    """``immediate`` is 1.6 Hard and 2.x Immediate."""

    immediate: bool = False
    evse_id: int | None = None


class ChangeAvailability(Command, frozen=True, kw_only=True):
    operative: bool
    evse_id: int | None = None
    """``None`` is the whole station."""


class UnlockConnector(Command, frozen=True, kw_only=True):
    evse_id: int
    connector_id: int = 1


class Trigger(Command, frozen=True, kw_only=True):
    """``message`` is spelled as in the station's own version."""

    message: str
    evse_id: int | None = None


class SendVendorData(Command, frozen=True, kw_only=True):
    vendor: str
    message: str | None = None
    data: Any = None


class SetDerControl(Command, frozen=True, kw_only=True):
    """2.1 only (R04)."""

    control: DerControl


class GetDerControls(Command, frozen=True, kw_only=True):
    request_id: int
    is_default: bool | None = None
    control_type: str | None = None
    control_id: str | None = None


class ClearDerControl(Command, frozen=True, kw_only=True):
    is_default: bool
    control_type: str | None = None
    control_id: str | None = None


class NotifyAllowedEnergyTransfer(Command, frozen=True, kw_only=True):
    transaction_id: TransactionId
    modes: tuple[str, ...]


class InstallCertificate(Command, frozen=True, kw_only=True):
    """A root certificate for the station's store (M05)."""

    use: RootUse
    certificate_pem: str


class DeleteCertificate(Command, frozen=True, kw_only=True):
    """By hash data under OCPP's names (M04). ``plug_and_charge`` only in 1.6: which of its two messages is meant."""

    hash_data: dict[str, str]
    plug_and_charge: bool = False


class GetInstalledCertificates(Command, frozen=True, kw_only=True):
    """``RootUse`` words and ``V2GCertificateChain`` (M03); an empty tuple asks for all. 1.6 takes exactly one."""

    uses: tuple[str, ...] = ()


class CertificateSigned(Command, frozen=True, kw_only=True):
    """The signed chain, leaf first (A02)."""

    chain_pem: str
    use: SigningUse = SigningUse.STATION
    request_id: int | None = None


class SetTariff(Command, frozen=True, kw_only=True):
    """The price for everybody: 2.1 SetDefaultTariff (I07), 2.0.1 the fallback text of TariffCostCtrlr (I04), 1.6 the
    key DefaultPrice of the costmsg extension."""

    tariff: Tariff
    calculates: bool = True
    """2.1: let the station calculate; else only the text is set, as in 2.0.1."""


class ChangeTransactionTariff(Command, frozen=True, kw_only=True):
    """A running transaction goes on at another price: 2.1 ChangeTransactionTariff (I11), 1.6 SetUserPrice."""

    transaction_id: TransactionId
    token: IdToken
    tariff: Tariff


class ShowCost(Command, frozen=True, kw_only=True):
    """2.x CostUpdated (I02); 1.6 RunningCost and FinalCost of the costmsg extension."""

    transaction_id: TransactionId
    cost: Cost
    tariff: Tariff


class RawCall(Command, frozen=True, kw_only=True):
    """Any request, byte-exact names, checked against the official schema of the station's version."""

    action: str
    payload: dict[str, Any]


class CommandState(StrEnum):
    """Life cycle: QUEUED -> SENT -> one of the rest. OFFLINE waits for the station to come back."""

    QUEUED = "queued"
    OFFLINE = "offline"
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    """The station answered with a CALLERROR."""
    TIMED_OUT = "timed_out"
    SUPERSEDED = "superseded"
    """A newer setpoint replaced it before it was sent."""
    EXPIRED = "expired"
    """It waited longer than its time to live."""

    @property
    def is_final(self) -> bool:
        return self not in _OPEN


_OPEN = frozenset({CommandState.QUEUED, CommandState.OFFLINE, CommandState.SENT})


class Outcome(Value, frozen=True, kw_only=True):
    """What the station's answer means, and the answer itself."""

    accepted: bool
    status: str
    reason: str | None = None
    raw: dict[str, Any] = msgspec.field(default_factory=dict)


class CommandRecord(Value, frozen=True, kw_only=True):
    """One command as a resource: what, to whom, by whom, its state, its latencies."""

    command_id: CommandId
    station_id: StationId
    action: str
    payload: dict[str, Any]
    issued_by: str
    created: datetime
    state: CommandState = CommandState.QUEUED
    status: str | None = None
    """The station's own word: Accepted, Rejected, NotSupported, RebootRequired, a CALLERROR code ..."""
    reason: str | None = None
    answer: dict[str, Any] | None = None
    expires: datetime | None = None
    sent: datetime | None = None
    answered: datetime | None = None
    queue_ms: float | None = None
    round_trip_ms: float | None = None
