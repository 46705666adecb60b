"""The five OCPP-J messages as bytes (OCPP-J 2.1, 4.2): parse, bounded in size and depth, and encode.

    CALL            [2, id, action, payload]
    CALLRESULT      [3, id, payload]
    CALLERROR       [4, id, code, description, details]
    CALLRESULTERROR [5, id, code, description, details]      2.1
    SEND            [6, id, action, payload]                 2.1

Property names are carried byte for byte: nothing here converts case.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import msgspec
import orjson

from csms.ocppj.errors import MAX_DESCRIPTION_CHARS, ErrorCode, RemoteProtocolError

MAX_FRAME_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
"""Nested arrays and objects allowed; the deepest schema of OCPP 2.1 needs 11."""
MAX_MESSAGE_ID_CHARS: Final = 36
UNREADABLE_ID: Final = "-1"
"""The message id of a CALLERROR to a frame whose own id cannot be read (OCPP-J 2.x, 4.2.3)."""

Payload = dict[str, Any]


class MessageType(IntEnum):
    """Message type numbers (OCPP-J 2.1, table 3)."""

    CALL = 2
    CALL_RESULT = 3
    CALL_ERROR = 4
    CALL_RESULT_ERROR = 5
    SEND = 6


class Call(msgspec.Struct, frozen=True):
    message_id: str
    action: str
    payload: Payload


class Send(msgspec.Struct, frozen=True):
    message_id: str
    action: str
    payload: Payload


class CallResult(msgspec.Struct, frozen=True):
    message_id: str
    payload: Any
    """Anything JSON: the session decides, since an invalid answer still ends the CALL it answers."""


class CallError(msgspec.Struct, frozen=True):
    message_id: str
    code: str
    description: str
    details: Payload


class CallResultError(msgspec.Struct, frozen=True):
    message_id: str
    code: str
    description: str
    details: Payload


class Ignored(msgspec.Struct, frozen=True):
    """A frame that is to be dropped without an answer; ``reason`` is for logs."""

    reason: str


Frame = Call | CallResult | CallError | CallResultError | Send | Ignored


def parse(data: bytes | str, *, max_bytes: int = MAX_FRAME_BYTES) -> Frame:
    """One frame.

    Raises ``RemoteProtocolError`` for a frame that must be answered with a CALLERROR: unreadable, too large,
    too deep, or a CALL that is not one. Anything else that is wrong yields ``Ignored``, because only a
    CALL may be answered with an error, and an unknown message type number SHALL be ignored (4.1.3).
    """
    if len(data) > max_bytes:
        raise RemoteProtocolError(
            ErrorCode.RPC_FRAMEWORK_ERROR, f"frame of {len(data)} exceeds {max_bytes} bytes"
        )
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RemoteProtocolError(
            ErrorCode.RPC_FRAMEWORK_ERROR, f"not JSON in UTF-8: {error.msg}"
        ) from None
    if type(message) is not list or not message:
        raise RemoteProtocolError(
            ErrorCode.RPC_FRAMEWORK_ERROR, "a message is a JSON array of at least 2 elements"
        )
    if _may_be_deep(data) and _is_deeper_than(message, MAX_DEPTH):
        raise RemoteProtocolError(
            ErrorCode.RPC_FRAMEWORK_ERROR,
            f"nested deeper than {MAX_DEPTH}",
            message_id=_readable_id(message),
        )
    number = message[0]
    if type(number) is not int:
        raise RemoteProtocolError(
            ErrorCode.RPC_FRAMEWORK_ERROR, "the message type number is not an integer"
        )
    if number == MessageType.CALL:
        return Call(*_request(message))
    if number == MessageType.CALL_RESULT:
        return _call_result(message)
    if number in (MessageType.CALL_ERROR, MessageType.CALL_RESULT_ERROR):
        return _error(message, CallError if number == MessageType.CALL_ERROR else CallResultError)
    if number == MessageType.SEND:
        try:
            return Send(*_request(message))
        except RemoteProtocolError as error:
            return Ignored(f"SEND: {error.description}")
    return Ignored(f"unknown message type number {number}"[:64])


def _request(message: list[Any]) -> tuple[str, str, Payload]:
    message_id = _readable_id(message)
    if message_id is None:
        raise RemoteProtocolError(
            ErrorCode.RPC_FRAMEWORK_ERROR,
            f"the message id is not a string of 1 to {MAX_MESSAGE_ID_CHARS} characters",
        )
    if len(message) != 4:
        raise RemoteProtocolError(
            ErrorCode.RPC_FRAMEWORK_ERROR,
            f"expected 4 elements, got {len(message)}",
            message_id=message_id,
        )
    action, payload = message[2], message[3]
    if type(action) is not str:
        raise RemoteProtocolError(
            ErrorCode.RPC_FRAMEWORK_ERROR, "the action is not a string", message_id=message_id
        )
    if payload is None:  # allowed for "no payload" (4.1.5)
        payload = {}
    if type(payload) is not dict:
        raise RemoteProtocolError(
            ErrorCode.PROTOCOL_ERROR, "the payload is not an object", message_id=message_id
        )
    return message_id, action, payload


def _call_result(message: list[Any]) -> CallResult | Ignored:
    message_id = _readable_id(message)
    if message_id is None:
        return Ignored("CALLRESULT without a readable message id")
    if len(message) != 3:
        return CallResult(message_id, message[2:])  # no object, so no schema accepts it
    return CallResult(message_id, {} if message[2] is None else message[2])


def _error(
    message: list[Any], kind: type[CallError] | type[CallResultError]
) -> CallError | CallResultError | Ignored:
    """Lenient on purpose: whatever a peer sends to report a failure still reports a failure."""
    message_id = _readable_id(message)
    if message_id is None:
        return Ignored(f"{kind.__name__} without a readable message id")
    code, description, details = (*message[2:5], None, None, None)[:3]
    return kind(
        message_id,
        code[:64] if type(code) is str else ErrorCode.GENERIC_ERROR.value,
        description[:MAX_DESCRIPTION_CHARS] if type(description) is str else "",
        details if type(details) is dict else {},
    )


def _readable_id(message: list[Any]) -> str | None:
    if len(message) < 2:
        return None
    message_id = message[1]
    if type(message_id) is str and 0 < len(message_id) <= MAX_MESSAGE_ID_CHARS:
        return message_id
    return None


def _may_be_deep(data: bytes | str) -> bool:
    """Cheap bound first: depth never exceeds the number of opening brackets."""
    if len(data) <= 2 * MAX_DEPTH:
        return False
    if isinstance(data, str):
        return data.count("{") + data.count("[") > MAX_DEPTH
    return data.count(b"{") + data.count(b"[") > MAX_DEPTH


def _is_deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def encode_call(message_id: str, action: str, payload: Payload) -> bytes:
    return orjson.dumps((2, message_id, action, payload))


def encode_result(message_id: str, payload: Payload) -> bytes:
    return orjson.dumps((3, message_id, payload))


def encode_error(message_id: str, code: str, description: str, details: Payload) -> bytes:
    return orjson.dumps((4, message_id, code, description[:MAX_DESCRIPTION_CHARS], details))


def encode_result_error(message_id: str, code: str, description: str, details: Payload) -> bytes:
    return orjson.dumps((5, message_id, code, description[:MAX_DESCRIPTION_CHARS], details))


def encode_send(message_id: str, action: str, payload: Payload) -> bytes:
    return orjson.dumps((6, message_id, action, payload))
