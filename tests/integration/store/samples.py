"""Records with every field set, and the usual ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from csms.domain.commands import CommandRecord, CommandState
from csms.domain.profile import ChargingProfile, Kind, Period, Purpose, RateUnit
from csms.domain.records import CommandWritten, MeterRecord, ProfileInstalled, TransactionRecord
from csms.domain.transaction import Register, Span, Transaction
from csms.domain.values import IdToken, MeterReading
from csms.ids import CommandId, EvseKey, StationId, TransactionId

T0 = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
CP1 = StationId("CP1")
TOKEN = IdToken(value="AbC-123", kind="ISO14443")


def minutes(n: float) -> datetime:
    return T0 + timedelta(minutes=n)


def transaction(
    number: int = 1,
    station_id: StationId = CP1,
    started: datetime | None = T0,
    ended: datetime | None = None,
) -> Transaction:
    at = started or T0
    return Transaction(
        station_id=station_id,
        transaction_id=TransactionId(str(number)),
        evse_id=1,
        connector_id=2,
        token=TOKEN,
        started=started,
        ended=ended,
        charging_state="Charging",
        operation_mode="CentralSetpoint",
        remote_start_id=2**31,
        imported=Span(first=Register(at=at, wh=0.0), last=Register(at=minutes(7), wh=1234.5)),
        exported=Span(first=Register(at=at, wh=5.25), last=Register(at=minutes(9), wh=6.5)),
        seq_seen=((0, 3), (5, 5)),
        last_at=minutes(9),
        received=minutes(10),
        suspect="a gap",
    )


def transaction_record(number: int, station_id: StationId = CP1) -> TransactionRecord:
    return TransactionRecord(transaction=transaction(number, station_id))


def meter(
    n: float = 0, station_id: StationId = CP1, reading: MeterReading | None = None
) -> MeterRecord:
    return MeterRecord(
        evse=EvseKey(station_id, 1),
        reading=reading or MeterReading(at=minutes(n), power_w=-7_000.5, energy_import_wh=0.0),
        received=minutes(n + 0.5),
        transaction_id=TransactionId("1"),
    )


def command(
    number: int, state: CommandState = CommandState.QUEUED, station_id: StationId = CP1
) -> CommandWritten:
    record = CommandRecord(
        command_id=CommandId(f"0197a0b2-0000-7000-8000-{number:012}"),
        station_id=station_id,
        action="Reset",
        payload={"type": "Immediate", "customData": {"vendorId": "x", "n": [1, 2.5, None, "é"]}},
        issued_by="operator:ann",
        created=T0,
        state=state,
        answer={"status": "Accepted"} if state.is_final else None,
        queue_ms=0.25,
    )
    return CommandWritten(record=record)


def profile(profile_id: int = 7, limit_w: float = 3_000.0) -> ChargingProfile:
    return ChargingProfile(
        profile_id=profile_id,
        stack_level=1,
        purpose=Purpose.TX_DEFAULT,
        kind=Kind.ABSOLUTE,
        unit=RateUnit.W,
        periods=(
            Period(limit=limit_w),
            Period(start_s=60, limit=0.1, freq_watt=((49.8, -1e3), (50.0, 0.0))),
        ),
        start=T0,
        valid_to=minutes(60),
        transaction_id=TransactionId("1"),
    )


def installed(evse_id: int = 1, profile_id: int = 7, limit_w: float = 3_000.0) -> ProfileInstalled:
    return ProfileInstalled(
        station_id=CP1, evse_id=evse_id, profile=profile(profile_id, limit_w), at=T0
    )
