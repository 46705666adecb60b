"""Steps of the car: session, services, payment, end."""

from __future__ import annotations

from typing import Any

from charger_sim.iso15118.iso2.evcc_context import EvccContext, GiveUp, Request
from charger_sim.iso15118.iso2.messages import Message
from charger_sim.iso15118.iso2.secc_identify import (
    CERTIFICATE_SERVICE,
    CHARGE_SERVICE,
    INSTALLATION,
    UPDATE,
)
from charger_sim.iso15118.machine import Ending


def session_setup(context: EvccContext) -> Request:
    return Request({"EVCCID": context.config.evcc_id})


def on_session_setup(context: EvccContext, message: Message) -> str:
    context.data.session_id = message.session_id
    return "ServiceDiscovery"


def service_discovery(context: EvccContext) -> Request:
    del context
    return Request({})


def on_service_discovery(context: EvccContext, message: Message) -> str:
    """Ends the session where the charger has not what the car needs."""
    options = message.body["PaymentOptionList"]["PaymentOption"]
    if context.config.payment not in options:
        raise GiveUp(Ending.REFUSED, f"the charger offers {options}")
    service = message.body["ChargeService"]["SupportedEnergyTransferMode"]
    modes = service["EnergyTransferMode"]
    if context.car.needs.energy_transfer_mode not in modes:
        raise GiveUp(Ending.REFUSED, f"the charger offers {modes}")
    if _certificate_parameter_set(context) is None:
        return "PaymentServiceSelection"
    services = message.body.get("ServiceList", {}).get("Service", [])
    if not any(each["ServiceID"] == CERTIFICATE_SERVICE for each in services):
        raise GiveUp(Ending.REFUSED, "the charger does not install certificates")
    return "ServiceDetail"


def service_detail(context: EvccContext) -> Request:
    del context
    return Request({"ServiceID": CERTIFICATE_SERVICE})


def on_service_detail(context: EvccContext, message: Message) -> str:
    sets = message.body.get("ServiceParameterList", {}).get("ParameterSet", [])
    wanted = _certificate_parameter_set(context)
    if not any(each["ParameterSetID"] == wanted for each in sets):
        raise GiveUp(Ending.REFUSED, f"the certificate service has no parameter set {wanted}")
    return "PaymentServiceSelection"


def payment_service_selection(context: EvccContext) -> Request:
    selected: list[dict[str, Any]] = [{"ServiceID": CHARGE_SERVICE}]
    parameter_set = _certificate_parameter_set(context)
    if parameter_set is not None:
        selected.append({"ServiceID": CERTIFICATE_SERVICE, "ParameterSetID": parameter_set})
    return Request(
        {
            "SelectedPaymentOption": context.config.payment,
            "SelectedServiceList": {"SelectedService": selected},
        }
    )


def on_payment_service_selection(context: EvccContext, message: Message) -> str:
    del message
    if context.config.payment != "Contract":
        return "Authorization"
    parameter_set = _certificate_parameter_set(context)
    if parameter_set == INSTALLATION:
        return "CertificateInstallation"
    return "CertificateUpdate" if parameter_set == UPDATE else "PaymentDetails"


def session_stop(context: EvccContext) -> Request:
    return Request({"ChargingSession": context.data.stop})


def on_session_stop(context: EvccContext, message: Message) -> str:
    del context, message
    return ""


def _certificate_parameter_set(context: EvccContext) -> int | None:
    if context.config.payment != "Contract":
        return None
    if context.data.contract is None:
        return INSTALLATION
    return UPDATE if context.config.update_contract else None
