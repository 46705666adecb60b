"""What a measurement needs to know of an edition: its machines, and its cost in operations."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from charger_sim.iso15118.backend import Backend
from charger_sim.iso15118.machine import Machine
from pki.keys import PrivateKey

Auth: TypeAlias = Literal["pnc", "eim"]
Transport: TypeAlias = Literal["memory", "loopback"]


@dataclass(frozen=True, slots=True)
class Party:
    """One session's machines, new for each repetition."""

    secc: Machine
    evcc: Machine
    backend: Backend


@dataclass(frozen=True, slots=True)
class Flow:
    """A handshake that can be repeated.

    `protocol` is the namespace that supportedAppProtocol agrees on. `operations` are primitives by
    name, each done once when called; `counts` tells for each step ("Connect", or the request's name
    without Req) how often each of them occurs on either side, besides what every message costs
    anyway: EXI, the round trip, and the signature of those that have one.
    """

    protocol: str
    party: Callable[[], Party]
    tls_secc: ssl.SSLContext | None
    tls_evcc: ssl.SSLContext | None
    operations: Mapping[str, Callable[[], object]]
    counts: Mapping[str, Mapping[str, int]]
    last: str = "Authorization"
    """The step that ends the handshake: the last one of this name in a session."""
    signer: PrivateKey | None = None
    """A key like those that sign messages; None where none are signed."""
    tls_round_trips: int = 2
    """Of the TLS handshake: 2 for TLS 1.2, 1 for TLS 1.3."""
