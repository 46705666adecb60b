"""Whether each feeder of the settings can be read and has the buses that EVSEs are said to stand on."""

from __future__ import annotations

from csms.grid.feeder_file import load_feeder
from csms.grid.network import FeederError
from csms.settings.model import Site


def check_site(site: Site) -> str:
    """What was found, in words. Raises ``FeederError`` and ``OSError``."""
    feeder = load_feeder(site.feeder)
    for place in site.evses:
        try:
            feeder.bus(place.bus)
        except FeederError as error:
            raise FeederError(f"{place.station}/{place.evse}: {error}") from None
    return f"{feeder.name}: {feeder.n_bus} buses, {len(site.evses)} EVSEs placed"
