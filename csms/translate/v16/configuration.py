"""Configuration keys of OCPP 1.6, which stand in for the device model."""

from __future__ import annotations

from csms.domain.commands import GetReport, GetVariables, SetVariables
from csms.domain.errors import InvalidInput
from csms.translate.family import ItemResult, WireCall
from csms.translate.fields import Payload


def get_variables(command: GetVariables) -> WireCall:
    keys = [ref.variable for ref in command.variables]
    return WireCall("GetConfiguration", {"key": keys} if keys else {})


def get_report(_command: GetReport) -> WireCall:
    return WireCall("GetConfiguration", {})


def set_variables(command: SetVariables) -> WireCall:
    if len(command.values) != 1:
        raise InvalidInput(f"OCPP 1.6 sets one key a message, not {len(command.values)}")
    (setting,) = command.values
    return WireCall("ChangeConfiguration", {"key": setting.ref.variable, "value": setting.value})


def results(payload: Payload) -> list[ItemResult] | None:
    """Those of GetConfiguration's answer."""
    if "unknownKey" not in payload and "configurationKey" not in payload:
        return None
    known = [ItemResult(item["key"], "Accepted") for item in payload.get("configurationKey", ())]
    unknown = [ItemResult(key, "UnknownKey") for key in payload.get("unknownKey", ())]
    return known + unknown
