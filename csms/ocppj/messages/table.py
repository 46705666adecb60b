"""The shape of a version's table of actions."""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from csms.ocppj.version import Role

STATION = frozenset({Role.STATION})
CSMS = frozenset({Role.CSMS})
BOTH = STATION | CSMS


class Action(msgspec.Struct, frozen=True):
    """One OCPP message pair, or one unconfirmed message."""

    name: str
    senders: frozenset[Role]
    request_schema: str
    response_schema: str | None
    """None for a SEND, which is never answered."""

    @property
    def is_send(self) -> bool:
        return self.response_schema is None


ActionTable = MappingProxyType[str, Action]


def table(
    *, station: str, csms: str, both: str, sends: str = "", request_suffix: str = "Request"
) -> ActionTable:
    """Build a table from whitespace-separated action names by who may send them."""
    actions = {
        name: Action(name, senders, name + request_suffix, name + "Response")
        for names, senders in ((station, STATION), (csms, CSMS), (both, BOTH))
        for name in names.split()
    }
    actions |= {name: Action(name, STATION, name, None) for name in sends.split()}
    return MappingProxyType(actions)
