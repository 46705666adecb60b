"""The shape of one OCPP version's tables: action -> function, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, NamedTuple

from csms.domain.commands import Command
from csms.domain.events import Event, Reply
from csms.translate.fields import Payload


class WireCall(NamedTuple):
    """A request as it goes over the wire: names byte-exact."""

    action: str
    payload: Payload


class ReplyWriter(NamedTuple):
    """How one action is answered."""

    reply: type[Reply] | UnionType
    write: Callable[[Any], Payload]


def _as_it_is(_command: Command, payload: Payload) -> Payload:
    return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Everything that differs between the versions."""

    version: str
    events: Mapping[str, Callable[[Payload], Event]]
    replies: Mapping[str, ReplyWriter]
    """The same actions as ``events``."""
    commands: Mapping[type[Command], Callable[[Any], WireCall]]
    unsupported: frozenset[str]
    """Actions of the version that stations may not send here."""
    results: Callable[[Payload], list[ItemResult] | None]
    """The per-item results of an answer that has no status of its own."""
    unwrap: Callable[[Command, Payload], Payload] = field(default=_as_it_is)
    """The answer to a command that travelled inside of another message."""


class ItemResult(NamedTuple):
    """What became of one variable or key."""

    name: str
    status: str
    reason: str | None = None
