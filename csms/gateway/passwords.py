"""Argon2 hashes of station passwords, checked in a few threads so that the event loop never waits."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's parameters for Argon2id; station passwords are random, so no slower ones are needed."""


class UnreadableHashError(Exception):
    """A stored hash is not in Argon2's PHC format."""


def hash_password(password: bytes) -> str:
    """Salted Argon2id in PHC format, to be stored. Takes about 20 ms of one core."""
    return _HASHER.hash(password)


def verify_password(password_hash: str, password: bytes) -> bool:
    """Blocking check. Raises ``UnreadableHashError``."""
    try:
        return _HASHER.verify(password_hash, password)
    except InvalidHashError as error:
        raise UnreadableHashError(str(error)) from None
    except VerificationError:
        return False


class PasswordVerifier(Protocol):
    """Checks a password against a stored hash without blocking the loop."""

    async def verify(self, password_hash: str, password: bytes) -> bool:
        """Raises ``UnreadableHashError``."""
        ...


class ThreadedVerifier:
    """The verifier of real servers: a fixed pool of threads."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="argon2")

    async def verify(self, password_hash: str, password: bytes) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, verify_password, password_hash, password)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
