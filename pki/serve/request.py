"""What every endpoint needs: a bounded body, and the caller's token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

from fastapi import HTTPException, Request

from pki.errors import RequestError


class Tokens:
    """Bearer tokens that may use the guarded endpoints; kept as hashes, compared in constant time."""

    def __init__(self, tokens: list[str]) -> None:
        if any(len(token) < 16 for token in tokens):
            raise RequestError("bearer tokens have at least 16 characters")
        self._digests = [_digest(token) for token in tokens]

    def require(self, request: Request) -> None:
        """Raises HTTPException 401. Without any token configured, nobody may."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        given = _digest(value.strip())
        known = [hmac.compare_digest(given, each) for each in self._digests]
        if scheme.lower() != "bearer" or not any(known):
            raise HTTPException(401, "bearer token", {"WWW-Authenticate": "Bearer"})


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def bounded_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` octets, whatever its Content-Length says."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > limit:
            raise HTTPException(413, f"body of over {limit} octets")
    return bytes(content)


def from_base64(value: str | bytes, what: str) -> bytes:
    """Raises RequestError. Line breaks are ignored, as RFC 7030 clients send them."""
    text = value.encode() if isinstance(value, str) else value
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(f"{what} is not base64") from None


def to_base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def problem(status: int, title: str, **more: Any) -> dict[str, Any]:
    """RFC 9457."""
    return {"status": status, "title": title, **more}
