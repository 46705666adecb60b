"""OCSP answers kept until they end, bounded in number. Pure: the time comes in as an argument."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from cryptography.x509 import ocsp

from pki.hash_data import HashData

MAX_AGE = timedelta(hours=24)
"""Certificate status counts for less than 24 h (A00.FR.701), whatever the answer's nextUpdate says."""


def ends_at(answer: bytes, received: datetime) -> datetime | None:
    """Until when an answer may be used; ``None`` for one that is not successful, or says nothing of its end."""
    try:
        response = ocsp.load_der_ocsp_response(answer)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return None
        ends = [single.next_update_utc for single in response.responses]
    except (ValueError, TypeError):
        return None
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(ends):
        return None
    end = min(*known, received + MAX_AGE)
    return end if end > received else None


class OcspCache:
    """Least recently used goes first."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._answers: OrderedDict[HashData, tuple[bytes, datetime]] = OrderedDict()

    def get(self, data: HashData, at: datetime) -> bytes | None:
        found = self._answers.get(data)
        if found is None:
            return None
        answer, end = found
        if end <= at:
            del self._answers[data]
            return None
        self._answers.move_to_end(data)
        return answer

    def put(self, data: HashData, answer: bytes, at: datetime) -> None:
        """Keep it if it may be kept."""
        end = ends_at(answer, at)
        if end is None:
            return
        self._answers[data] = (answer, end)
        self._answers.move_to_end(data)
        while len(self._answers) > self._size:
            self._answers.popitem(last=False)
