"""Names of device model components.

The domain holds a component as one text and an EVSE. An instance and a connector are written into the text with
characters that no OCPP identifier may contain: ``Name[instance]/connector``, for example
``NetworkConfiguration[1]`` or ``Connector/2``.
"""

from __future__ import annotations

import re

from csms.domain.errors import InvalidInput
from csms.translate.fields import Payload, whole

_NAME = re.compile(
    r"(?P<name>[^\[\]/]+)(?:\[(?P<instance>.*)\])?(?:/(?P<connector>\d{1,9}))?", re.DOTALL
)


def component_name(component: Payload) -> str:
    name: str = component["name"]
    if "instance" in component:
        name = f"{name}[{component['instance']}]"
    connector = component.get("evse", {}).get("connectorId")
    return name if connector is None else f"{name}/{whole(connector, '/connectorId')}"


def component_evse(component: Payload) -> int | None:
    evse = component.get("evse")
    return None if evse is None else whole(evse["id"], "/evse/id")


def component_to_wire(name: str, evse_id: int | None) -> Payload:
    """Raises ``InvalidInput`` for a name that is none, or a connector without an EVSE."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidInput(f"component {name!r}: expected Name, Name[instance] or Name/connector")
    component: Payload = {"name": match["name"]}
    if match["instance"] is not None:
        component["instance"] = match["instance"]
    if evse_id is not None:
        component["evse"] = {"id": evse_id}
    if match["connector"] is not None:
        if evse_id is None:
            raise InvalidInput(f"component {name!r}: a connector needs an evse_id")
        component["evse"]["connectorId"] = int(match["connector"])
    return component
