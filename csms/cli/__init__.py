"""The ``csms`` command: noun then verb, ``--json`` everywhere, exit status 0 only when it did what was asked."""

from __future__ import annotations

from csms.cli.app import main

__all__ = ["main"]
