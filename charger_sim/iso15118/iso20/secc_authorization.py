"""SECC: who is there, and may they charge? Session set-up, authorization, contract installation."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any, Final

from cryptography.x509.oid import NameOID

from charger_sim.iso15118.backend import (
    Authorization,
    Authorize,
    AuthorizeExternally,
    CertificateResponse,
    InstallCertificate,
)
from charger_sim.iso15118.iso20.messages import COMMON_NAMESPACE, NO_SESSION, SCHEMA, Body
from charger_sim.iso15118.iso20.refusals import BODIES
from charger_sim.iso15118.iso20.secc_state import Answer, Question, Refusal, Reply, Session
from charger_sim.iso15118.iso20.states import Event
from charger_sim.iso15118.machine import PENDING
from pki.errors import PkiError
from pki.exi import Document, ExiError, decode
from pki.keys import narrow_public_key
from pki.parse import UNREADABLE, parse_der
from pki.verify import CertificateStatus
from pki.xmlsig import SignatureRejectedError, check

_WARNING_OF_STATUS: Final = {
    CertificateStatus.CERTIFICATE_EXPIRED: "WARNING_CertificateExpired",
    CertificateStatus.CERTIFICATE_REVOKED: "WARNING_CertificateRevoked",
    CertificateStatus.NO_CERTIFICATE_AVAILABLE: "WARNING_NoCertificateAvailable",
    CertificateStatus.SIGNATURE_ERROR: "WARNING_CertificateValidationError",
    CertificateStatus.CERT_CHAIN_ERROR: "WARNING_CertificateValidationError",
}
_FINISHED: Final = {"EVSEProcessing": "Finished"}
_ONGOING: Final = Answer(Event.ONGOING, {"EVSEProcessing": "Ongoing"})


def session_setup(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    value = request.value
    session.evcc_id = value["EVCCID"]
    wanted = value["Header"]["SessionID"]
    code = "OK_NewSessionEstablished"
    if wanted != NO_SESSION:
        session.joined = session.paused.join(wanted, session.evcc_id)
    if session.joined is not None:
        code = "OK_OldSessionJoined"
        session.session_id = session.joined.session_id
    else:
        session.session_id = session.random(8)
    return Answer(Event.DONE, {"EVSEID": session.evse.evse_id}, code)


def _services(session: Session) -> tuple[str, ...]:
    """A joined session goes on as it was authorized."""
    return (session.joined.authorization,) if session.joined else session.config.authorizations


def authorization_setup(session: Session, request: Document, now_s: float) -> Reply:
    del request, now_s
    services = _services(session)
    body: Body = {
        "AuthorizationServices": list(services),
        "CertificateInstallationService": session.config.certificate_installation,
    }
    if "PnC" in services:
        session.challenge = session.random(16)
        mode: Body = {"GenChallenge": session.challenge}
        if session.config.providers:
            mode["SupportedProviders"] = {"ProviderID": list(session.config.providers)}
        body["PnC_ASResAuthorizationMode"] = mode
    else:
        body["EIM_ASResAuthorizationMode"] = {}
    return Answer(Event.DONE, body)


def authorization(session: Session, request: Document, now_s: float) -> Reply:
    del now_s
    chosen = request.value["SelectedAuthorizationService"]
    field = f"{chosen}_AReqAuthorizationMode"
    if chosen not in _services(session) or field not in request.value:
        return _warning("WARNING_AuthorizationSelectionInvalid")
    if chosen == "EIM":
        question = AuthorizeExternally(session.session_id)
        return Question(question, lambda answer, _: _eim(session, answer))
    return _pnc(session, request, request.value[field])


def _eim(session: Session, answer: Any) -> Answer:
    if answer is PENDING:
        return _ONGOING
    if not isinstance(answer, Authorization) or not answer.accepted:
        return _warning("WARNING_EIMAuthorizationFailure")
    session.authorization = "EIM"
    return Answer(Event.DONE, _FINISHED)


def _pnc(session: Session, request: Document, mode: Body) -> Reply:
    chain = mode["ContractCertificateChain"]
    octets = (chain["Certificate"], *chain["SubCertificates"]["Certificate"])
    if not hmac.compare_digest(mode["GenChallenge"], session.challenge):
        return _warning("WARNING_ChallengeInvalid")
    try:
        leaf = parse_der(octets[0])
        names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        key = narrow_public_key(leaf.public_key())
    except (*UNREADABLE, PkiError):
        return _warning("WARNING_CertificateValidationError")
    if not names:
        return _warning("WARNING_CertificateValidationError")
    try:
        check(request, SCHEMA, key, frozenset({"PnC_AReqAuthorizationMode"}))
    except SignatureRejectedError as error:
        raise Refusal("FAILED_SignatureError", str(error)) from None
    session.contract_key = key
    question = Authorize(str(names[0].value), octets)
    return Question(question, lambda answer, _: _contract(session, answer))


def _contract(session: Session, answer: Any) -> Answer:
    if answer is PENDING:
        return _ONGOING
    if not isinstance(answer, Authorization) or not answer.accepted:
        status = answer.status if isinstance(answer, Authorization) else None
        return _warning(
            "WARNING_GeneralPnCAuthorizationError"
            if status is None
            else _WARNING_OF_STATUS.get(status, "WARNING_GeneralPnCAuthorizationError")
        )
    session.authorization = "PnC"
    return Answer(Event.DONE, _FINISHED)


def _warning(code: str) -> Answer:
    return Answer(Event.WARNED, _FINISHED, code)


def certificate_installation(session: Session, request: Document, now_s: float) -> Reply:
    """The request goes on as it is: the signature is of its EXI, and not the charger's to judge."""
    del now_s
    if not session.config.certificate_installation:
        raise Refusal("FAILED_SequenceError", "CertificateInstallation is not offered")
    value = request.value
    question = InstallCertificate(
        exi_request=base64.b64encode(session.received).decode(),
        namespace=COMMON_NAMESPACE,
        maximum_chains=value["MaximumContractCertificateChains"],
        prioritized_emaids=tuple(value.get("PrioritizedEMAIDs", {}).get("EMAID", ())),
    )
    return Question(question, lambda answer, _: _installation(answer))


def _installation(answer: Any) -> Answer:
    empty = BODIES["CertificateInstallation"]
    if answer is PENDING:
        return Answer(Event.ONGOING, {**empty, "EVSEProcessing": "Ongoing"})
    if not isinstance(answer, CertificateResponse):
        return Answer(Event.WARNED, empty, "WARNING_NoContractMatchingPCIDFound")
    try:
        response = decode(base64.b64decode(answer.exi_response, validate=True), SCHEMA, strict=True)
    except (ExiError, binascii.Error, ValueError) as error:
        raise Refusal("FAILED", f"the provisioning service's response: {error}") from None
    if response.name != "CertificateInstallationRes":
        raise Refusal("FAILED", f"the provisioning service answered with {response.name}")
    body = dict(response.value)
    signature = body.pop("Header").get("Signature")
    code = body.pop("ResponseCode")
    if code.startswith("FAILED"):
        raise Refusal(code, "says the provisioning service")
    event = Event.WARNED if code.startswith("WARNING") else Event.DONE
    return Answer(event, body, code, signature=signature)
