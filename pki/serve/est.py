"""Enrolment over Secure Transport (RFC 7030): `cacerts` and `simpleenroll`.

The label names what is issued, "<suite>.<role>": "iso15118-2.secc", "ocpp.charging-station".
The request's common name is taken over; its organization, if it has one, must be the PKI's own.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from pki.build import Subject
from pki.errors import NotFoundError, RequestError
from pki.hierarchy import Config
from pki.issue import Pki, ca_id, intermediates, root_of
from pki.leaf import issue_for_request
from pki.parse import UNREADABLE
from pki.profiles import SUITES, Role, Suite, profile
from pki.serve.request import Tokens, bounded_body, from_base64, to_base64

_MAX_BODY_OCTETS = 16_384
_ENROLLABLE = frozenset({Role.SECC, Role.CSMS_SERVER, Role.CHARGING_STATION, Role.VEHICLE})


def est_router(pki: Pki, config: Config, tokens: Tokens) -> APIRouter:
    """Routes under /.well-known/est."""
    router = APIRouter(prefix="/.well-known/est")

    @router.get("/{label}/cacerts")
    def cacerts(label: str) -> Response:
        suite, role = _parse(label)
        issuer = _issuer(suite, role)
        chain = [*intermediates(pki.store, issuer), root_of(pki.store, issuer)]
        return _certificates(chain)

    @router.post("/{label}/simpleenroll")
    async def simpleenroll(label: str, request: Request) -> Response:
        tokens.require(request)
        suite, role = _parse(label)
        body = await bounded_body(request, _MAX_BODY_OCTETS)
        issued = await run_in_threadpool(_enroll, pki, config, suite, role, body)
        return _certificates([issued])

    return router


def _parse(label: str) -> tuple[Suite, Role]:
    suite_name, _, role_name = label.rpartition(".")
    try:
        suite, role = Suite(suite_name), Role(role_name)
    except ValueError:
        raise NotFoundError(f"EST label {label!r}, expected <suite>.<role>") from None
    if role not in SUITES[suite].roles & _ENROLLABLE:
        raise NotFoundError(f"{role} of {suite} cannot be enrolled")
    return suite, role


def _issuer(suite: Suite, role: Role) -> str:
    issuer = profile(role, suite).issuer
    if issuer is None:
        raise NotFoundError(f"{role} has no issuer")
    return ca_id(suite, issuer)


def _enroll(pki: Pki, config: Config, suite: Suite, role: Role, body: bytes) -> x509.Certificate:
    try:
        request = x509.load_der_x509_csr(from_base64(body, "the signing request"))
        subject = _subject(request, config)
    except UNREADABLE as error:
        raise RequestError(f"the signing request cannot be read: {error}") from None
    return issue_for_request(pki, suite, role, request, subject).certificate


def _subject(request: x509.CertificateSigningRequest, config: Config) -> Subject:
    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    organizations = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if len(names) != 1:
        raise RequestError(f"{len(names)} common names in the signing request, expected one")
    if any(each.value != config.organization for each in organizations):
        raise RequestError(f"organization of the signing request is not {config.organization!r}")
    try:
        alternatives = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        dns_names = tuple(alternatives.value.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        dns_names = ()
    return Subject(str(names[0].value), config.organization, config.country, dns_names)


def _certificates(chain: list[x509.Certificate]) -> Response:
    content = to_base64(pkcs7.serialize_certificates(chain, Encoding.DER))
    return Response(
        content,
        media_type="application/pkcs7-mime; smime-type=certs-only",
        headers={"Content-Transfer-Encoding": "base64"},
    )
