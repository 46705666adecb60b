"""Shares of contracts in scenarios, what the vehicles hold, and what stations keep and offer."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from charger_sim.contract_share import with_contracts
from charger_sim.garage import Garage, emaid_of, pcid_of
from charger_sim.scenario import Scenario, ScenarioError, StationSpec, Visit, check
from charger_sim.station.certificates import MAX_ROOTS, CertificateStore
from charger_sim.station.iso15118.proof import hashes_of, leads_to
from charger_sim.toml_writer import scenario_to_toml
from pki.build import Subject
from pki.hash_data import hash_data
from pki.hierarchy import Config, in_memory
from pki.issue import Pki
from pki.leaf import issue_for_request
from pki.profiles import Role, Suite

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Then:
    def now(self) -> datetime:
        return NOW


@pytest.fixture(scope="module")
def pki() -> Pki:
    config = Config("Acme", ocsp_url="http://ocsp.example.com/ocsp")
    return in_memory(config, suites=[Suite.ISO_2, Suite.ISO_20], clock=Then())


def other_pki(name: str) -> Pki:
    config = Config(name, ocsp_url="http://ocsp.example.com/ocsp")
    return in_memory(config, suites=[Suite.ISO_2], clock=Then())


def visit(**changes: object) -> Visit:
    given = {"capacity_wh": 60_000.0, "soc_frac": 0.5, "max_charge_w": 11_000.0} | changes
    return msgspec.convert(given, Visit)


def scene(n: int, seed: int = 1) -> Scenario:
    return check(
        Scenario(
            name="s",
            seed=seed,
            tick_s=60.0,
            stations=tuple(
                StationSpec(
                    id=f"S{k}", version="2.1", kind="DC", max_charge_w=11_000.0, bus="1",
                    max_discharge_w=11_000.0 if k % 2 else 0.0,
                    visits=(visit(max_discharge_w=11_000.0), visit(max_discharge_w=11_000.0, arrival_s=99.0)),
                )
                for k in range(n)
            ),
        )
    )  # fmt: skip


@given(st.floats(0.0, 1.0), st.integers(0, 10_000))
def test_a_share_of_vehicles_gets_contracts_and_keeps_them(share: float, seed: int) -> None:
    dealt = with_contracts(scene(200, seed), share)
    kinds = Counter(spec.visits[0].contract for spec in dealt.stations)
    assert (200 - kinds["none"]) / 200 == pytest.approx(share, abs=0.15)
    assert abs(kinds["installed"] - kinds["on-plug-in"]) <= 1
    for spec in dealt.stations:
        assert len({(v.contract, v.iso15118) for v in spec.visits}) == 1  # the same car comes again
        if spec.visits[0].contract != "none":
            both_ways = spec.max_discharge_w > 0.0
            assert spec.visits[0].iso15118 == ("iso15118-20" if both_ways else "iso15118-2")
    assert dealt.charge_loop_s <= 30.0  # a charge controller waits 60 s
    assert with_contracts(scene(200, seed), share) == dealt


def test_a_share_out_of_range_and_a_contract_without_iso_15118_are_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        with_contracts(scene(1), 1.1)
    spec = msgspec.structs.replace(scene(1).stations[0], visits=(visit(contract="installed"),))
    with pytest.raises(ScenarioError, match="needs ISO 15118"):
        check(msgspec.structs.replace(scene(1), stations=(spec,)))


def test_contracts_survive_the_scenario_file() -> None:
    dealt = with_contracts(scene(4), 1.0)
    assert msgspec.convert(tomllib.loads(scenario_to_toml(dealt)), Scenario) == dealt


@given(st.text(st.characters(codec="ascii", exclude_characters="\x00"), min_size=1, max_size=20))
def test_names_of_contracts_and_cars_fit_the_schemas(id_token: str) -> None:
    """eMAID of ISO 15118-2 annex H: 14 characters; PCID: 17 and a check character."""
    assert len(emaid_of(id_token)) == 14
    assert emaid_of(id_token).isalnum()
    assert len(pcid_of(id_token)) == 18


def test_a_vehicle_keeps_what_it_holds_from_visit_to_visit(pki: Pki) -> None:
    garage = Garage(pki)
    coming = visit(iso15118="iso15118-2", contract="on-plug-in")
    first = garage.credentials("EV-1", coming)
    assert garage.credentials("EV-1", coming) is first
    assert first.contract is None
    assert first.provisioning is not None
    assert garage.credentials("EV-2", coming).evcc_id != first.evcc_id
    with pytest.raises(ValueError, match="PKI"):
        Garage(None).credentials("EV-1", coming)
    card = Garage(None).credentials("EV-1", visit(iso15118="iso15118-20"))
    assert not card.by_contract


def test_a_station_judges_chains_by_its_own_roots_and_names_responders(pki: Pki) -> None:
    held = Garage(pki).credentials("EV-9", visit(iso15118="iso15118-2", contract="installed"))
    assert held.contract is not None
    chain, root = held.contract.chain, Garage(pki).root(Suite.ISO_2)
    assert leads_to(chain, [root], NOW)
    assert not leads_to(chain, [], NOW)
    assert not leads_to(chain, [Garage(pki).root(Suite.ISO_20)], NOW)
    assert not leads_to(chain, [root], NOW.replace(year=2040))
    assert not leads_to((b"garbage",), [root], NOW)
    entries = hashes_of(chain, [root])
    leaf, issuer = (x509.load_der_x509_certificate(each) for each in chain[:2])
    assert {**entries[0], "responderURL": ""} == hash_data(leaf, issuer).to_ocpp() | {
        "responderURL": ""
    }
    assert len(entries) == len(chain)
    without = (root.public_bytes(Encoding.DER),)
    assert hashes_of(without, [root]) == []  # a root names no responder


def test_a_certificate_for_another_key_is_not_taken(pki: Pki) -> None:
    store, random = CertificateStore(), lambda n: bytes(range(n))
    request = x509.load_pem_x509_csr(
        store.signing_request("V2GCertificate", "CP-1", random).encode()
    )
    issued = issue_for_request(pki, Suite.ISO_2, Role.SECC, request, Subject("CP-1", "Acme"))
    chain = list(issued.chain)
    assert not store.signed("V2G20Certificate", chain)
    assert not store.signed("V2GCertificate", chain[1:])
    assert store.signed("V2GCertificate", chain)
    assert not store.signed("V2GCertificate", chain)  # nothing waits any more
    store.install("V2GRootCertificate", Garage(pki).root(Suite.ISO_2))
    (entry,) = store.entries(["V2GCertificateChain"])
    assert entry["certificateHashData"] == hash_data(chain[0], chain[1]).to_ocpp()
    assert len(entry["childCertificateHashData"]) == 2  # type: ignore[arg-type]
    assert store.delete(hash_data(chain[0], chain[1]).to_ocpp())
    assert not store.delete(hash_data(chain[0], chain[1]).to_ocpp())
    assert store.credentials == {}


def test_a_station_has_room_for_so_many_roots_only() -> None:
    store = CertificateStore()
    many = [Garage(other_pki(f"O{n}")).root(Suite.ISO_2) for n in range(3)]
    kinds = ["V2GRootCertificate", "MORootCertificate", "OEMRootCertificate", "CSMSRootCertificate",
             "ManufacturerRootCertificate"]  # fmt: skip
    taken = [store.install(kind, root) for kind in kinds for root in many]
    assert all(taken)
    assert store.install(kinds[0], many[0])  # again: it is there already
    assert len(store.entries(None)) == len(kinds) * len(many) <= MAX_ROOTS
