"""OCPP 2.0.1 and 2.1: one set of functions, two editions, the tables below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from csms.domain import commands as c
from csms.domain.certificates import (
    CertificateStatusReply,
    ChainStatusReply,
    EvCertificateReply,
    SigningReply,
)
from csms.domain.events import (
    AuthorizeReply,
    BootReply,
    ChargingNeedsReply,
    DynamicUpdateReply,
    Event,
    EvScheduleReply,
    HeartbeatReply,
    TransactionReply,
    VendorDataReply,
)
from csms.domain.profile import Purpose
from csms.translate import shared
from csms.translate.family import Family, ReplyWriter, WireCall
from csms.translate.fields import Payload
from csms.translate.v2x import (
    actions,
    authorization,
    certificates,
    charging_needs,
    data_transfer,
    der,
    device_model,
    dynamic,
    metering,
    periods,
    provisioning,
    remote_control,
    smart_charging,
    tariffs,
    transactions,
)
from csms.translate.v2x.edition import Edition

_V201 = Edition(
    version="2.0.1",
    token_types=frozenset(
        {
            "Central",
            "eMAID",
            "ISO14443",
            "ISO15693",
            "KeyCode",
            "Local",
            "MacAddress",
            "NoAuthorization",
        }
    ),
    max_token=36,
    purposes=frozenset({Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX}),
    v2x_profiles=False,
    iso15118_20=False,
    period=periods.period_v201,
)
_V21 = Edition(
    version="2.1",
    token_types=None,
    max_token=255,
    purposes=_V201.purposes | {Purpose.PRIORITY, Purpose.LOCAL_GENERATION},
    v2x_profiles=True,
    iso15118_20=True,
    period=periods.period_v21,
)

_Events = Mapping[str, Callable[[Payload], Event]]
_Replies = Mapping[str, ReplyWriter]
_Commands = Mapping[type[c.Command], Callable[[Edition, Any], WireCall]]

_EVENTS: _Events = {
    "BootNotification": provisioning.boot,
    "Heartbeat": shared.heartbeat,
    "StatusNotification": provisioning.status,
    "Authorize": authorization.authorize,
    "TransactionEvent": transactions.transaction_event,
    "MeterValues": metering.meter_values,
    "DataTransfer": shared.vendor_data,
    "NotifyEVChargingNeeds": charging_needs.charging_needs,
    "NotifyEVChargingSchedule": charging_needs.ev_schedule,
    "NotifyReport": device_model.report_part,
    "ReportChargingProfiles": smart_charging.profiles_reported,
    "SecurityEventNotification": shared.security_event,
    "Get15118EVCertificate": certificates.ev_certificate,
    "GetCertificateStatus": certificates.certificate_status,
    "SignCertificate": certificates.signing,
}
_EVENTS_V21: _Events = {
    "PullDynamicScheduleUpdate": dynamic.update_pulled,
    "NotifyDERAlarm": der.der_alarm,
    "NotifyDERStartStop": der.der_start_stop,
    "ReportDERControl": der.der_reported,
    "Get15118EVCertificate": certificates.ev_certificate_v21,
    "GetCertificateStatus": certificates.certificate_status_v21,
    "GetCertificateChainStatus": certificates.chain_status,
}


def _replies(edition: Edition) -> _Replies:
    return {
        "BootNotification": ReplyWriter(BootReply, shared.boot_reply),
        "Heartbeat": ReplyWriter(HeartbeatReply, shared.heartbeat_reply),
        "Authorize": ReplyWriter(AuthorizeReply, partial(authorization.authorize_reply, edition)),
        "TransactionEvent": ReplyWriter(
            TransactionReply, partial(transactions.transaction_reply, edition)
        ),
        "DataTransfer": ReplyWriter(VendorDataReply, data_transfer.vendor_data_reply),
        "NotifyEVChargingNeeds": ReplyWriter(
            ChargingNeedsReply, charging_needs.charging_needs_reply
        ),
        "NotifyEVChargingSchedule": ReplyWriter(EvScheduleReply, charging_needs.ev_schedule_reply),
        "PullDynamicScheduleUpdate": ReplyWriter(DynamicUpdateReply, dynamic.update_reply),
        "Get15118EVCertificate": ReplyWriter(
            EvCertificateReply, partial(certificates.ev_certificate_reply, edition)
        ),
        "GetCertificateStatus": ReplyWriter(
            CertificateStatusReply, certificates.certificate_status_reply
        ),
        "GetCertificateChainStatus": ReplyWriter(ChainStatusReply, certificates.chain_status_reply),
        "SignCertificate": ReplyWriter(SigningReply, certificates.signing_reply),
    }


_COMMANDS: _Commands = {
    c.RemoteStart: remote_control.remote_start,
    c.RemoteStop: remote_control.remote_stop,
    c.Reset: remote_control.reset,
    c.ChangeAvailability: remote_control.change_availability,
    c.UnlockConnector: remote_control.unlock_connector,
    c.Trigger: remote_control.trigger,
    c.SetChargingProfile: smart_charging.set_charging_profile,
    c.ClearChargingProfile: smart_charging.clear_charging_profile,
    c.GetCompositeSchedule: smart_charging.get_composite_schedule,
    c.GetVariables: device_model.get_variables,
    c.SetVariables: device_model.set_variables,
    c.GetReport: device_model.get_report,
    c.SendVendorData: data_transfer.send_vendor_data,
    c.InstallCertificate: certificates.install_certificate,
    c.DeleteCertificate: certificates.delete_certificate,
    c.GetInstalledCertificates: certificates.get_installed,
    c.CertificateSigned: certificates.certificate_signed,
    c.SetTariff: tariffs.set_tariff,
    c.ShowCost: tariffs.show_cost,
}
_COMMANDS_V21: _Commands = {
    c.UpdateDynamicSchedule: dynamic.update_dynamic_schedule,
    c.SetDerControl: der.set_der_control,
    c.GetDerControls: der.get_der_controls,
    c.ClearDerControl: der.clear_der_control,
    c.NotifyAllowedEnergyTransfer: remote_control.notify_allowed_energy_transfer,
    c.ChangeTransactionTariff: tariffs.change_transaction_tariff,
}


def _family(
    edition: Edition,
    read: _Events,
    notifications: tuple[str, ...],
    commands: _Commands,
    unsupported: frozenset[str],
) -> Family:
    events: _Events = {**read, **{action: shared.notified(action) for action in notifications}}
    replies = _replies(edition)
    return Family(
        version=edition.version,
        events=events,
        replies={action: replies.get(action, shared.ACKNOWLEDGE) for action in events},
        commands={
            **{kind: partial(write, edition) for kind, write in commands.items()},
            c.RawCall: shared.raw_call,
        },
        unsupported=unsupported,
        results=device_model.results,
    )


OCPP201 = _family(_V201, _EVENTS, actions.NOTIFICATIONS, _COMMANDS, actions.UNSUPPORTED)
OCPP21 = _family(
    _V21,
    {**_EVENTS, **_EVENTS_V21},
    (*actions.NOTIFICATIONS, *actions.NOTIFICATIONS_V21),
    {**_COMMANDS, **_COMMANDS_V21},
    actions.UNSUPPORTED | actions.UNSUPPORTED_V21,
)
