"""What a version must know how to say; everything else a station does is the same in all three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from charger_sim.station.evse import Evse
from charger_sim.station.rpc import Handler, Payload
from charger_sim.station.transaction import Transaction

if TYPE_CHECKING:
    from charger_sim.station.station import Station


class Dialect(Protocol):
    """Builds messages and names the handlers of one OCPP version."""

    def handlers(self, station: Station) -> dict[str, Handler]: ...

    def boot(self, station: Station, reason: str) -> Payload: ...

    def status(self, station: Station, evse: Evse) -> Payload: ...

    def authorize(self, id_token: str) -> Payload: ...

    def authorized(self, reply: Payload, tx: Transaction | None) -> bool:
        """Reads any answer that judges an idToken; may note what it allows in ``tx``."""
        ...

    def tx_started(self, station: Station, tx: Transaction) -> None: ...

    def tx_sampled(self, station: Station, tx: Transaction, context: str) -> None: ...

    def tx_changed(self, station: Station, tx: Transaction, trigger: str) -> None: ...

    def tx_ended(self, station: Station, tx: Transaction, trigger: str) -> None: ...

    def accepted(self, station: Station) -> None:
        """The station has just been accepted (boot) or is back (reconnect)."""
        ...

    def ticked(self, station: Station) -> None:
        """Once a tick, after the physics."""
        ...
