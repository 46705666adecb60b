"""Central roots: V2G and MO roots from a root pool, beside those that the operator has put in files.

What was read last stays in force while the pool is silent; a root that the pool took out is no longer trusted.
"""

from __future__ import annotations

import asyncio
import base64
import binascii

import msgspec
from cryptography import x509

from csms.pnc.http import HttpClient, HttpFailed
from csms.pnc.tokens import TokenSource
from csms.pnc.trust import TrustStore, issuer_among

READ_EVERY_S = 86_400.0
RETRY_S = 300.0
_TYPES = frozenset({"V2G", "MO"})


class RootPoolError(Exception):
    """The pool's answer is none."""


class _Root(msgspec.Struct, frozen=True):
    caCertificate: str
    rootType: str = ""


class _Collection(msgspec.Struct, frozen=True):
    rootCertificates: list[_Root]


class _Answer(msgspec.Struct, frozen=True):
    RootCertificateCollection: _Collection


def roots_in(body: bytes) -> tuple[x509.Certificate, ...]:
    """The V2G and MO roots of a root pool's answer; what does not sign itself is none. Raises ``RootPoolError``."""
    try:
        listed = msgspec.json.decode(body, type=_Answer).RootCertificateCollection.rootCertificates
        found = [
            x509.load_der_x509_certificate(base64.b64decode(each.caCertificate, validate=True))
            for each in listed
            if each.rootType in _TYPES
        ]
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise RootPoolError(f"root pool: {error}") from error
    return tuple(each for each in found if issuer_among(each, (each,)) is not None)


class RootPool:
    """``GET <url>/v1/root/rootCerts`` (Open Plug&Charge Protocol)."""

    def __init__(
        self,
        store: TrustStore,
        client: HttpClient,
        url: str,
        token: TokenSource,
        *,
        timeout_s: float,
    ) -> None:
        self._store = store
        self._client = client
        self._url = f"{url.rstrip('/')}/v1/root/rootCerts"
        self._token = token
        self._timeout_s = timeout_s

    async def read(self) -> int:
        """How many roots the pool has. Raises ``RootPoolError``; then the trust stays as it was."""
        try:
            answer = await self._client.request(
                "GET", self._url, headers=await self._token.headers(), timeout_s=self._timeout_s
            )
        except HttpFailed as error:
            raise RootPoolError(f"root pool: {error}") from error
        if answer.status != 200:
            raise RootPoolError(f"the root pool answers {answer.status}")
        roots = roots_in(answer.body)
        self._store.take_pool(roots)
        return len(roots)

    async def run(self) -> None:
        while True:
            try:
                await self.read()
                await asyncio.sleep(READ_EVERY_S)
            except RootPoolError:
                await asyncio.sleep(RETRY_S)
