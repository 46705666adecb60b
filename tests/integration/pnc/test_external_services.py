"""The whole chain with everything outside: contract pool, root pool, EST and OCSP of another operator, over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from csms.clock import SystemClock
from csms.pnc.assemble import assemble, open_built_in
from csms.pnc.http import HttpxClient
from csms.settings.model import Pnc
from pki.hierarchy import Config, init_folder
from pki.issue import ca_id, root_of
from pki.profiles import Role, Suite
from pki.revoke import revoke
from pki.serve import create_app
from tests.integration.pnc.car import EMAID, new_car, sell_contract
from tests.integration.pnc.site import CONFIG, NoNetwork, new_pki, running
from tests.unit.pnc.test_signing import csr

TOKEN = "a bearer token of length"
SERVICES = {
    "root_pool_url": "https://opcp.example.com",
    "provisioning_url": "https://opcp.example.com",
    "est_url": "https://opcp.example.com/.well-known/est",
    "secret": TOKEN,
    "ocsp_hosts": ("ocsp.example.com",),
    "unknown_contracts": "accept",
}


async def test_the_whole_chain_over_http(tmp_path: Path) -> None:
    pki = new_pki(Suite.ISO_2)
    car = new_car(pki, Suite.ISO_2)
    serial = sell_contract(pki)
    root = root_of(pki.store, ca_id(Suite.ISO_2, Role.V2G_ROOT))
    app = create_app(pki, CONFIG, [TOKEN])
    client = HttpxClient(httpx.AsyncClient(transport=httpx.ASGITransport(app=app)))
    async with (
        running(tmp_path, None, client, **SERVICES) as site,
        site.station("CP1", "2.0.1") as station,
    ):
        pool = site.system.root_pool
        assert pool is not None
        await pool.read()
        answer = await station.ask(
            "Get15118EVCertificate",
            {
                "iso15118SchemaVersion": car.namespace,
                "action": "Install",
                "exiRequest": car.installation_request((root,)),
            },
        )
        car.install(answer["exiResponse"])
        question = {
            "idToken": {"idToken": EMAID, "type": "eMAID"},
            "certificate": car.contract_pem,
        }
        accepted = {"idTokenInfo": {"status": "Accepted"}, "certificateStatus": "Accepted"}
        assert await station.ask("Authorize", question) == accepted
        # The transaction that follows is not refused either, though no list had the contract.
        begun = await station.ask(
            "TransactionEvent",
            {
                "eventType": "Started",
                "timestamp": "2026-03-01T12:00:00Z",
                "triggerReason": "Authorized",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "tx-1"},
                "evse": {"id": 1},
                "idToken": question["idToken"],
            },
        )
        assert begun["idTokenInfo"] == {"status": "Accepted"}
        revoke(pki, serial)
        # What was learnt counts until it ends.
        assert await station.ask("Authorize", question) == accepted

        key = ec.generate_private_key(ec.SECP256R1())
        wanted = {"csr": csr(key), "certificateType": "V2GCertificate"}
        assert await station.ask("SignCertificate", wanted) == {"status": "Accepted"}
        sent = await station.asked_for("CertificateSigned")
        leaf = x509.load_pem_x509_certificate(sent["certificateChain"].encode())
        assert leaf.public_key() == key.public_key()

    async with (
        running(tmp_path, None, client, **SERVICES) as site,
        site.station("CP1", "2.0.1") as station,
    ):
        pool = site.system.root_pool
        assert pool is not None
        await pool.read()
        assert await station.ask("Authorize", question) == {
            "idTokenInfo": {"status": "Invalid"},
            "certificateStatus": "CertificateRevoked",
        }


async def test_without_the_root_nothing_of_another_operator_is_believed(tmp_path: Path) -> None:
    pki, own = new_pki(Suite.ISO_2), new_pki(Suite.ISO_2)
    car = new_car(pki, Suite.ISO_2)
    sell_contract(pki)
    root = root_of(own.store, ca_id(Suite.ISO_2, Role.V2G_ROOT))
    roots = tmp_path / "roots.pem"
    roots.write_bytes(root.public_bytes(Encoding.PEM))
    network = NoNetwork()
    async with (
        running(tmp_path, None, network, root_files=(roots,)) as site,
        site.station("CP1") as station,
    ):
        await site.know_token(EMAID)
        chain = "".join(
            each.public_bytes(Encoding.PEM).decode() for each in car.provisioning.issued.chain
        )
        answer = await station.ask(
            "Authorize",
            {"idToken": {"idToken": EMAID, "type": "eMAID"}, "certificate": chain},
        )
        assert answer["certificateStatus"] == "CertChainError"
        assert network.asked == []
        failed = await station.ask(
            "Get15118EVCertificate",
            {
                "iso15118SchemaVersion": car.namespace,
                "action": "Install",
                "exiRequest": car.installation_request((root,)),
            },
        )
        assert failed["status"] == "Failed"
        refused = await station.ask("SignCertificate", {"csr": "x"})
        assert refused["status"] == "Rejected"


def test_a_pki_folder_gives_all_ports(tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    passphrase = "correct horse battery"
    init_folder(folder, passphrase.encode(), Config("Acme"), suites=[Suite.OCPP])
    options = Pnc.model_validate(
        {"enabled": True, "pki_folder": folder, "pki_passphrase": passphrase}
    )
    ports = assemble(options, open_built_in(options), NoNetwork(), SystemClock())
    assert ports is not None
    assert ports.provisioning is not None
    assert ports.signer is not None
    assert ports.root_pool is None
    assert assemble(Pnc(), None, NoNetwork(), SystemClock()) is None
