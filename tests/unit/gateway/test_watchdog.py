"""The limit on a step, without a timer per step."""

from __future__ import annotations

import asyncio

import pytest

from csms.gateway.watchdog import Watchdog


async def guarded(watchdog: Watchdog, delay_s: float) -> str:
    try:
        with watchdog:
            await asyncio.sleep(delay_s)
    except TimeoutError:
        return "cut"
    return "ok"


async def test_a_stalled_step_is_cut_and_the_task_lives_on() -> None:
    watchdog = Watchdog(0.03)
    assert await guarded(watchdog, 30) == "cut"
    await asyncio.sleep(0)
    assert await guarded(watchdog, 0.001) == "ok"
    assert await guarded(watchdog, 30) == "cut"
    watchdog.close()


async def test_many_short_steps_are_not_one_long_step() -> None:
    watchdog = Watchdog(0.03)
    assert [await guarded(watchdog, 0.01) for _ in range(8)] == ["ok"] * 8
    watchdog.close()


async def test_a_cancellation_from_outside_passes() -> None:
    watchdog = Watchdog(10.0)
    task = asyncio.create_task(guarded(watchdog, 30))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
