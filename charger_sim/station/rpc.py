"""OCPP-J from the station's side, sans I/O: text in, text out, callbacks for answers.

One CALL is outstanding at a time (OCPP-J 4.1.1); SEND (2.1) is never answered. Numbers of unknown
message types are ignored; an unreadable frame is answered with CALLERROR and the id ``"-1"``.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from charger_sim.station.errors import CallError
from charger_sim.station.schemas import validator
from charger_sim.station.timers import Timer, Timers

CALL, CALL_RESULT, CALL_ERROR, CALL_RESULT_ERROR, SEND = 2, 3, 4, 5, 6
MAX_FRAME_CHARS = 512 * 1024

Payload = dict[str, Any]
Handler = Callable[[Payload], Payload]
OnReply = Callable[[Payload], None]
OnFailure = Callable[[str], None]


@dataclass(slots=True)
class _Call:
    message_id: str
    action: str
    payload: Payload
    on_reply: OnReply
    on_failure: OnFailure
    sent_s: float = 0.0
    timer: Timer | None = None


@dataclass(slots=True)
class RpcStats:
    """Counts since the station was built, and the latency of its own calls, s."""

    sent: int = 0
    received: int = 0
    calls: int = 0
    call_errors: int = 0
    timeouts: int = 0
    handled: int = 0
    refused: int = 0
    malformed: int = 0


def _error_code(version: str, kind: str) -> str:
    if kind == "required":
        return (
            "OccurenceConstraintViolation" if version == "1.6" else "OccurrenceConstraintViolation"
        )
    if kind == "type":
        return "TypeConstraintViolation"
    if kind == "additionalProperties":
        return "FormationViolation" if version == "1.6" else "FormatViolation"
    return "PropertyConstraintViolation"


class RpcSession:
    """The calls and answers of one station; survives reconnects, its outstanding calls do not."""

    def __init__(
        self,
        version: str,
        timers: Timers,
        monotonic: Callable[[], float],
        new_id: Callable[[], str],
        transmit: Callable[[str], None],
        on_latency: Callable[[str, float], None],
    ) -> None:
        self.version = version
        self.handlers: dict[str, Handler] = {}
        self.timeout_s = 30.0
        self.stats = RpcStats()
        self._timers = timers
        self._monotonic = monotonic
        self._new_id = new_id
        self._transmit = transmit
        self._on_latency = on_latency
        self._online = False
        self._waiting: deque[_Call] = deque()
        self._outstanding: _Call | None = None
        self._after_reply: list[Callable[[], None]] = []

    @property
    def idle(self) -> bool:
        """No call outstanding and none waiting."""
        return self._outstanding is None and not self._waiting

    def opened(self) -> None:
        self._online = True

    def closed(self) -> None:
        """Fails what was outstanding or waiting with ``offline``."""
        self._online = False
        lost = [self._outstanding] if self._outstanding else []
        lost += self._waiting
        self._outstanding = None
        self._waiting.clear()
        for call in lost:
            if call.timer is not None:
                call.timer.cancel()
            call.on_failure("offline")

    def call(self, action: str, payload: Payload, on_reply: OnReply, on_failure: OnFailure) -> None:
        """Queues a CALL. Exactly one of the callbacks is called later (``on_failure`` gets
        ``offline``, ``timeout`` or the CALLERROR's code)."""
        if not self._online:
            on_failure("offline")
            return
        self._waiting.append(_Call(self._new_id(), action, payload, on_reply, on_failure))
        self._pump()

    def send(self, action: str, payload: Payload) -> None:
        """An unanswered SEND (2.1 only)."""
        if self.version != "2.1":
            raise ValueError(f"SEND does not exist in OCPP {self.version}")
        if self._online:
            self._write([SEND, self._new_id(), action, payload])

    def after_reply(self, action: Callable[[], None]) -> None:
        """From inside a handler: run ``action`` once the answer is on its way."""
        self._after_reply.append(action)

    def receive(self, text: str) -> None:
        """Takes one frame from the central system."""
        self.stats.received += 1
        try:
            if len(text) > MAX_FRAME_CHARS:
                raise ValueError("frame too long")
            frame = json.loads(text)
        except (ValueError, RecursionError):
            self._malformed("unreadable frame")
            return
        if not isinstance(frame, list) or not frame or type(frame[0]) is not int:
            self._malformed("not an OCPP-J array")
            return
        kind = frame[0]
        if kind == CALL:
            self._on_call(frame)
        elif kind == CALL_RESULT:
            self._on_result(frame)
        elif kind == CALL_ERROR:
            self._on_error(frame)

    def _on_call(self, frame: list[Any]) -> None:
        if len(frame) != 4 or not isinstance(frame[1], str) or not 0 < len(frame[1]) <= 36:
            self._malformed("CALL needs [2, id, action, payload]")
            return
        message_id, action, payload = frame[1], frame[2], frame[3]
        try:
            reply = self._handle(action, payload)
        except CallError as error:
            self.stats.refused += 1
            self._after_reply.clear()
            self._write([CALL_ERROR, message_id, error.code, error.description, {}])
            return
        self.stats.handled += 1
        self._write([CALL_RESULT, message_id, reply])
        deferred, self._after_reply = self._after_reply, []
        for step in deferred:
            step()

    def _handle(self, action: object, payload: object) -> Payload:
        malformed = "FormationViolation" if self.version == "1.6" else "FormatViolation"
        if not isinstance(action, str) or not isinstance(payload, dict):
            raise CallError(malformed, "action must be a string, payload an object")
        schema = validator(self.version, action, response=False)
        if schema is None:
            raise CallError("NotImplemented", f"unknown action {action[:50]}")
        handler = self.handlers.get(action)
        if handler is None:
            raise CallError("NotSupported", f"{action} is not supported by this station")
        for flaw in schema.iter_errors(payload):
            code = _error_code(self.version, flaw.kind.name)
            raise CallError(code, f"{flaw.message}"[:255])
        return handler(payload)

    def _on_result(self, frame: list[Any]) -> None:
        call = self._take(frame)
        if call is None:
            return
        payload = frame[2] if len(frame) > 2 else None
        schema = validator(self.version, call.action, response=True)
        if not isinstance(payload, dict) or (schema is not None and not schema.is_valid(payload)):
            self.stats.malformed += 1
            if self.version == "2.1":
                self._write([CALL_RESULT_ERROR, frame[1], "FormatViolation", "invalid answer", {}])
            call.on_failure("InvalidAnswer")
        else:
            self._on_latency(call.action, self._monotonic() - call.sent_s)
            call.on_reply(payload)
        self._pump()

    def _on_error(self, frame: list[Any]) -> None:
        call = self._take(frame)
        if call is None:
            return
        self.stats.call_errors += 1
        call.on_failure(str(frame[2]) if len(frame) > 2 else "GenericError")
        self._pump()

    def _take(self, frame: list[Any]) -> _Call | None:
        """The outstanding call that ``frame`` answers; late and unsolicited answers are dropped."""
        call = self._outstanding
        if call is None or len(frame) < 2 or frame[1] != call.message_id:
            return None
        if call.timer is not None:
            call.timer.cancel()
        self._outstanding = None
        return call

    def _pump(self) -> None:
        if self._outstanding is not None or not self._waiting or not self._online:
            return
        call = self._waiting.popleft()
        self._outstanding = call
        call.sent_s = self._monotonic()
        call.timer = self._timers.after(self.timeout_s, lambda: self._expire(call))
        self.stats.calls += 1
        self._write([CALL, call.message_id, call.action, call.payload])

    def _expire(self, call: _Call) -> None:
        if self._outstanding is not call:
            return
        self._outstanding = None
        self.stats.timeouts += 1
        call.on_failure("timeout")
        self._pump()

    def _malformed(self, reason: str) -> None:
        self.stats.malformed += 1
        code = "FormationViolation" if self.version == "1.6" else "RpcFrameworkError"
        self._write([CALL_ERROR, "-1", code, reason, {}])

    def _write(self, frame: list[Any]) -> None:
        self.stats.sent += 1
        self._transmit(json.dumps(frame, separators=(",", ":"), ensure_ascii=False))
