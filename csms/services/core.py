"""What every use case is handed."""

from __future__ import annotations

from dataclasses import dataclass

from csms.clock import Clock
from csms.domain.fleet import Fleet
from csms.domain.ports import History, Journal
from csms.services.ev_negotiation import EvNegotiation
from csms.services.live import LiveBus
from csms.services.plug_and_charge import PlugAndCharge
from csms.services.tariffs import TariffDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an operator may choose about the conversation with stations."""

    heartbeat_interval_s: int = 300
    meter_interval_s: int = 60
    """How often stations are asked to send meter values during a transaction."""
    boot_retry_s: int = 30
    """Told to a station that is not let in yet."""
    accept_unknown_tokens: bool = False
    """Let anybody charge whose token is in no list."""
    allowed_energy_transfer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    fleet: Fleet
    journal: Journal
    history: History
    live: LiveBus
    clock: Clock
    policy: Policy
    pnc: PlugAndCharge | None = None
    """``None`` while Plug & Charge is off."""
    tariffs: TariffDesk | None = None
    negotiation: EvNegotiation | None = None
