"""API keys: ``<key id>.<secret>``. Only a SHA-256 of the 256-bit secret is kept, which needs no slow hash."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from csms.clock import Clock
from csms.domain.errors import InvalidInput, NotFound
from csms.domain.ports import History, Journal
from csms.domain.records import ApiKeyRecord

SECRET_BYTES = 32
KEY_ID_BYTES = 6
MAX_KEY_CHARS = 128
REFRESH_S = 5.0
"""Keys made or revoked by another process count within this."""


class Role(StrEnum):
    """What somebody may do; each role includes those before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    GRID_OPERATOR = "grid-operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


class NewApiKey(NamedTuple):
    record: ApiKeyRecord
    plaintext: str
    """Shown once; it cannot be recovered."""


class ApiKeys:
    """Issues, verifies and revokes keys. ``random_bytes`` must be a cryptographic source (``secrets.token_bytes``)."""

    def __init__(
        self,
        history: History,
        journal: Journal,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._history = history
        self._journal = journal
        self._clock = clock
        self._random_bytes = random_bytes
        self._known: dict[str, ApiKeyRecord] = {}
        self._read_s: float | None = None

    async def create(self, role: Role) -> NewApiKey:
        key_id = self._random_bytes(KEY_ID_BYTES).hex()
        secret = urlsafe_b64encode(self._random_bytes(SECRET_BYTES)).rstrip(b"=").decode()
        record = ApiKeyRecord(
            key_id=key_id, secret_hash=_hash(secret), role=role, created=self._clock.now()
        )
        await self._journal.commit(record)
        self._known[key_id] = record
        return NewApiKey(record, f"{key_id}.{secret}")

    async def verify(self, plaintext: str) -> ApiKeyRecord | None:
        """The key's record, or ``None`` when it is malformed, unknown, wrong or revoked."""
        key_id, _, secret = plaintext.partition(".")
        if not secret or len(plaintext) > MAX_KEY_CHARS:
            return None
        record = await self.current(key_id)
        expected = record.secret_hash if record is not None else _hash("")
        same = hmac.compare_digest(_hash(secret), expected)
        return record if same and record is not None else None

    async def current(self, key_id: str) -> ApiKeyRecord | None:
        """The record of a key that is not revoked."""
        await self._refresh()
        record = self._known.get(key_id)
        return record if record is not None and record.revoked is None else None

    async def revoke(self, key_id: str) -> ApiKeyRecord:
        """Raises ``NotFound``; ``InvalidInput`` when it is revoked already."""
        await self._refresh()
        record = self._known.get(key_id)
        if record is None:
            raise NotFound(f"no API key {key_id}")
        if record.revoked is not None:
            raise InvalidInput(f"API key {key_id} is revoked already")
        record = msgspec.structs.replace(record, revoked=self._clock.now())
        await self._journal.commit(record)
        self._known[key_id] = record
        return record

    async def all(self) -> list[ApiKeyRecord]:
        await self._refresh()
        return sorted(self._known.values(), key=lambda record: record.created)

    async def _refresh(self) -> None:
        now_s = self._clock.monotonic()
        if self._read_s is not None and now_s - self._read_s < REFRESH_S:
            return
        self._read_s = now_s
        self._known.update({record.key_id: record for record in await self._history.api_keys()})


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
