"""Contract certificates for cars: from our own provisioning service in process, or from a contract pool over HTTP.

A car of ISO 15118-20 may take several contracts, one per message: the service answers with all of them at once, the
station fetches them one by one by repeating its request, so those not yet fetched are kept for a minute.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from csms.clock import Clock
from csms.domain.certificates import EvCertificateAsked, EvCertificateReply, ProvisioningFailed
from csms.domain.emaid import canonical_emaid
from csms.pnc.http import HttpClient, HttpFailed
from csms.pnc.tokens import TokenSource
from pki.errors import PkiError, RequestError
from pki.installation import request_identity
from pki.issue import Pki
from pki.provisioning import answer_installation

KEPT_S = 60.0
MAX_KEPT = 256


class Contract(NamedTuple):
    """One contract for the car; ``exi`` is the signed response message."""

    emaid: str
    exi: bytes


class ContractSource(Protocol):
    async def contracts(self, exi: bytes, namespace: str) -> Sequence[Contract]:
        """Those that the car may have now. Raises ``ProvisioningFailed``."""
        ...


class BuiltInSource:
    """Our own provisioning service, in a thread: building a response takes tens of milliseconds."""

    def __init__(self, pki: Pki) -> None:
        self._pki = pki

    async def contracts(self, exi: bytes, namespace: str) -> Sequence[Contract]:
        try:
            answers = await asyncio.to_thread(answer_installation, self._pki, exi, namespace)
        except PkiError as error:
            raise ProvisioningFailed(str(error)) from error
        return [Contract(emaid, answer) for emaid, answer in answers]


class _MessageDef(msgspec.Struct, frozen=True):
    certificateInstallationRes: str
    emaid: str = ""


class _EmaidContent(msgspec.Struct, frozen=True):
    messageDef: _MessageDef


class _CcpResponse(msgspec.Struct, frozen=True):
    emaidContent: list[_EmaidContent]


class _SignedContractData(msgspec.Struct, frozen=True):
    CCPResponse: _CcpResponse


class PoolSource:
    """``POST <url>/v1/ccp/signedContractData`` as the Open Plug&Charge Protocol names it."""

    def __init__(
        self, client: HttpClient, url: str, token: TokenSource, *, timeout_s: float
    ) -> None:
        self._client = client
        self._url = f"{url.rstrip('/')}/v1/ccp/signedContractData"
        self._token = token
        self._timeout_s = timeout_s

    async def contracts(self, exi: bytes, namespace: str) -> Sequence[Contract]:
        body = msgspec.json.encode(
            {
                "certificateInstallationReq": base64.b64encode(exi).decode(),
                "xsdMsgDefNamespace": namespace,
            }
        )
        try:
            async with asyncio.timeout(self._timeout_s):  # token and answer together: a car waits
                headers = await self._token.headers() | {"Content-Type": "application/json"}
                answer = await self._client.request(
                    "POST", self._url, content=body, headers=headers, timeout_s=self._timeout_s
                )
            if answer.status != 200:
                raise ProvisioningFailed(f"the contract pool answers {answer.status}")
            data = msgspec.json.decode(answer.body, type=_SignedContractData)
            return [
                Contract(
                    content.messageDef.emaid,
                    base64.b64decode(content.messageDef.certificateInstallationRes, validate=True),
                )
                for content in data.CCPResponse.emaidContent
            ]
        except (HttpFailed, TimeoutError, msgspec.DecodeError, binascii.Error) as error:
            raise ProvisioningFailed(f"contract pool: {error}") from error


class Provisioning:
    """The ``ContractProvisioning`` over either source."""

    def __init__(self, source: ContractSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[list[Contract], float]] = OrderedDict()

    async def provide(self, asked: EvCertificateAsked) -> EvCertificateReply:
        try:
            exi = base64.b64decode(asked.exi_request, validate=True)
        except (binascii.Error, ValueError):
            raise ProvisioningFailed("exiRequest is not base64") from None
        key = _identity(exi, asked.schema)
        waiting = self._waiting(key)
        if not waiting:
            found = await self._source.contracts(exi, asked.schema)
            waiting = preferred(found, asked.emaids)[: max(1, asked.max_chains or 1)]
        if not waiting:
            raise ProvisioningFailed("the provisioning service has no contract for this car")
        contract, *rest = waiting
        text = base64.b64encode(contract.exi).decode()
        if len(text) > asked.max_response_chars:
            raise ProvisioningFailed(
                f"exiResponse of {len(text)} characters, the station takes {asked.max_response_chars}"
            )
        self._keep(key, rest)
        return EvCertificateReply(exi_response=text, remaining_contracts=len(rest))

    def _waiting(self, key: bytes) -> list[Contract]:
        contracts, until_s = self._kept.pop(key, ([], 0.0))
        return contracts if until_s > self._clock.monotonic() else []

    def _keep(self, key: bytes, contracts: list[Contract]) -> None:
        if not contracts:
            return
        self._kept[key] = (contracts, self._clock.monotonic() + KEPT_S)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


def _identity(exi: bytes, namespace: str) -> bytes:
    """Of the requests that one car repeats for its further contracts; where it cannot be read, of this one alone."""
    try:
        return request_identity(exi, namespace)
    except RequestError:
        return hashlib.sha256(exi).digest()


def preferred(contracts: Sequence[Contract], emaids: Sequence[str]) -> list[Contract]:
    """The contracts in the car's order of preference, those that it did not name last."""
    order = {canonical_emaid(emaid): number for number, emaid in enumerate(emaids)}
    return sorted(contracts, key=lambda each: order.get(canonical_emaid(each.emaid), len(order)))
