"""The feeder: an immutable radial network, its loads and its ratings.

Bus 0 is the source; every other bus ``i`` hangs on ``parent[i] < i`` (breadth-first order) by branch ``i``,
so that a sweep from the leaves to the source is a loop from ``n - 1`` down to ``1``. SI at this edge: ohm,
W, var, A, VA and volts line to neutral. Inside the kernels powers are per unit of ``S_BASE_VA`` **per
phase** and voltages per unit of the bus's own base; a transformer is a branch whose two ends have
different bases. Load is positive (the project's one sign convention).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

S_BASE_VA = 1.0e6
"""Per-unit power base of one phase."""

ABC = "abc"


class FeederError(ValueError):
    """A network that cannot be a radial feeder; the message names the buses and the reason."""


@dataclass(frozen=True, eq=False)
class Feeder:
    """A radial feeder. Build it with :func:`csms.grid.builder.build_feeder` or read it from a file.

    Arrays are read-only. Where a phase is absent (``phase_mask`` false) its loads are zero and its rows
    and columns of ``z_ohm`` are zero.
    """

    name: str
    bus_names: tuple[str, ...]  # (n,)
    parent: IntArray  # (n,), parent[0] = -1
    z_ohm: ComplexArray  # (n, 3, 3) series impedance of branch i, referred to bus i; z_ohm[0] = 0
    phase_mask: BoolArray  # (n, 3)
    base_v: FloatArray  # (n,) V, line to neutral
    source_v_pu: float
    p_w: FloatArray  # (n, 3) static loads
    q_var: FloatArray  # (n, 3)
    ampacity_a: FloatArray  # (n,) per phase of branch i, inf where unlimited
    rating_va: FloatArray  # (n,) of all phases together (transformers), inf where unlimited
    tap: FloatArray | None = None  # (n, 3) off-nominal voltage gain parent -> i in pu; None: all 1
    b_shunt_s: FloatArray | None = None  # (n, 3) siemens to earth at bus i (capacitors > 0)
    xy: FloatArray | None = None  # (n, 2) drawing coordinates
    source: str = field(default="", compare=False)  # where the data came from

    def __post_init__(self) -> None:
        for name in (
            "parent",
            "z_ohm",
            "phase_mask",
            "base_v",
            "p_w",
            "q_var",
            "ampacity_a",
            "rating_va",
        ):
            getattr(self, name).setflags(write=False)
        for optional in (self.tap, self.b_shunt_s, self.xy):
            if optional is not None:
                optional.setflags(write=False)

    @property
    def n_bus(self) -> int:
        return len(self.bus_names)

    @cached_property
    def bus_index(self) -> dict[str, int]:
        """Bus name -> index."""
        return {name: i for i, name in enumerate(self.bus_names)}

    def bus(self, name: str) -> int:
        """Index of the bus called ``name``; raises :class:`FeederError` with the nearest names."""
        try:
            return self.bus_index[name]
        except KeyError:
            from difflib import get_close_matches

            near = get_close_matches(name, self.bus_names, 3) or self.bus_names[:3]
            raise FeederError(
                f"feeder {self.name!r} has no bus {name!r}; near: {', '.join(near)}"
            ) from None

    @cached_property
    def z_base_ohm(self) -> FloatArray:
        """(n,) ohm."""
        return self.base_v**2 / S_BASE_VA

    @cached_property
    def z_pu(self) -> ComplexArray:
        """(n, 3, 3) pu."""
        return np.ascontiguousarray(self.z_ohm / self.z_base_ohm[:, None, None])

    @cached_property
    def symmetric(self) -> bool:
        """Whether every branch is three-phase and looks alike from each phase, without taps or shunts.

        With balanced loads such a feeder is solved exactly by its positive-sequence equivalent.
        """
        z = self.z_ohm
        diagonal = z[:, 0, 0, None] == np.diagonal(z, axis1=1, axis2=2)
        mutual = z[:, 0, 1, None, None] == z[:, [0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]][:, None, :]
        plain = self.tap is None and self.b_shunt_s is None
        return bool(plain and self.phase_mask.all() and diagonal.all() and mutual.all())

    @cached_property
    def balanced(self) -> bool:
        """Whether network and static loads are both symmetric: one phase stands for all."""
        equal = np.all(self.p_w == self.p_w[:, :1]) and np.all(self.q_var == self.q_var[:, :1])
        return bool(self.symmetric and equal)

    @cached_property
    def z1_pu(self) -> ComplexArray:
        """(n,) positive-sequence impedance, pu; exact where :attr:`symmetric`."""
        z = self.z_pu
        own = np.trace(z, axis1=1, axis2=2) / 3.0
        mutual = (z.sum(axis=(1, 2)) - 3.0 * own) / 6.0
        return np.ascontiguousarray(own - mutual)

    @cached_property
    def r1_pu(self) -> FloatArray:
        """(n,) real part of :attr:`z1_pu`."""
        return np.ascontiguousarray(self.z1_pu.real)

    @cached_property
    def x1_pu(self) -> FloatArray:
        """(n,) imaginary part of :attr:`z1_pu`."""
        return np.ascontiguousarray(self.z1_pu.imag)

    def path(self, bus: int) -> list[int]:
        """Buses from ``bus`` up to the source, both included."""
        chain = [bus]
        while bus > 0:
            bus = int(self.parent[bus])
            chain.append(bus)
        return chain


def balanced_feeder(
    name: str,
    parent: NDArray[np.integer],
    z1_ohm: ComplexArray,
    p_w: FloatArray,
    q_var: FloatArray,
    *,
    base_ll_v: float,
    source_v_pu: float = 1.0,
) -> Feeder:
    """A balanced feeder straight from arrays already in breadth-first order.

    ``parent`` (n,), ``z1_ohm`` (n,) positive sequence, ``p_w`` and ``q_var`` (n,) three-phase totals. The
    zero sequence is taken equal to the positive one. Raises :class:`FeederError`.
    """
    n = len(parent)
    order = np.arange(n)
    if n == 0 or parent[0] != -1 or np.any(parent[1:] >= order[1:]) or np.any(parent[1:] < 0):
        raise FeederError("parent must be breadth-first: parent[0] = -1 and 0 <= parent[i] < i")
    for label, value in (("z1_ohm", z1_ohm), ("p_w", p_w), ("q_var", q_var)):
        if value.shape != (n,) or not np.isfinite(value).all():
            raise FeederError(f"{label} must be finite with shape ({n},), got {value.shape}")
    z = np.zeros((n, 3, 3), complex)
    z[1:] = z1_ohm[1:, None, None] * np.eye(3)
    return Feeder(
        name=name,
        bus_names=tuple(str(i) for i in range(n)),
        parent=np.array(parent, np.int32),
        z_ohm=z,
        phase_mask=np.ones((n, 3), bool),
        base_v=np.full(n, base_ll_v / 3.0**0.5),
        source_v_pu=source_v_pu,
        p_w=np.repeat(p_w[:, None] / 3.0, 3, axis=1),
        q_var=np.repeat(q_var[:, None] / 3.0, 3, axis=1),
        ampacity_a=np.full(n, np.inf),
        rating_va=np.full(n, np.inf),
    )
