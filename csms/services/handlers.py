"""Which use case handles which event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from csms.domain import certificates as cert
from csms.domain import events as ev
from csms.domain.fleet import StationState
from csms.services import (
    authorization,
    certificate_signing,
    certificate_status,
    der,
    device_model,
    ev_certificates,
    metering,
    notifications,
    provisioning,
    smart_charging,
    transactions,
)
from csms.services.core import Core

Handler = Callable[[Core, StationState, Any], Awaitable[ev.Reply]]

HANDLERS: dict[type[ev.Event], Handler] = {
    ev.Booted: provisioning.boot,
    ev.Heartbeat: provisioning.heartbeat,
    ev.StatusChanged: provisioning.status_changed,
    ev.AuthorizeAsked: authorization.authorize,
    ev.TransactionTold: transactions.transaction_told,
    ev.MetersRead: metering.meters_read,
    ev.ChargingNeedsTold: smart_charging.charging_needs,
    ev.EvScheduleTold: smart_charging.ev_schedule,
    ev.DynamicUpdatePulled: smart_charging.dynamic_update_pulled,
    ev.DerReported: der.der_reported,
    ev.DerAlarm: der.der_alarm,
    ev.DerStartStop: der.der_start_stop,
    ev.ReportPart: device_model.report_part,
    ev.ProfilesReported: device_model.profiles_reported,
    ev.SecurityEventTold: notifications.security_event,
    ev.VendorData: notifications.vendor_data,
    ev.Notified: notifications.notified,
    cert.EvCertificateAsked: ev_certificates.ev_certificate_asked,
    cert.CertificateStatusAsked: certificate_status.certificate_status_asked,
    cert.ChainStatusAsked: certificate_status.chain_status_asked,
    cert.SigningAsked: certificate_signing.signing_asked,
}


async def handle(core: Core, station: StationState, event: ev.Event) -> ev.Reply:
    """Raises ``NotPermitted`` for a station that was not let in yet, ``StoreUnavailable`` when nothing is durable."""
    provisioning.require_permitted(station, event)
    station.last_message = now = core.clock.now()
    told_at = getattr(event, "at", None)
    if told_at is not None and not getattr(event, "offline", False):
        station.clock_skew_s = (told_at - now).total_seconds()
    return await HANDLERS[type(event)](core, station, event)
