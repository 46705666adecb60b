"""EVCC: set-up, authorization, and getting contracts."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.iso20.evcc_state import (
    ROOT_LIMIT,
    Abort,
    Identity,
    Request,
    Session,
    chain_value,
)
from charger_sim.iso15118.iso20.messages import SCHEMA, Body, document
from charger_sim.iso15118.iso20.ports import Wish
from charger_sim.iso15118.iso20.states import Move
from charger_sim.iso15118.trust import TrustStore
from pki.contract import associated_data, receiver_private_key, unwrap
from pki.errors import PkiError
from pki.installation import InstallationResponse, read_response
from pki.parse import parse_der

_NAME: Final = "CertificateInstallation"


def session_setup(session: Session, now_s: float) -> Request:
    del now_s
    return Request({"EVCCID": session.config.evcc_id})


def read_session_setup(session: Session, response: Body, now_s: float) -> Move:
    del now_s
    session.joined = response["ResponseCode"] == "OK_OldSessionJoined"
    if session.joined and response["Header"]["SessionID"] != session.session_id:
        raise Abort("joined another session than was asked for")
    session.session_id = response["Header"]["SessionID"]
    session.evse_id = response["EVSEID"]
    return Move.NEXT


def nothing(session: Session, now_s: float) -> Request:
    """The request has a header only."""
    del session, now_s
    return Request({})


def read_authorization_setup(session: Session, response: Body, now_s: float) -> Move:
    del now_s
    session.offered = tuple(response["AuthorizationServices"])
    mode = response.get("PnC_ASResAuthorizationMode")
    if mode is not None:
        session.challenge = mode["GenChallenge"]
    config = session.config
    lacking = config.install or (session.contract is None and "PnC" in config.authorizations)
    installable = response["CertificateInstallationService"] and "PnC" in session.offered
    if installable and lacking and config.provisioning is not None and not session.joined:
        return Move.INSTALL
    return _choose(session)


def _choose(session: Session) -> Move:
    """The best authorization that both sides have; sets `authorization`."""
    for each in session.config.authorizations:
        if each in session.offered and (each != "PnC" or session.contract is not None):
            session.authorization = each
            return Move.NEXT
    session.warning = session.warning or "WARNING_AuthorizationSelectionInvalid"
    return Move.LEAVE


def certificate_installation(session: Session, now_s: float) -> Request:
    del now_s
    identity = session.config.provisioning
    if identity is None:
        raise Abort("the car has no provisioning certificate")
    roots = (*session.config.v2g_roots, *session.config.mo_roots)[:ROOT_LIMIT]
    body: Body = {
        "OEMProvisioningCertificateChain": {"@Id": "id1", **chain_value(identity.chain)},
        "ListOfRootCertificateIDs": {"RootCertificateID": [_issuer_serial(each) for each in roots]},
        "MaximumContractCertificateChains": session.config.max_contracts,
    }
    if session.config.prioritized_emaids:
        body["PrioritizedEMAIDs"] = {"EMAID": list(session.config.prioritized_emaids)}
    return Request(body, identity.key)


def _issuer_serial(root: x509.Certificate) -> Body:
    return {
        "X509IssuerName": root.issuer.rfc4514_string(),
        "X509SerialNumber": root.serial_number,
    }


def read_certificate_installation(session: Session, response: Body, now_s: float) -> Move:
    """Keeps the contract if the provisioning service and the mobility operator can be trusted."""
    del now_s
    if response["EVSEProcessing"] != "Finished":
        return Move.AGAIN
    if response["ResponseCode"].startswith("WARNING"):
        session.warning = response["ResponseCode"]
        return _choose(session)
    identity = session.config.provisioning
    if identity is None:
        raise Abort("the car has no provisioning certificate")
    body = {key: value for key, value in response.items() if key != "Header"}
    message = document(_NAME + "Res", response["Header"], body)
    try:
        found = read_response(message, SCHEMA)
        contract = _accepted(session, identity, found)
    except (PkiError, RemoteProtocolError, ValueError, UnsupportedAlgorithm) as error:
        raise Abort(f"{_NAME}: {type(error).__name__}: {error}") from None
    session.installed.append(contract)
    session.contract = session.installed[0]
    if found.remaining and len(session.installed) < session.config.max_contracts:
        return Move.AGAIN
    return _choose(session)


def _accepted(session: Session, owner: Identity, found: InstallationResponse) -> Identity:
    """Raises RemoteProtocolError, ContractKeyError."""
    config, now = session.config, session.clock.now
    TrustStore(config.v2g_roots, now).check(found.cps_chain, "CPS")
    if config.mo_roots:
        TrustStore(config.mo_roots, now).check(found.package.chain, None)
    contract = parse_der(found.package.chain[0])
    names = owner.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    aad = associated_data(str(names[0].value), contract)
    key = unwrap(found.package.key, receiver_private_key(owner.key), contract, aad=aad)
    return Identity(found.package.chain, key)


def authorization(session: Session, now_s: float) -> Request:
    del now_s
    chosen = session.authorization
    body: Body = {"SelectedAuthorizationService": chosen}
    if chosen == "EIM":
        return Request({**body, "EIM_AReqAuthorizationMode": {}})
    if session.contract is None:
        raise Abort("the car has no contract")
    body["PnC_AReqAuthorizationMode"] = {
        "@Id": "id1",
        "GenChallenge": session.challenge,
        "ContractCertificateChain": chain_value(session.contract.chain),
    }
    return Request(body, session.contract.key)


def read_authorization(session: Session, response: Body, now_s: float) -> Move:
    """A refused contract falls back to the next way that the car has, else it leaves."""
    del now_s
    if response["ResponseCode"].startswith("WARNING"):
        session.warning = response["ResponseCode"]
        session.offered = tuple(each for each in session.offered if each != session.authorization)
        return Move.AGAIN if _choose(session) is Move.NEXT else Move.LEAVE
    if response["EVSEProcessing"] != "Finished":
        return Move.AGAIN
    session.warning = None
    session.wish = session.vehicle.wish()
    return Move.LEAVE if session.wish in {Wish.TERMINATE, Wish.PAUSE} else Move.NEXT
