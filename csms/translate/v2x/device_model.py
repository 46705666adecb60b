"""The device model of OCPP 2.x: get, set and report variables."""

from __future__ import annotations

from csms.domain.commands import GetReport, GetVariables, SetVariables, VariableRef
from csms.domain.errors import InvalidInput
from csms.domain.events import ReportPart, VariableReported
from csms.translate.family import ItemResult, WireCall
from csms.translate.fields import Payload, identifier, whole
from csms.translate.v2x.components import component_evse, component_name, component_to_wire
from csms.translate.v2x.edition import Edition


def get_variables(_edition: Edition, command: GetVariables) -> WireCall:
    if not command.variables:
        raise InvalidInput("name at least one variable; GetReport tells all of them")
    return WireCall(
        "GetVariables", {"getVariableData": [_variable(ref) for ref in command.variables]}
    )


def set_variables(_edition: Edition, command: SetVariables) -> WireCall:
    if not command.values:
        raise InvalidInput("name at least one variable")
    return WireCall(
        "SetVariables",
        {
            "setVariableData": [
                {"attributeValue": setting.value, **_variable(setting.ref)}
                for setting in command.values
            ]
        },
    )


def get_report(_edition: Edition, command: GetReport) -> WireCall:
    return WireCall("GetBaseReport", {"requestId": command.request_id, "reportBase": command.base})


def report_part(payload: Payload) -> ReportPart:
    return ReportPart(
        request_id=identifier(payload["requestId"], "/requestId"),
        seq_no=whole(payload["seqNo"], "/seqNo"),
        variables=tuple(
            variable for item in payload.get("reportData", ()) for variable in _reported(item)
        ),
        more=payload.get("tbc", False),
    )


def results(payload: Payload) -> list[ItemResult] | None:
    """Those of the answers that speak of each variable or monitor by itself."""
    for key, read in _ITEMS.items():
        if key in payload:
            return [read(item) for item in payload[key]]
    return None


def _variable_result(item: Payload) -> ItemResult:
    return ItemResult(
        name=_item_name(item),
        status=item["attributeStatus"],
        reason=item.get("attributeStatusInfo", {}).get("reasonCode"),
    )


def _monitor_result(item: Payload) -> ItemResult:
    return ItemResult(
        name=_item_name(item) if "component" in item else f"monitor {item['id']}",
        status=item["status"],
        reason=item.get("statusInfo", {}).get("reasonCode"),
    )


def _item_name(item: Payload) -> str:
    return f"{component_name(item['component'])}.{item['variable']['name']}"


_ITEMS = {
    "getVariableResult": _variable_result,
    "setVariableResult": _variable_result,
    "setMonitoringResult": _monitor_result,
    "clearMonitoringResult": _monitor_result,
}


def _reported(item: Payload) -> list[VariableReported]:
    component, variable = item["component"], item["variable"]
    return [
        VariableReported(
            component=component_name(component),
            variable=variable["name"],
            value=attribute.get("value"),
            evse_id=component_evse(component),
            instance=variable.get("instance"),
            attribute=attribute.get("type", "Actual"),
            mutability=attribute.get("mutability"),
            unit=item.get("variableCharacteristics", {}).get("unit"),
        )
        for attribute in item["variableAttribute"]
    ]


def _variable(ref: VariableRef) -> Payload:
    variable: Payload = {"name": ref.variable}
    if ref.instance is not None:
        variable["instance"] = ref.instance
    payload: Payload = {
        "component": component_to_wire(ref.component, ref.evse_id),
        "variable": variable,
    }
    if ref.attribute is not None:
        payload["attributeType"] = ref.attribute
    return payload
