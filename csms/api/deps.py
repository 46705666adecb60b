"""What the surface is handed: ports and live state, nothing that it builds itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from csms.api.access import Access
from csms.api.feeders import Feeders
from csms.clock import Clock
from csms.domain.fleet import Fleet
from csms.domain.ports import History, Journal, PlanHistory
from csms.ids import StationId
from csms.services.command_desk import CommandDesk
from csms.services.live import LiveBus
from csms.services.tariffs import TariffDesk
from csms.telemetry.message_journal import MessageJournal
from csms.telemetry.metrics import Metrics


class KnockLike(Protocol):
    """A refused identity, which nobody has proven."""

    @property
    def claimed_id(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def subprotocols(self) -> tuple[str, ...]: ...
    @property
    def first_at(self) -> datetime: ...
    @property
    def last_at(self) -> datetime: ...
    @property
    def count(self) -> int: ...


class Admission(Protocol):
    """Who may connect."""

    def knocks(self) -> Sequence[KnockLike]:
        """Most recent first."""
        ...

    async def accept(self, station_id: StationId) -> str:
        """Let the station in and return its new password, which is kept only as a hash.

        A known station gets a new password. Raises ``InvalidInput`` and ``StoreUnavailable``.
        """
        ...

    async def set_enabled(self, station_id: StationId, *, enabled: bool) -> None:
        """Disabling also closes the station's connection. Raises ``NotFound`` and ``StoreUnavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    fleet: Fleet
    history: History
    journal: Journal
    desk: CommandDesk
    live: LiveBus
    admission: Admission
    feeders: Feeders
    plans: PlanHistory
    clock: Clock
    access: Access
    messages: MessageJournal
    metrics: Metrics
    not_ready: Callable[[], Awaitable[Sequence[str]]]
    """Why the system cannot serve now; empty when it can."""
    station_url: str
    """What a station connects to, up to its identity: ``ws://host:9000/ocpp``."""
    tariffs: TariffDesk | None = None
    site_name: str = "site"
    secure_cookies: bool = False
    max_body_bytes: int = 262_144
    max_streams: int = 64
