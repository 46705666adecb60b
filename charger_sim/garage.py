"""What the vehicles of a swarm hold for ISO 15118, issued by one PKI and used again at every visit."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from cryptography import x509

from charger_sim.iso15118.iso20 import Identity
from charger_sim.vehicle import Edition, EvCredentials
from pki.build import Subject
from pki.issue import Pki, ca_id, root_of
from pki.leaf import Credential, issue_credential
from pki.profiles import Role, Suite
from pki.provisioning import add_provisioning_certificate, generate_contract

if TYPE_CHECKING:
    from charger_sim.scenario import Visit

ORGANIZATION = "Simulated mobility operator"
SUITE_OF: dict[Edition, Suite] = {"iso15118-2": Suite.ISO_2, "iso15118-20": Suite.ISO_20}


class Garage:
    """Vehicles by their id token. A contract is issued when its vehicle first comes; without a
    PKI there are none, and drivers pay by card."""

    def __init__(self, pki: Pki | None) -> None:
        self._pki = pki
        self._known: dict[str, EvCredentials] = {}

    @property
    def sells_contracts(self) -> bool:
        return self._pki is not None

    def credentials(self, id_token: str, visit: Visit) -> EvCredentials:
        """Of the vehicle of a visit with ISO 15118; the same object whenever it comes back.

        Raises ``ValueError`` where it needs a contract and there is no PKI, ``PkiError``.
        """
        if visit.iso15118 is None:
            raise ValueError(f"vehicle {id_token} does not speak ISO 15118")
        if id_token not in self._known:
            made = self._made(id_token, visit.iso15118, visit.contract)
            made.external_payment = visit.external_payment
            self._known[id_token] = made
        return self._known[id_token]

    def _made(self, id_token: str, edition: Edition, contract: str) -> EvCredentials:
        evcc_id = (
            f"02{_digest(id_token)[:5].hex()}" if edition == "iso15118-2" else pcid_of(id_token)
        )
        if contract == "none":
            return EvCredentials(edition, evcc_id)
        if self._pki is None:
            raise ValueError(f"vehicle {id_token}: contracts need a PKI that sells them")
        pki, suite = self._pki, SUITE_OF[edition]
        made = EvCredentials(edition, evcc_id, roots=(self.root(suite),))
        if edition == "iso15118-20":
            made.tls = issue_credential(pki, suite, Role.VEHICLE, Subject(evcc_id, "Maker"))
        if contract == "installed":
            made.contract = Identity.of(self._contract(suite, emaid_of(id_token)))
            return made
        maker = Subject(pcid_of(id_token), "Maker")
        provisioning = issue_credential(pki, suite, Role.OEM_PROVISIONING, maker)
        made.provisioning = Identity.of(provisioning)
        add_provisioning_certificate(pki, made.provisioning.chain)
        generate_contract(pki, pcid_of(id_token), emaid_of(id_token), ORGANIZATION)
        return made

    def _contract(self, suite: Suite, emaid: str) -> Credential:
        if self._pki is None:
            raise ValueError(f"contract {emaid}: there is no PKI")
        return issue_credential(self._pki, suite, Role.CONTRACT, Subject(emaid, ORGANIZATION))

    def roots(self) -> tuple[x509.Certificate, ...]:
        """What a charger is to know, so that it can check contracts itself; none without a PKI."""
        if self._pki is None:
            return ()
        names = [ca_id(suite, Role.V2G_ROOT) for suite in SUITE_OF.values()]
        return tuple(root_of(self._pki.store, n) for n in names if self._pki.store.find(name=n))

    def root(self, suite: Suite) -> x509.Certificate:
        """The V2G root of an edition. Raises ``ValueError`` without a PKI."""
        if self._pki is None:
            raise ValueError("there is no PKI")
        return root_of(self._pki.store, ca_id(suite, Role.V2G_ROOT))


def emaid_of(id_token: str) -> str:
    """The eMAID of a vehicle's contract, 14 characters: known beforehand, so that a central system
    can be told."""
    return f"DESIMC{base64.b32encode(_digest(id_token)[:5]).decode()}"


def pcid_of(id_token: str) -> str:
    """Provisioning certificate id: 17 characters of a vehicle number, and a check character."""
    return f"SIMULATED{base64.b32encode(_digest(id_token)[:5]).decode()}X"


def _digest(id_token: str) -> bytes:
    return hashlib.sha256(id_token.encode()).digest()
