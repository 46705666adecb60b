"""The service over HTTP, as a charge-point operator's backend would use it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from fastapi.testclient import TestClient

from pki.evidence import ocsp_status
from pki.hierarchy import Config
from pki.issue import Pki
from pki.leaf import Credential
from pki.lint import lint
from pki.profiles import Role, Suite, profile
from pki.revoke import make_crl, revoke
from pki.serve import create_app
from tests.unit.pki.support import EMAID, NOW, PCID, credential, der, ders, new_pki, root
from tests.unit.pki.vehicle import install, installation_request, namespace

TOKEN = "a token of some length"
AUTH = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def pki() -> Pki:
    return new_pki(Suite.ISO_2, Suite.OCPP)


@pytest.fixture(scope="module")
def http(pki: Pki) -> Iterator[TestClient]:
    with TestClient(create_app(pki, Config("Acme"), [TOKEN])) as client:
        yield client


@pytest.fixture(scope="module")
def vehicle(pki: Pki) -> Credential:
    return credential(pki, Suite.ISO_2, Role.OEM_PROVISIONING)


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _csr(name: str, organization: str | None = None) -> tuple[bytes, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    request = builder.sign(key, hashes.SHA256())
    return base64.encodebytes(request.public_bytes(Encoding.DER)), key


def test_est_cacerts_leads_to_the_root(http: TestClient, pki: Pki) -> None:
    answer = http.get("/.well-known/est/iso15118-2.secc/cacerts")
    assert answer.headers["content-type"].startswith("application/pkcs7-mime")
    chain = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
    assert {each.subject.rfc4514_string() for each in chain} == {
        pki.store.current(f"iso15118-2/{name}").subject
        for name in ("cpo-sub2", "cpo-sub1", "v2g-root")
    }


@pytest.mark.parametrize(
    ("label", "name"), [("iso15118-2.secc", "DE*ACM*E9"), ("ocpp.charging-station", "SN-9")]
)
def test_est_simpleenroll(http: TestClient, label: str, name: str) -> None:
    body, key = _csr(name, "Acme")
    answer = http.post(f"/.well-known/est/{label}/simpleenroll", content=body, headers=AUTH)
    assert answer.status_code == 200
    (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
    suite, role = label.split(".")
    assert certificate.public_key() == key.public_key()
    assert lint(certificate, profile(Role(role), Suite(suite)), Suite(suite)) == []


@pytest.mark.parametrize(
    ("label", "body", "status", "word"),
    [
        ("iso15118-2.secc", b"!!", 400, "base64"),
        ("iso15118-2.secc", b"MAA=", 400, "cannot be read"),
        ("iso15118-2.secc", _csr("x" * 64, "Other")[0], 400, "organization"),
        ("iso15118-2.contract", _csr("x")[0], 404, "cannot be enrolled"),
        ("iso15118-2.v2g-root", _csr("x")[0], 404, "cannot be enrolled"),
        ("nothing", _csr("x")[0], 404, "EST label"),
        ("iso15118-2.secc", bytes(20_000), 413, "over 16384"),
    ],
)
def test_est_refusals(http: TestClient, label: str, body: bytes, status: int, word: str) -> None:
    answer = http.post(f"/.well-known/est/{label}/simpleenroll", content=body, headers=AUTH)
    assert (answer.status_code, word in answer.text) == (status, True)


def test_ocsp_by_post_and_get(http: TestClient, pki: Pki) -> None:
    issued = credential(pki, Suite.ISO_2, Role.CONTRACT).issued
    leaf, issuer = issued.certificate, issued.intermediates[0]
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1()).build()
    body = request.public_bytes(Encoding.DER)
    posted = http.post("/ocsp", content=body)
    got = http.get(f"/ocsp/{_b64(body).replace('/', '%2F').replace('+', '%2B')}")
    assert posted.headers["content-type"] == "application/ocsp-response"
    assert ocsp_status(posted.content, leaf, issuer, NOW) is ocsp.OCSPCertStatus.GOOD
    assert got.content == posted.content
    revoke(pki, leaf.serial_number)
    again = http.post("/ocsp", content=body)
    assert ocsp_status(again.content, leaf, issuer, NOW) is ocsp.OCSPCertStatus.REVOKED
    assert http.post("/ocsp", content=bytes(5000)).status_code == 413


def test_crl_download(http: TestClient, pki: Pki) -> None:
    assert http.get("/crl/iso15118-2/cps-sub2.crl").status_code == 404
    signed = make_crl(pki, "iso15118-2/cps-sub2")
    answer = http.get("/crl/iso15118-2/cps-sub2.crl")
    assert answer.headers["content-type"] == "application/pkix-crl"
    assert x509.load_der_x509_crl(answer.content) == signed


def test_root_pool(http: TestClient, pki: Pki) -> None:
    collection = http.get("/v1/root/rootCerts").json()["RootCertificateCollection"]
    found = [base64.b64decode(each["caCertificate"]) for each in collection["rootCertificates"]]
    assert der(root(pki, Suite.ISO_2)) in found
    other = root(new_pki(Suite.ISO_2, seed=55), Suite.ISO_2)
    body = {"caCertificate": _b64(der(other))}
    assert http.post("/v1/root/rootCerts", json=body).status_code == 401
    added = http.post("/v1/root/rootCerts", json=body, headers=AUTH)
    assert (added.status_code, added.json()["rootType"]) == (201, "V2G")
    collection = http.get("/v1/root/rootCerts").json()["RootCertificateCollection"]
    assert _b64(der(other)) in [e["caCertificate"] for e in collection["rootCertificates"]]


def test_from_the_oem_to_the_contract_in_the_vehicle(
    http: TestClient, pki: Pki, vehicle: Credential
) -> None:
    """OEM enters the vehicle, the mobility operator a contract, the CPO fetches it for the car."""
    chain = [_b64(each) for each in ders(vehicle.issued.chain)]
    entered = http.post("/v1/oem/provCerts", json={"certificateChain": chain}, headers=AUTH)
    assert (entered.status_code, entered.json()) == (201, {"pcid": PCID})
    pooled = http.get(f"/v1/oem/provCerts/{PCID}", headers=AUTH).json()
    assert pooled["certificateChain"] == chain
    made = http.post(
        "/v1/cps/generate/signedContractData",
        json={"pcid": PCID, "emaid": EMAID, "organization": "Mobility"},
        headers=AUTH,
    )
    assert (made.status_code, made.json()["emaid"]) == (201, EMAID)
    request = _b64(installation_request(Suite.ISO_2, vehicle))
    body = {
        "certificateInstallationReq": request,
        "xsdMsgDefNamespace": namespace(Suite.ISO_2),
    }
    answer = http.post("/v1/ccp/signedContractData", json=body, headers=AUTH).json()
    assert answer["xsdMsgDefNamespace"] == namespace(Suite.ISO_2)
    (content,) = answer["CCPResponse"]["emaidContent"]
    exi = base64.b64decode(content["messageDef"]["certificateInstallationRes"])
    response, _ = install(Suite.ISO_2, exi, vehicle.private_key)
    assert content["messageDef"]["emaid"] == response.package.emaid == EMAID
    gone = http.delete(f"/v1/ccp/signedContractData/{PCID}/{EMAID}", headers=AUTH)
    assert gone.status_code == 204
    refused = http.post("/v1/ccp/signedContractData", json=body, headers=AUTH)
    assert (refused.status_code, refused.json()["certificateStatus"]) == (
        403,
        "NoCertificateAvailable",
    )


GUARDED = [
    ("POST", "/.well-known/est/iso15118-2.secc/simpleenroll"),
    ("POST", "/v1/root/rootCerts"),
    ("POST", "/v1/oem/provCerts"),
    ("GET", f"/v1/oem/provCerts/{PCID}"),
    ("POST", "/v1/cps/generate/signedContractData"),
    ("POST", "/v1/ccp/signedContractData"),
    ("DELETE", f"/v1/ccp/signedContractData/{PCID}/{EMAID}"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong token of length"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
    ],
    ids=["none", "wrong", "basic", "empty"],
)
def test_no_entry_without_a_token(
    http: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = http.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"pcid": 5}', b"\xff\xfe"])
@pytest.mark.parametrize("path", [path for method, path in GUARDED[1:] if method == "POST"])
def test_rubbish_is_a_400(http: TestClient, path: str, body: bytes) -> None:
    answer = http.post(path, content=body, headers=AUTH)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_bodies_are_bounded(http: TestClient) -> None:
    assert http.post("/v1/oem/provCerts", content=bytes(70_000), headers=AUTH).status_code == 413


def test_documentation_pages_are_off(http: TestClient) -> None:
    assert http.get("/docs").status_code == http.get("/redoc").status_code == 404
