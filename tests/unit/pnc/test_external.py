"""Tokens for external services, and the roots that a pool brings."""

from __future__ import annotations

import base64

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from csms.pnc.http import HttpAnswer, HttpFailed, HttpxClient
from csms.pnc.root_pool import RootPool, RootPoolError
from csms.pnc.tokens import ClientCredentials, FixedToken
from csms.pnc.trust import Trust, TrustStore
from pki.hierarchy import Config
from pki.profiles import Role, Suite
from pki.serve import create_app
from tests.unit.pki.support import new_pki, root, shared_credential, shared_pki
from tests.unit.pnc.support import Clock, FakeHttp, ok

TOKEN_URL = "https://id.example.com/token"


async def test_a_token_is_asked_for_once_and_again_before_it_ends() -> None:
    http, clock = FakeHttp(), Clock()
    bodies: list[bytes] = []

    def answer(body: bytes) -> HttpAnswer:
        bodies.append(body)
        return ok(b'{"access_token": "t%d", "expires_in": 300}' % len(bodies))

    http.answers[TOKEN_URL] = answer
    source = ClientCredentials(http, TOKEN_URL, "csms", "s3cret", clock, timeout_s=4.0)
    assert await source.headers() == {"Authorization": "Bearer t1"}
    clock.move(seconds=269)
    assert await source.headers() == {"Authorization": "Bearer t1"}
    clock.move(seconds=1)
    assert await source.headers() == {"Authorization": "Bearer t2"}
    assert set(bodies) == {b"grant_type=client_credentials"}


@pytest.mark.parametrize("answer", [HttpAnswer(401, b""), ok(b"{}"), ok(b"<html>"), None])
async def test_without_a_token_there_is_no_request(answer: HttpAnswer | None) -> None:
    http = FakeHttp({TOKEN_URL: lambda _body: answer})
    source = ClientCredentials(http, TOKEN_URL, "csms", "s3cret", Clock(), timeout_s=4.0)
    with pytest.raises(HttpFailed) as failed:
        await source.headers()
    assert "s3cret" not in str(failed.value)


def pool(store: TrustStore, client: object) -> RootPool:
    return RootPool(
        store,
        client,  # type: ignore[arg-type]
        "https://pool.example.com",
        FixedToken(None),
        timeout_s=4.0,
    )


async def test_a_pools_roots_are_trusted_while_the_pool_has_them() -> None:
    pki = new_pki(Suite.ISO_2, Suite.OCPP)
    app = create_app(pki, Config("Acme"), ["a bearer token of length"])
    http = HttpxClient(httpx.AsyncClient(transport=httpx.ASGITransport(app=app)))
    own = root(shared_pki(Suite.ISO_20), Suite.ISO_20)
    store = TrustStore(Trust(roots=(own,)))
    assert await pool(store, http).read() == 1  # the CSMS root is none for contracts
    assert store.current.roots == (own, root(pki, Suite.ISO_2))
    url = "https://pool.example.com/v1/root/rootCerts"
    empty = FakeHttp(
        {url: lambda _body: ok(b'{"RootCertificateCollection": {"rootCertificates": []}}')}
    )
    await pool(store, empty).read()
    assert store.current.roots == (own,)


async def test_a_certificate_that_does_not_sign_itself_is_no_root() -> None:
    secc = shared_credential(Suite.ISO_2, Role.SECC).issued.intermediates[0]
    der = base64.b64encode(secc.public_bytes(Encoding.DER))
    body = (
        b'{"RootCertificateCollection": {"rootCertificates":'
        b' [{"caCertificate": "' + der + b'", "rootType": "V2G"}]}}'
    )
    http = FakeHttp({"https://pool.example.com/v1/root/rootCerts": lambda _body: ok(body)})
    store = TrustStore(Trust())
    assert await pool(store, http).read() == 0
    assert store.current.roots == ()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        HttpAnswer(500, b""),
        ok(b"{}"),
        ok(
            b'{"RootCertificateCollection": {"rootCertificates":'
            b' [{"caCertificate": "AAAA", "rootType": "MO"}]}}'
        ),
    ],
)
async def test_a_pool_that_fails_leaves_the_trust_as_it_was(answer: HttpAnswer | None) -> None:
    own = root(shared_pki(Suite.ISO_2), Suite.ISO_2)
    store = TrustStore(Trust(roots=(own,)))
    http = FakeHttp({"https://pool.example.com/v1/root/rootCerts": lambda _body: answer})
    with pytest.raises(RootPoolError):
        await pool(store, http).read()
    assert store.current.roots == (own,)
