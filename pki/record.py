"""One certificate as the store knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509

from pki.errors import NotFoundError
from pki.parse import parse_der
from pki.profiles import Role, Suite


class Status(StrEnum):
    """Life of a certificate."""

    PENDING = "pending"
    ISSUED = "issued"
    REVOKED = "revoked"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Record:
    """A certificate that was, or is about to be, signed.

    `name` is unique among those in use: an authority ("iso15118-2/mo-sub2"), its responder, or a
    leaf's own id. `der` is empty until the certificate is stored.
    """

    issuer: str
    serial: int
    name: str
    suite: Suite
    role: Role
    subject: str
    not_after: datetime
    tbs_sha256: str
    status: Status = Status.PENDING
    der: bytes = b""
    revoked_at: datetime | None = None
    reason: str = ""

    @property
    def serial_hex(self) -> str:
        return f"{self.serial:x}"

    @property
    def certificate(self) -> x509.Certificate:
        """Raises NotFoundError for a row whose certificate was never stored."""
        if not self.der:
            raise NotFoundError(f"certificate {self.serial_hex} of {self.issuer} is {self.status}")
        return parse_der(self.der)


@lru_cache(maxsize=1024)
def record_of_row(row: tuple[object, ...]) -> Record:
    """Kept by all that the row holds: authorities' rows are read with every chain."""
    text = [str(value) for value in row]
    return Record(
        issuer=text[0],
        serial=int(text[1], 16),
        name=text[2],
        suite=Suite(text[3]),
        role=Role(text[4]),
        subject=text[5],
        not_after=datetime.fromisoformat(text[6]).astimezone(UTC),
        tbs_sha256=text[7],
        status=Status(text[8]),
        der=octets(row[9]),
        revoked_at=None if row[10] is None else datetime.fromisoformat(text[10]),
        reason=text[11],
    )


def octets(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"octets expected in the store, found {type(value).__name__}")
    return value
