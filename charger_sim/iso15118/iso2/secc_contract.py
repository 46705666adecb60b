"""Handlers of the charger: contracts, their installation, and authorization."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from charger_sim.iso15118 import timeouts
from charger_sim.iso15118.backend import (
    Authorization,
    Authorize,
    AuthorizeExternally,
    CertificateResponse,
    InstallCertificate,
)
from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.iso2 import messages
from charger_sim.iso15118.iso2.messages import Message
from charger_sim.iso15118.iso2.secc_context import (
    Answer,
    Question,
    Refusal,
    Reply,
    SeccContext,
)
from charger_sim.iso15118.iso2.secc_identify import CERTIFICATE_SERVICE
from charger_sim.iso15118.iso2.secc_table import State
from charger_sim.iso15118.machine import PENDING
from charger_sim.iso15118.v2gtp import Frame, PayloadType
from pki.keys import PublicKey
from pki.parse import UNREADABLE, parse_der
from pki.verify import CertificateStatus
from pki.xmlsig import SignatureRejectedError, check

_CODE_OF_STATUS: Final = {
    CertificateStatus.SIGNATURE_ERROR: "FAILED_SignatureError",
    CertificateStatus.CERTIFICATE_EXPIRED: "FAILED_CertificateExpired",
    CertificateStatus.CERTIFICATE_REVOKED: "FAILED_CertificateRevoked",
    CertificateStatus.NO_CERTIFICATE_AVAILABLE: "FAILED_NoCertificateAvailable",
    CertificateStatus.CERT_CHAIN_ERROR: "FAILED_CertChainError",
    CertificateStatus.CONTRACT_CANCELLED: "FAILED_ContractCanceled",
}
_EXPIRES_SOON: Final = timedelta(days=21)
_MARGIN_S: Final = 0.3
"""Of the performance time, for building and sending the response."""


def certificate_installation(context: SeccContext, message: Message, now_s: float) -> Answer:
    """The provisioning key must have signed; then the backend is asked."""
    del now_s
    return _install(context, message, message.body["OEMProvisioningCert"], "Install")


def certificate_update(context: SeccContext, message: Message, now_s: float) -> Answer:
    del now_s
    certificate = message.body["ContractSignatureCertChain"]["Certificate"]
    return _install(context, message, certificate, "Update")


def _install(
    context: SeccContext,
    message: Message,
    signer: bytes,
    action: Literal["Install", "Update"],
) -> Answer:
    if CERTIFICATE_SERVICE not in context.data.services:
        raise Refusal("FAILED", "the certificate service was not selected")
    _check_signature(message, _load(signer).key)
    request = base64.b64encode(message.payload).decode("ascii")
    question = InstallCertificate(request, messages.NAMESPACE, action)
    return Question(
        question,
        lambda answer, _now_s: _installed(message, answer),
        timeouts.ISO_2.within_s(message.name) - _MARGIN_S,
    )


def _installed(message: Message, answer: CertificateResponse | object) -> Answer:
    """The response is passed on: the service signed it, the charger changes its header only."""
    if answer is PENDING:
        raise Refusal("FAILED", "the provisioning service takes too long")
    if not isinstance(answer, CertificateResponse):
        raise Refusal("FAILED_NoCertificateAvailable", "no contract for this vehicle")
    try:
        exi = base64.b64decode(answer.exi_response, validate=True)
        response = messages.read(Frame(PayloadType.EXI, exi))
    except (binascii.Error, ValueError, RemoteProtocolError) as error:
        raise Refusal("FAILED", f"the provisioning service's response: {error}") from None
    if response.name != message.name or response.is_request:
        raise Refusal("FAILED", f"the provisioning service answered with {response.name}")
    code = response.body["ResponseCode"]
    if code.startswith("FAILED"):
        raise Refusal(code, "the provisioning service refused")
    header: dict[str, Any] = {}
    signature = response.document.value["Header"].get("Signature")
    if signature is not None:
        header["Signature"] = signature
    return Reply(State.DETAILS, response.body, code, header)


def payment_details(context: SeccContext, message: Message, now_s: float) -> Answer:
    """The backend judges the contract; where it is slow, it goes on during Authorization."""
    del now_s
    chain_value = message.body["ContractSignatureCertChain"]
    leaf = _load(chain_value["Certificate"])
    emaid = message.body["eMAID"]
    if _bare(emaid) != _bare(leaf.common_name):
        raise Refusal("FAILED_CertChainError", f"the certificate is not of contract {emaid}")
    data = context.data
    data.emaid = emaid
    data.contract_key = leaf.key
    rest = chain_value.get("SubCertificates", {}).get("Certificate", [])
    data.contract_chain = (chain_value["Certificate"], *rest)
    data.challenge = context.random(16)
    soon = leaf.not_after < datetime.fromtimestamp(context.unix_s(), UTC) + _EXPIRES_SOON
    code = "OK_CertificateExpiresSoon" if soon else "OK"

    def then(answer: Authorization | object, _now_s: float) -> Answer:
        data.authorized = _judge(answer)
        body = {"GenChallenge": data.challenge, "EVSETimeStamp": int(context.unix_s())}
        return Reply(State.AUTHORIZATION, body, code)

    patience_s = timeouts.ISO_2.within_s("PaymentDetails") - _MARGIN_S
    return Question(Authorize(data.emaid, data.contract_chain), then, patience_s)


def authorization(context: SeccContext, message: Message, now_s: float) -> Answer:
    data = context.data
    if data.by_contract and data.ongoing_since_s is None:
        challenge = message.body.get("GenChallenge", b"")
        if not hmac.compare_digest(challenge, data.challenge):
            raise Refusal("FAILED_ChallengeInvalid", "GenChallenge differs")
        if data.contract_key is None:
            raise Refusal("FAILED", "no contract")
        _check_signature(message, data.contract_key)
    if data.authorized:
        return Reply(State.PARAMETERS, {"EVSEProcessing": "Finished"})

    def then(answer: Authorization | object, at_s: float) -> Answer:
        if _judge(answer):
            data.ongoing_since_s = None
            return Reply(State.PARAMETERS, {"EVSEProcessing": "Finished"})
        if data.ongoing_since_s is None:
            data.ongoing_since_s = now_s
        if at_s - data.ongoing_since_s > timeouts.ISO_2.ongoing_performance_s:
            raise Refusal("FAILED", "nobody authorized in time")
        waiting = "Ongoing" if data.by_contract else "Ongoing_WaitingForCustomerInteraction"
        return Reply(State.AUTHORIZATION, {"EVSEProcessing": waiting})

    patience_s = timeouts.ISO_2.within_s("Authorization") - _MARGIN_S
    if not data.by_contract:
        return Question(AuthorizeExternally(data.session_id), then, patience_s)
    return Question(Authorize(data.emaid, data.contract_chain), then, patience_s)


def _judge(answer: Authorization | object) -> bool:
    """False while open. Raises Refusal."""
    if answer is PENDING:
        return False
    if not isinstance(answer, Authorization):
        raise Refusal("FAILED", "the backend gave no answer")
    if not answer.accepted:
        code = "FAILED" if answer.status is None else _CODE_OF_STATUS.get(answer.status, "FAILED")
        raise Refusal(code, f"the backend refused: {answer.status}")
    return True


@dataclass(frozen=True, slots=True)
class _Leaf:
    key: ec.EllipticCurvePublicKey
    common_name: str
    not_after: datetime


def _load(der: bytes) -> _Leaf:
    try:
        certificate = parse_der(der)
        key = certificate.public_key()
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        common_name = str(names[0].value) if names else ""
        not_after = certificate.not_valid_after_utc
    except UNREADABLE as error:
        raise Refusal("FAILED_CertChainError", f"certificate: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Refusal("FAILED_CertChainError", "the certificate's key is not on P-256")
    return _Leaf(key, common_name, not_after)


def _check_signature(message: Message, key: PublicKey) -> None:
    try:
        check(message.document, messages.TABLE, key, frozenset({f"{message.name}Req"}))
    except SignatureRejectedError as error:
        raise Refusal("FAILED_SignatureError", str(error)) from None


def _bare(emaid: str) -> str:
    """eMAIDs are equal with and without hyphens, in either case."""
    return emaid.replace("-", "").upper()
