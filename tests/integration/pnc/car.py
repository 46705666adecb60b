"""A car that wants a contract: its provisioning key, the request it signs, and how it opens what it is given."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.build import Subject
from pki.contract import associated_data, receiver_private_key, unwrap
from pki.exi import Document, decode, encode
from pki.installation import ISO_2_NAMESPACE, ISO_20_NAMESPACE, InstallationResponse, read_response
from pki.issue import Pki
from pki.keys import PrivateKey
from pki.leaf import Credential, issue_credential
from pki.profiles import Role, Suite
from pki.provisioning import add_provisioning_certificate, generate_contract
from pki.xmlsig import sign

PCID = "WVWZZZ1JZXW00000AP"
EMAID = "DEACMC12345678X"
SESSION = bytes(8)


@dataclass
class Car:
    """``contract`` and ``contract_key`` are what the car has after an installation."""

    suite: Suite
    provisioning: Credential
    contract: tuple[x509.Certificate, ...] = ()
    contract_key: PrivateKey | None = None

    @property
    def schema(self) -> str:
        return "iso15118_2" if self.suite is Suite.ISO_2 else "iso15118_20_common_messages"

    @property
    def namespace(self) -> str:
        return ISO_2_NAMESPACE if self.suite is Suite.ISO_2 else ISO_20_NAMESPACE

    @property
    def contract_pem(self) -> str:
        return "".join(each.public_bytes(Encoding.PEM).decode() for each in self.contract)

    def installation_request(self, roots: tuple[x509.Certificate, ...], maximum: int = 1) -> str:
        """``exiRequest``: signed by the provisioning key."""
        chain = [c.public_bytes(Encoding.DER) for c in self.provisioning.issued.chain]
        ids = _ids(roots)
        document = (
            _request_2(chain[0], ids)
            if self.suite is Suite.ISO_2
            else _request_20(chain, ids, maximum)
        )
        signed = sign(document, self.schema, self.provisioning.private_key)
        return base64.b64encode(encode(signed, self.schema)).decode()

    def update_request(self, roots: tuple[x509.Certificate, ...]) -> str:
        """``exiRequest`` of an ISO 15118-2 CertificateUpdateReq: signed by the contract key."""
        assert self.contract_key is not None
        leaf, *above = [c.public_bytes(Encoding.DER) for c in self.contract]
        body = {
            "CertificateUpdateReq": {
                "@Id": "id1",
                "ContractSignatureCertChain": {
                    "Certificate": leaf,
                    "SubCertificates": {"Certificate": above},
                },
                "eMAID": EMAID,
                "ListOfRootCertificateIDs": {"RootCertificateID": _ids(roots)},
            }
        }
        document = Document(
            ISO_2_NAMESPACE, "V2G_Message", {"Header": {"SessionID": SESSION}, "Body": body}
        )
        signed = sign(document, self.schema, self.contract_key)
        return base64.b64encode(encode(signed, self.schema)).decode()

    def install(self, exi_response: str, *, update: bool = False) -> InstallationResponse:
        """Check the signature, unwrap the key, keep both. An update is wrapped for the contract key."""
        message = decode(base64.b64decode(exi_response), self.schema)
        response = read_response(message, self.schema)
        package = response.package
        own = self.contract_key if update else self.provisioning.private_key
        assert own is not None
        self.contract = tuple(x509.load_der_x509_certificate(each) for each in package.chain)
        self.contract_key = unwrap(
            package.key,
            receiver_private_key(own),
            self.contract[0],
            aad=associated_data(PCID, self.contract[0]),
        )
        return response


def new_car(pki: Pki, suite: Suite) -> Car:
    """A car whose maker has entered its provisioning certificate into the pool."""
    credential = issue_credential(pki, suite, Role.OEM_PROVISIONING, Subject(PCID, "Maker"))
    chain = tuple(c.public_bytes(Encoding.DER) for c in credential.issued.chain)
    add_provisioning_certificate(pki, chain)
    return Car(suite, credential)


def sell_contract(pki: Pki, emaid: str = EMAID) -> int:
    """The mobility operator enters a contract for the car; returns its serial number."""
    return generate_contract(pki, PCID, emaid, "Acme").certificate.serial_number


def _ids(roots: tuple[x509.Certificate, ...]) -> list[dict[str, Any]]:
    return [
        {
            "X509IssuerName": each.issuer.rfc4514_string(),
            "X509SerialNumber": each.serial_number,
        }
        for each in roots
    ]


def _request_2(certificate: bytes, ids: list[dict[str, Any]]) -> Document:
    body = {
        "CertificateInstallationReq": {
            "@Id": "id1",
            "OEMProvisioningCert": certificate,
            "ListOfRootCertificateIDs": {"RootCertificateID": ids},
        }
    }
    return Document(
        ISO_2_NAMESPACE, "V2G_Message", {"Header": {"SessionID": SESSION}, "Body": body}
    )


def _request_20(chain: list[bytes], ids: list[dict[str, Any]], maximum: int) -> Document:
    value = {
        "Header": {"SessionID": SESSION, "TimeStamp": 1_770_000_000},
        "OEMProvisioningCertificateChain": {
            "@Id": "id1",
            "Certificate": chain[0],
            "SubCertificates": {"Certificate": chain[1:]},
        },
        "ListOfRootCertificateIDs": {"RootCertificateID": ids},
        "MaximumContractCertificateChains": maximum,
    }
    return Document(ISO_20_NAMESPACE, "CertificateInstallationReq", value)
