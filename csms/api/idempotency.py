"""A repeated request with the same Idempotency-Key gets the first answer again instead of acting twice."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request, Response

from csms.api.access import Principal
from csms.api.problems import ProblemError
from csms.clock import Clock

HEADER = "idempotency-key"
MAX_KEY_CHARS = 128
MAX_ENTRIES = 10_000
LIFETIME_S = 86_400.0


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    created_s: float
    answer: asyncio.Future[Response]


class IdempotencyStore:
    """In memory and bounded: the oldest keys are forgotten first, and all after a day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    async def once(
        self,
        request: Request,
        principal: Principal,
        body: bytes,
        act: Callable[[], Awaitable[Response]],
    ) -> Response:
        """``act()``, or what it answered when this caller sent this key before.

        409 when the key came with another request; a failed attempt frees the key.
        """
        key = request.headers.get(HEADER)
        if key is None:
            return await act()
        if not 0 < len(key) <= MAX_KEY_CHARS:
            raise ProblemError(
                422, "invalid_request", f"Idempotency-Key: 1 to {MAX_KEY_CHARS} characters"
            )
        self._forget()
        name = (principal.name, key)
        fingerprint = hashlib.sha256(
            f"{request.method} {request.url.path}?{request.url.query}\n".encode() + body
        ).digest()
        known = self._entries.get(name)
        if known is not None:
            if known.fingerprint != fingerprint:
                raise ProblemError(
                    409, "idempotency_conflict", "this Idempotency-Key came with another request"
                )
            return await asyncio.shield(known.answer)
        entry = _Entry(fingerprint, self._clock.monotonic(), asyncio.Future())
        self._entries[name] = entry
        try:
            response = await act()
        except BaseException as error:
            self._entries.pop(name, None)
            entry.answer.set_exception(
                error
                if isinstance(error, Exception)
                else ProblemError(503, "interrupted", "the first request was interrupted")
            )
            entry.answer.exception()  # seen: nobody else need be waiting
            raise
        entry.answer.set_result(response)
        return response

    def _forget(self) -> None:
        oldest_s = self._clock.monotonic() - LIFETIME_S
        while self._entries:
            first = next(iter(self._entries.values()))
            if first.created_s >= oldest_s and len(self._entries) < MAX_ENTRIES:
                return
            self._entries.popitem(last=False)
