"""Root, provisioning and contract pools by the names of the Open Plug&Charge Protocol.

So that whoever speaks to a public Plug & Charge ecosystem can speak to this one instead, offline.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from pki import provisioning
from pki.errors import RequestError
from pki.issue import Pki
from pki.parse import load_certificate
from pki.serve.request import Tokens, bounded_body, from_base64, to_base64

_MAX_BODY_OCTETS = 65_536


class SignedContractDataRequest(msgspec.Struct, frozen=True):
    """POST /v1/ccp/signedContractData."""

    certificateInstallationReq: str
    xsdMsgDefNamespace: str


class GenerateRequest(msgspec.Struct, frozen=True):
    """POST /v1/cps/generate/signedContractData."""

    pcid: str
    emaid: str
    organization: str


class ProvisioningRequest(msgspec.Struct, frozen=True):
    """POST /v1/oem/provCerts: base64 DER, leaf first."""

    certificateChain: list[str]


class RootRequest(msgspec.Struct, frozen=True):
    """POST /v1/root/rootCerts: base64 DER."""

    caCertificate: str


def pools_router(pki: Pki, tokens: Tokens) -> APIRouter:
    """Routes under /v1; all but the list of roots need a token."""
    router = APIRouter(prefix="/v1")

    async def read(request: Request) -> bytes:
        tokens.require(request)
        return await bounded_body(request, _MAX_BODY_OCTETS)

    @router.get("/root/rootCerts")
    def list_roots() -> dict[str, Any]:
        found = [_root(each) for each in provisioning.roots(pki)]
        return {"RootCertificateCollection": {"rootCertificates": found}}

    @router.post("/root/rootCerts", status_code=201)
    async def add_root(request: Request) -> dict[str, Any]:
        body = _decode(await read(request), RootRequest)
        certificate = load_certificate(from_base64(body.caCertificate, "caCertificate"))
        await run_in_threadpool(provisioning.add_root, pki, certificate)
        return _root(certificate)

    @router.get("/oem/provCerts/{pcid}")
    def get_provisioning(pcid: str, request: Request) -> dict[str, Any]:
        tokens.require(request)
        chain = provisioning.provisioning_chain(pki, pcid)
        return {"pcid": pcid, "certificateChain": [to_base64(each) for each in chain]}

    @router.post("/oem/provCerts", status_code=201)
    async def add_provisioning(request: Request) -> dict[str, Any]:
        body = _decode(await read(request), ProvisioningRequest)
        chain = tuple(from_base64(each, "certificateChain") for each in body.certificateChain)
        added = await run_in_threadpool(provisioning.add_provisioning_certificate, pki, chain)
        return {"pcid": added}

    @router.post("/cps/generate/signedContractData", status_code=201)
    async def generate(request: Request) -> dict[str, Any]:
        body = _decode(await read(request), GenerateRequest)
        issued = await run_in_threadpool(
            provisioning.generate_contract, pki, body.pcid, body.emaid, body.organization
        )
        return {
            "pcid": body.pcid,
            "emaid": body.emaid,
            "serialNumber": f"{issued.certificate.serial_number:x}",
            "contractCertificateChain": [
                to_base64(each.public_bytes(Encoding.DER)) for each in issued.chain
            ],
        }

    @router.post("/ccp/signedContractData")
    async def signed_contract_data(request: Request) -> dict[str, Any]:
        body = _decode(await read(request), SignedContractDataRequest)
        exi = from_base64(body.certificateInstallationReq, "certificateInstallationReq")
        answers = await run_in_threadpool(
            provisioning.answer_installation, pki, exi, body.xsdMsgDefNamespace
        )
        content = [
            {"messageDef": {"certificateInstallationRes": to_base64(answer), "emaid": emaid}}
            for emaid, answer in answers
        ]
        return {
            "CCPResponse": {"emaidContent": content},
            "xsdMsgDefNamespace": body.xsdMsgDefNamespace,
        }

    @router.delete("/ccp/signedContractData/{pcid}/{emaid}", status_code=204)
    def delete(pcid: str, emaid: str, request: Request) -> Response:
        tokens.require(request)
        provisioning.delete_contract(pki, pcid, emaid)
        return Response(status_code=204)

    return router


def _decode(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise RequestError(str(error)) from None


def _root(certificate: x509.Certificate) -> dict[str, Any]:
    der = certificate.public_bytes(Encoding.DER)
    fingerprint = hashlib.sha256(der).hexdigest()
    domains = _values(certificate, NameOID.DOMAIN_COMPONENT)
    return {
        "rootCertificateId": fingerprint[:32],
        "distinguishedName": certificate.subject.rfc4514_string(),
        "commonName": "".join(_values(certificate, NameOID.COMMON_NAME)),
        "organizationName": "".join(_values(certificate, NameOID.ORGANIZATION_NAME)),
        "caCertificate": to_base64(der),
        "rootIssuerSerialNumber": f"{certificate.serial_number:x}",
        "validFrom": certificate.not_valid_before_utc.isoformat(),
        "validTo": certificate.not_valid_after_utc.isoformat(),
        "rootType": domains[0] if domains else "",
        "fingerprint": fingerprint,
    }


def _values(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(each.value) for each in certificate.subject.get_attributes_for_oid(oid)]
