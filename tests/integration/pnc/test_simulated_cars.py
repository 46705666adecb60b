"""A car without a contract gets one as it is plugged in, charges by it, and is turned away once it is
revoked: the simulator's own car and charger against the central system, over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from charger_sim.garage import Garage, emaid_of
from charger_sim.iso15118.machine import Ending
from charger_sim.scenario import Visit
from charger_sim.station.config import Version
from charger_sim.vehicle import Edition
from csms.domain.transaction import Transaction
from csms.ids import StationId, TransactionId
from pki.profiles import Suite
from pki.revoke import revoke
from tests.integration.iso15118.test_sdp_shell import multicast_interface
from tests.integration.pnc.simulated import charger, vehicle
from tests.integration.pnc.site import new_pki, running
from tests.integration.whole_system.site import Site

EMAID = emaid_of("EV-1")


def visit(edition: Edition, contract: str = "on-plug-in") -> Visit:
    return Visit(
        capacity_wh=1_000.0,
        soc_frac=0.2,
        max_charge_w=22_000.0,
        iso15118=edition,
        contract=contract,  # type: ignore[arg-type]
    )


async def stored(site: Site, key: str) -> Transaction:
    """The central system's record of an ended transaction, waited for."""
    history = site.system.store.history
    async with asyncio.timeout(20):
        while True:
            kept = await history.transaction(StationId("SIM-1"), TransactionId(key))
            if kept is not None and not kept.is_open:
                return kept
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("version", "edition", "suite", "refusal"),
    [
        ("1.6", "iso15118-2", Suite.ISO_2, "FAILED_CertificateRevoked"),
        ("2.0.1", "iso15118-2", Suite.ISO_2, "FAILED_CertificateRevoked"),
        ("2.1", "iso15118-2", Suite.ISO_2, "FAILED_CertificateRevoked"),
        ("2.1", "iso15118-20", Suite.ISO_20, "WARNING_CertificateRevoked"),
    ],
)
async def test_install_charge_revoke_refuse(
    version: Version, edition: Edition, suite: Suite, refusal: str, tmp_path: Path
) -> None:
    pki = new_pki(suite)
    credentials = Garage(pki).credentials("EV-1", visit(edition))
    assert credentials.contract is None
    messages: list[str] = []
    async with running(tmp_path, pki) as site, charger(site, version, messages=messages) as cp:
        await site.know_token(EMAID)
        end = await cp.charge(vehicle(credentials))
        assert (end.car.ending, end.charger.ending) == (Ending.TERMINATED, Ending.TERMINATED), end
        assert end.installed
        assert "CertificateInstallationRes" in messages
        contract = credentials.contract
        assert contract is not None
        (tx,) = cp.station.sessions.history
        assert (tx.id_token, tx.stopped_reason) == (EMAID, "StoppedByEV")
        key = str(tx.ocpp_id) if version == "1.6" else tx.key

        kept = await stored(site, key)
        assert kept.token is not None
        assert kept.token.value == EMAID
        assert kept.token.kind == ("eMAID" if version != "1.6" else kept.token.kind)
        assert kept.energy_wh == pytest.approx(100.0 / 0.94, abs=1.0)

        cp.station.sessions.unplug(1)
        revoke(pki, contract.leaf.serial_number)
        before_wh = cp.station.evses[1].meter.import_wh
        again = await cp.charge(vehicle(credentials))
        assert (again.car.ending, again.car.response_code) == (Ending.REFUSED, refusal)
        assert cp.station.evses[1].meter.import_wh == before_wh
        assert len(cp.station.sessions.history) == 1


@pytest.mark.parametrize(
    ("version", "edition", "suite"),
    [
        ("1.6", "iso15118-2", Suite.ISO_2),
        ("2.0.1", "iso15118-2", Suite.ISO_2),
        ("2.1", "iso15118-20", Suite.ISO_20),
    ],
)
async def test_over_tls_the_charger_shows_a_certificate_that_the_central_system_had_signed(
    version: Version, edition: Edition, suite: Suite, tmp_path: Path
) -> None:
    """A02: SignCertificate (V2GCertificate, V2G20Certificate), CertificateSigned; then real sockets."""
    pki = new_pki(suite)
    garage = Garage(pki)
    credentials = garage.credentials("EV-1", visit(edition))
    async with running(tmp_path, pki) as site, charger(site, version, wire="tls") as cp:
        await site.know_token(EMAID)
        certificates = cp.station.certificates
        certificates.install("OEMRootCertificate", garage.root(suite))
        end = await cp.charge(vehicle(credentials))
        assert (end.car.ending, end.installed) == (Ending.TERMINATED, True), end
        (credential,) = certificates.credentials.values()
        assert credential.issued.certificate.issuer == credential.issued.intermediates[0].subject
        assert cp.station.evses[1].meter.import_wh > 100.0


async def test_a_car_finds_its_charger_by_discovery(tmp_path: Path) -> None:
    """SDP by multicast, then TLS to where the answer says."""
    interface = multicast_interface()
    if interface is None:
        pytest.skip("no interface for IPv6 multicast")
    pki = new_pki(Suite.ISO_2)
    credentials = Garage(pki).credentials("EV-1", visit("iso15118-2"))
    async with (
        running(tmp_path, pki) as site,
        charger(site, "2.0.1", wire="tls", sdp_interface=interface) as cp,
    ):
        await site.know_token(EMAID)
        end = await cp.charge(vehicle(credentials))
        assert (end.car.ending, end.installed) == (Ending.TERMINATED, True), end


async def test_without_tls_a_charger_offers_no_contracts(tmp_path: Path) -> None:
    """V2G2-643: the car is told so, and ends."""
    pki = new_pki(Suite.ISO_2)
    credentials = Garage(pki).credentials("EV-1", visit("iso15118-2"))
    async with running(tmp_path, pki) as site, charger(site, "2.0.1", wire="tcp") as cp:
        end = await cp.charge(vehicle(credentials))
        assert end.car.ending is Ending.REFUSED
        assert "ExternalPayment" in end.car.detail
        assert cp.station.evses[1].meter.import_wh == 0.0


async def test_a_contract_is_renewed_in_the_session_that_uses_it(tmp_path: Path) -> None:
    """M02: CertificateUpdate, then PaymentDetails with the new one."""
    pki = new_pki(Suite.ISO_2)
    credentials = Garage(pki).credentials("EV-1", visit("iso15118-2"))
    async with running(tmp_path, pki) as site, charger(site, "2.1") as cp:
        await site.know_token(EMAID)
        await cp.charge(vehicle(credentials))
        first = credentials.contract
        assert first is not None
        cp.station.sessions.unplug(1)
        credentials.update_contract = True
        end = await cp.charge(vehicle(credentials))
        assert (end.car.ending, end.installed) == (Ending.TERMINATED, True), end
        assert credentials.contract is not None
        assert credentials.contract.leaf.serial_number != first.leaf.serial_number


async def test_a_station_sends_a_car_whose_maker_is_unknown_away(tmp_path: Path) -> None:
    """No contract is found: the car has nothing to charge on."""
    stranger = Garage(new_pki(Suite.ISO_2)).credentials("EV-1", visit("iso15118-2"))
    async with running(tmp_path, new_pki(Suite.ISO_2)) as site, charger(site, "2.0.1") as cp:
        end = await cp.charge(vehicle(stranger))
        assert end.car.response_code == "FAILED_NoCertificateAvailable"
        assert stranger.contract is None
        assert cp.station.sessions.history == []
