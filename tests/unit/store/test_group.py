"""Group commit: who waits for whom, and who is told what."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from csms.domain.errors import DomainError, StoreUnavailable
from csms.store.group import GroupCommit
from csms.store.rows import Ticket, ticket
from tests.integration.store.samples import transaction_record


def some(n_rows: int = 1) -> Ticket:
    return ticket([transaction_record(n) for n in range(n_rows)])


class Disk:
    """Writes when told to."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.turn = asyncio.Semaphore(0)
        self.outcome: DomainError | Exception | None = None

    async def __call__(self, tickets: Sequence[Ticket]) -> list[DomainError | None]:
        await self.turn.acquire()
        self.groups.append(len(tickets))
        if isinstance(self.outcome, DomainError):
            return [self.outcome] * len(tickets)
        if self.outcome is not None:
            raise self.outcome
        return [None] * len(tickets)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_waits_while_a_group_is_written_is_the_next_group() -> None:
    disk = Disk()
    group = GroupCommit(disk)
    first = asyncio.create_task(group.commit(some()))
    await settle()
    others = [asyncio.create_task(group.commit(some())) for _ in range(50)]
    await settle()
    assert not first.done()
    disk.turn.release()
    await first
    assert not any(o.done() for o in others)
    disk.turn.release()
    await asyncio.gather(*others)
    assert disk.groups == [1, 50]
    await group.close()


async def test_callers_wait_when_too_much_is_pending() -> None:
    disk = Disk()
    group = GroupCommit(disk, max_pending_rows=10)
    tasks = [asyncio.create_task(group.commit(some(5))) for _ in range(12)]
    await settle()
    for _ in range(12):
        disk.turn.release()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert max(disk.groups) <= 2
    assert sum(disk.groups) == 12
    await group.close()


async def test_a_caller_that_gave_up_disturbs_nobody() -> None:
    disk = Disk()
    group = GroupCommit(disk)
    gone, stays = (asyncio.create_task(group.commit(some())) for _ in range(2))
    await settle()
    gone.cancel()
    disk.turn.release()
    await stays
    assert gone.cancelled()
    await group.close()


@pytest.mark.parametrize("failure", [StoreUnavailable("outage"), RuntimeError("a defect")])
async def test_the_writer_outlives_failures(failure: Exception) -> None:
    disk = Disk()
    group = GroupCommit(disk)
    disk.outcome = failure
    disk.turn.release()
    with pytest.raises(StoreUnavailable, match=str(failure)):
        await group.commit(some())
    disk.outcome = None
    disk.turn.release()
    await group.commit(some())
    await group.close()


async def test_close_writes_what_is_pending_and_refuses_what_comes_later() -> None:
    disk = Disk()
    group = GroupCommit(disk)
    pending = [asyncio.create_task(group.commit(some())) for _ in range(3)]
    await settle()
    for _ in range(5):
        disk.turn.release()
    await group.close()
    await asyncio.gather(*pending)
    with pytest.raises(StoreUnavailable, match="closed"):
        await group.commit(some())
