"""The variables that an answer brings: GetVariables (2.x), GetConfiguration (1.6)."""

from __future__ import annotations

from csms.domain.events import VariableReported
from csms.translate.fields import Payload
from csms.translate.v2x.components import component_evse, component_name


def variables_from_wire(payload: Payload) -> tuple[VariableReported, ...]:
    """Those that the station gave a value for; an answer of another action brings none."""
    return (
        *(_from_16(item) for item in payload.get("configurationKey", ())),
        *(
            _from_2x(item)
            for item in payload.get("getVariableResult", ())
            if item["attributeStatus"] == "Accepted"
        ),
    )


def _from_16(item: Payload) -> VariableReported:
    return VariableReported(
        component="",
        variable=item["key"],
        value=item.get("value"),
        mutability="ReadOnly" if item["readonly"] else "ReadWrite",
    )


def _from_2x(item: Payload) -> VariableReported:
    return VariableReported(
        component=component_name(item["component"]),
        variable=item["variable"]["name"],
        value=item.get("attributeValue"),
        evse_id=component_evse(item["component"]),
        instance=item["variable"].get("instance"),
        attribute=item.get("attributeType", "Actual"),
    )
