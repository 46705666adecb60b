"""The linear elements of a circuit by the buses that they join."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.grid.network import ComplexArray, FeederError
from csms.grid.nodal import NodalNetwork, Part


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """All elements between the same two buses (or at one bus, towards earth) as one admittance matrix."""

    buses: tuple[str, ...]
    names: tuple[str, ...]
    nodes: tuple[int, ...]  # of the network, earth left out
    labels: tuple[tuple[str, str], ...]  # (bus, phase) of each node
    y: ComplexArray  # (len(nodes), len(nodes)) S

    @property
    def is_line(self) -> bool:
        return all(name.startswith(("line.", "reactor.")) for name in self.names)

    def rows(self, bus: str) -> list[int]:
        """Rows of ``y`` at ``bus``, in the order of their phases."""
        return sorted(
            (k for k, label in enumerate(self.labels) if label[0] == bus),
            key=lambda k: self.labels[k][1],
        )

    def phases(self, bus: str) -> list[int]:
        """0 to 2 for each of :meth:`rows`; raises :class:`FeederError` for a fourth conductor."""
        found = [int(self.labels[k][1]) - 1 for k in self.rows(bus)]
        if any(phase > 2 for phase in found):
            raise FeederError(f"bus {bus!r} has a node beyond its three phases")
        return found

    def drawn_va(self, bus: str, v: ComplexArray) -> ComplexArray:
        """(3,) VA that enter at ``bus`` from each phase, at the node voltages ``v``."""
        current = self.y @ v[list(self.nodes)]
        drawn = np.zeros(3, complex)
        for k, phase in zip(self.rows(bus), self.phases(bus), strict=True):
            drawn[phase] += v[self.nodes[k]] * np.conj(current[k])
        return drawn


def joints_of(network: NodalNetwork) -> list[Joint]:
    """Raises :class:`FeederError` for an element between more than two buses."""
    groups: dict[frozenset[str], list[Part]] = {}
    for part in network.parts.values():
        buses = {network.node_names[n].split(".")[0] for n in part.nodes if n}
        if len(buses) > 2:
            raise FeederError(f"{part.name} joins {len(buses)} buses: {', '.join(sorted(buses))}")
        groups.setdefault(frozenset(buses), []).append(part)
    return [_joint(network, parts) for buses, parts in groups.items() if buses]


def _joint(network: NodalNetwork, parts: list[Part]) -> Joint:
    nodes = list(dict.fromkeys(n for part in parts for n in part.nodes if n))
    row = {n: k for k, n in enumerate(nodes)}
    y = np.zeros((len(nodes), len(nodes)), complex)
    for part in parts:
        live = [k for k, n in enumerate(part.nodes) if n]
        at = [row[part.nodes[k]] for k in live]
        np.add.at(y, np.ix_(at, at), part.y[np.ix_(live, live)])
    split = [network.node_names[n].split(".", 1) for n in nodes]
    return Joint(
        buses=tuple(dict.fromkeys(bus for bus, _ in split)),
        names=tuple(part.name for part in parts),
        nodes=tuple(nodes),
        labels=tuple((bus, phase) for bus, phase in split),
        y=y,
    )
