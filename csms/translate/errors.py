"""What can be wrong with a message that is valid by its schema. The gateway turns these into CALLERRORs.

::

    TranslationError
     ├── UnknownAction        NotImplemented: no such action in that version
     ├── UnsupportedAction    NotSupported: the version knows it, this central system does not take it
     └── BadValue             PropertyConstraintViolation: a value that cannot be meant
"""

from __future__ import annotations


class TranslationError(Exception):
    """Base of all refusals of a station's message."""


class UnknownAction(TranslationError):
    """The OCPP version has no such action."""

    def __init__(self, version: str, action: str) -> None:
        super().__init__(f"OCPP {version} has no action {action[:50]!r}")
        self.version = version
        self.action = action


class UnsupportedAction(TranslationError):
    """The OCPP version has the action; stations may not send it here."""

    def __init__(self, version: str, action: str) -> None:
        super().__init__(f"{action} of OCPP {version} is not accepted from stations")
        self.version = version
        self.action = action


class BadValue(TranslationError):
    """``path`` is a JSON pointer into the payload, ``reason`` says what was expected."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
