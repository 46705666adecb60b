"""A websocket without sockets: two ends in one loop, for whole-system simulation in virtual time.

Deterministic: all timing comes from the loop's clock and from the link model.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

from csms.gateway.transport import ABNORMAL, TransportClosed

_MAX_INBOX: Final = 4096


class LinkModel(Protocol):
    """What the network does to each message."""

    def delay_s(self, data: bytes, *, to_station: bool) -> float | None:
        """Seconds in transit, or None to lose it. Order is kept, as TCP does."""
        ...


class InstantLink:
    """A perfect network."""

    def delay_s(self, data: bytes, *, to_station: bool) -> float | None:  # noqa: ARG002
        return 0.0


class MemoryTransport:
    """One end of a pair; implements ``transport.Transport``."""

    def __init__(
        self, *, remote: str, subprotocol: str | None, link: LinkModel, is_station: bool
    ) -> None:
        self.remote = remote
        self.subprotocol = subprotocol
        self._link = link
        self._is_station = is_station
        self._peer: MemoryTransport = self
        self._inbox: deque[bytes | TransportClosed] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closed: TransportClosed | None = None
        self._last_arrival_s = 0.0

    async def send(self, data: bytes) -> None:
        self._raise_if_closed()
        delay_s = self._link.delay_s(data, to_station=not self._is_station)
        if delay_s is not None:
            self._transmit(data, delay_s)

    async def recv(self) -> bytes:
        while not self._inbox:
            self._raise_if_closed()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        item = self._inbox.popleft()
        if isinstance(item, TransportClosed):
            self._closed = item
            raise item.again()
        return item

    async def ping(self, timeout_s: float) -> bool:
        there_s = self._link.delay_s(b"", to_station=not self._is_station)
        back_s = self._link.delay_s(b"", to_station=self._is_station)
        if there_s is None or back_s is None or there_s + back_s > timeout_s:
            await asyncio.sleep(timeout_s)
            return False
        await asyncio.sleep(there_s + back_s)
        return self._closed is None and self._peer._closed is None  # noqa: SLF001 same class

    async def close(self, code: int, reason: str) -> None:
        if self._closed is None:
            closed = TransportClosed(code, reason)
            self._transmit(closed, self._link.delay_s(b"", to_station=not self._is_station) or 0.0)
            self._end(closed)

    def abort(self) -> None:
        """Cut the connection: both ends notice at once, nobody says goodbye."""
        for end in (self, self._peer):
            end._end(TransportClosed(ABNORMAL))  # noqa: SLF001 same class

    def _transmit(self, item: bytes | TransportClosed, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        arrival_s = max(loop.time() + delay_s, self._last_arrival_s)
        self._last_arrival_s = arrival_s
        if arrival_s <= loop.time():
            self._peer._deliver(item)  # noqa: SLF001 same class
        else:
            loop.call_at(arrival_s, self._peer._deliver, item)  # noqa: SLF001 same class

    def _deliver(self, item: bytes | TransportClosed) -> None:
        if self._closed is not None:
            return
        if len(self._inbox) >= _MAX_INBOX:
            self.abort()
            return
        self._inbox.append(item)
        self._wake()

    def _end(self, closed: TransportClosed) -> None:
        if self._closed is None:
            self._closed = closed
            self._inbox.clear()
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _raise_if_closed(self) -> None:
        if self._closed is not None:
            raise self._closed.again()


def memory_pair(
    *, address: str, subprotocol: str | None, link: LinkModel
) -> tuple[MemoryTransport, MemoryTransport]:
    """(the central system's end, the station's end)."""
    csms = MemoryTransport(remote=address, subprotocol=subprotocol, link=link, is_station=False)
    station = MemoryTransport(remote="csms", subprotocol=subprotocol, link=link, is_station=True)
    csms._peer, station._peer = station, csms  # noqa: SLF001 same module
    return csms, station
