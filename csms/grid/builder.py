"""Builds a :class:`Feeder` from unordered branches, or says why they are not one."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from csms.grid.network import ABC, ComplexArray, Feeder, FeederError

_MAX_NAMED = 12  # buses named in one message


@dataclass(frozen=True, slots=True)
class Branch:
    """A line, cable, switch or transformer between two buses, in either order.

    ``z_ohm`` is the 3x3 series impedance referred to the end away from the source. ``to_base_ll_v`` makes it a
    transformer whose far side has that line-to-line base; ``tap`` is its off-nominal gain per phase.
    """

    from_bus: str
    to_bus: str
    z_ohm: ComplexArray  # (3, 3)
    phases: str = ABC
    ampacity_a: float = math.inf
    rating_va: float = math.inf
    to_base_ll_v: float | None = None
    tap: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Load:
    """A constant-power load; ``p_w`` and ``q_var`` are totals, split equally over ``phases``."""

    bus: str
    p_w: float
    q_var: float = 0.0
    phases: str = ABC


def z_sequence(z1_ohm: complex, z0_ohm: complex | None = None) -> ComplexArray:
    """(3, 3) ohm from positive- and zero-sequence impedance; without ``z0_ohm`` the phases are uncoupled."""
    z0 = z1_ohm if z0_ohm is None else z0_ohm
    mutual = (z0 - z1_ohm) / 3.0
    return np.full((3, 3), mutual, complex) + np.eye(3) * z1_ohm


def phase_index(phases: str) -> list[int]:
    """``"ac"`` -> ``[0, 2]``; raises :class:`FeederError`."""
    index = [ABC.find(letter) for letter in phases]
    if not index or -1 in index or len(set(index)) != len(index):
        raise FeederError(f"phases must be letters of 'abc', each once, got {phases!r}")
    return sorted(index)


def build_feeder(
    name: str,
    source_bus: str,
    base_ll_v: float,
    branches: Sequence[Branch],
    loads: Iterable[Load] = (),
    *,
    source_v_pu: float = 1.0,
    shunts_s: Mapping[str, tuple[float, float, float]] | None = None,
    xy: Mapping[str, tuple[float, float]] | None = None,
    source: str = "",
) -> Feeder:
    """Orders the buses breadth-first and checks everything.

    Raises :class:`FeederError` for a loop (named), unreachable buses (named), duplicates, self-loops, phases
    that appear from nowhere, and numbers that are not finite or not positive where they must be.
    """
    _positive("base_ll_v", base_ll_v)
    _positive("source_v_pu", source_v_pu)
    for branch in branches:
        _check_branch(branch)
    order, via = _breadth_first(source_bus, branches)
    index = {bus: i for i, bus in enumerate(order)}
    n = len(order)

    parent = np.full(n, -1, np.int32)
    z = np.zeros((n, 3, 3), complex)
    mask = np.zeros((n, 3), bool)
    mask[0] = True
    base_v = np.full(n, base_ll_v / math.sqrt(3.0))
    ampacity, rating = np.full(n, np.inf), np.full(n, np.inf)
    tap = np.ones((n, 3))
    for i, bus in enumerate(order[1:], start=1):
        branch = via[bus]
        up = branch.from_bus if branch.to_bus == bus else branch.to_bus
        parent[i] = index[up]
        phases = phase_index(branch.phases)
        if not mask[parent[i], phases].all():
            raise FeederError(
                f"branch {up!r} - {bus!r} has phases {branch.phases!r}, but bus {up!r} has only "
                f"{_letters(mask[parent[i]])!r}"
            )
        mask[i, phases] = True
        block = np.ix_(phases, phases)
        z[i][block] = branch.z_ohm[block]
        base_v[i] = base_v[parent[i]]
        if branch.to_base_ll_v is not None:
            if branch.to_bus != bus:
                raise FeederError(
                    f"transformer {branch.from_bus!r} - {bus!r} points towards the source"
                )
            base_v[i] = branch.to_base_ll_v / math.sqrt(3.0)
        ampacity[i], rating[i], tap[i] = branch.ampacity_a, branch.rating_va, branch.tap

    p, q = np.zeros((n, 3)), np.zeros((n, 3))
    for load in loads:
        i = _index(index, load.bus, "load")
        phases = phase_index(load.phases)
        if not mask[i, phases].all():
            raise FeederError(
                f"load at bus {load.bus!r} is on phases {load.phases!r}, the bus has {_letters(mask[i])!r}"
            )
        if not (math.isfinite(load.p_w) and math.isfinite(load.q_var)):
            raise FeederError(
                f"load at bus {load.bus!r} is not finite: {load.p_w} W, {load.q_var} var"
            )
        p[i, phases] += load.p_w / len(phases)
        q[i, phases] += load.q_var / len(phases)

    shunt = None
    if shunts_s:
        shunt = np.zeros((n, 3))
        for bus, value in shunts_s.items():
            shunt[_index(index, bus, "shunt")] += value
    places = None
    if xy:
        places = np.full((n, 2), np.nan)
        for bus, place in xy.items():
            places[_index(index, bus, "coordinate")] = place
    return Feeder(
        name=name, bus_names=tuple(order), parent=parent, z_ohm=z, phase_mask=mask, base_v=base_v,
        source_v_pu=source_v_pu, p_w=p, q_var=q, ampacity_a=ampacity, rating_va=rating,
        tap=None if np.all(tap == 1.0) else tap, b_shunt_s=shunt, xy=places, source=source,
    )  # fmt: skip


def _breadth_first(root: str, branches: Sequence[Branch]) -> tuple[list[str], dict[str, Branch]]:
    near: dict[str, list[Branch]] = {}
    for branch in branches:
        near.setdefault(branch.from_bus, []).append(branch)
        near.setdefault(branch.to_bus, []).append(branch)
    if root not in near:
        raise FeederError(f"no branch touches the source bus {root!r}")
    order, up = [root], {root: ""}
    via: dict[str, Branch] = {}
    queue = deque([root])
    while queue:
        bus = queue.popleft()
        for branch in near[bus]:
            if via.get(bus) is branch:
                continue
            other = branch.to_bus if branch.from_bus == bus else branch.from_bus
            if other in up:
                raise FeederError(_loop_message(bus, other, up))
            up[other], via[other] = bus, branch
            order.append(other)
            queue.append(other)
    lost = sorted(set(near) - set(up))
    if lost:
        more = f" and {len(lost) - _MAX_NAMED} more" if len(lost) > _MAX_NAMED else ""
        raise FeederError(
            f"not connected to the source bus {root!r}: {', '.join(lost[:_MAX_NAMED])}{more}"
        )
    return order, via


def _loop_message(one: str, other: str, up: Mapping[str, str]) -> str:
    """The loop closed by ``one - other``: up from both to where their paths to the source meet."""
    left, right = [one], [other]
    while up.get(left[-1]):
        left.append(up[left[-1]])
    while up.get(right[-1]):
        right.append(up[right[-1]])
    meet = next(bus for bus in left if bus in right)
    ring = left[: left.index(meet) + 1] + right[: right.index(meet)][::-1]
    if len(ring) <= 2:
        return f"two branches join buses {one!r} and {other!r}; merge them into one"
    shown = " - ".join(
        [*ring[:_MAX_NAMED], "...", ring[-1]] if len(ring) > _MAX_NAMED + 1 else ring
    )
    return f"the network is meshed, open a switch in the loop {shown} - {ring[0]}"


def _check_branch(branch: Branch) -> None:
    label = f"branch {branch.from_bus!r} - {branch.to_bus!r}"
    if branch.from_bus == branch.to_bus:
        raise FeederError(f"{label} joins a bus to itself")
    if branch.z_ohm.shape != (3, 3):
        raise FeederError(f"{label}: z_ohm must be 3x3, got shape {branch.z_ohm.shape}")
    if not np.isfinite(branch.z_ohm).all():
        raise FeederError(f"{label}: impedance is not finite")
    phases = phase_index(branch.phases)
    if np.any(np.diagonal(branch.z_ohm).real[phases] < 0.0):
        raise FeederError(f"{label}: resistance is negative")
    for what, value in (("ampacity_a", branch.ampacity_a), ("rating_va", branch.rating_va)):
        if math.isnan(value) or value <= 0.0:
            raise FeederError(f"{label}: {what} must be positive, got {value}")
    for value in (*branch.tap, 1.0 if branch.to_base_ll_v is None else branch.to_base_ll_v):
        _positive(f"{label}: tap or base voltage", value)


def _positive(label: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise FeederError(f"{label} must be finite and positive, got {value}")


def _index(index: Mapping[str, int], bus: str, what: str) -> int:
    if bus not in index:
        raise FeederError(f"{what} at bus {bus!r}, which no branch connects")
    return index[bus]


def _letters(mask: np.ndarray) -> str:
    return "".join(letter for letter, there in zip(ABC, mask, strict=True) if there)
