"""Resources as the API shows them, made from live state and records. Units in the names; secrets left out."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from csms.api.deps import KnockLike
from csms.api.problems import ProblemError
from csms.domain.commands import CommandRecord
from csms.domain.feeder_view import EvseDecision
from csms.domain.fleet import EvseState, Fleet, StationState
from csms.domain.records import MeterRecord, StationRecord, TokenRecord
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading
from csms.services.api_keys import Role
from csms.telemetry.redact import partial, redact

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page. Pass ``next`` as ``after`` for the following one; ``null`` at the end."""

    items: tuple[T, ...]
    next: str | None = None


class BindingView(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    where: str
    source: str


class EvseView(msgspec.Struct, frozen=True, kw_only=True):
    """One EVSE. Powers are positive into the vehicle."""

    station_id: str
    evse_id: int
    status: str | None = None
    bus: str | None = None
    transaction_id: str | None = None
    measured_w: float | None = None
    measured_at: datetime | None = None
    commanded_w: float | None = None
    wanted_w: float | None = None
    soc_frac: float | None = None
    limit: BindingView | None = None
    """Which limit holds it back, and who set it."""


class StationView(msgspec.Struct, frozen=True, kw_only=True):
    station_id: str
    enabled: bool = True
    connected: bool = False
    version: str | None = None
    remote: str | None = None
    registration: str | None = None
    status: str | None = None
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    connected_at: datetime | None = None
    last_message: datetime | None = None
    clock_skew_s: float | None = None
    can_discharge: bool = False
    evses: tuple[EvseView, ...] = ()


class NewStation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``station_id`` is the last part of the URL that the station connects to."""

    station_id: str


class StationCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Shown once. The user name of HTTP basic authentication is the station id."""

    station_id: str
    password: str
    url: str


class TransactionView(msgspec.Struct, frozen=True, kw_only=True):
    """``missing_seq_nos`` are gaps in what was received; ``suspect`` says why the record may be wrong."""

    station_id: str
    transaction_id: str
    evse_id: int
    token: str | None
    started: datetime | None
    ended: datetime | None
    stopped_reason: str | None
    charging_state: str | None
    energy_wh: float
    discharged_wh: float
    missing_seq_nos: tuple[int, ...]
    suspect: str | None


class MeterView(msgspec.Struct, frozen=True, kw_only=True):
    """One meter value with its receipt time."""

    station_id: str
    evse_id: int
    received: datetime
    transaction_id: str | None
    reading: MeterReading


class KnockView(msgspec.Struct, frozen=True, kw_only=True):
    """A refused connection attempt."""

    claimed_id: str
    address: str
    reason: str
    subprotocols: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    count: int


class ApiKeyView(msgspec.Struct, frozen=True, kw_only=True):
    key_id: str
    role: str
    created: datetime
    revoked: datetime | None = None


class NewApiKeyAsked(msgspec.Struct, frozen=True, kw_only=True):
    role: Role


class NewApiKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """``api_key`` is shown once."""

    key_id: str
    role: str
    api_key: str


def station_view(record: StationRecord | None, state: StationState | None) -> StationView:
    """A station from what is stored and what is live; one of them may be missing."""
    if state is None:
        assert record is not None
        return StationView(
            station_id=record.station_id,
            enabled=record.enabled is not False,
            version=record.version,
            vendor=record.vendor,
            model=record.model,
            serial=record.serial,
            firmware=record.firmware,
            can_discharge=bool(record.can_discharge),
        )
    return StationView(
        station_id=state.station_id,
        enabled=record is None or record.enabled is not False,
        connected=state.connected,
        version=state.version,
        remote=state.remote,
        registration=state.registration,
        status=state.status,
        vendor=state.vendor,
        model=state.model,
        serial=state.serial,
        firmware=state.firmware,
        connected_at=state.connected_at,
        last_message=state.last_message,
        clock_skew_s=state.clock_skew_s,
        can_discharge=state.capabilities.discharge,
        evses=tuple(evse_view(evse) for _, evse in sorted(state.evses.items())),
    )


def station_views(records: Sequence[StationRecord], fleet: Fleet) -> list[StationView]:
    """Every station that is stored or live, by id."""
    by_id = {record.station_id: record for record in records}
    ids = sorted({*by_id, *(state.station_id for state in fleet)})
    return [station_view(by_id.get(one), fleet.get(one)) for one in ids]


def evse_view(evse: EvseState) -> EvseView:
    tx = evse.transaction if evse.is_charging else None
    reading, decision = evse.reading, evse.decided()
    return EvseView(
        station_id=evse.key.station_id,
        evse_id=evse.key.evse_id,
        status=next(iter(evse.connectors.values()), None),
        bus=evse.place.bus if evse.place else None,
        transaction_id=tx.transaction_id if tx else None,
        measured_w=reading.power_w if reading else None,
        measured_at=reading.at if reading else None,
        commanded_w=evse.commanded_w,
        wanted_w=decision.wanted_w if decision else None,
        soc_frac=reading.soc_frac if reading else None,
        limit=_binding(decision),
    )


def transaction_view(tx: Transaction, *, show_token: bool) -> TransactionView:
    token = tx.token.value if tx.token else None
    return TransactionView(
        station_id=tx.station_id,
        transaction_id=tx.transaction_id,
        evse_id=tx.evse_id,
        token=token if show_token or token is None else partial(token),
        started=tx.started,
        ended=tx.ended,
        stopped_reason=tx.stopped_reason,
        charging_state=tx.charging_state,
        energy_wh=tx.energy_wh,
        discharged_wh=tx.discharged_wh,
        missing_seq_nos=tx.missing_seq_nos[:100],
        suspect=tx.suspect,
    )


def command_view(record: CommandRecord) -> CommandRecord:
    """The record with secrets hidden in what was sent and what was answered."""
    return msgspec.structs.replace(
        record, payload=redact(record.payload), answer=redact(record.answer)
    )


def meter_view(record: MeterRecord) -> MeterView:
    return MeterView(
        station_id=record.evse.station_id,
        evse_id=record.evse.evse_id,
        received=record.received,
        transaction_id=record.transaction_id,
        reading=record.reading,
    )


def token_view(record: TokenRecord, *, show_token: bool) -> TokenRecord:
    if show_token:
        return record
    shown = msgspec.structs.replace(record.token, value=partial(record.token.value))
    return msgspec.structs.replace(record, token=shown)


def knock_view(knock: KnockLike) -> KnockView:
    return KnockView(
        claimed_id=knock.claimed_id,
        address=knock.address,
        reason=str(knock.reason),
        subprotocols=knock.subprotocols,
        first_at=knock.first_at,
        last_at=knock.last_at,
        count=knock.count,
    )


def transaction_cursor(tx: Transaction) -> str | None:
    """An opaque key of where a page ended; ``None`` for a transaction whose start was never told."""
    if tx.started is None:
        return None
    key = (tx.started, tx.station_id, tx.transaction_id)
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def read_transaction_cursor(cursor: str) -> tuple[datetime, str, str]:
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        key = msgspec.json.decode(raw, type=tuple[datetime, str, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise ProblemError(422, "bad_cursor", "after: not a cursor of this API") from None
    if key[0].tzinfo is None:
        raise ProblemError(422, "bad_cursor", "after: not a cursor of this API")
    return key


def _binding(decision: EvseDecision | None) -> BindingView | None:
    if decision is None or decision.limit_kind is None:
        return None
    return BindingView(
        kind=decision.limit_kind,
        where=decision.limit_where or "",
        source=decision.limit_source or "",
    )
