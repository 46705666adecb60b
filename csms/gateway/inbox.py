"""From the wire to the use case and back: what a station's CALL goes through once its frame is valid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from csms import translate
from csms.domain.errors import DomainError, NotPermitted, StoreUnavailable
from csms.domain.events import Booted, BootReply, RegistrationStatus
from csms.domain.fleet import StationState
from csms.domain.records import NotificationRecord
from csms.gateway.courier import VERSIONS, LinkCourier
from csms.gateway.ports import CloseReason, StationCredential, StationLink
from csms.ids import StationId
from csms.ocppj.errors import CallError, ErrorCode
from csms.ocppj.errors import StoreUnavailable as CloseUnanswered
from csms.ocppj.version import OcppVersion
from csms.services.command_desk import CommandDesk
from csms.services.core import Core
from csms.services.handlers import handle
from csms.services.onboarding import Onboarding

log = structlog.get_logger("csms.gateway")


class Inbox:
    """The gateway's ``Dispatcher``: keeps the live picture of who is connected and hands events to the services."""

    def __init__(
        self,
        core: Core,
        desk: CommandDesk,
        courier: LinkCourier,
        onboarding: Onboarding,
        spawn: Callable[[Any, str], asyncio.Task[None]],
    ) -> None:
        self._core = core
        self._desk = desk
        self._courier = courier
        self._onboarding = onboarding
        self._spawn = spawn
        self._greeting: dict[StationId, asyncio.Task[None]] = {}

    async def connected(
        self, station_id: StationId, version: OcppVersion, remote: str, link: StationLink
    ) -> None:
        core = self._core
        record = await core.history.station(station_id)
        station = core.fleet.station(station_id)
        station.version = VERSIONS[version]
        station.connected, station.connected_at = True, core.clock.now()
        station.remote = remote
        if record is not None:
            # A station need not boot again after a reconnect (B01): what was accepted once stays accepted.
            station.booted = station.booted or record.booted_at is not None
            station.capabilities.discharge = bool(record.can_discharge)
            station.vendor, station.model = record.vendor, record.model
            station.serial, station.firmware = record.serial, record.firmware
        self._onboarding.place(station)
        self._courier.attach(link)
        core.live.publish("station", station_id)
        if station.booted:
            self._greet(station)

    async def on_call(
        self, station_id: StationId, version: OcppVersion, action: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        station = self._core.fleet.station(station_id)
        name = VERSIONS[version]
        try:
            event = translate.event_from_wire(name, action, payload)
            reply = await handle(self._core, station, event)
        except translate.UnsupportedAction as error:
            raise CallError(ErrorCode.NOT_SUPPORTED, str(error)) from error
        except translate.UnknownAction as error:
            raise CallError(ErrorCode.NOT_IMPLEMENTED, str(error)) from error
        except translate.BadValue as error:
            raise CallError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, str(error)) from error
        except NotPermitted as error:
            raise CallError(ErrorCode.SECURITY_ERROR, error.message) from error
        except StoreUnavailable as error:
            raise CloseUnanswered(error.message) from error
        except DomainError as error:
            raise CallError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, error.message) from error
        except Exception as error:
            await self._quarantine(station_id, action, payload, error)
            raise CallError(ErrorCode.INTERNAL_ERROR, "kept for inspection") from error
        if (
            isinstance(event, Booted)
            and isinstance(reply, BootReply)
            and reply.status is RegistrationStatus.ACCEPTED
        ):
            self._greet(station)
        return translate.reply_to_wire(name, action, reply)

    async def on_send(
        self, station_id: StationId, version: OcppVersion, action: str, payload: dict[str, Any]
    ) -> None:
        """A SEND has no answer, so a refusal has no addressee: it is an alarm."""
        try:
            await self.on_call(station_id, version, action, payload)
        except CallError as error:
            self._core.live.publish("alarm", f"{station_id}: {action}: {error}")

    async def disconnected(self, station_id: StationId, epoch: int, reason: CloseReason) -> None:
        if not self._courier.detach(station_id, epoch):
            return  # a newer connection has taken its place
        station = self._core.fleet.station(station_id)
        station.connected = False
        greeting = self._greeting.pop(station_id, None)
        if greeting is not None:
            greeting.cancel()
        self._core.live.publish("station", station_id)
        if reason is not CloseReason.STATION:
            self._core.live.publish("alarm", f"{station_id} disconnected: {reason}")

    async def _quarantine(
        self, station_id: StationId, action: str, payload: dict[str, Any], error: Exception
    ) -> None:
        """A message that a defect of ours cannot digest is kept and refused: unanswered it would come back for ever."""
        log.error("message quarantined", station=station_id, action=action, exc_info=error)
        self._core.live.publish("alarm", f"{station_id}: {action} quarantined: {error!r:.200}")
        record = NotificationRecord(
            station_id=station_id,
            action=f"quarantine:{action}",
            received=self._core.clock.now(),
            payload=payload,
        )
        try:
            await self._core.journal.commit(record)
        except StoreUnavailable as unavailable:
            raise CloseUnanswered(unavailable.message) from error

    def _greet(self, station: StationState) -> None:
        """What waited for the station is delivered after it was made safe."""
        previous = self._greeting.get(station.station_id)
        if previous is not None:
            previous.cancel()
        self._greeting[station.station_id] = self._spawn(
            self._greeted(station), f"onboarding {station.station_id}"
        )

    async def _greeted(self, station: StationState) -> None:
        await self._onboarding.run(station)
        self._desk.station_is_back(station.station_id)


class StoredCredentials:
    """The gateway's ``Credentials``, from the store."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def station(self, station_id: StationId) -> StationCredential | None:
        try:
            record = await self._core.history.station(station_id)
        except StoreUnavailable as error:
            raise CloseUnanswered(error.message) from error
        if record is None:
            return None
        return StationCredential(
            password_hash=record.password_hash,
            security_profile=record.security_profile if record.security_profile is not None else 1,
            enabled=record.enabled is not False,
        )
