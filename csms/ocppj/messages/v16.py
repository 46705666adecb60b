"""OCPP 1.6 actions (core, firmware, local list, smart charging, reservation, trigger; security whitepaper)."""

from __future__ import annotations

from csms.ocppj.messages.table import table

ACTIONS = table(
    station="""
        Authorize BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat
        LogStatusNotification MeterValues SecurityEventNotification SignCertificate
        SignedFirmwareStatusNotification StartTransaction StatusNotification StopTransaction
    """,
    csms="""
        CancelReservation CertificateSigned ChangeAvailability ChangeConfiguration ClearCache
        ClearChargingProfile DeleteCertificate ExtendedTriggerMessage GetCompositeSchedule GetConfiguration
        GetDiagnostics GetInstalledCertificateIds GetLocalListVersion GetLog InstallCertificate
        RemoteStartTransaction RemoteStopTransaction ReserveNow Reset SendLocalList SetChargingProfile
        SignedUpdateFirmware TriggerMessage UnlockConnector UpdateFirmware
    """,
    both="DataTransfer",
    request_suffix="",
)
