"""A whole session: supportedAppProtocol first, then the machine of the edition that was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from charger_sim.iso15118 import app_protocol, timeouts
from charger_sim.iso15118.app_protocol import Protocol
from charger_sim.iso15118.errors import LocalProtocolError, RemoteProtocolError
from charger_sim.iso15118.machine import (
    End,
    Ending,
    Machine,
    Outcome,
    Output,
    Send,
    Wait,
    protocol_error,
)
from charger_sim.iso15118.v2gtp import Frame

Machines: TypeAlias = Mapping[Protocol, Callable[[], Machine]]
"""What this side speaks; on the EV's side the first is preferred."""
_TIMEOUTS: Final = timeouts.ISO_2


class SeccSession:
    """The charger's side."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._machine: Machine | None = None

    def start(self, now_s: float) -> Output:
        del now_s
        return Wait(_TIMEOUTS.setup_performance_s)

    def receive(self, frame: Frame, now_s: float) -> Output:
        if self._machine is not None:
            return self._machine.receive(frame, now_s)
        try:
            offered = app_protocol.read_request(frame)
        except RemoteProtocolError as error:
            return protocol_error(str(error))
        choice = app_protocol.choose(offered, self._machines)
        end = None
        if choice.protocol is None:
            end = Outcome(Ending.REFUSED, "no common protocol", choice.response_code)
        else:
            self._machine = self._machines[choice.protocol]()
            self._machine.start(now_s)
        name = "supportedAppProtocolRes"
        reply = app_protocol.response_frame(choice)
        return Send(reply, name, _TIMEOUTS.sequence_s, end=end)

    def time_out(self, now_s: float) -> End:
        if self._machine is not None:
            return self._machine.time_out(now_s)
        return End(Outcome(Ending.TIMED_OUT, "no supportedAppProtocolReq"))


class EvccSession:
    """The car's side."""

    def __init__(self, machines: Machines) -> None:
        if not machines:
            raise LocalProtocolError("an EV offers one protocol at least")
        self._machines = machines
        self._offers = app_protocol.offers(tuple(machines))
        self._machine: Machine | None = None

    def start(self, now_s: float) -> Output:
        del now_s
        name = "supportedAppProtocolReq"
        timeout_s = _TIMEOUTS.response_s("supportedAppProtocol")
        return Send(app_protocol.request_frame(self._offers), name, timeout_s)

    def receive(self, frame: Frame, now_s: float) -> Output:
        if self._machine is not None:
            return self._machine.receive(frame, now_s)
        try:
            choice = app_protocol.read_response(frame, self._offers)
        except RemoteProtocolError as error:
            return protocol_error(str(error))
        if choice.protocol is None:
            return End(Outcome(Ending.REFUSED, "no common protocol", choice.response_code))
        self._machine = self._machines[choice.protocol]()
        return self._machine.start(now_s)

    def time_out(self, now_s: float) -> End:
        if self._machine is not None:
            return self._machine.time_out(now_s)
        return End(Outcome(Ending.TIMED_OUT, "supportedAppProtocolReq was not answered"))
