"""Which connection speaks for which station: one each, fenced by an epoch. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from csms.ids import StationId


class HasEpoch(Protocol):
    @property
    def station_id(self) -> StationId: ...

    @property
    def epoch(self) -> int: ...


Connection = TypeVar("Connection", bound=HasEpoch)


class Registry(Generic[Connection]):
    """The live connections.

    Every connection gets an epoch greater than all before it, over restarts too when ``first_epoch`` comes
    from a clock. Whoever holds the highest epoch of a station speaks for it; a clean-up names its own epoch and
    therefore cannot touch a successor.
    """

    def __init__(self, first_epoch: int) -> None:
        self._next_epoch = first_epoch
        self._current: dict[StationId, Connection] = {}

    def __len__(self) -> int:
        return len(self._current)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._current.values()))

    def new_epoch(self) -> int:
        epoch = self._next_epoch
        self._next_epoch += 1
        return epoch

    def claim(self, connection: Connection) -> Connection | None:
        """Make an authenticated newcomer the station's connection; returns the one that it displaces.

        Raises ``ValueError`` for an epoch that is not newer, which would undo a takeover.
        """
        previous = self._current.get(connection.station_id)
        if previous is not None and previous.epoch >= connection.epoch:
            raise ValueError(f"epoch {connection.epoch} is not newer than {previous.epoch}")
        self._current[connection.station_id] = connection
        return previous

    def release(self, connection: Connection) -> bool:
        """Forget a connection that ended; False, and nothing happens, when it was displaced before."""
        if not self.is_current(connection):
            return False
        del self._current[connection.station_id]
        return True

    def is_current(self, connection: Connection) -> bool:
        current = self._current.get(connection.station_id)
        return current is not None and current.epoch == connection.epoch

    def get(self, station_id: StationId) -> Connection | None:
        return self._current.get(station_id)
