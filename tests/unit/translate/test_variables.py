from __future__ import annotations

from csms.domain.events import VariableReported
from csms.translate import variables_from_wire


def test_a_16_configuration_brings_its_keys() -> None:
    payload = {
        "configurationKey": [
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"key": "NumberOfConnectors", "readonly": True},
        ],
        "unknownKey": ["X"],
    }
    assert variables_from_wire(payload) == (
        VariableReported(
            component="", variable="HeartbeatInterval", value="300", mutability="ReadWrite"
        ),
        VariableReported(
            component="", variable="NumberOfConnectors", value=None, mutability="ReadOnly"
        ),
    )


def test_a_2x_answer_brings_what_the_station_gave_and_nothing_of_what_it_refused() -> None:
    payload = {
        "getVariableResult": [
            {
                "attributeStatus": "Accepted",
                "attributeValue": "W",
                "component": {"name": "SmartChargingCtrlr"},
                "variable": {"name": "RateUnit"},
            },
            {
                "attributeStatus": "UnknownVariable",
                "component": {"name": "EVSE", "evse": {"id": 2, "connectorId": 1}},
                "variable": {"name": "Colour"},
            },
        ]
    }
    assert variables_from_wire(payload) == (
        VariableReported(component="SmartChargingCtrlr", variable="RateUnit", value="W"),
    )


def test_an_answer_of_another_action_brings_none() -> None:
    assert variables_from_wire({"status": "Accepted"}) == ()
