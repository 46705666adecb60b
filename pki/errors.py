"""Errors of the PKI.

PkiError
├── KeyStoreError       a key is missing, or does not open with this passphrase
├── RequestError        what was asked for does not fit its profile (the caller's fault)
│   └── LintError       the certificate would violate its profile; carries the findings
├── IssuanceError       the signed certificate is not the one that was announced
├── NotFoundError       no such certificate, authority or pool entry
├── AuditTamperedError  the audit log is not the one that was written
└── ContractKeyError    a wrapped contract key does not open, or does not fit its certificate

``pki.verify`` raises none of these for what a peer sends: its verdict is data.
"""

from __future__ import annotations


class PkiError(Exception):
    """Base of all errors of this package."""


class KeyStoreError(PkiError):
    """A key is missing, or does not open with this passphrase."""


class RequestError(PkiError):
    """What was asked for does not fit its profile."""


class IssuanceError(PkiError):
    """The signed certificate differs from what was linted and logged."""


class NotFoundError(PkiError):
    """No such certificate, authority or pool entry."""


class AuditTamperedError(PkiError):
    """The audit log was changed, cut or reordered."""


class ContractKeyError(PkiError):
    """A wrapped contract key does not open, or does not fit its certificate."""
