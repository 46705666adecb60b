"""Handlers of the charger: session, services, payment, end."""

from __future__ import annotations

from typing import Any, Final

from charger_sim.iso15118.iso2.messages import Message
from charger_sim.iso15118.iso2.secc_context import (
    NEW_SESSION,
    Answer,
    Refusal,
    Reply,
    SeccConfig,
    SeccContext,
)
from charger_sim.iso15118.iso2.secc_table import State

CHARGE_SERVICE: Final = 1
CERTIFICATE_SERVICE: Final = 2
INSTALLATION: Final = 1
UPDATE: Final = 2
"""Parameter sets of the certificate service (ISO 15118-2 table 106)."""


def session_setup(context: SeccContext, message: Message, now_s: float) -> Answer:
    """Joins the session that was paused, else opens a new one (V2G2-750 ff.)."""
    del now_s
    code = "OK_NewSessionEstablished"
    resume = context.config.resume
    if resume is not None and message.session_id == resume.session_id:
        code = "OK_OldSessionJoined"
        context.data.session_id = resume.session_id
        context.data.schedules = resume.schedules
    else:
        context.data.session_id = _new_session_id(context)
    body = {"EVSEID": context.config.evse_id, "EVSETimeStamp": int(context.unix_s())}
    return Reply(State.DISCOVERY, body, code)


def _new_session_id(context: SeccContext) -> bytes:
    for _ in range(8):
        session_id = context.random(8)
        if session_id != NEW_SESSION:
            return session_id
    raise Refusal("FAILED", "the source of randomness gives zeros only")


def service_discovery(context: SeccContext, message: Message, now_s: float) -> Answer:
    del now_s
    config = context.config
    body: dict[str, Any] = {
        "PaymentOptionList": {"PaymentOption": list(config.payment_options)},
        "ChargeService": {
            "ServiceID": CHARGE_SERVICE,
            "ServiceCategory": "EVCharging",
            "FreeService": config.free,
            "SupportedEnergyTransferMode": {
                "EnergyTransferMode": list(config.energy_transfer_modes)
            },
        },
    }
    category = message.body.get("ServiceCategory", "ContractCertificate")
    if _certificate_service(config) and category == "ContractCertificate":
        service = {
            "ServiceID": CERTIFICATE_SERVICE,
            "ServiceName": "Certificate",
            "ServiceCategory": "ContractCertificate",
            "FreeService": True,
        }
        body["ServiceList"] = {"Service": [service]}
    return Reply(State.SELECTION, body)


def service_detail(context: SeccContext, message: Message, now_s: float) -> Answer:
    del now_s
    service_id = message.body["ServiceID"]
    if service_id not in _services(context.config):
        raise Refusal("FAILED_ServiceIDInvalid", f"service {service_id} is not offered")
    body: dict[str, Any] = {"ServiceID": service_id}
    if service_id == CERTIFICATE_SERVICE:
        sets = [
            {
                "ParameterSetID": number,
                "Parameter": [{"@Name": "Service", "stringValue": name}],
            }
            for number, name in ((INSTALLATION, "Installation"), (UPDATE, "Update"))
        ]
        body["ServiceParameterList"] = {"ParameterSet": sets}
    return Reply(State.SELECTION, body)


def payment_service_selection(context: SeccContext, message: Message, now_s: float) -> Answer:
    del now_s
    option = message.body["SelectedPaymentOption"]
    if option not in context.config.payment_options:
        raise Refusal("FAILED_PaymentSelectionInvalid", f"{option} is not offered")
    selected = message.body["SelectedServiceList"]["SelectedService"]
    services = frozenset(each["ServiceID"] for each in selected)
    unknown = services - _services(context.config)
    if unknown:
        raise Refusal("FAILED_ServiceSelectionInvalid", f"services {sorted(unknown)}")
    if CHARGE_SERVICE not in services:
        raise Refusal("FAILED_NoChargeServiceSelected", f"services {sorted(services)}")
    context.data.services = services
    context.data.by_contract = option == "Contract"
    return Reply(State.CONTRACT if context.data.by_contract else State.AUTHORIZATION, {})


def session_stop(context: SeccContext, message: Message, now_s: float) -> Answer:
    del context, now_s
    return Reply(State.ENDED, {}, paused=message.body["ChargingSession"] == "Pause")


def _certificate_service(config: SeccConfig) -> bool:
    return config.installs_certificates and "Contract" in config.payment_options


def _services(config: SeccConfig) -> frozenset[int]:
    if _certificate_service(config):
        return frozenset((CHARGE_SERVICE, CERTIFICATE_SERVICE))
    return frozenset((CHARGE_SERVICE,))
