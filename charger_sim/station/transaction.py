"""One charging transaction as the station keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from charger_sim.station.meter import Readings

IdKind = Literal["ISO14443", "eMAID"]
ChargingState = Literal["EVConnected", "Charging", "SuspendedEV", "SuspendedEVSE", "Idle"]


@dataclass(slots=True)
class Transaction:
    """``key`` is the 2.x transactionId, and in 1.6 the station's own name for it; ``ocpp_id`` is
    the 1.6 transactionId, negative until StartTransaction is answered (``known``)."""

    key: str
    evse_id: int
    id_token: str
    started: datetime
    started_s: float
    start: Readings
    ocpp_id: int = -1
    known: bool = False
    id_kind: IdKind = "ISO14443"
    remote_start_id: int | None = None
    seq_no: int = 0
    state: ChargingState = "EVConnected"
    mode: str = "ChargingOnly"
    allowed_transfer: frozenset[str] | None = None
    ended: datetime | None = None
    stop: Readings | None = None
    stopped_reason: str | None = None
    discarded: bool = False

    def next_seq_no(self) -> int:
        number = self.seq_no
        self.seq_no += 1
        return number

    @property
    def discharge_allowed(self) -> bool:
        """Bidirectional unless the central system has named energy transfers without it."""
        return self.allowed_transfer is None or any("BPT" in t for t in self.allowed_transfer)
