"""Bearer tokens for external services: a fixed one, or OAuth 2.0 client credentials (RFC 6749 clause 4.4)."""

from __future__ import annotations

import base64
from typing import Protocol
from urllib.parse import quote

import msgspec

from csms.clock import Clock
from csms.pnc.http import HttpClient, HttpFailed

RENEWED_BEFORE_S = 30.0
DEFAULT_LIFE_S = 300.0


class TokenSource(Protocol):
    async def headers(self) -> dict[str, str]:
        """What a request carries to be let in. Raises ``HttpFailed``."""
        ...


class FixedToken:
    """``None`` is a service that lets everybody in."""

    def __init__(self, token: str | None) -> None:
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def headers(self) -> dict[str, str]:
        return self._headers


class _Answer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = DEFAULT_LIFE_S


class ClientCredentials:
    """Asks for a token when the last one is about to end."""

    def __init__(
        self,
        client: HttpClient,
        url: str,
        client_id: str,
        client_secret: str,
        clock: Clock,
        *,
        timeout_s: float,
    ) -> None:
        self._client = client
        self._url = url
        pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
        self._basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._clock = clock
        self._timeout_s = timeout_s
        self._token = ""
        self._until_s = 0.0

    async def headers(self) -> dict[str, str]:
        if self._clock.monotonic() >= self._until_s:
            await self._renew()
        return {"Authorization": f"Bearer {self._token}"}

    async def _renew(self) -> None:
        answer = await self._client.request(
            "POST",
            self._url,
            content=b"grant_type=client_credentials",
            headers={
                "Authorization": self._basic,
                "Content-Type": "application/x-www-form-urlencoded",
            },
            timeout_s=self._timeout_s,
        )
        if answer.status != 200:
            raise HttpFailed(f"the token endpoint answers {answer.status}")
        try:
            token = msgspec.json.decode(answer.body, type=_Answer)
        except msgspec.DecodeError as error:
            raise HttpFailed(f"the token endpoint: {error}") from error
        self._token = token.access_token
        self._until_s = self._clock.monotonic() + token.expires_in - RENEWED_BEFORE_S
