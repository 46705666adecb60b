"""What a session reports to its owner."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from csms.ocppj.errors import ErrorCode
from csms.ocppj.frame import Payload


class ViolationKind(StrEnum):
    """What a peer did that OCPP-J forbids: a counter's label."""

    UNREADABLE = "unreadable"
    IGNORED = "ignored"
    UNKNOWN_ACTION = "unknown_action"
    WRONG_DIRECTION = "wrong_direction"
    INVALID_REQUEST = "invalid_request"
    INVALID_RESULT = "invalid_result"
    UNSOLICITED_ANSWER = "unsolicited_answer"
    LATE_ANSWER = "late_answer"
    TOO_MANY_CALLS = "too_many_calls"


class CallReceived(msgspec.Struct, frozen=True):
    """A valid CALL. Answer it with ``respond`` or ``respond_error``, in the order received."""

    message_id: str
    action: str
    payload: Payload


class SendReceived(msgspec.Struct, frozen=True):
    """A valid SEND (2.1): never answered."""

    action: str
    payload: Payload


class ResultReceived(msgspec.Struct, frozen=True):
    """Our CALL was answered with a valid CALLRESULT."""

    message_id: str
    action: str
    payload: Payload


class ErrorReceived(msgspec.Struct, frozen=True):
    """Our CALL was answered with a CALLERROR; ``code`` is the peer's own text."""

    message_id: str
    action: str
    code: str
    description: str
    details: Payload


class InvalidResultReceived(msgspec.Struct, frozen=True):
    """Our CALL was answered, but its CALLRESULT breaks the schema. The CALL is over."""

    message_id: str
    action: str
    code: ErrorCode
    description: str


class ResultErrorReceived(msgspec.Struct, frozen=True):
    """The peer could not process our last CALLRESULT (2.1)."""

    message_id: str
    action: str
    code: str
    description: str
    details: Payload


class CallExpired(msgspec.Struct, frozen=True):
    """Our CALL reached its deadline unanswered. The CALL is over; a late answer is only counted."""

    message_id: str
    action: str


class ProtocolViolation(msgspec.Struct, frozen=True):
    """For logs and counters: nothing is expected of the owner, the session goes on."""

    kind: ViolationKind
    description: str


Event = (
    CallReceived
    | SendReceived
    | ResultReceived
    | ErrorReceived
    | InvalidResultReceived
    | ResultErrorReceived
    | CallExpired
    | ProtocolViolation
)
