"""Stations' requests signed: by our own PKI, and by an EST server, which is the PKI's own web service."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from functools import cache

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from csms.domain.certificates import CertificateSigner, SigningRefused, SigningUse
from csms.ids import StationId
from csms.pnc.http import HttpxClient
from csms.pnc.signing import BuiltInSigner, EstSigner
from csms.pnc.tokens import FixedToken
from pki.hierarchy import Config
from pki.issue import Pki
from pki.profiles import Role, Suite
from pki.serve import create_app
from pki.verify import verify
from tests.unit.pki.support import NOW, lists, new_pki, root

CP1 = StationId("CP1")
TOKEN = "a bearer token of length"
Key = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey


def csr(key: Key, name: str = "CP1") -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    digest = None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM).decode()


def est(pki: Pki) -> EstSigner:
    app = create_app(pki, Config("Acme"), [TOKEN])
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))
    return EstSigner(
        HttpxClient(client),
        "http://pki.example.com/.well-known/est",
        FixedToken(TOKEN),
        timeout_s=4.0,
    )


def built_in(pki: Pki) -> BuiltInSigner:
    return BuiltInSigner(pki, "Acme", "DE")


def p256() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def p384() -> Key:
    return ec.generate_private_key(ec.SECP384R1())


def p521() -> Key:
    return ec.generate_private_key(ec.SECP521R1())


@cache
def rsa_3072() -> Key:
    return rsa.generate_private_key(65537, 3072)


SIGNERS = pytest.mark.parametrize("make", [built_in, est], ids=["built-in", "est"])


@SIGNERS
@pytest.mark.parametrize(
    ("use", "new_key", "suite", "role"),
    [
        (SigningUse.STATION, p256, Suite.OCPP, Role.CHARGING_STATION),
        (SigningUse.STATION, rsa_3072, Suite.OCPP_RSA, Role.CHARGING_STATION),
        (SigningUse.V2G, p256, Suite.ISO_2, Role.SECC),
        (SigningUse.V2G_20, p521, Suite.ISO_20, Role.SECC),
        (SigningUse.V2G_20, ed448.Ed448PrivateKey.generate, Suite.ISO_20_ED448, Role.SECC),
    ],
)
async def test_the_chain_is_good_for_its_use(
    make: type[CertificateSigner],
    use: SigningUse,
    new_key: Callable[[], Key],
    suite: Suite,
    role: Role,
) -> None:
    pki, key = new_pki(suite), new_key()
    chain = await make(pki).sign(CP1, csr(key), use)  # type: ignore[call-arg]
    leaf, *above = x509.load_pem_x509_certificates(chain.encode())
    assert leaf.public_key() == key.public_key()
    assert above
    assert all(each.issuer != each.subject for each in above)
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [n.value for n in names] == ["CP1"]
    verdict = verify(chain, role, [root(pki, suite)], lists(pki), NOW, suite=suite)
    assert verdict.accepted, verdict.detail


async def test_a_station_gets_its_own_name_whatever_it_asks_for() -> None:
    pki = new_pki(Suite.OCPP)
    request = csr(p256(), "SOMEBODY-ELSE")
    chain = await built_in(pki).sign(CP1, request, SigningUse.STATION)
    leaf = x509.load_pem_x509_certificate(chain.encode())
    assert "CN=CP1" in leaf.subject.rfc4514_string()
    with pytest.raises(SigningRefused, match="SOMEBODY-ELSE"):
        await est(pki).sign(CP1, request, SigningUse.STATION)


@SIGNERS
@pytest.mark.parametrize(
    "request_pem",
    [
        lambda: "",
        lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        lambda: csr(p384()),
        lambda: csr(rsa_3072()),
    ],
    ids=["empty", "garbage", "P-384", "RSA"],
)
async def test_what_cannot_be_signed_is_refused(
    make: type[CertificateSigner], request_pem: Callable[[], str]
) -> None:
    signer = make(new_pki(Suite.ISO_2))  # type: ignore[call-arg]
    with pytest.raises(SigningRefused):
        await signer.sign(CP1, request_pem(), SigningUse.V2G)


async def test_a_request_with_a_broken_signature_is_refused() -> None:
    pem = csr(p256())
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    broken = (
        "-----BEGIN CERTIFICATE REQUEST-----\n"
        + base64.encodebytes(bytes(der)).decode()
        + "-----END CERTIFICATE REQUEST-----\n"
    )
    with pytest.raises(SigningRefused, match="own key"):
        await built_in(new_pki(Suite.OCPP)).sign(CP1, broken, SigningUse.STATION)


async def test_what_ends_soon_is_known_by_station_and_use_newest_first() -> None:
    pki = new_pki(Suite.OCPP, Suite.ISO_2)
    signer = built_in(pki)
    await signer.sign(CP1, csr(p256()), SigningUse.V2G)
    await signer.sign(CP1, csr(p256()), SigningUse.STATION)
    (secc,) = signer.expiring(NOW + timedelta(days=61))
    assert (secc.station_id, secc.use) == (CP1, SigningUse.V2G)
    assert not signer.expiring(NOW + timedelta(days=59))
    pki.clock.move(days=50)  # type: ignore[attr-defined]
    await signer.sign(CP1, csr(p256()), SigningUse.V2G)
    assert not signer.expiring(NOW + timedelta(days=61))
