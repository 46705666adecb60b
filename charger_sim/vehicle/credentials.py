"""What a car holds for ISO 15118: which edition it speaks, and how it identifies itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from cryptography import x509

from charger_sim.iso15118.iso20 import Identity
from pki.leaf import Credential

Edition = Literal["iso15118-2", "iso15118-20"]
EDITIONS: tuple[Edition, ...] = ("iso15118-2", "iso15118-20")


@dataclass(slots=True)
class EvCredentials:
    """``contract`` is what the car charges on, and changes when it is given another one.

    Without ``contract`` the car asks for one with its ``provisioning`` certificate; with neither
    it leaves identification to its driver (EIM). ``external_payment`` has the driver's card stand
    in where the contract is refused, in a second session. ``roots`` are what the car trusts,
    ``tls`` its certificate as a TLS client (-20).
    """

    edition: Edition
    evcc_id: str
    roots: tuple[x509.Certificate, ...] = ()
    provisioning: Identity | None = None
    contract: Identity | None = None
    external_payment: bool = False
    update_contract: bool = False
    tls: Credential | None = None

    @property
    def by_contract(self) -> bool:
        return self.contract is not None or self.provisioning is not None

    def without_contract(self) -> EvCredentials:
        """The same car, when its driver pays by card."""
        return replace(self, contract=None, provisioning=None)
