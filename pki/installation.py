"""CertificateInstallation and CertificateUpdate messages: reading requests, making responses. Pure.

-2: CertificateInstallationReq is signed by the provisioning key, CertificateUpdateReq by the
contract key; responses sign chain, encrypted key, DH public key and eMAID with the CPS leaf.
-20: OEMProvisioningCertificateChain and SignedInstallationData are what is signed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from pki.contract import WrappedKey
from pki.errors import RequestError
from pki.exi import Document, ExiError, decode, encode
from pki.keys import PrivateKey, narrow_public_key
from pki.parse import load_certificate
from pki.xmlsig import check, sign

ISO_2_NAMESPACE: Final = "urn:iso:15118:2:2013:MsgDef"
ISO_20_NAMESPACE: Final = "urn:iso:std:iso:15118:-20:CommonMessages"
_ISO_20_ALIASES: Final = {ISO_20_NAMESPACE, "urn:iso:15118:20:2020:MsgDef"}
MAX_REQUEST_OCTETS: Final = 13_000
"""A base64 exiRequest of OCPP 2.1 (11,000 characters) and some."""
_ISO_2: Final = "iso15118_2"
_ISO_20: Final = "iso15118_20_common_messages"
_X448_OCTETS: Final = 56
_DH_OCTETS: Final = 133


@dataclass(frozen=True, slots=True)
class InstallationRequest:
    """What a vehicle asks for. `chain` is DER, leaf first: provisioning, or contract on update."""

    message: Document
    schema: str
    session_id: bytes
    chain: tuple[bytes, ...]
    is_update: bool = False
    emaid: str = ""
    max_contracts: int = 1
    prioritized_emaids: tuple[str, ...] = ()

    @property
    def certificate(self) -> x509.Certificate:
        """Raises RequestError for what is no certificate."""
        return load_certificate(self.chain[0])

    def check_signature(self) -> None:
        """Raises SignatureRejectedError unless the certificate's key signed the request."""
        required = "OEMProvisioningCertificateChain"
        if self.schema == _ISO_2:
            required = "CertificateUpdateReq" if self.is_update else "CertificateInstallationReq"
        key = narrow_public_key(self.certificate.public_key())
        check(self.message, self.schema, key, frozenset({required}))


@dataclass(frozen=True, slots=True)
class ContractPackage:
    """A contract as it goes to a vehicle: chain as DER, leaf first, and the wrapped key."""

    emaid: str
    chain: tuple[bytes, ...]
    key: WrappedKey


def read_request(exi: bytes, namespace: str) -> InstallationRequest:
    """Raises RequestError for another namespace, or what is not such a request."""
    if len(exi) > MAX_REQUEST_OCTETS:
        raise RequestError(f"request of {len(exi)} octets, at most {MAX_REQUEST_OCTETS}")
    if namespace != ISO_2_NAMESPACE and namespace not in _ISO_20_ALIASES:
        raise RequestError(f"namespace {namespace!r} is neither ISO 15118-2 nor -20")
    try:
        if namespace == ISO_2_NAMESPACE:
            return _read_2(decode(exi, _ISO_2, strict=True))
        return _read_20(decode(exi, _ISO_20, strict=True))
    except (ExiError, KeyError) as error:
        raise RequestError(f"not a CertificateInstallationReq: {error}") from None


def request_identity(exi: bytes, namespace: str) -> bytes:
    """What the requests of one vehicle in one session have in common (32 octets).

    -20 hands out one contract per request, each new in time stamp and signature. Raises
    RequestError.
    """
    request = read_request(exi, namespace)
    return hashlib.sha256(request.session_id + request.chain[0]).digest()


def _read_2(message: Document) -> InstallationRequest:
    if message.name != "V2G_Message":  # an element of the schema alone, maybe of text
        raise KeyError(message.name)
    session = message.value["Header"]["SessionID"]
    body = message.value["Body"]
    if "CertificateUpdateReq" in body:
        request = body["CertificateUpdateReq"]
        chain = _chain(request["ContractSignatureCertChain"])
        return InstallationRequest(
            message, _ISO_2, session, chain, is_update=True, emaid=request["eMAID"]
        )
    request = body["CertificateInstallationReq"]
    return InstallationRequest(message, _ISO_2, session, (request["OEMProvisioningCert"],))


def _read_20(message: Document) -> InstallationRequest:
    if message.name != "CertificateInstallationReq":
        raise KeyError(message.name)
    value = message.value
    wanted = value.get("PrioritizedEMAIDs", {}).get("EMAID", [])
    return InstallationRequest(
        message,
        _ISO_20,
        value["Header"]["SessionID"],
        _chain(value["OEMProvisioningCertificateChain"]),
        max_contracts=value["MaximumContractCertificateChains"],
        prioritized_emaids=tuple(wanted),
    )


def _chain(value: dict[str, Any]) -> tuple[bytes, ...]:
    return (value["Certificate"], *value.get("SubCertificates", {}).get("Certificate", []))


