"""OCPP 2.0.1 actions (Part 2, messages)."""

from __future__ import annotations

from typing import Final

from csms.ocppj.messages.table import table

STATION_ACTIONS: Final = """
    Authorize BootNotification ClearedChargingLimit FirmwareStatusNotification Get15118EVCertificate
    GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit
    NotifyCustomerInformation NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule
    NotifyEvent NotifyMonitoringReport NotifyReport PublishFirmwareStatusNotification
    ReportChargingProfiles ReservationStatusUpdate SecurityEventNotification SignCertificate
    StatusNotification TransactionEvent
"""
CSMS_ACTIONS: Final = """
    CancelReservation CertificateSigned ChangeAvailability ClearCache ClearChargingProfile
    ClearDisplayMessage ClearVariableMonitoring CostUpdated CustomerInformation DeleteCertificate
    GetBaseReport GetChargingProfiles GetCompositeSchedule GetDisplayMessages GetInstalledCertificateIds
    GetLocalListVersion GetLog GetMonitoringReport GetReport GetTransactionStatus GetVariables
    InstallCertificate PublishFirmware RequestStartTransaction RequestStopTransaction ReserveNow Reset
    SendLocalList SetChargingProfile SetDisplayMessage SetMonitoringBase SetMonitoringLevel
    SetNetworkProfile SetVariableMonitoring SetVariables TriggerMessage UnlockConnector UnpublishFirmware
    UpdateFirmware
"""

ACTIONS = table(station=STATION_ACTIONS, csms=CSMS_ACTIONS, both="DataTransfer")
