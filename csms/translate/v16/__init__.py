"""OCPP 1.6, with the messages of the security whitepaper."""

from __future__ import annotations

from csms.domain import commands as c
from csms.domain.certificates import SigningReply
from csms.domain.events import (
    AuthorizeReply,
    BootReply,
    HeartbeatReply,
    TransactionReply,
)
from csms.translate import shared
from csms.translate.family import Family, ReplyWriter
from csms.translate.v16 import (
    authorization,
    certificates,
    configuration,
    data_transfer,
    metering,
    provisioning,
    remote_control,
    smart_charging,
    tariffs,
    transactions,
)

_NOTIFICATIONS = (
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SignedFirmwareStatusNotification",
)

_TO_STATIONS = (
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ChangeConfiguration",
    "ClearCache",
    "ClearChargingProfile",
    "DeleteCertificate",
    "ExtendedTriggerMessage",
    "GetCompositeSchedule",
    "GetConfiguration",
    "GetDiagnostics",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "InstallCertificate",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SignedUpdateFirmware",
    "TriggerMessage",
    "UnlockConnector",
    "UpdateFirmware",
)

OCPP16 = Family(
    version="1.6",
    events={
        "BootNotification": provisioning.boot,
        "Heartbeat": shared.heartbeat,
        "StatusNotification": provisioning.status,
        "Authorize": authorization.authorize,
        "StartTransaction": transactions.start,
        "StopTransaction": transactions.stop,
        "MeterValues": metering.meter_values,
        "DataTransfer": certificates.vendor_data,
        "SignCertificate": certificates.signing,
        "SecurityEventNotification": shared.security_event,
        **{action: shared.notified(action) for action in _NOTIFICATIONS},
    },
    replies={
        "BootNotification": ReplyWriter(BootReply, shared.boot_reply),
        "Heartbeat": ReplyWriter(HeartbeatReply, shared.heartbeat_reply),
        "StatusNotification": shared.ACKNOWLEDGE,
        "Authorize": ReplyWriter(AuthorizeReply, authorization.authorize_reply),
        "StartTransaction": ReplyWriter(TransactionReply, transactions.start_reply),
        "StopTransaction": ReplyWriter(TransactionReply, transactions.stop_reply),
        "MeterValues": shared.ACKNOWLEDGE,
        "DataTransfer": ReplyWriter(certificates.DataTransferReply, certificates.vendor_data_reply),
        "SignCertificate": ReplyWriter(SigningReply, certificates.signing_reply),
        "SecurityEventNotification": shared.ACKNOWLEDGE,
        **dict.fromkeys(_NOTIFICATIONS, shared.ACKNOWLEDGE),
    },
    commands={
        c.RemoteStart: remote_control.remote_start,
        c.RemoteStop: remote_control.remote_stop,
        c.Reset: remote_control.reset,
        c.ChangeAvailability: remote_control.change_availability,
        c.UnlockConnector: remote_control.unlock_connector,
        c.Trigger: remote_control.trigger,
        c.SetChargingProfile: smart_charging.set_charging_profile,
        c.ClearChargingProfile: smart_charging.clear_charging_profile,
        c.GetCompositeSchedule: smart_charging.get_composite_schedule,
        c.GetVariables: configuration.get_variables,
        c.SetVariables: configuration.set_variables,
        c.GetReport: configuration.get_report,
        c.SendVendorData: data_transfer.send_vendor_data,
        c.InstallCertificate: certificates.install_certificate,
        c.DeleteCertificate: certificates.delete_certificate,
        c.GetInstalledCertificates: certificates.get_installed,
        c.CertificateSigned: certificates.certificate_signed,
        c.SetTariff: tariffs.set_tariff,
        c.ChangeTransactionTariff: tariffs.change_transaction_tariff,
        c.ShowCost: tariffs.show_cost,
        c.RawCall: shared.raw_call,
    },
    unsupported=frozenset(_TO_STATIONS),
    results=configuration.results,
    unwrap=certificates.unwrap,
)
