"""Three-phase short-circuit levels of a radial feeder with current-limited inverters.

Initial symmetrical current after IEC 60909-0:2016: an equivalent voltage source c U_n at the fault
and, for full converters, a constant current k I_rated injected at their bus:

    I_k(j) = c U_n / (sqrt(3) |Z_jj|) + sum_f |Z_jf| / |Z_jj| k I_rated,f

Z is the bus impedance matrix, source included; in a radial network Z_jf is the impedance of the
path that j and f have in common. Transformer correction factors and line capacitance are left out.
A converter's current is what its software allows, not what its impedance would: `Inverter`
holds the limit and the voltage below which it stops feeding (momentary cessation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.grid.network import S_BASE_VA, Feeder
from csms.grid.swing import FloatArray, require_non_negative, require_positive

ComplexArray = NDArray[np.complex128]
VOLTAGE_TOLERANCE_PU = 1e-10
MAX_ITERATIONS = 200


class FaultConvergenceError(ArithmeticError):
    """The inverter voltages did not settle; carries residual (pu) and iterations."""

    def __init__(self, bus: int, residual_pu: float, iterations: int) -> None:
        super().__init__(
            f"fault at bus {bus}: inverter voltages still move by {residual_pu:.3g} pu "
            f"after {iterations} iterations"
        )
        self.residual_pu = residual_pu
        self.iterations = iterations


@dataclass(frozen=True, slots=True)
class Source:
    """The upstream grid: short-circuit power, its R/X and the IEC voltage factor."""

    s_sc_va: float = 200e6
    rx: float = 0.1
    c: float = 1.1

    def __post_init__(self) -> None:
        require_positive("Source", s_sc_va=self.s_sc_va, c=self.c)
        require_non_negative("Source", rx=self.rx)


@dataclass(frozen=True, slots=True)
class Inverter:
    """A fleet of inverters at one bus, as a limited current source.

    `k`: current limit over rated current. `cessation_v_pu`: below this terminal voltage it feeds
    nothing (0 = it always feeds, as IEC 60909 assumes). `constant_current`: True feeds the limit
    whatever the voltage (IEC 60909); False holds its power until the limit binds.
    """

    bus: int
    rated_va: float
    k: float = 1.2
    cessation_v_pu: float = 0.0
    constant_current: bool = True

    def __post_init__(self) -> None:
        require_non_negative(
            "Inverter", rated_va=self.rated_va, k=self.k, cessation_v_pu=self.cessation_v_pu
        )


@dataclass(frozen=True, slots=True, eq=False)
class FaultNetwork:
    """Positive-sequence radial network in per unit of one three-phase base."""

    names: tuple[str, ...]  # (n,)
    parent: NDArray[np.int64]  # (n,), parent[0] = -1, parent[i] < i
    z_path_pu: ComplexArray  # (n,) Z_jj: source and path from bus 0
    base_a: FloatArray  # (n,) base current
    base_va: float
    c: float

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.parent)

    def path(self, bus: int) -> list[int]:
        """Buses from `bus` to 0, both included."""
        chain = [bus]
        while bus > 0:
            bus = int(self.parent[bus])
            chain.append(bus)
        return chain

    def transfer_pu(self, bus: int) -> ComplexArray:
        """(n,) Z_jf for f = `bus`: the impedance of the common path."""
        if not 0 <= bus < self.n_bus:
            raise ValueError(f"bus {bus}: expected 0..{self.n_bus - 1}")
        on_path = np.zeros(self.n_bus, np.bool_)
        on_path[self.path(bus)] = True
        common = np.empty(self.n_bus, np.complex128)
        for j in range(self.n_bus):
            common[j] = self.z_path_pu[j] if on_path[j] else common[self.parent[j]]
        return common


def fault_network(
    parent: NDArray[np.integer],
    z_ohm: ComplexArray,
    u_n_v: float,
    source: Source,
    names: Sequence[str] | None = None,
) -> FaultNetwork:
    """A network of one voltage level from arrays: `parent` (n,), positive-sequence `z_ohm` (n,).

    `u_n_v` line to line. Raises ValueError for shapes that differ or buses out of order.
    """
    require_positive("fault_network", u_n_v=u_n_v)
    base_va = 3.0 * S_BASE_VA
    z_pu = np.asarray(z_ohm, np.complex128) / (u_n_v**2 / base_va)
    base_a = np.full(len(parent), base_va / (math.sqrt(3.0) * u_n_v))
    labels = tuple(names) if names is not None else tuple(str(i) for i in range(len(parent)))
    return _network(labels, parent, z_pu, base_a, base_va, source)


def feeder_fault_network(feeder: Feeder, source: Source) -> FaultNetwork:
    """The positive-sequence network of `feeder`, its taps at nominal."""
    base_va = 3.0 * S_BASE_VA
    base_a = S_BASE_VA / feeder.base_v
    return _network(feeder.bus_names, feeder.parent, feeder.z1_pu, base_a, base_va, source)


def fault_currents_a(network: FaultNetwork, inverters: Sequence[Inverter] = ()) -> FloatArray:
    """(n,) initial symmetrical short-circuit current for a fault at each bus, A (IEC 60909).

    Raises ValueError for an inverter that is not a constant-current source: the standard knows no
    other; see `branch_currents_a` for the software behaviours.
    """
    z = np.abs(network.z_path_pu)
    total = network.c / z
    for inverter in inverters:
        if not inverter.constant_current or inverter.cessation_v_pu > 0.0:
            raise ValueError(f"{inverter}: IEC 60909 takes a constant current")
        transfer = np.abs(network.transfer_pu(inverter.bus))
        total = total + transfer / z * inverter.k * inverter.rated_va / network.base_va
    return np.asarray(total * network.base_a, np.float64)


def branch_currents_a(
    network: FaultNetwork, fault_bus: int, inverters: Sequence[Inverter] = ()
) -> FloatArray:
    """(n,) current in branch i (parent to i) for a bolted fault at `fault_bus`, A.

    Positive toward the leaves; element 0 is the source's. Inverter currents are taken in phase with
    the fault current, which is the case most severe for a relay. Raises FaultConvergenceError.
    """
    z = network.z_path_pu
    if not 0 <= fault_bus < network.n_bus:
        raise ValueError(f"fault_bus {fault_bus}: expected 0..{network.n_bus - 1}")
    fault_current = network.c / z[fault_bus]
    direction = fault_current / abs(fault_current)
    injected = _injections_pu(network, fault_bus, inverters, direction)
    current = np.zeros(network.n_bus, np.complex128)
    fault_path = network.path(fault_bus)
    current[fault_path] += fault_current
    transfer = network.transfer_pu(fault_bus)
    for inverter, i_inv in zip(inverters, injected, strict=True):
        # The inverter's current meets the fault path at a bus of impedance Z_jf, and divides there.
        to_fault = i_inv * transfer[inverter.bus] / z[fault_bus]
        own_path = network.path(inverter.bus)
        current[own_path] -= i_inv
        current[fault_path] += to_fault
    return np.asarray((current / direction).real * network.base_a, np.float64)


def _injections_pu(
    network: FaultNetwork, fault_bus: int, inverters: Sequence[Inverter], direction: complex
) -> ComplexArray:
    """(n_inverter,) currents, each consistent with its terminal voltage during the fault."""
    if not inverters:
        return np.zeros(0, np.complex128)
    buses = np.array([inverter.bus for inverter in inverters])
    z_fault = network.z_path_pu[fault_bus]
    transfer = network.transfer_pu(fault_bus)[buses]
    mutual = np.array([network.transfer_pu(b)[buses] for b in buses])
    z_net = mutual - np.outer(transfer, transfer) / z_fault  # with the fault applied
    v_open = network.c * (1.0 - transfer / z_fault)
    current = np.zeros(len(buses), np.complex128)
    v = np.abs(v_open)
    residual = math.inf
    for _ in range(MAX_ITERATIONS):
        magnitude = np.array(
            [_limited_pu(i, float(u), network.base_va) for i, u in zip(inverters, v, strict=True)]
        )
        current = magnitude * direction
        v_new = np.abs(v_open + z_net @ current)
        residual = float(np.abs(v_new - v).max())
        if residual < VOLTAGE_TOLERANCE_PU:
            return current
        v = 0.5 * (v + v_new)
    raise FaultConvergenceError(fault_bus, residual, MAX_ITERATIONS)


def _limited_pu(inverter: Inverter, v_pu: float, base_va: float) -> float:
    if v_pu < inverter.cessation_v_pu:
        return 0.0
    rated = inverter.rated_va / base_va
    limit = inverter.k * rated
    return limit if inverter.constant_current or v_pu * limit <= rated else rated / v_pu


def _network(
    names: tuple[str, ...],
    parent: NDArray[np.integer],
    z_pu: ComplexArray,
    base_a: FloatArray,
    base_va: float,
    source: Source,
) -> FaultNetwork:
    n = len(parent)
    if z_pu.shape != (n,) or len(names) != n or not np.isfinite(z_pu).all():
        raise ValueError(f"fault network: expected finite z_ohm and names of shape ({n},)")
    above = np.asarray(parent, np.int64)
    if n == 0 or above[0] != -1 or ((above[1:] < 0) | (above[1:] >= np.arange(1, n))).any():
        raise ValueError("fault network: expected parent[0] = -1 and 0 <= parent[i] < i")
    z_source = source.c * base_va / source.s_sc_va
    x = z_source / math.hypot(1.0, source.rx)
    path = np.empty(n, np.complex128)
    path[0] = complex(source.rx * x, x)
    for i in range(1, n):
        path[i] = path[above[i]] + z_pu[i]
    return FaultNetwork(names, above, path, np.asarray(base_a, np.float64), base_va, source.c)
