"""The live picture of every known station: what it is, what it last said, what it was last told.

One process owns the fleet. Services write it, the dispatcher and the pages read it; the store holds what must survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from csms.domain.der_book import DerBook
from csms.domain.events import ChargingNeedsTold, RegistrationStatus
from csms.domain.feeder_view import EvseDecision
from csms.domain.profile import Purpose, RateUnit
from csms.domain.transaction import Transaction
from csms.domain.values import ConnectorStatus, MeterReading, Phases
from csms.domain.watched import Watched
from csms.ids import EvseKey, StationId, TransactionId


@dataclass(frozen=True, slots=True, kw_only=True)
class EvsePlace:
    """Where an EVSE stands on the feeder and what it can do; from configuration or the site file."""

    bus: str
    phases: Phases
    max_power_w: float
    max_discharge_w: float = 0.0
    """Positive; 0 unless the station is flagged capable of discharge."""
    min_current_a: float = 6.0
    """Below this an AC car pauses (IEC 61851-1); 0 for DC."""
    step_w: float = 1.0
    priority: int = 0
    """0 to 3; a higher one is curtailed only when all lower ones are."""

    @property
    def rated_w(self) -> float:
        """The most it moves either way: what a droop is per unit of."""
        return max(self.max_power_w, self.max_discharge_w)


@dataclass(slots=True, kw_only=True)
class EvseState(Watched):
    key: EvseKey
    place: EvsePlace | None = None
    connectors: dict[int, ConnectorStatus] = field(default_factory=dict)
    reading: MeterReading | None = None
    """The newest by the station's own time."""
    reading_received_s: float | None = None
    """Monotonic receipt time of ``reading``."""
    changed_s: float | None = None
    """Monotonic time at which a meter value last differed from the one before: frozen telemetry shows here."""
    transaction: Transaction | None = None
    """The newest transaction here; it may have ended."""
    needs: ChargingNeedsTold | None = None
    commanded_w: float | None = None
    """The last setpoint or limit that the station accepted; ``None`` when none is in force."""
    commanded_s: float | None = None
    commanded_before_w: float | None = None
    """The one before: what a meter that is a second behind may still show."""
    decided: Callable[[], EvseDecision | None] = lambda: None
    """Asks the dispatcher what its last cycle decided; ``None`` where nobody leads it."""

    @property
    def is_charging(self) -> bool:
        return self.transaction is not None and self.transaction.is_open


@dataclass(slots=True, kw_only=True)
class Capabilities(Watched):
    """What a station was told or found to be able to do."""

    rate_unit: RateUnit = RateUnit.A
    dynamic_profiles: bool = False
    der_controls: bool = False
    local_frequency: bool = False
    """It follows a frequency-watt curve of its profile (operation mode LocalFrequency)."""
    discharge: bool = False
    setpoint_purpose: Purpose = Purpose.TX
    """Some stations refuse TxProfile: the next one of TxDefaultProfile and StationMax is then tried."""
    periods_per_schedule: int | None = None
    """So many it takes in a charging schedule."""
    controllable: bool = True
    """False once every way of giving it a setpoint was refused."""


@dataclass(slots=True, kw_only=True)
class StationState(Watched):
    station_id: StationId
    version: str | None = None
    """OCPP version of the live or last connection: ``1.6``, ``2.0.1``, ``2.1``."""
    connected: bool = False
    connected_at: datetime | None = None
    remote: str | None = None
    registration: RegistrationStatus = RegistrationStatus.ACCEPTED
    booted: bool = False
    """A BootNotification was accepted over the life of this record."""
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    status: ConnectorStatus | None = None
    """The station's own status (connector 0), apart from its connectors'."""
    last_message: datetime | None = None
    clock_skew_s: float | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    evses: dict[int, EvseState] = field(default_factory=dict)
    der: DerBook = field(default_factory=DerBook)
    transactions: dict[TransactionId, Transaction] = field(default_factory=dict)
    """The open ones."""

    def evse(self, evse_id: int) -> EvseState:
        """The EVSE's state, made on first mention."""
        state = self.evses.get(evse_id)
        if state is None:
            state = EvseState(key=EvseKey(self.station_id, evse_id))
            self.evses[evse_id] = state
        return state


class Fleet:
    """All stations by id."""

    def __init__(self) -> None:
        self._stations: dict[StationId, StationState] = {}

    def __iter__(self) -> Iterator[StationState]:
        return iter(self._stations.values())

    def __len__(self) -> int:
        return len(self._stations)

    def get(self, station_id: StationId) -> StationState | None:
        return self._stations.get(station_id)

    def station(self, station_id: StationId) -> StationState:
        """The station's state, made on first mention: call only for stations that were let in."""
        state = self._stations.get(station_id)
        if state is None:
            state = StationState(station_id=station_id)
            self._stations[station_id] = state
        return state

    def evses(self) -> Iterator[EvseState]:
        for station in self._stations.values():
            yield from station.evses.values()
