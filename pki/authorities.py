"""Authorities that were judged already, so that the next chain costs the verification of its leaf.

What covers an authority does not depend on the certificate below it, as long as neither constrains
names or policies: signatures, extensions and path lengths stay as they are, and of the time it
matters only whether all authorities are in force. So a path that was accepted is remembered without
its leaf, and only for exactly the certificates that led to it. Revocation is no part of it: that is
asked anew for every certificate of every chain.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from pki.parse import UNREADABLE

_K = TypeVar("_K", bound=Hashable)
_LIMIT: Final = 256
_CONSTRAINING: Final = frozenset(
    {
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.INHIBIT_ANY_POLICY,
    }
)


@dataclass(frozen=True, slots=True)
class _Authorities:
    path: tuple[x509.Certificate, ...]
    begin: datetime
    end: datetime


class Remembered(Generic[_K]):
    """Paths above leaves, from the leaf's issuer to the root, by what they were found from."""

    def __init__(self) -> None:
        self._kept: dict[_K, _Authorities] = {}

    def above(self, key: _K, leaf: x509.Certificate, at: datetime) -> tuple[x509.Certificate, ...]:
        """() where none is remembered, one of it is not in force, or `leaf` is to be judged in
        full since it asks for policies itself."""
        found = self._kept.get(key)
        if found is None or not found.begin <= at < found.end or _constrains(leaf):
            return ()
        return found.path

    def keep(self, key: _K, path: Sequence[x509.Certificate]) -> None:
        """Remember an accepted `path` without its leaf, if another leaf would be judged alike."""
        authorities = tuple(path[1:])
        if len(authorities) < 2 or any(_constrains(each) for each in authorities):
            return
        if len(self._kept) >= _LIMIT:
            self._kept.clear()
        begin = max(each.not_valid_before_utc for each in authorities)
        end = min(each.not_valid_after_utc for each in authorities)
        self._kept[key] = _Authorities(authorities, begin, end)


def _constrains(certificate: x509.Certificate) -> bool:
    """Also what cannot be read might."""
    try:
        return any(each.oid in _CONSTRAINING for each in certificate.extensions)
    except UNREADABLE:
        return True
