"""The network the chargers stand on, as the plant wants it. SI units, line-to-line base voltage.

File format (JSON)::

    {"name": "...", "v_base_v": 12660, "slack_v_pu": 1.0, "v_min_pu": 0.9,
     "buses": [{"id": "0"}, ...],
     "branches": [{"from": "0", "to": "1", "r_ohm": 0.0922, "x_ohm": 0.047},
                  {"from": "1", "to": "2", "z_ohm": [[[r, x], [r, x], [r, x]], ...]}],
     "loads": [{"bus": "1", "phases": "abc", "p_w": 100000, "q_var": 60000}]}

The first bus is the slack. A branch has either ``r_ohm`` and ``x_ohm`` (balanced) or a symmetric
3x3 ``z_ohm``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Complex3x3 = NDArray[np.complex128]
MAX_FILE_BYTES = 64 * 1024 * 1024


class FeederError(ValueError):
    """A feeder that cannot be used; the message names the place."""


@dataclass(frozen=True, slots=True)
class PlantBranch:
    """``z_ohm`` is a scalar for a balanced branch or a (3, 3) complex matrix, ohm."""

    from_bus: str
    to_bus: str
    z_ohm: complex | Complex3x3


@dataclass(frozen=True, slots=True)
class PlantLoad:
    """Constant power, spread evenly over ``phases`` (subset of ``abc``); W and var."""

    bus: str
    phases: str
    p_w: float
    q_var: float


@dataclass(frozen=True, slots=True)
class PlantFeeder:
    """Immutable input of the plant. The first of ``bus_ids`` is the slack."""

    name: str
    bus_ids: tuple[str, ...]
    branches: tuple[PlantBranch, ...]
    loads: tuple[PlantLoad, ...]
    v_base_ll_v: float
    slack_v_pu: float = 1.0
    v_min_pu: float = 0.90

    def __post_init__(self) -> None:
        known = set(self.bus_ids)
        if len(known) != len(self.bus_ids) or not known:
            raise FeederError(f"feeder {self.name}: bus ids must be unique and not empty")
        for n, branch in enumerate(self.branches):
            for bus in (branch.from_bus, branch.to_bus):
                if bus not in known:
                    raise FeederError(f"feeder {self.name}: branch {n} names unknown bus {bus!r}")
            if not np.all(np.isfinite(branch.z_ohm)) or not np.any(branch.z_ohm):
                raise FeederError(f"feeder {self.name}: branch {n} needs a finite, nonzero z_ohm")
        for n, load in enumerate(self.loads):
            if load.bus not in known:
                raise FeederError(f"feeder {self.name}: load {n} names unknown bus {load.bus!r}")
            if not load.phases or set(load.phases) - set("abc"):
                raise FeederError(f"feeder {self.name}: load {n} has phases {load.phases!r}")

    @property
    def balanced(self) -> bool:
        """One phase stands for three."""
        scalar = all(not isinstance(b.z_ohm, np.ndarray) for b in self.branches)
        return scalar and all(len(load.phases) == 3 for load in self.loads)


def feeder_from_mapping(data: Mapping[str, Any]) -> PlantFeeder:
    """Reads the documented format. Raises :class:`FeederError` naming the field."""
    try:
        return PlantFeeder(
            name=str(data["name"]),
            bus_ids=tuple(str(bus["id"]) for bus in data["buses"]),
            branches=tuple(_branch(n, branch) for n, branch in enumerate(data["branches"])),
            loads=tuple(
                PlantLoad(
                    str(load["bus"]),
                    str(load.get("phases", "abc")),
                    float(load["p_w"]),
                    float(load.get("q_var", 0.0)),
                )
                for load in data.get("loads", ())
            ),
            v_base_ll_v=float(data["v_base_v"]),
            slack_v_pu=float(data.get("slack_v_pu", 1.0)),
            v_min_pu=float(data.get("v_min_pu", 0.90)),
        )
    except KeyError as error:
        raise FeederError(f"feeder: field {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise FeederError(f"feeder: wrong structure: {error}") from error


def _branch(n: int, data: Mapping[str, Any]) -> PlantBranch:
    if "z_ohm" in data:
        pairs = np.asarray(data["z_ohm"], dtype=np.float64)
        if pairs.shape != (3, 3, 2):
            raise FeederError(f"feeder: branch {n}: z_ohm must be 3x3 of [r, x]")
        z = pairs[..., 0] + 1j * pairs[..., 1]
        if not np.allclose(z, z.T):
            raise FeederError(f"feeder: branch {n}: z_ohm must be symmetric")
        return PlantBranch(str(data["from"]), str(data["to"]), z)
    z_ohm = complex(float(data["r_ohm"]), float(data["x_ohm"]))
    return PlantBranch(str(data["from"]), str(data["to"]), z_ohm)


def load_feeder(path: Path) -> PlantFeeder:
    """Reads a feeder file. Raises :class:`FeederError`, ``OSError``."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FeederError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FeederError(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict):
        raise FeederError(f"{path}: expected an object")
    try:
        return feeder_from_mapping(data)
    except FeederError as error:
        raise FeederError(f"{path}: {error}") from error
