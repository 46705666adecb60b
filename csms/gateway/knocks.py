"""Who tried to connect and was refused: what an operator needs to accept a new station. Bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from datetime import datetime
from enum import StrEnum

import msgspec


class RefusalReason(StrEnum):
    BAD_PATH = "bad_path"
    UNKNOWN_STATION = "unknown_station"
    DISABLED = "disabled"
    NO_CREDENTIALS = "no_credentials"
    WRONG_USERNAME = "wrong_username"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    WRONG_CERTIFICATE = "wrong_certificate"
    UNREADABLE_HASH = "unreadable_hash"
    PROFILE_TOO_LOW = "profile_too_low"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    STORE_UNAVAILABLE = "store_unavailable"
    SHUTTING_DOWN = "shutting_down"
    FAILED = "failed"
    """Our own fault: the look-up raised."""


class Knock(msgspec.Struct, frozen=True, kw_only=True):
    """Refused attempts of one claimed identity, which nobody has proven."""

    claimed_id: str
    address: str
    reason: RefusalReason
    subprotocols: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    count: int = 1


class Knocks:
    """The latest refused identities, the oldest forgotten first.

    One address can occupy ``max_per_address`` places, so that a flood does not hide the others.
    """

    def __init__(self, *, max_ids: int = 512, max_per_address: int = 32) -> None:
        self._max_ids = max_ids
        self._max_per_address = max_per_address
        self._by_id: OrderedDict[str, Knock] = OrderedDict()
        self._ids_of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_id)

    def add(
        self,
        claimed_id: str,
        address: str,
        reason: RefusalReason,
        subprotocols: tuple[str, ...],
        now: datetime,
    ) -> Knock:
        """Record an attempt and return its record, kept or not."""
        old = self._by_id.get(claimed_id)
        if old is not None:
            knock = msgspec.structs.replace(
                old, reason=reason, subprotocols=subprotocols, last_at=now, count=old.count + 1
            )
            self._by_id[claimed_id] = knock
            self._by_id.move_to_end(claimed_id)
            return knock
        knock = Knock(
            claimed_id=claimed_id,
            address=address,
            reason=reason,
            subprotocols=subprotocols,
            first_at=now,
            last_at=now,
        )
        if self._ids_of_address[address] >= self._max_per_address:
            return knock
        self._by_id[claimed_id] = knock
        self._ids_of_address[address] += 1
        if len(self._by_id) > self._max_ids:
            self.forget(next(iter(self._by_id)))
        return knock

    def latest(self) -> list[Knock]:
        """Most recent first."""
        return list(reversed(self._by_id.values()))

    def forget(self, claimed_id: str) -> Knock | None:
        """Remove and return a record: the station was accepted or dismissed."""
        knock = self._by_id.pop(claimed_id, None)
        if knock is not None:
            self._ids_of_address[knock.address] -= 1
            self._ids_of_address += Counter()  # drops zeroes
        return knock
