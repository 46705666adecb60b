"""Wire <-> domain for OCPP 1.6, 2.0.1 and 2.1: the only place that knows both.

Payloads are taken as valid by the official schema, with byte-exact property names; what is made here is meant to be
valid by it too, save for lengths and enumerations that a caller passed through: those are the schema's to check.
Versions are ``"1.6"``, ``"2.0.1"`` and ``"2.1"``; any other is a ``ValueError``.
"""

from __future__ import annotations

from csms.domain.commands import Command, Outcome
from csms.domain.errors import NotExpressible
from csms.domain.events import Event, Reply
from csms.translate.errors import BadValue, TranslationError, UnknownAction, UnsupportedAction
from csms.translate.family import Family, WireCall
from csms.translate.fields import Payload
from csms.translate.outcome import outcome
from csms.translate.v2x import OCPP21, OCPP201
from csms.translate.v16 import OCPP16
from csms.translate.variables import variables_from_wire

__all__ = [
    "BadValue",
    "TranslationError",
    "UnknownAction",
    "UnsupportedAction",
    "WireCall",
    "command_to_wire",
    "event_from_wire",
    "outcome_from_wire",
    "reply_to_wire",
    "variables_from_wire",
]

_FAMILIES = {family.version: family for family in (OCPP16, OCPP201, OCPP21)}


def event_from_wire(version: str, action: str, payload: Payload) -> Event:
    """What a station's CALL says.

    Raises ``UnknownAction``, ``UnsupportedAction`` or ``BadValue``, all of them ``TranslationError``.
    """
    family = _family(version)
    read = family.events.get(action)
    if read is None:
        if action in family.unsupported:
            raise UnsupportedAction(version, action)
        raise UnknownAction(version, action)
    return read(payload)


def reply_to_wire(version: str, action: str, reply: Reply) -> Payload:
    """The payload that answers ``action``. Raises ``TypeError`` for a reply of another action."""
    writer = _family(version).replies[action]
    if not isinstance(reply, writer.reply):
        raise TypeError(f"{action} takes a {writer.reply}, not {type(reply).__name__}")
    return writer.write(reply)


def command_to_wire(version: str, command: Command) -> WireCall:
    """The request that asks a station for ``command``.

    Raises ``NotExpressible`` when the version has no words for it, ``InvalidInput`` when no station may accept it.
    """
    write = _family(version).commands.get(type(command))
    if write is None:
        name = type(command).__name__
        raise NotExpressible(f"OCPP {version} has no message for {name}", command=name)
    return write(command)


def outcome_from_wire(version: str, command: Command, payload: Payload) -> Outcome:
    """What the station's CALLRESULT to ``command`` means."""
    family = _family(version)
    return outcome(command, family.unwrap(command, payload), family.results)


def _family(version: str) -> Family:
    family = _FAMILIES.get(version)
    if family is None:
        raise ValueError(f"no OCPP version {version!r}: expected one of {', '.join(_FAMILIES)}")
    return family
