"""Asking OCSP responders: from the cache, in process, or over HTTP, within a bounded time.

A station names the responder's address itself, so only hosts that the operator listed are asked. A responder that
did not answer is left alone for a while: the next car must not wait for it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from urllib.parse import urlsplit

from csms.clock import Clock
from csms.pnc.http import HttpClient, HttpFailed
from csms.pnc.ocsp_cache import OcspCache, ends_at
from pki.hash_data import HashData, ocsp_request

LEFT_ALONE_S = 30.0


class OcspLookup:
    """``in_process`` answers for our own PKI's certificates; it says so itself when it does not know the issuer."""

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        hosts: Collection[str],
        *,
        timeout_s: float,
        in_process: Callable[[bytes], bytes] | None = None,
        cache: OcspCache | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._hosts = frozenset(host.casefold() for host in hosts)
        self._timeout_s = timeout_s
        self._in_process = in_process
        self._cache = cache or OcspCache()
        self._asking: dict[tuple[HashData, str], asyncio.Task[bytes | None]] = {}
        self._silent_until_s: dict[str, float] = {}

    async def answer(self, data: HashData, urls: Iterable[str]) -> bytes | None:
        """DER, not verified yet; ``None`` when nobody who may be asked answers in time."""
        if self._in_process is not None:
            answer = self._in_process(ocsp_request(data))
            if ends_at(answer, self._clock.now()) is not None:
                return answer  # never cached: a revocation here must count at once
        cached = self._cache.get(data, self._clock.now())
        if cached is not None:
            return cached
        for url in urls:
            if not self.may_ask(url):
                continue
            found = await self._ask_once(data, url)
            if found is not None:
                return found
        return None

    def may_ask(self, url: str) -> bool:
        """Whether the operator listed the host, and it has not just been silent."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").casefold()
        except ValueError:
            return False
        if parts.scheme not in {"http", "https"} or host not in self._hosts or "@" in parts.netloc:
            return False
        return self._silent_until_s.get(host, 0.0) <= self._clock.monotonic()

    async def _ask_once(self, data: HashData, url: str) -> bytes | None:
        """Cars that ask for the same certificate at once share one question."""
        key = (data, url)
        task = self._asking.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._ask(data, url))
            self._asking[key] = task
            task.add_done_callback(lambda _done: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, data: HashData, url: str) -> bytes | None:
        try:
            answer = await self._client.request(
                "POST",
                url,
                content=ocsp_request(data),
                headers={"Content-Type": "application/ocsp-request"},
                timeout_s=self._timeout_s,
            )
        except HttpFailed:
            host = (urlsplit(url).hostname or "").casefold()
            self._silent_until_s[host] = self._clock.monotonic() + LEFT_ALONE_S
            return None
        if answer.status != 200 or ends_at(answer.body, self._clock.now()) is None:
            return None
        self._cache.put(data, answer.body, self._clock.now())
        return answer.body
