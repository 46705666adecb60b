"""What goes wrong inside a station.

Exception
└── CallError        answered to the central system as CALLERROR
"""

from __future__ import annotations


class CallError(Exception):
    """A request that is answered with CALLERROR; ``code`` is spelt as the version spells it."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description[:255]
