"""From a command to the wire and back: the services' ``Courier`` over the gateway's links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from csms import translate
from csms.domain.commands import Command, CommandState
from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.events import VariableReported
from csms.domain.fleet import Fleet, StationState
from csms.gateway.ports import CallOutcome, CallStatus, StationLink
from csms.ids import StationId
from csms.ocppj.errors import LocalProtocolError
from csms.ocppj.version import OcppVersion
from csms.services.command_desk import Delivery

VERSIONS: dict[OcppVersion, str] = {
    OcppVersion.V16: "1.6",
    OcppVersion.V201: "2.0.1",
    OcppVersion.V21: "2.1",
}
_STATES = {
    CallStatus.REFUSED: CommandState.FAILED,
    CallStatus.INVALID: CommandState.FAILED,
    CallStatus.TIMED_OUT: CommandState.TIMED_OUT,
    CallStatus.SUPERSEDED: CommandState.SUPERSEDED,
    CallStatus.QUEUE_FULL: CommandState.REJECTED,
}


Learned = Callable[[StationState, tuple[VariableReported, ...]], Awaitable[None]]


class LinkCourier:
    """Knows the live link of each station and speaks its version on it.

    ``learned`` is told of every device model variable that an answer brings, whoever asked for it.
    """

    def __init__(self, fleet: Fleet, learned: Learned) -> None:
        self._fleet = fleet
        self._learned = learned
        self._links: dict[StationId, StationLink] = {}

    def attach(self, link: StationLink) -> None:
        self._links[link.station_id] = link

    def detach(self, station_id: StationId, epoch: int) -> bool:
        """Forget the link of that epoch; false when a newer one is there, which stays."""
        link = self._links.get(station_id)
        if link is None or link.epoch != epoch:
            return False
        del self._links[station_id]
        return True

    def is_connected(self, station_id: StationId) -> bool:
        return station_id in self._links

    def check(self, station_id: StationId, command: Command) -> None:
        station = self._fleet.get(station_id)
        if station is None:
            raise InvalidInput(f"no station {station_id!r}")
        if station.version is not None:
            translate.command_to_wire(station.version, command)

    async def deliver(
        self, station_id: StationId, command: Command, *, timeout_s: float, coalesce_key: str | None
    ) -> Delivery:
        link = self._links.get(station_id)
        if link is None:
            return Delivery(CommandState.OFFLINE, None, "the station is not connected", None, None)
        version = VERSIONS[link.version]
        try:
            wire = translate.command_to_wire(version, command)
            call = await link.call(
                wire.action, wire.payload, timeout_s=timeout_s, coalesce_key=coalesce_key
            )
        except (NotExpressible, InvalidInput) as error:
            return Delivery(CommandState.REJECTED, None, error.message, None, None)
        except LocalProtocolError as error:
            return Delivery(CommandState.REJECTED, None, error.description, None, None)
        if call.status is CallStatus.ANSWERED:
            await self._learn(station_id, translate.variables_from_wire(call.payload))
        return _delivery(version, command, call)

    async def _learn(self, station_id: StationId, found: tuple[VariableReported, ...]) -> None:
        station = self._fleet.get(station_id)
        if found and station is not None:
            await self._learned(station, found)


def _delivery(version: str, command: Command, call: CallOutcome) -> Delivery:
    if call.status is CallStatus.ANSWERED:
        outcome = translate.outcome_from_wire(version, command, call.payload)
        state = CommandState.ACCEPTED if outcome.accepted else CommandState.REJECTED
        return Delivery(state, outcome, None, call.sent_s, call.answered_s)
    if call.status is CallStatus.DISCONNECTED:
        sent = call.sent_s is not None
        reason = "the connection ended before the answer" if sent else "the connection ended"
        state = CommandState.TIMED_OUT if sent else CommandState.OFFLINE
        return Delivery(state, None, reason, call.sent_s, None)
    reason = f"{call.code}: {call.description}" if call.code else str(call.status)
    return Delivery(_STATES[call.status], None, reason, call.sent_s, call.answered_s)
