"""Certificates of stations over real sockets: signed, listed, swapped, renewed; Plug & Charge of OCPP 1.6."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from csms.domain.certificates import PNC_VENDOR, RootUse
from csms.domain.commands import CommandState, GetInstalledCertificates
from csms.domain.errors import InvalidInput
from csms.ids import StationId
from csms.services.certificate_renewal import AHEAD
from csms.services.root_swap import swap_csms_root
from pki.build import Subject
from pki.hash_data import hash_data
from pki.hierarchy import Config, in_memory
from pki.issue import ca_id, root_of
from pki.leaf import issue_credential
from pki.profiles import Role, Suite
from pki.revoke import revoke
from tests.integration.pnc.car import EMAID, new_car, sell_contract
from tests.integration.pnc.site import new_pki, running
from tests.integration.whole_system.site import RawStation
from tests.unit.pnc.test_signing import csr

CP1 = StationId("CP1")


async def ask_16(station: RawStation, message: str, inner: dict[str, Any]) -> dict[str, Any]:
    answer = await station.ask(
        "DataTransfer",
        {"vendorId": PNC_VENDOR, "messageId": message, "data": json.dumps(inner)},
    )
    assert answer["status"] == "Accepted"
    told: dict[str, Any] = json.loads(answer["data"])
    return told


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_request_is_accepted_then_sent_signed(version: str, tmp_path: Path) -> None:
    """A02.FR.11; TC_A_11."""
    pki = new_pki(Suite.OCPP)
    key = ec.generate_private_key(ec.SECP256R1())
    payload: dict[str, Any] = {"csr": csr(key)}
    if version != "1.6":
        payload["certificateType"] = "ChargingStationCertificate"
    if version == "2.1":
        payload["requestId"] = 42
    async with running(tmp_path, pki) as site, site.station("CP1", version) as station:
        assert await station.ask("SignCertificate", payload) == {"status": "Accepted"}
        sent = await station.asked_for("CertificateSigned")
        leaf = x509.load_pem_x509_certificate(sent["certificateChain"].encode())
        assert leaf.public_key() == key.public_key()
        assert sent.get("requestId") == payload.get("requestId")
        events = await site.system.store.history.security_events(station_id=CP1)
        assert events == []


async def test_v2g_certificates_of_16_travel_in_data_transfer(tmp_path: Path) -> None:
    pki = new_pki(Suite.ISO_2)
    key = ec.generate_private_key(ec.SECP256R1())
    async with running(tmp_path, pki) as site, site.station("CP1", "1.6") as station:
        inner = {"csr": csr(key), "certificateType": "V2GCertificate"}
        assert await ask_16(station, "SignCertificate", inner) == {"status": "Accepted"}
        sent = await station.asked_for("DataTransfer")
        assert (sent["vendorId"], sent["messageId"]) == (PNC_VENDOR, "CertificateSigned")
        told = json.loads(sent["data"])
        assert told["certificateType"] == "V2GCertificate"
        leaf = x509.load_pem_x509_certificate(told["certificateChain"].encode())
        assert leaf.public_key() == key.public_key()


async def test_a_request_that_is_refused_and_a_certificate_that_is_are_security_events(
    tmp_path: Path,
) -> None:
    """TC_A_14: the station refuses what it was sent."""
    pki = new_pki(Suite.OCPP)
    good = csr(ec.generate_private_key(ec.SECP256R1()))
    answers = {"CertificateSigned": {"status": "Rejected"}}
    async with (
        running(tmp_path, pki) as site,
        site.station("CP1", "2.0.1", answers=answers) as station,  # type: ignore[arg-type]
    ):
        history = site.system.store.history

        async def kinds(n: int) -> list[str]:
            async with asyncio.timeout(30):
                while len(events := await history.security_events(station_id=CP1)) < n:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            return sorted(event.kind for event in events)

        assert (await station.ask("SignCertificate", {"csr": "garbage"}))["status"] == "Accepted"
        assert await kinds(1) == ["SigningRequestRefused"]
        assert (await station.ask("SignCertificate", {"csr": good}))["status"] == "Accepted"
        assert await kinds(2) == ["CertificateNotInstalled", "SigningRequestRefused"]


async def test_16_installs_a_contract_and_authorizes_by_it(tmp_path: Path) -> None:
    pki = new_pki(Suite.ISO_2)
    car = new_car(pki, Suite.ISO_2)
    serial = sell_contract(pki)
    root = root_of(pki.store, ca_id(Suite.ISO_2, Role.V2G_ROOT))
    async with running(tmp_path, pki) as site, site.station("CP1", "1.6") as station:
        await site.know_token(EMAID)
        installed = await ask_16(
            station,
            "Get15118EVCertificate",
            {
                "iso15118SchemaVersion": car.namespace,
                "action": "Install",
                "exiRequest": car.installation_request((root,)),
            },
        )
        car.install(installed["exiResponse"])
        token = {"idToken": EMAID, "type": "eMAID"}
        by_chain = {"idToken": token, "certificate": car.contract_pem}
        hashes = hash_data(car.contract[0], car.contract[1]).to_ocpp()
        by_hash = {
            "idToken": token,
            "iso15118CertificateHashData": [hashes | {"responderURL": "http://unused.example.com"}],
        }
        good = {"idTokenInfo": {"status": "Accepted"}, "certificateStatus": "Accepted"}
        assert await ask_16(station, "Authorize", by_chain) == good
        assert await ask_16(station, "Authorize", by_hash) == good
        revoke(pki, serial)
        bad = {"idTokenInfo": {"status": "Invalid"}, "certificateStatus": "CertificateRevoked"}
        assert await ask_16(station, "Authorize", by_chain) == bad
        assert await ask_16(station, "Authorize", by_hash) == bad


async def test_a_message_of_plug_and_charge_that_does_not_exist_is_told_so(tmp_path: Path) -> None:
    async with running(tmp_path, new_pki(Suite.ISO_2)) as site, site.station("CP1", "1.6") as cp:
        payload = {"vendorId": PNC_VENDOR, "messageId": "Nonsense", "data": "{}"}
        assert (await cp.ask("DataTransfer", payload))["status"] == "UnknownMessageId"


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_the_status_of_a_certificate_is_the_responders_answer(
    version: str, tmp_path: Path
) -> None:
    """M06.FR.02-04; TC_M_24."""
    pki = new_pki(Suite.ISO_2)
    issued = issue_credential(pki, Suite.ISO_2, Role.SECC, Subject("CP1", "Acme")).issued
    hashes = hash_data(issued.certificate, issued.intermediates[0]).to_ocpp()
    async with running(tmp_path, pki) as site, site.station("CP1", version) as station:
        question = {"ocspRequestData": hashes | {"responderURL": "http://ocsp.example.com/ocsp"}}
        answer = await station.ask("GetCertificateStatus", question)
        assert answer["status"] == "Accepted"
        response = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
        assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
        question["ocspRequestData"]["issuerKeyHash"] = "ab" * 32
        assert (await station.ask("GetCertificateStatus", question))["status"] == "Failed"
        if version == "2.1":
            url = ["http://ocsp.example.com/ocsp"]
            wanted = [{"certificateHashData": hashes, "source": "OCSP", "urls": url}]
            chain = await station.ask(
                "GetCertificateChainStatus", {"certificateStatusRequests": wanted}
            )
            (status,) = chain["certificateStatus"]
            assert (status["status"], status["certificateHashData"]) == ("Good", hashes)


async def test_an_emaid_without_its_certificate_proves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, new_pki(Suite.ISO_2)) as site, site.station("CP1") as station:
        await site.know_token(EMAID)
        token = {"idToken": {"idToken": EMAID, "type": "eMAID"}}
        assert await station.ask("Authorize", token) == {
            "idTokenInfo": {"status": "Invalid"},
            "certificateStatus": "NoCertificateAvailable",
        }


class Store:
    """A station's store of CSMS roots; the first one signed itself and the others."""

    def __init__(self, *roots: x509.Certificate) -> None:
        self.roots = list(roots)
        self.takes = True

    def install(self, payload: dict[str, Any]) -> dict[str, Any]:
        if self.takes:
            self.roots.append(x509.load_pem_x509_certificate(payload["certificate"].encode()))
        return {"status": "Accepted" if self.takes else "Rejected"}

    def list_all(self, payload: dict[str, Any]) -> dict[str, Any]:
        entries = [
            {
                "certificateType": "CSMSRootCertificate",
                "certificateHashData": hash_data(each, self.roots[0]).to_ocpp(),
            }
            for each in self.roots
        ]
        if not entries:
            return {"status": "NotFound"}
        return {"status": "Accepted", "certificateHashDataChain": entries}

    @property
    def answers(self) -> dict[str, Any]:
        return {
            "InstallCertificate": self.install,
            "GetInstalledCertificateIds": self.list_all,
        }


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


