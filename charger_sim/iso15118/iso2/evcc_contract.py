"""Steps of the car: getting a contract, showing it, authorization."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from charger_sim.iso15118.errors import LocalProtocolError, RemoteProtocolError
from charger_sim.iso15118.iso2 import messages
from charger_sim.iso15118.iso2.evcc_context import Contract, EvccContext, GiveUp, Request
from charger_sim.iso15118.iso2.messages import ID, Message
from charger_sim.iso15118.machine import Ending
from charger_sim.iso15118.physical import Wish
from pki.contract import receiver_private_key, unwrap
from pki.errors import PkiError
from pki.installation import read_response
from pki.keys import PrivateKey


def certificate_installation(context: EvccContext) -> Request:
    provisioning = context.config.provisioning
    if provisioning is None:
        raise GiveUp(Ending.REFUSED, "the car has neither contract nor provisioning certificate")
    body = {
        "@Id": ID,
        "OEMProvisioningCert": provisioning.certificate,
        "ListOfRootCertificateIDs": _root_ids(context),
    }
    return Request(body, provisioning.private_key)


def on_certificate_installation(context: EvccContext, message: Message) -> str:
    provisioning = context.config.provisioning
    if provisioning is None:
        raise LocalProtocolError("an installation without provisioning certificate")
    return _install(context, message, provisioning.private_key)


def certificate_update(context: EvccContext) -> Request:
    contract = _contract(context)
    body = {
        "@Id": ID,
        "ContractSignatureCertChain": _chain(contract),
        "eMAID": contract.emaid,
        "ListOfRootCertificateIDs": _root_ids(context),
    }
    return Request(body, contract.private_key)


def on_certificate_update(context: EvccContext, message: Message) -> str:
    return _install(context, message, _contract(context).private_key)


def _install(context: EvccContext, message: Message, key: PrivateKey) -> str:
    """Takes the contract: the CPS must have signed all four parts, its chain and the contract's
    must lead to our roots, and the key must fit the certificate."""
    trust = context.config.trust
    if trust is None:
        raise LocalProtocolError("a car without roots cannot take contracts")
    try:
        response = read_response(message.document, messages.TABLE)
        trust.check(response.cps_chain, "CPS")
        package = response.package
        certificate = trust.check(package.chain, None)
        own = unwrap(package.key, receiver_private_key(key), certificate)
    except PkiError as error:
        raise RemoteProtocolError(f"{message.name}Res: {error}") from error
    context.data.contract = Contract(package.emaid, package.chain, own)
    return "PaymentDetails"


def payment_details(context: EvccContext) -> Request:
    contract = _contract(context)
    body = {"eMAID": contract.emaid, "ContractSignatureCertChain": _chain(contract)}
    return Request(body)


def on_payment_details(context: EvccContext, message: Message) -> str:
    context.data.challenge = message.body["GenChallenge"]
    return "Authorization"


def authorization(context: EvccContext) -> Request:
    if context.config.payment != "Contract":
        return Request({})
    body = {"@Id": ID, "GenChallenge": context.data.challenge}
    return Request(body, _contract(context).private_key)


def on_authorization(context: EvccContext, message: Message) -> str:
    if message.body["EVSEProcessing"] != "Finished":
        return "Authorization"
    if context.car.wish() is Wish.STOP:
        return "SessionStop"
    return "ChargeParameterDiscovery"


def _contract(context: EvccContext) -> Contract:
    if context.data.contract is None:
        raise GiveUp(Ending.REFUSED, "the car has no contract")
    return context.data.contract


def _chain(contract: Contract) -> dict[str, Any]:
    value: dict[str, Any] = {"Certificate": contract.chain[0]}
    if contract.chain[1:]:
        value["SubCertificates"] = {"Certificate": list(contract.chain[1:])}
    return value


def _root_ids(context: EvccContext) -> dict[str, Any]:
    """V2G and MO roots that the car knows, so that the service can choose chains it can check."""
    trust = context.config.trust
    if trust is None:
        raise LocalProtocolError("a car without roots cannot take contracts")
    return {"RootCertificateID": [_root_id(root) for root in trust.roots[:20]]}


def _root_id(root: x509.Certificate) -> dict[str, Any]:
    return {
        "X509IssuerName": root.issuer.rfc4514_string(),
        "X509SerialNumber": root.serial_number,
    }