def _chain_value(chain: tuple[bytes, ...]) -> dict[str, Any]:
    value: dict[str, Any] = {"Certificate": chain[0]}
    if chain[1:]:
        value["SubCertificates"] = {"Certificate": list(chain[1:])}
    return value


def make_response(
    request: InstallationRequest,
    package: ContractPackage,
    cps_chain: tuple[bytes, ...],
    cps_key: PrivateKey,
    *,
    remaining: int = 0,
    timestamp_s: int = 0,
) -> bytes:
    """The signed EXI response for one contract.

    `remaining` counts the contracts that follow and `timestamp_s` is Unix time: -20 only. The
    header repeats the request's session id; the charger may put its own, headers are not signed.
    """
    if request.schema == _ISO_2:
        document = _response_2(request, package, cps_chain)
    else:
        document = _response_20(request, package, cps_chain, remaining, timestamp_s)
    return encode(sign(document, request.schema, cps_key), request.schema)


def _response_2(
    request: InstallationRequest, package: ContractPackage, cps_chain: tuple[bytes, ...]
) -> Document:
    body: dict[str, Any] = {
        "ResponseCode": "OK",
        "SAProvisioningCertificateChain": _chain_value(cps_chain),
        "ContractSignatureCertChain": {"@Id": "id1", **_chain_value(package.chain)},
        "ContractSignatureEncryptedPrivateKey": {"@Id": "id2", "#text": package.key.encrypted},
        "DHpublickey": {"@Id": "id3", "#text": package.key.dh_public_key},
        "eMAID": {"@Id": "id4", "#text": package.emaid},
    }
    name = "CertificateUpdateRes" if request.is_update else "CertificateInstallationRes"
    value = {"Header": {"SessionID": request.session_id}, "Body": {name: body}}
    return Document(ISO_2_NAMESPACE, "V2G_Message", value)


def _response_20(
    request: InstallationRequest,
    package: ContractPackage,
    cps_chain: tuple[bytes, ...],
    remaining: int,
    timestamp_s: int,
) -> Document:
    on_x448 = len(package.key.dh_public_key) == _X448_OCTETS
    field = "X448_EncryptedPrivateKey" if on_x448 else "SECP521_EncryptedPrivateKey"
    value = {
        "Header": {"SessionID": request.session_id, "TimeStamp": timestamp_s},
        "ResponseCode": "OK",
        "EVSEProcessing": "Finished",
        "CPSCertificateChain": _chain_value(cps_chain),
        "SignedInstallationData": {
            "@Id": "id1",
            "ContractCertificateChain": _chain_value(package.chain),
            "ECDHCurve": "X448" if on_x448 else "SECP521",
            "DHPublicKey": package.key.dh_public_key.rjust(_DH_OCTETS, b"\0"),
            field: package.key.encrypted,
        },
        "RemainingContractCertificateChains": remaining,
    }
    return Document(ISO_20_NAMESPACE, "CertificateInstallationRes", value)


@dataclass(frozen=True, slots=True)
class InstallationResponse:
    """What a vehicle got, signature checked against the CPS leaf; the chains are DER."""

    package: ContractPackage
    cps_chain: tuple[bytes, ...]
    remaining: int


def read_response(message: Document, schema: str) -> InstallationResponse:
    """The vehicle's side. Raises RequestError, SignatureRejectedError.

    The caller verifies `cps_chain` (role CPS) and the contract chain, and unwraps the key.
    """
    try:
        response = _read_response(message, schema)
    except (KeyError, StopIteration, IndexError) as error:
        raise RequestError(f"not a CertificateInstallationRes: {error}") from None
    leaf = load_certificate(response.cps_chain[0])
    required = {"SignedInstallationData"}
    if schema == _ISO_2:
        required = {
            "ContractSignatureCertChain",
            "ContractSignatureEncryptedPrivateKey",
            "DHpublickey",
            "eMAID",
        }
    check(message, schema, narrow_public_key(leaf.public_key()), frozenset(required))
    return response


def _read_response(message: Document, schema: str) -> InstallationResponse:
    value = message.value
    if schema == _ISO_2:
        body = value["Body"]
        name = next(key for key in body if key.startswith("Certificate"))
        value = body[name]
        wrapped = WrappedKey(
            value["ContractSignatureEncryptedPrivateKey"]["#text"], value["DHpublickey"]["#text"]
        )
        chain = _chain(value["ContractSignatureCertChain"])
        package = ContractPackage(value["eMAID"]["#text"], chain, wrapped)
        return InstallationResponse(package, _chain(value["SAProvisioningCertificateChain"]), 0)
    data = value["SignedInstallationData"]
    chain = _chain(data["ContractCertificateChain"])
    public = data["DHPublicKey"]
    encrypted = data.get("SECP521_EncryptedPrivateKey")
    if encrypted is None:
        encrypted, public = data["X448_EncryptedPrivateKey"], public[-_X448_OCTETS:]
    names = load_certificate(chain[0]).subject
    emaid = str(names.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    return InstallationResponse(
        ContractPackage(emaid, chain, WrappedKey(encrypted, public)),
        _chain(value["CPSCertificateChain"]),
        value["RemainingContractCertificateChains"],
    )
