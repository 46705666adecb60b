"""Domain errors are data with a code; the edges turn them into a CALLERROR, a problem document or an exit status."""

from __future__ import annotations


class DomainError(Exception):
    """Base of all refusals that a caller can understand and act upon."""

    code = "domain_error"

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotFound(DomainError):
    code = "not_found"


class NotConnected(DomainError):
    code = "not_connected"


class NotExpressible(DomainError):
    """The station's OCPP version has no message for this command."""

    code = "not_expressible"


class NotCapable(DomainError):
    """The station's version could say it, but this station is known not to be able to do it."""

    code = "not_capable"


class NotPermitted(DomainError):
    """The station's registration state does not permit the message (B02.FR.09, B03.FR.07)."""

    code = "not_permitted"


class InvalidInput(DomainError):
    code = "invalid_input"


class StoreUnavailable(DomainError):
    """Nothing can be committed now. The socket is closed so that the station keeps and repeats its messages."""

    code = "store_unavailable"
