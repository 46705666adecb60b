"""Browser sessions as signed cookies, one-time passwords, and a brake on guessing."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from csms.clock import Clock
from csms.services.api_keys import Role

COOKIE = "csms_session"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the characters that are misread."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who a browser acts for. ``subject`` is an API key's id, or the name given to a one-time password."""

    subject: str
    role: Role
    expires_s: float
    """On the issuing process's monotonic clock."""
    csrf: str
    key_id: str | None = None


class Sessions:
    """Signs and reads session cookies. The key lives in this process only: a restart ends all sessions."""

    def __init__(
        self, clock: Clock, random_bytes: Callable[[int], bytes], *, lifetime_s: float
    ) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._key = random_bytes(32)
        self.lifetime_s = lifetime_s

    def issue(self, subject: str, role: Role, key_id: str | None = None) -> str:
        """A cookie value."""
        session = Session(
            subject=subject,
            role=role,
            expires_s=self._clock.monotonic() + self.lifetime_s,
            csrf=self._random_bytes(16).hex(),
            key_id=key_id,
        )
        body = urlsafe_b64encode(msgspec.json.encode(session)).decode()
        return f"{body}.{self._sign(body)}"

    def read(self, cookie: str) -> Session | None:
        """The session, or ``None`` when the cookie is forged, foreign or expired."""
        body, _, signature = cookie.partition(".")
        if len(cookie) > 2_048 or not hmac.compare_digest(
            signature.encode(), self._sign(body).encode()
        ):
            return None
        try:
            session = msgspec.json.decode(urlsafe_b64decode(body), type=Session)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            return None
        return session if session.expires_s > self._clock.monotonic() else None

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


class OneTimePasswords:
    """Passwords that open one session each; printed at start so that the first login needs no set-up."""

    def __init__(
        self, clock: Clock, random_bytes: Callable[[int], bytes], *, valid_s: float = 86_400.0
    ) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._valid_s = valid_s
        self._open: dict[bytes, tuple[Role, float]] = {}

    def issue(self, role: Role) -> str:
        """A new password of 80 bits, in four groups for reading aloud."""
        number = int.from_bytes(self._random_bytes(16), "big")
        letters = []
        for _ in range(16):
            number, index = divmod(number, len(_ALPHABET))
            letters.append(_ALPHABET[index])
        password = "-".join("".join(letters[at : at + 4]) for at in range(0, 16, 4))
        self._open[_digest(password)] = (role, self._clock.monotonic() + self._valid_s)
        return password

    def redeem(self, password: str) -> Role | None:
        """The role, once; ``None`` for any password that is wrong, used or expired."""
        found = self._open.pop(_digest(password.strip().lower()), None)
        return found[0] if found is not None and found[1] > self._clock.monotonic() else None


class FailureBrake:
    """Counts failures per address over a minute; bounded, so that many addresses cost no memory."""

    def __init__(self, clock: Clock, *, per_min: int, max_addresses: int = 4_096) -> None:
        self._clock = clock
        self._per_min = per_min
        self._max_addresses = max_addresses
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def retry_after_s(self, address: str) -> float:
        """0 when the address may try."""
        since_s, count = self._failures.get(address, (0.0, 0))
        left_s = since_s + 60.0 - self._clock.monotonic()
        return left_s if count >= self._per_min and left_s > 0 else 0.0

    def failed(self, address: str) -> None:
        now_s = self._clock.monotonic()
        since_s, count = self._failures.pop(address, (now_s, 0))
        if now_s - since_s >= 60.0:
            since_s, count = now_s, 0
        self._failures[address] = (since_s, count + 1)
        if len(self._failures) > self._max_addresses:
            self._failures.popitem(last=False)


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()
