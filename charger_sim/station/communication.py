"""What a station tells the charge controllers of its connectors (ISO 15118): the port, and none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from charger_sim.station.evse import Evse


class Communication(Protocol):
    """Calls return at once; sessions run beside the station."""

    def plugged(self, evse: Evse) -> bool:
        """A vehicle is connected; whether it means to charge on its contract."""
        ...

    def unplugged(self, evse: Evse) -> None:
        """The vehicle is gone, and with it the session."""
        ...

    def transaction_started(self, evse: Evse) -> None:
        """By whatever means: external identification is done."""
        ...

    def profiles_changed(self) -> None:
        """What may be charged has changed, or may have."""
        ...


class NoCommunication:
    """Duty cycle only (IEC 61851-1)."""

    def plugged(self, evse: Evse) -> bool:  # noqa: ARG002
        return False

    def unplugged(self, evse: Evse) -> None:
        """Nothing to end."""

    def transaction_started(self, evse: Evse) -> None:
        """Nobody waits."""

    def profiles_changed(self) -> None:
        """Nobody asks."""
