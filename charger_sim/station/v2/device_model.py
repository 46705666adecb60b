"""The part of the 2.x device model that a central system reads or writes here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from charger_sim.station.der import SUPPORTED
from charger_sim.station.settings import format_setting

if TYPE_CHECKING:
    from charger_sim.station.station import Station

SETTINGS: dict[tuple[str, str], tuple[str, str]] = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): ("heartbeat_interval", "s"),
    ("OCPPCommCtrlr", "WebSocketPingInterval"): ("ping_interval", "s"),
    ("OCPPCommCtrlr", "OfflineThreshold"): ("offline_threshold", "s"),
    ("OCPPCommCtrlr", "RetryBackOffWaitMinimum"): ("retry_wait_min", "s"),
    ("OCPPCommCtrlr", "RetryBackOffRandomRange"): ("retry_random", "s"),
    ("OCPPCommCtrlr", "RetryBackOffRepeatTimes"): ("retry_repeat_times", ""),
    ("SampledDataCtrlr", "TxUpdatedInterval"): ("meter_interval", "s"),
    ("AlignedDataCtrlr", "Interval"): ("clock_aligned_interval", "s"),
    ("TxCtrlr", "EVConnectionTimeOut"): ("connection_timeout", "s"),
    ("TxCtrlr", "StopTxOnInvalidId"): ("stop_on_invalid_id", ""),
    ("TxCtrlr", "StopTxOnEVSideDisconnect"): ("stop_on_ev_side_disconnect", ""),
    ("AuthCtrlr", "AuthorizeRemoteStart"): ("authorize_remote_start", ""),
    ("AuthCtrlr", "OfflineTxForUnknownIdEnabled"): ("offline_tx_for_unknown_id", ""),
    ("SmartChargingCtrlr", "Enabled"): ("smart_charging_enabled", ""),
    ("ISO15118Ctrlr", "PnCEnabled"): ("pnc_enabled", ""),
    ("ISO15118Ctrlr", "CentralContractValidationAllowed"): ("central_contract_validation", ""),
    ("ISO15118Ctrlr", "ContractValidationOffline"): ("contract_validation_offline", ""),
    ("ISO15118Ctrlr", "ContractCertificateInstallationEnabled"): ("contract_installation", ""),
    ("ISO15118Ctrlr", "RequestMeteringReceipt"): ("metering_receipts", ""),
}
INSTANCED_SETTINGS: dict[tuple[str, str, str], tuple[str, str]] = {
    ("OCPPCommCtrlr", "MessageTimeout", "Default"): ("message_timeout", "s"),
    ("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"): ("message_attempts", ""),
    ("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"): (
        "message_attempt_interval",
        "s",
    ),
}
MEASURANDS = (
    "Power.Active.Import,Power.Active.Export,Energy.Active.Import.Register,"
    "Energy.Active.Export.Register,Power.Offered,Frequency,Voltage,Current.Import,SoC"
)
V2X_MODES = "ChargingOnly,CentralSetpoint,CentralFrequency,LocalFrequency,Idle"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable with its Actual attribute; ``setting`` names the :class:`Settings` field that
    a write changes, ``None`` where read-only."""

    component: str
    name: str
    value: str
    data_type: str
    unit: str = ""
    evse_id: int | None = None
    connector_id: int | None = None
    instance: str | None = None
    setting: str | None = None
    max_limit: float | None = None

    @property
    def wire_component(self) -> dict[str, Any]:
        component: dict[str, Any] = {"name": self.component}
        if self.evse_id is not None:
            component["evse"] = {"id": self.evse_id}
            if self.connector_id is not None:
                component["evse"]["connectorId"] = self.connector_id
        return component

    @property
    def wire_variable(self) -> dict[str, Any]:
        return {"name": self.name} | ({"instance": self.instance} if self.instance else {})

    def report(self) -> dict[str, Any]:
        """One ReportDataType."""
        characteristics: dict[str, Any] = {
            "dataType": self.data_type,
            "supportsMonitoring": False,
        }
        if self.unit:
            characteristics["unit"] = self.unit
        if self.max_limit is not None:
            characteristics["maxLimit"] = self.max_limit
        mutability = "ReadOnly" if self.setting is None else "ReadWrite"
        return {
            "component": self.wire_component,
            "variable": self.wire_variable,
            "variableAttribute": [
                {"type": "Actual", "value": self.value, "mutability": mutability}
            ],
            "variableCharacteristics": characteristics,
        }


