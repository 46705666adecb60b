"""Error codes on the wire, and the exceptions that say whose fault something is.

    ProtocolError
     +-- LocalProtocolError      our own code tried something OCPP-J forbids: a bug here
     +-- RemoteProtocolError     the peer did: becomes an answer or is ignored, never ends a session
    CallError                    a handler's verdict on a CALL: becomes a CALLERROR
    StoreUnavailable             a handler's plea: neither answer nor refuse, the station must keep the message

``ErrorCode`` names a meaning; ``spelling`` gives its wire text. OCPP 1.6 keeps two names that its errata
(5.1, 5.2) declare wrong but final, and lacks two codes of 2.x.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from csms.ocppj.version import OcppVersion

MAX_DESCRIPTION_CHARS: Final = 255
"""errorDescription is string[255] (OCPP-J 2.1, table 7); applied to 1.6 too."""


class ErrorCode(StrEnum):
    """RPC framework error codes (OCPP-J 2.1, table 9); the value is the 2.x spelling."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


_V2_SPELLING = MappingProxyType({code: code.value for code in ErrorCode})
_V16_SPELLING = MappingProxyType(
    _V2_SPELLING
    | {
        ErrorCode.FORMAT_VIOLATION: "FormationViolation",
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
        # Absent from 1.6's table: the nearest code it has.
        ErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
        ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
    }
)
SPELLING: Final = MappingProxyType(
    {
        OcppVersion.V16: _V16_SPELLING,
        OcppVersion.V201: _V2_SPELLING,
        OcppVersion.V21: _V2_SPELLING,
    }
)
_MEANING: Final = MappingProxyType(
    {code.value: code for code in ErrorCode}
    | {
        "FormationViolation": ErrorCode.FORMAT_VIOLATION,
        "OccurenceConstraintViolation": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    }
)


def spelling(version: OcppVersion, code: ErrorCode) -> str:
    """The exact text of ``code`` in a CALLERROR of ``version``."""
    return SPELLING[version][code]


def meaning(wire_code: str) -> ErrorCode:
    """The code a peer meant, in either spelling; ``GENERIC_ERROR`` for a text in neither table."""
    return _MEANING.get(wire_code, ErrorCode.GENERIC_ERROR)


class ProtocolError(Exception):
    """Something OCPP-J forbids."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description


class LocalProtocolError(ProtocolError):
    """We broke a rule: a second outstanding CALL, a payload our own schema refuses, a wrong direction."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule; ``message_id`` is its id when that could be read."""

    def __init__(
        self,
        code: ErrorCode,
        description: str,
        *,
        message_id: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(code, description)
        self.message_id = message_id
        self.details = {} if details is None else details


class CallError(Exception):
    """Raised by the handler of a CALL to have it answered with this CALLERROR."""

    def __init__(
        self, code: ErrorCode, description: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description
        self.details = {} if details is None else details


class StoreUnavailable(Exception):
    """What a CALL reports cannot be kept now. The connection is closed unanswered: the station queues and retries.

    A CALLERROR would make a 1.6 station discard a transaction message after its third attempt.
    """
