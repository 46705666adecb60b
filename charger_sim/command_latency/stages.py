"""The legs of a command, and the model's distribution of each as `csms study latency` tells it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

CSMS, NETWORK, OCPP, LOOP, SECC, PLC, EV = (
    "CSMS", "network", "OCPP in the charger", "wait for the charge loop", "SECC", "PLC", "EV",
)  # fmt: skip
STAGES: Final = (CSMS, NETWORK, OCPP, LOOP, SECC, PLC, EV)
"""In the order in which a command passes them."""
EMULATED: Final = frozenset({NETWORK, SECC, PLC, EV})
"""Drawn from the model, since no cable, modem or car is here; the others are what they are."""
_SHAPES: Final = frozenset({"exponential", "lognormal", "uniform", "fixed"})
_MODEL_NAMES: Final = {
    "CSMS": CSMS,
    "TLS": NETWORK,
    "OCPP": OCPP,
    "wait": LOOP,
    "SECC": SECC,
    "PLC": PLC,
    "EV": EV,
}


@dataclass(frozen=True, slots=True)
class Delay:
    """One stage of the model, s: exponential (mean ``scale_s``), lognormal (median ``scale_s``,
    log-deviation ``sigma``), uniform (up to ``scale_s``) or fixed, after ``shift_s``."""

    shape: str
    scale_s: float
    sigma: float = 0.0
    shift_s: float = 0.0

    def draw(self, rng: Random) -> float:
        if self.shape == "exponential":
            return self.shift_s + rng.expovariate(1.0 / self.scale_s)
        if self.shape == "lognormal":
            return self.shift_s + self.scale_s * exp(rng.gauss(0.0, self.sigma))
        if self.shape == "uniform":
            return self.shift_s + rng.uniform(0.0, self.scale_s)
        return self.shift_s + self.scale_s

    def draws(self, rng: np.random.Generator, n: int) -> Float:
        if self.shape == "exponential":
            return self.shift_s + rng.exponential(self.scale_s, n)
        if self.shape == "lognormal":
            return self.shift_s + self.scale_s * np.exp(self.sigma * rng.standard_normal(n))
        if self.shape == "uniform":
            return self.shift_s + rng.uniform(0.0, self.scale_s, n)
        return np.full(n, self.shift_s + self.scale_s)


def read_model(study: Mapping[str, Any]) -> dict[str, Delay]:
    """Stage -> delay, from the figures of `csms study latency`. Raises ``ValueError``."""
    found: dict[str, Delay] = {}
    try:
        for row in study["stages"]:
            name = next((v for k, v in _MODEL_NAMES.items() if row["name"].startswith(k)), None)
            if name is None or row["shape"] not in _SHAPES:
                raise ValueError(f"latency model: stage {row['name']!r} ({row['shape']})")
            found[name] = Delay(row["shape"], row["scale_s"], row["sigma"], row["shift_s"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"latency model: {type(error).__name__}: {error}") from error
    missing = set(_MODEL_NAMES.values()) - set(found)
    if missing:
        raise ValueError(f"latency model: no stage {', '.join(sorted(missing))}")
    return found


def modelled_totals(model: Mapping[str, Delay], rng: np.random.Generator, n: int) -> Float:
    """``n`` sorted end-to-end delays, s, (n,) float64."""
    return np.sort(np.sum([delay.draws(rng, n) for delay in model.values()], axis=0))


def largest_gap(measured: Sequence[float], modelled: Float) -> float:
    """Kolmogorov-Smirnov distance between two samples' distributions, 0..1."""
    ours = np.sort(np.asarray(measured, np.float64))
    at = np.concatenate([ours, modelled])
    f = np.searchsorted(ours, at, side="right") / len(ours)
    g = np.searchsorted(modelled, at, side="right") / len(modelled)
    return float(np.max(np.abs(f - g)))
