"""GetConfiguration, ChangeConfiguration and ClearCache of 1.6."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from charger_sim.station import tariff
from charger_sim.station.rpc import Payload
from charger_sim.station.settings import format_setting, parse_setting

if TYPE_CHECKING:
    from charger_sim.station.station import Station

SETTINGS = {
    "HeartbeatInterval": "heartbeat_interval",
    "MeterValueSampleInterval": "meter_interval",
    "ClockAlignedDataInterval": "clock_aligned_interval",
    "ConnectionTimeOut": "connection_timeout",
    "TransactionMessageAttempts": "message_attempts",
    "TransactionMessageRetryInterval": "message_attempt_interval",
    "WebSocketPingInterval": "ping_interval",
    "StopTransactionOnInvalidId": "stop_on_invalid_id",
    "StopTransactionOnEVSideDisconnect": "stop_on_ev_side_disconnect",
    "AuthorizeRemoteTxRequests": "authorize_remote_start",
    "AllowOfflineTxForUnknownId": "offline_tx_for_unknown_id",
}
SETTINGS_ISO15118 = {
    "ISO15118PnCEnabled": "pnc_enabled",
    "CentralContractValidationAllowed": "central_contract_validation",
    "ContractValidationOffline": "contract_validation_offline",
}
MEASURANDS = (
    "Power.Active.Import,Power.Active.Export,Energy.Active.Import.Register,"
    "Energy.Active.Export.Register,Power.Offered,Frequency,Voltage,Current.Import,SoC"
)


def _read_only(st: Station) -> dict[str, str]:
    rules = st.profiles.rules
    units = {"A": "Current", "W": "Power"}
    return {
        "NumberOfConnectors": str(len(st.evses)),
        "SupportedFeatureProfiles": "Core,SmartCharging,RemoteTrigger",
        "ChargeProfileMaxStackLevel": str(rules.max_stack_level),
        "ChargingScheduleAllowedChargingRateUnit": ",".join(units[u] for u in sorted(rules.units)),
        "ChargingScheduleMaxPeriods": str(rules.max_periods),
        "MaxChargingProfilesInstalled": str(rules.max_profiles),
        "ConnectorSwitch3to1PhaseSupported": "false",
        "MeterValuesSampledData": MEASURANDS,
        "GetConfigurationMaxKeys": "50",
        "LocalPreAuthorize": "false",
        "LocalAuthorizeOffline": "true",
        "ResetRetries": "1",
        "ConnectorPhaseRotation": "0.RST",
        "StopTxnSampledData": MEASURANDS,
        "MeterValuesAlignedData": "",
        "StopTxnAlignedData": "",
        "UnlockConnectorOnEVSideDisconnect": "true",
    }


def _settings(st: Station) -> dict[str, str]:
    return SETTINGS | (SETTINGS_ISO15118 if st.config.iso15118 else {})


def get_configuration(st: Station, request: Payload) -> Payload:
    known: dict[str, dict[str, Any]] = {
        key: {"key": key, "readonly": True, "value": value} for key, value in _read_only(st).items()
    }
    for key, name in _settings(st).items():
        value = format_setting(getattr(st.settings, name))
        known[key] = {"key": key, "readonly": False, "value": value}
    asked = request.get("key") or list(known)
    unknown = [key for key in asked if key not in known]
    reply: Payload = {"configurationKey": [known[key] for key in asked if key in known]}
    if unknown:
        reply["unknownKey"] = unknown
    return reply


def change_configuration(st: Station, request: Payload) -> Payload:
    key, name = request["key"], _settings(st).get(request["key"])
    if key == "DefaultPrice":
        return tariff.set_default_price(st, request["value"])
    if name is None:
        return {"status": "Rejected" if key in _read_only(st) else "NotSupported"}
    try:
        setattr(st.settings, name, parse_setting(request["value"], getattr(st.settings, name)))
    except ValueError:
        return {"status": "Rejected"}
    if name == "heartbeat_interval":
        st.registration.schedule_heartbeat()
    elif name == "meter_interval":
        st.sessions.reschedule_samples()
    return {"status": "Accepted"}


def clear_cache(st: Station, request: Payload) -> Payload:  # noqa: ARG001
    return {"status": "Accepted"}


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "GetConfiguration": get_configuration,
    "ChangeConfiguration": change_configuration,
    "ClearCache": clear_cache,
}
