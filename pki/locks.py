"""One issuance at a time, so that what `recover` finds half-issued is the work of a crash."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

Exclusive: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Each call gives a context in which the caller is alone."""


def thread_lock() -> Exclusive:
    """Among the threads of this process."""
    lock = threading.Lock()
    return lambda: lock


def file_lock(path: Path) -> Exclusive:
    """Among all processes and threads that name the same file."""

    @contextmanager
    def hold() -> Iterator[None]:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    return hold
