"""A limit on how long a task may spend in one step, at the price of two assignments a step.

``asyncio.timeout`` sets and cancels a timer each time: 10 us with uvloop, a fifth of what a message costs.
"""

from __future__ import annotations

import asyncio


class Watchdog:
    """Cancels the task that a step runs in once the step has taken ``limit_s``.

    ``with watchdog: await step`` raises ``TimeoutError`` when the step was cut short. All awaiting inside must be the
    step's own. One timer is armed at most, and re-armed when it fires early.
    """

    __slots__ = ("_began_s", "_fired", "_limit_s", "_task", "_timer")

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._began_s: float | None = None
        self._fired = False
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._began_s = loop.time()
        if self._timer is None:
            self._task = asyncio.current_task()
            self._timer = loop.call_later(self._limit_s, self._check)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._began_s = None
        if not self._fired:
            return
        self._fired = False
        if self._task is not None:
            self._task.uncancel()
        if kind is asyncio.CancelledError:
            raise TimeoutError(f"handler took over {self._limit_s} s") from None

    def close(self) -> None:
        """Disarm for good."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._task = None

    def _check(self) -> None:
        self._timer = None
        if self._began_s is None or self._task is None:
            return
        loop = asyncio.get_running_loop()
        left_s = self._began_s + self._limit_s - loop.time()
        if left_s > 0.0:
            self._timer = loop.call_later(left_s, self._check)
        else:
            self._fired = True
            self._task.cancel()
