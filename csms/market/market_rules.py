"""Reserve products as data: size, time to deliver, how long, and what an energy-limited bid must keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from csms.market.errors import PlanError

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MarketRule:
    """One product. `local`: so fast that droop must be installed in the charger beforehand."""

    name: str
    min_bid_mw: float
    full_activation_s: float
    endurance_s: float  # full delivery to be sustained from stored energy
    power_ratio: float  # power to be held per MW bid in the product's direction
    reverse_ratio: float  # and in the other direction, to manage energy
    local: bool
    reliability: float | None  # least P(fully available)
    source: str


RULES: Final = {
    rule.name: rule
    for rule in (
        MarketRule("energinet-p90", 0.1, 30.0, 1200.0, 1.0, 0.2, True, 0.9, "arXiv:2404.12818"),
        MarketRule("fcr-d", 1.0, 30.0, 1200.0, 1.0, 0.2, True, None, "Nordic FCR requirements"),
        MarketRule("fcr-n", 0.1, 180.0, 3600.0, 1.34, 1.34, True, None, "Nordic FCR requirements"),
        MarketRule("ffr-49.7", 1.0, 1.3, 30.0, 1.0, 0.0, True, None, "Nordic FFR requirements"),
        MarketRule("ffr-49.6", 1.0, 1.0, 30.0, 1.0, 0.0, True, None, "Nordic FFR requirements"),
        MarketRule("ffr-49.5", 1.0, 0.7, 30.0, 1.0, 0.0, True, None, "Nordic FFR requirements"),
        MarketRule("gb-dc", 1.0, 1.0, 900.0, 1.0, 0.0, True, None, "NESO dynamic containment"),
        MarketRule("gb-dm", 1.0, 1.0, 1800.0, 1.0, 0.0, True, None, "NESO dynamic moderation"),
        MarketRule("gb-dr", 1.0, 10.0, 3600.0, 1.0, 0.0, True, None, "NESO dynamic regulation"),
        MarketRule("afrr", 1.0, 300.0, 3600.0, 1.0, 0.0, False, None, "Fingrid aFRR"),
        MarketRule("mfrr", 1.0, 750.0, 3600.0, 1.0, 0.0, False, None, "Fingrid mFRR"),
        MarketRule("pjm-regd", 0.1, 2.0, 900.0, 1.0, 1.0, True, None, "PJM Manual 12"),
    )
}


def get_rule(name: str) -> MarketRule:
    """The product of that name; PlanError lists those there are."""
    try:
        return RULES[name]
    except KeyError:
        raise PlanError(f"no market rule {name!r}; there are {', '.join(RULES)}") from None


def biddable_mw(rule: MarketRule, power_mw: Float, reverse_mw: Float, energy_mwh: Float) -> Float:
    """Largest bid (n,) that power, reverse power and stored energy allow in each sample (n,)."""
    limits = [power_mw / rule.power_ratio, energy_mwh * 3600.0 / rule.endurance_s]
    if rule.reverse_ratio > 0.0:
        limits.append(reverse_mw / rule.reverse_ratio)
    return np.maximum(np.minimum.reduce(limits), 0.0)


def round_to_market(rule: MarketRule, q_mw: float, step_mw: float = 0.1) -> float:
    """A bid rounded down to the product's step; zero below its least bid."""
    rounded = np.floor(q_mw / step_mw + 1e-9) * step_mw
    return float(rounded) if rounded >= rule.min_bid_mw - 1e-12 else 0.0
