"""The one way out of this package: a client with a bound on time and size, injected so that tests need no network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import httpx

MAX_BODY_OCTETS = 262_144


class HttpAnswer(NamedTuple):
    status: int
    body: bytes


class HttpFailed(Exception):
    """No usable answer: refused, too slow, too large."""


class HttpClient(Protocol):
    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> HttpAnswer:
        """Raises ``HttpFailed``; ``timeout_s`` bounds the whole exchange."""
        ...


class HttpxClient:
    """Follows no redirects: an answer from elsewhere than configured is no answer."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        self._client = client or httpx.AsyncClient(follow_redirects=False)

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> HttpAnswer:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(method, url, content, dict(headers or {}))
        except TimeoutError:
            raise HttpFailed(f"no answer within {timeout_s} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise HttpFailed(type(error).__name__) from error

    async def _exchange(
        self, method: str, url: str, content: bytes, headers: dict[str, str]
    ) -> HttpAnswer:
        # The time is bounded as a whole by the caller, so httpx' own per-step bounds are off.
        async with self._client.stream(
            method, url, content=content, headers=headers, timeout=None
        ) as response:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_BODY_OCTETS:
                    raise HttpFailed(f"an answer of over {MAX_BODY_OCTETS} octets")
            return HttpAnswer(response.status_code, bytes(body))

    async def close(self) -> None:
        await self._client.aclose()