async def test_a_new_csms_root_must_be_signed_by_the_old_one(tmp_path: Path) -> None:
    """M05.FR.09-13: the old one stays as fallback."""
    pki = new_pki(Suite.OCPP)
    old = root_of(pki.store, ca_id(Suite.OCPP, Role.CSMS_ROOT))
    new = pki.store.current(ca_id(Suite.OCPP, Role.CSMS_SUB)).certificate  # signed by the old one
    stranger_pki = in_memory(Config("Other"), suites=[Suite.OCPP])
    stranger = root_of(stranger_pki.store, ca_id(Suite.OCPP, Role.CSMS_ROOT))
    store = Store(old)
    async with (
        running(tmp_path, pki) as site,
        site.station("CP1", "2.0.1", answers=store.answers) as station,
    ):
        desk = site.system.desk
        with pytest.raises(InvalidInput, match=r"M05\.FR\.10"):
            await swap_csms_root(
                desk, CP1, old_pem=pem(old), new_pem=pem(stranger), issued_by="test"
            )
        assert all(action != "InstallCertificate" for action, _ in station.asked)
        swap = await swap_csms_root(desk, CP1, old_pem=pem(old), new_pem=pem(new), issued_by="test")
        assert (swap.installed, swap.fallback_kept) == (True, True)
        store.takes = False
        refused = await swap_csms_root(
            desk, CP1, old_pem=pem(old), new_pem=pem(new), issued_by="test"
        )
        assert (refused.installed, refused.reason) == (False, "Rejected")
        store.roots.clear()
        record = await desk.submit(
            CP1, GetInstalledCertificates(uses=(RootUse.CSMS,)), issued_by="test"
        )
        final = await desk.finished(record.command_id, 30.0)
        assert (final.state, final.status) == (CommandState.ACCEPTED, "NotFound")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.6", ("ExtendedTriggerMessage", "SignChargePointCertificate")),
        ("2.1", ("TriggerMessage", "SignChargingStationCertificate")),
    ],
)
async def test_a_station_whose_certificate_ends_soon_is_asked_to_renew_it(
    version: str, message: tuple[str, str], tmp_path: Path
) -> None:
    pki = new_pki(Suite.OCPP)
    async with running(tmp_path, pki) as site, site.station("CP1", version) as station:
        renewal = site.system.renewal
        assert renewal is not None
        assert await renewal.look() == 0
        key = ec.generate_private_key(ec.SECP256R1())
        await station.ask("SignCertificate", {"csr": csr(key)})
        await station.asked_for("CertificateSigned")
        assert await renewal.look() == 0
        renewal._clock = Later(site.system.clock.now() + 2 * 365 * AHEAD / 30 - AHEAD)
        assert await renewal.look() == 1
        assert await renewal.look() == 0
        assert (await station.asked_for(message[0]))["requestedMessage"] == message[1]


class Later:
    def __init__(self, at: Any) -> None:
        self.at = at

    def now(self) -> Any:
        return self.at

    def monotonic(self) -> float:
        return 0.0
