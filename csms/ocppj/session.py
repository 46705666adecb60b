"""One end of one OCPP-J connection, without I/O and without a clock.

Theory of operation
-------------------
Two independent conversations share a connection, one per direction.

*Ours.* At most one CALL of ours is outstanding (OCPP-J 2.1, 4.1.1). Its life is the table ``_CALL_STATE``:

    state     signal     next
    IDLE      CALLED     WAITING
    WAITING   ANSWERED   IDLE       CALLRESULT or CALLERROR with its message id
    WAITING   EXPIRED    IDLE       ``expire(now)`` past its deadline

Any other pair is an error: ours (``LocalProtocolError`` from ``call``) or the peer's (an answer nobody
waits for, counted as ``ProtocolViolation`` and dropped, so a flood of them occupies nothing).

*Theirs.* Every valid CALL becomes a ``CallReceived`` and stays open until ``respond`` or ``respond_error``.
Message ids are not used to recognise repetitions: a retried message may carry its old id or a new one.

Whose fault something is decides what happens: a peer's fault never raises and never ends the session; it is
answered where OCPP-J says so. Our own fault raises before a byte is produced.

    fault of the peer                            1.6                  2.0.1                2.1
    unreadable, too large, bad message id        dropped [1]          CALLERROR id "-1"    CALLERROR id "-1"
    array is no CALL, action no string           FormationViolation   RpcFrameworkError    RpcFrameworkError
    payload no object                            ProtocolError        ProtocolError        ProtocolError
    action unknown                               NotImplemented       NotImplemented       NotImplemented
    action known, but not theirs to send         NotSupported         NotSupported         NotSupported
    payload breaks the schema                    see ``schemas``      see ``schemas``      see ``schemas``
    CALLRESULT breaks the schema                 CALL fails           CALL fails           + CALLRESULTERROR
    type 5 or 6                                  ignored              ignored              understood
    other type number                            ignored              ignored              ignored
    answer nobody waits for                      ignored              ignored              ignored

[1] 1.6 defines no id for an unreadable frame, and a CALLERROR with an id the station never used helps nobody.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, assert_never

import msgspec

from csms.ocppj import frame as fr
from csms.ocppj.errors import ErrorCode, LocalProtocolError, RemoteProtocolError, spelling
from csms.ocppj.events import (
    CallExpired,
    CallReceived,
    ErrorReceived,
    Event,
    InvalidResultReceived,
    ProtocolViolation,
    ResultErrorReceived,
    ResultReceived,
    SendReceived,
    ViolationKind,
)
from csms.ocppj.frame import MAX_FRAME_BYTES, UNREADABLE_ID, Payload
from csms.ocppj.messages import ACTIONS, Action
from csms.ocppj.schemas import Schemas
from csms.ocppj.version import OcppVersion, Role

MAX_OPEN_CALLS: Final = 16
"""CALLs of the peer that may await our answer at once. A correct peer has one."""
_REMEMBERED_IDS: Final = 8


class _State(Enum):
    IDLE = auto()
    WAITING = auto()


class _Signal(Enum):
    CALLED = auto()
    ANSWERED = auto()
    EXPIRED = auto()


_CALL_STATE: Final = MappingProxyType(
    {
        (_State.IDLE, _Signal.CALLED): _State.WAITING,
        (_State.WAITING, _Signal.ANSWERED): _State.IDLE,
        (_State.WAITING, _Signal.EXPIRED): _State.IDLE,
    }
)
_UNDERSTANDS_2_1_TYPES: Final = frozenset({OcppVersion.V21})
_HAS_UNREADABLE_ID: Final = frozenset({OcppVersion.V201, OcppVersion.V21})


class _Outstanding(msgspec.Struct, frozen=True):
    message_id: str
    action: Action
    deadline_s: float


class Session:
    """The session of one connection; see the module for its rules.

    ``schemas`` carries the version and is shared between sessions. ``role`` is which end this is.
    ``validate_own`` checks what we send, too: a CALL or a CALLRESULT that our schema refuses raises
    ``LocalProtocolError`` and is not sent.
    """

    __slots__ = (
        "_actions",
        "_expired_ids",
        "_last_answered",
        "_max_frame_bytes",
        "_open_calls",
        "_out",
        "_outstanding",
        "_peer",
        "_role",
        "_schemas",
        "_state",
        "_validate_own",
        "version",
    )

    def __init__(
        self,
        schemas: Schemas,
        *,
        role: Role = Role.CSMS,
        validate_own: bool = True,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self.version = schemas.version
        self._schemas = schemas
        self._actions = ACTIONS[schemas.version]
        self._role = role
        self._peer = Role.STATION if role is Role.CSMS else Role.CSMS
        self._validate_own = validate_own
        self._max_frame_bytes = max_frame_bytes
        self._out: list[bytes] = []
        self._state = _State.IDLE
        self._outstanding: _Outstanding | None = None
        self._expired_ids: deque[str] = deque(maxlen=_REMEMBERED_IDS)
        self._open_calls: list[tuple[str, Action]] = []
        self._last_answered: tuple[str, str] = ("", "")

    @property
    def may_call(self) -> bool:
        """True when no CALL of ours is outstanding."""
        return self._state is _State.IDLE

    @property
    def deadline_s(self) -> float | None:
        """When the outstanding CALL expires, on the clock that ``call`` was given."""
        return None if self._outstanding is None else self._outstanding.deadline_s

    def data_to_send(self) -> list[bytes]:
        """Frames to be written, in order; each is returned once."""
        out, self._out = self._out, []
        return out

    # Ours to send

    def check_call(self, action: str, payload: Payload) -> Action:
        """Raises ``LocalProtocolError`` if ``call`` would refuse this content. Returns the action's row."""
        row = self._own_action(action)
        if row.is_send:
            raise LocalProtocolError(ErrorCode.NOT_SUPPORTED, f"{action} is a SEND, not a CALL")
        self._check_own(row.request_schema, payload)
        return row

    def call(
        self,
        message_id: str,
        action: str,
        payload: Payload,
        *,
        deadline_s: float,
        checked: Action | None = None,
    ) -> None:
        """Send a CALL that must be answered before ``deadline_s``.

        ``checked`` is what ``check_call`` returned for the same content, to avoid checking it twice.
        Raises ``LocalProtocolError`` when a CALL is outstanding or the content is refused.
        """
        self._check_own_id(message_id)
        row = checked or self.check_call(action, payload)
        data = fr.encode_call(message_id, action, payload)
        self._advance(_Signal.CALLED)
        self._outstanding = _Outstanding(message_id, row, deadline_s)
        self._out.append(data)

    def send(self, message_id: str, action: str, payload: Payload) -> None:
        """Send an unconfirmed message (2.1); allowed while a CALL is outstanding.

        Raises ``LocalProtocolError`` when the content is refused.
        """
        self._check_own_id(message_id)
        row = self._own_action(action)
        if not row.is_send:
            raise LocalProtocolError(ErrorCode.NOT_SUPPORTED, f"{action} is a CALL, not a SEND")
        self._check_own(row.request_schema, payload)
        self._out.append(fr.encode_send(message_id, action, payload))

    def expire(self, now_s: float) -> list[Event]:
        """End the outstanding CALL if its deadline has come."""
        outstanding = self._outstanding
        if outstanding is None or now_s < outstanding.deadline_s:
            return []
        self._advance(_Signal.EXPIRED)
        self._outstanding = None
        self._expired_ids.append(outstanding.message_id)
        return [CallExpired(outstanding.message_id, outstanding.action.name)]

    def respond(self, message_id: str, payload: Payload) -> None:
        """Answer a CALL with a CALLRESULT.

        Raises ``LocalProtocolError`` when no such CALL is open or the payload is refused; then the CALL stays
        open and ``respond_error`` is still possible.
        """
        index, row = self._open_call(message_id)
        if row.response_schema is not None:
            self._check_own(row.response_schema, payload)
        self._out.append(fr.encode_result(message_id, payload))
        del self._open_calls[index]
        self._last_answered = (message_id, row.name)

    def respond_error(
        self,
        message_id: str,
        code: ErrorCode,
        description: str = "",
        details: Payload | None = None,
    ) -> None:
        """Answer a CALL with a CALLERROR. Raises ``LocalProtocolError`` when no such CALL is open."""
        index, _ = self._open_call(message_id)
        del self._open_calls[index]
        self._answer_error(message_id, code, description, details or {})

    # Theirs to send

    def receive(self, data: bytes | str) -> list[Event]:
        """Take in one websocket message. Never raises for what the peer did."""
        try:
            message = fr.parse(data, max_bytes=self._max_frame_bytes)
            return self._react(message)
        except RemoteProtocolError as error:
            if error.message_id is not None:
                self._answer_error(error.message_id, error.code, error.description, error.details)
                return [ProtocolViolation(ViolationKind.INVALID_REQUEST, error.description)]
            if self.version in _HAS_UNREADABLE_ID:
                self._answer_error(UNREADABLE_ID, error.code, error.description, error.details)
            return [ProtocolViolation(ViolationKind.UNREADABLE, error.description)]

    def _react(self, message: fr.Frame) -> list[Event]:
        match message:
            case fr.Call():
                return self._on_call(message)
            case fr.CallResult():
                return self._on_result(message)
            case fr.CallError():
                return self._on_error(message)
            case fr.Send():
                return self._on_send(message)
            case fr.CallResultError():
                return self._on_result_error(message)
            case fr.Ignored():
                return _ignored(message.reason)
            case _:
                assert_never(message)

    def _on_call(self, call: fr.Call) -> list[Event]:
        row = self._actions.get(call.action)
        if row is None:
            return self._refuse(call, ViolationKind.UNKNOWN_ACTION, ErrorCode.NOT_IMPLEMENTED)
        if self._peer not in row.senders or row.is_send:
            return self._refuse(call, ViolationKind.WRONG_DIRECTION, ErrorCode.NOT_SUPPORTED)
        violation = self._schemas.violation(row.request_schema, call.payload)
        if violation is not None:
            self._answer_error(call.message_id, violation.code, violation.description, {})
            return [
                ProtocolViolation(
                    ViolationKind.INVALID_REQUEST, f"{row.name}: {violation.description}"
                )
            ]
        if len(self._open_calls) >= MAX_OPEN_CALLS:
            return self._refuse(call, ViolationKind.TOO_MANY_CALLS, ErrorCode.INTERNAL_ERROR)
        self._open_calls.append((call.message_id, row))
        return [CallReceived(call.message_id, row.name, call.payload)]

    def _on_send(self, send: fr.Send) -> list[Event]:
        if self.version not in _UNDERSTANDS_2_1_TYPES:
            return _ignored("message type number 6 before OCPP 2.1")
        row = self._actions.get(send.action)
        if row is None or not row.is_send or self._peer not in row.senders:
            return _ignored(f"SEND of {send.action[:50]!r}")
        violation = self._schemas.violation(row.request_schema, send.payload)
        if violation is not None:
            return _ignored(f"SEND {row.name}: {violation.description}")
        return [SendReceived(row.name, send.payload)]

    def _on_result(self, result: fr.CallResult) -> list[Event]:
        outstanding = self._match(result.message_id)
        if outstanding is None:
            return self._unexpected(result.message_id)
        row, payload = outstanding.action, result.payload
        if type(payload) is not dict:
            code, description = ErrorCode.PROTOCOL_ERROR, "the payload is not an object"
        else:
            violation = self._schemas.violation(row.response_schema or "", payload)
            if violation is None:
                return [ResultReceived(result.message_id, row.name, payload)]
            code, description = violation.code, violation.description
        if self.version in _UNDERSTANDS_2_1_TYPES:
            self._out.append(
                fr.encode_result_error(
                    result.message_id, spelling(self.version, code), description, {}
                )
            )
        return [
            InvalidResultReceived(result.message_id, row.name, code, description),
            ProtocolViolation(ViolationKind.INVALID_RESULT, f"{row.name}: {description}"),
        ]

    def _on_error(self, error: fr.CallError) -> list[Event]:
        outstanding = self._match(error.message_id)
        if outstanding is None:
            return self._unexpected(error.message_id)
        return [
            ErrorReceived(
                error.message_id,
                outstanding.action.name,
                error.code,
                error.description,
                error.details,
            )
        ]

    def _on_result_error(self, error: fr.CallResultError) -> list[Event]:
        if self.version not in _UNDERSTANDS_2_1_TYPES:
            return _ignored("message type number 5 before OCPP 2.1")
        message_id, action = self._last_answered
        if error.message_id != message_id:
            return self._unexpected(error.message_id)
        self._last_answered = ("", "")
        return [
            ResultErrorReceived(message_id, action, error.code, error.description, error.details)
        ]

    # Helpers

    def _advance(self, signal: _Signal) -> None:
        try:
            self._state = _CALL_STATE[self._state, signal]
        except KeyError:
            raise LocalProtocolError(
                ErrorCode.GENERIC_ERROR,
                f"{signal.name} while {self._state.name}: one CALL at a time",
            ) from None

    def _match(self, message_id: str) -> _Outstanding | None:
        """The outstanding CALL if this id answers it; then it is over."""
        outstanding = self._outstanding
        if outstanding is None or outstanding.message_id != message_id:
            return None
        self._advance(_Signal.ANSWERED)
        self._outstanding = None
        return outstanding

    def _unexpected(self, message_id: str) -> list[Event]:
        late = message_id in self._expired_ids
        kind = ViolationKind.LATE_ANSWER if late else ViolationKind.UNSOLICITED_ANSWER
        return [ProtocolViolation(kind, f"nothing awaits an answer to {message_id!r}")]

    def _refuse(self, call: fr.Call, kind: ViolationKind, code: ErrorCode) -> list[Event]:
        description = f"{call.action[:50]}: {kind.value.replace('_', ' ')}"
        self._answer_error(call.message_id, code, description, {})
        return [ProtocolViolation(kind, description)]

    def _answer_error(
        self, message_id: str, code: ErrorCode, description: str, details: Payload
    ) -> None:
        self._out.append(
            fr.encode_error(message_id, spelling(self.version, code), description, details)
        )

    def _open_call(self, message_id: str) -> tuple[int, Action]:
        for index, (open_id, row) in enumerate(self._open_calls):
            if open_id == message_id:
                return index, row
        raise LocalProtocolError(ErrorCode.GENERIC_ERROR, f"no CALL {message_id!r} is open")

    def _own_action(self, action: str) -> Action:
        row = self._actions.get(action)
        if row is None:
            raise LocalProtocolError(
                ErrorCode.NOT_IMPLEMENTED, f"{self.version.value} has no action {action!r}"
            )
        if self._role not in row.senders:
            raise LocalProtocolError(
                ErrorCode.NOT_SUPPORTED, f"{action} is not for the {self._role.value} to send"
            )
        return row

    def _check_own(self, schema: str, payload: Payload) -> None:
        if not self._validate_own:
            return
        violation = self._schemas.violation(schema, payload)
        if violation is not None:
            raise LocalProtocolError(violation.code, f"{schema} {violation.description}")

    def _check_own_id(self, message_id: str) -> None:
        if not 0 < len(message_id) <= fr.MAX_MESSAGE_ID_CHARS:
            raise LocalProtocolError(
                ErrorCode.FORMAT_VIOLATION,
                f"a message id has 1 to {fr.MAX_MESSAGE_ID_CHARS} characters, got {len(message_id)}",
            )


def _ignored(reason: str) -> list[Event]:
    return [ProtocolViolation(ViolationKind.IGNORED, reason)]
