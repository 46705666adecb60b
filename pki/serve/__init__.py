"""The PKI over HTTP: EST, OCSP, CRLs, and the pools of the Open Plug&Charge Protocol."""

from __future__ import annotations

from pki.serve.app import create_app

__all__ = ["create_app"]
