"""Plug & Charge: contracts judged, provisioned and revoked; certificate requests signed.

Decisions are pure (``trust``, ``ocsp_cache``); the rest are thin shells over an injected HTTP client and over ``pki``
in process. Each of them is one of the ports of ``csms.domain.certificates``.
"""
