"""A vehicle's side of CertificateInstallation, for tests."""

from __future__ import annotations

from cryptography import x509

from pki.contract import associated_data, receiver_private_key, unwrap
from pki.exi import Document, decode, encode
from pki.installation import (
    ISO_2_NAMESPACE,
    ISO_20_NAMESPACE,
    InstallationResponse,
    read_response,
)
from pki.keys import PrivateKey
from pki.leaf import Credential
from pki.profiles import Suite
from pki.xmlsig import sign
from tests.unit.pki.support import EMAID, PCID, ders

ROOT_IDS = {"RootCertificateID": [{"X509IssuerName": "CN=root", "X509SerialNumber": 1}]}
SESSION = bytes.fromhex("0102030405060708")


def namespace(suite: Suite) -> str:
    return ISO_2_NAMESPACE if suite is Suite.ISO_2 else ISO_20_NAMESPACE


def schema(suite: Suite) -> str:
    return "iso15118_2" if suite is Suite.ISO_2 else "iso15118_20_common_messages"


def chain_value(chain: tuple[bytes, ...]) -> dict[str, object]:
    return {"Certificate": chain[0], "SubCertificates": {"Certificate": list(chain[1:])}}


def unsigned_request(
    suite: Suite, chain: tuple[bytes, ...], *, maximum: int = 1, wanted: tuple[str, ...] = ()
) -> Document:
    if suite is Suite.ISO_2:
        body = {
            "@Id": "id1",
            "OEMProvisioningCert": chain[0],
            "ListOfRootCertificateIDs": ROOT_IDS,
        }
        value = {"Header": {"SessionID": SESSION}, "Body": {"CertificateInstallationReq": body}}
        return Document(ISO_2_NAMESPACE, "V2G_Message", value)
    value = {
        "Header": {"SessionID": SESSION, "TimeStamp": 1},
        "OEMProvisioningCertificateChain": {"@Id": "id1", **chain_value(chain)},
        "ListOfRootCertificateIDs": ROOT_IDS,
        "MaximumContractCertificateChains": maximum,
    }
    if wanted:
        value["PrioritizedEMAIDs"] = {"EMAID": list(wanted)}
    return Document(ISO_20_NAMESPACE, "CertificateInstallationReq", value)


def installation_request(
    suite: Suite, provisioning: Credential, *, key: PrivateKey | None = None, maximum: int = 1,
    wanted: tuple[str, ...] = (),
) -> bytes:  # fmt: skip
    chain = ders(provisioning.issued.chain)
    message = unsigned_request(suite, chain, maximum=maximum, wanted=wanted)
    signed = sign(message, schema(suite), key or provisioning.private_key)
    return encode(signed, schema(suite))


def update_request(contract: Credential) -> bytes:
    body = {
        "@Id": "id1",
        "ContractSignatureCertChain": chain_value(ders(contract.issued.chain)),
        "eMAID": EMAID,
        "ListOfRootCertificateIDs": ROOT_IDS,
    }
    value = {"Header": {"SessionID": SESSION}, "Body": {"CertificateUpdateReq": body}}
    message = Document(ISO_2_NAMESPACE, "V2G_Message", value)
    return encode(sign(message, "iso15118_2", contract.private_key), "iso15118_2")


def install(
    suite: Suite, response_exi: bytes, own: PrivateKey, pcid: str = PCID
) -> tuple[InstallationResponse, PrivateKey]:
    """Check the response as a vehicle does, and open the key."""
    response = read_response(decode(response_exi, schema(suite)), schema(suite))
    certificate = x509.load_der_x509_certificate(response.package.chain[0])
    key = unwrap(
        response.package.key,
        receiver_private_key(own),
        certificate,
        aad=associated_data(pcid, certificate),
    )
    return response, key
