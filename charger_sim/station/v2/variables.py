"""GetVariables, SetVariables, GetBaseReport and GetReport of 2.x."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from charger_sim.clock import iso
from charger_sim.station.rpc import Payload
from charger_sim.station.settings import parse_setting
from charger_sim.station.v2.device_model import Variable, variables

if TYPE_CHECKING:
    from charger_sim.station.station import Station

REPORT_ITEMS_PER_MESSAGE = 20


def _find(st: Station, item: dict[str, Any]) -> tuple[str, Variable | None]:
    """The variable that ``item`` names, and the status of looking for it."""
    component, variable = item["component"], item["variable"]
    evse = component.get("evse", {})
    of_component = [
        v
        for v in variables(st)
        if v.component == component["name"]
        and v.evse_id == evse.get("id")
        and v.connector_id == evse.get("connectorId")
    ]
    if not of_component:
        return "UnknownComponent", None
    for candidate in of_component:
        if candidate.name == variable["name"] and candidate.instance == variable.get("instance"):
            if item.get("attributeType", "Actual") != "Actual":
                return "NotSupportedAttributeType", None
            return "Accepted", candidate
    return "UnknownVariable", None


def get_variables(st: Station, request: Payload) -> Payload:
    results = []
    for item in request["getVariableData"]:
        status, found = _find(st, item)
        result = {
            "attributeStatus": status,
            "attributeType": item.get("attributeType", "Actual"),
            "component": item["component"],
            "variable": item["variable"],
        }
        if found is not None:
            result["attributeValue"] = found.value
        results.append(result)
    return {"getVariableResult": results}


def set_variables(st: Station, request: Payload) -> Payload:
    return {
        "setVariableResult": [
            {
                "attributeStatus": _set(st, item),
                "attributeType": item.get("attributeType", "Actual"),
                "component": item["component"],
                "variable": item["variable"],
            }
            for item in request["setVariableData"]
        ]
    }


def _set(st: Station, item: dict[str, Any]) -> str:
    if item["variable"]["name"] == "TariffFallbackMessage":
        st.tariff.price_text = item["attributeValue"]
        return "Accepted"
    status, found = _find(st, item)
    if found is None:
        return status
    if found.setting is None:
        return "Rejected"
    try:
        current = getattr(st.settings, found.setting)
        setattr(st.settings, found.setting, parse_setting(item["attributeValue"], current))
    except ValueError:
        return "Rejected"
    if found.setting == "heartbeat_interval":
        st.registration.schedule_heartbeat()
    elif found.setting == "meter_interval":
        st.sessions.reschedule_samples()
    return "Accepted"


def get_base_report(st: Station, request: Payload) -> Payload:
    kept = list(variables(st))
    if request["reportBase"] == "ConfigurationInventory":
        kept = [v for v in kept if v.setting is not None]
    elif request["reportBase"] == "SummaryInventory":
        kept = [v for v in kept if v.name == "Available"]
    _report(st, request["requestId"], kept)
    return {"status": "Accepted"}


def get_report(st: Station, request: Payload) -> Payload:
    wanted = request.get("componentVariable")
    kept = [v for v in variables(st) if wanted is None or any(_named(v, item) for item in wanted)]
    if not kept:
        return {"status": "EmptyResultSet"}
    _report(st, request["requestId"], kept)
    return {"status": "Accepted"}


def _named(variable: Variable, wanted: dict[str, Any]) -> bool:
    component, name = wanted["component"], wanted.get("variable", {}).get("name")
    evse_id = component.get("evse", {}).get("id")
    return (
        variable.component == component["name"]
        and evse_id in {None, variable.evse_id}
        and name in {None, variable.name}
    )


def _report(st: Station, request_id: int, kept: list[Variable]) -> None:
    size = REPORT_ITEMS_PER_MESSAGE
    chunks = [kept[i : i + size] for i in range(0, len(kept), size)]

    def send() -> None:
        for seq_no, chunk in enumerate(chunks):
            st.ask(
                "NotifyReport",
                {
                    "requestId": request_id,
                    "generatedAt": iso(st.clock.now()),
                    "seqNo": seq_no,
                    "tbc": seq_no < len(chunks) - 1,
                    "reportData": [v.report() for v in chunk],
                },
            )

    st.rpc.after_reply(send)


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "GetVariables": get_variables,
    "SetVariables": set_variables,
    "GetBaseReport": get_base_report,
    "GetReport": get_report,
}