def variables(st: Station) -> Iterator[Variable]:
    """Every variable, with its value now."""
    yield from _settings(st)
    yield from _station(st)
    for evse in st.evses.values():
        config = evse.config
        power = f"{config.max_charge_w:.0f}"
        yield Variable("EVSE", "Available", "true", "boolean", evse_id=config.id)
        yield Variable(
            "EVSE", "Power", power, "decimal", "W", config.id, max_limit=config.max_charge_w
        )
        yield Variable("EVSE", "SupplyPhases", str(config.n_phases), "integer", "", config.id)
        kind = "cCCS2" if config.kind == "DC" else "sType2"
        yield Variable("Connector", "Available", "true", "boolean", "", config.id, 1)
        yield Variable("Connector", "ConnectorType", kind, "string", "", config.id, 1)


def _settings(st: Station) -> Iterator[Variable]:
    rows = [(c, v, None, field, unit) for (c, v), (field, unit) in SETTINGS.items()]
    instanced = [(c, v, i, field, unit) for (c, v, i), (field, unit) in INSTANCED_SETTINGS.items()]
    for component, name, instance, field, unit in [*rows, *instanced]:
        if component == "ISO15118Ctrlr" and not st.config.iso15118:
            continue
        value = getattr(st.settings, field)
        yield Variable(
            component,
            name,
            format_setting(value),
            "boolean" if isinstance(value, bool) else "integer",
            unit,
            instance=instance,
            setting=field,
        )


def _station(st: Station) -> Iterator[Variable]:
    rules, config = st.profiles.rules, st.config
    phases = max(e.config.n_phases for e in st.evses.values())
    yield Variable("ChargingStation", "Available", "true", "boolean")
    yield Variable("ChargingStation", "Model", config.model, "string")
    yield Variable("ChargingStation", "VendorName", config.vendor, "string")
    yield Variable("ChargingStation", "SupplyPhases", str(phases), "integer")
    yield Variable("SampledDataCtrlr", "TxUpdatedMeasurands", MEASURANDS, "MemberList")
    yield Variable("TxCtrlr", "TxStartPoint", "PowerPathClosed", "MemberList")
    yield Variable("TxCtrlr", "TxStopPoint", "EVConnected,Authorized", "MemberList")
    smart = "SmartChargingCtrlr"
    yield Variable(smart, "Available", "true", "boolean")
    yield Variable(smart, "RateUnit", ",".join(sorted(rules.units)), "MemberList")
    yield Variable(smart, "ProfileStackLevel", str(rules.max_stack_level), "integer")
    yield Variable(smart, "PeriodsPerSchedule", str(rules.max_periods), "integer")
    yield Variable(smart, "Entries", str(len(st.profiles)), "integer", instance="ChargingProfiles")
    yield Variable(smart, "Phases3to1", "false", "boolean")
    if config.version == "2.1":
        yield Variable(smart, "DynamicProfiles", "true", "boolean")
        v2x = format_setting(config.v2x)
        yield Variable("V2XChargingCtrlr", "Available", v2x, "boolean")
        yield Variable("V2XChargingCtrlr", "Enabled", v2x, "boolean")
        if config.v2x:
            yield Variable("V2XChargingCtrlr", "SupportedOperationModes", V2X_MODES, "MemberList")
        if st.der.available:
            yield Variable("DCDERCtrlr", "Available", "true", "boolean")
            yield Variable("DCDERCtrlr", "ModesSupported", ",".join(SUPPORTED), "MemberList")
