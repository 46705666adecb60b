"""A car without a contract gets one, charges by it, loses it: over real sockets, with the car's own cryptography."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from csms.ids import StationId
from pki.issue import ca_id, root_of
from pki.profiles import Role, Suite
from pki.revoke import revoke
from tests.integration.pnc.car import EMAID, PCID, Car, new_car, sell_contract
from tests.integration.pnc.site import NoNetwork, new_pki, running
from tests.integration.whole_system.site import RawStation

CASES = pytest.mark.parametrize(
    ("version", "suite"),
    [("2.0.1", Suite.ISO_2), ("2.1", Suite.ISO_2), ("2.1", Suite.ISO_20)],
)
LONGEST_CERTIFICATE = {"2.0.1": 5_500, "2.1": 10_000}


async def authorize(station: RawStation, car: Car) -> dict[str, object]:
    assert len(car.contract_pem) <= LONGEST_CERTIFICATE[station.version]
    return await station.ask(
        "Authorize",
        {"idToken": {"idToken": EMAID, "type": "eMAID"}, "certificate": car.contract_pem},
    )


@CASES
async def test_install_charge_revoke_refuse(version: str, suite: Suite, tmp_path: Path) -> None:
    pki = new_pki(suite)
    root = root_of(pki.store, ca_id(suite, Role.V2G_ROOT))
    car = new_car(pki, suite)
    serial = sell_contract(pki)
    network = NoNetwork()
    async with running(tmp_path, pki, network) as site, site.station("CP1", version) as station:
        await site.know_token(EMAID)
        answer = await station.ask(
            "Get15118EVCertificate",
            {
                "iso15118SchemaVersion": car.namespace,
                "action": "Install",
                "exiRequest": car.installation_request((root,)),
            },
        )
        assert answer["status"] == "Accepted"
        assert car.install(answer["exiResponse"]).package.emaid == EMAID
        assert car.contract_key is not None

        assert await authorize(station, car) == {
            "idTokenInfo": {"status": "Accepted"},
            "certificateStatus": "Accepted",
        }
        begun = await station.ask("TransactionEvent", start_of(EMAID))
        assert begun["idTokenInfo"] == {"status": "Accepted"}

        revoke(pki, serial)
        assert await authorize(station, car) == {
            "idTokenInfo": {"status": "Invalid"},
            "certificateStatus": "CertificateRevoked",
        }
        assert network.asked == []
        events = await site.system.store.history.security_events(station_id=StationId("CP1"))
        assert [event.kind for event in events] == ["ContractCertificateRefused"]


async def test_a_contract_is_renewed_by_the_car_that_holds_it(tmp_path: Path) -> None:
    """M02; TC_M_28."""
    pki = new_pki(Suite.ISO_2)
    root = root_of(pki.store, ca_id(Suite.ISO_2, Role.V2G_ROOT))
    car = new_car(pki, Suite.ISO_2)
    sell_contract(pki)
    async with running(tmp_path, pki) as site, site.station("CP1", "2.0.1") as station:
        await site.know_token(EMAID)

        async def ask(action: str, request: str) -> None:
            answer = await station.ask(
                "Get15118EVCertificate",
                {
                    "iso15118SchemaVersion": car.namespace,
                    "action": action,
                    "exiRequest": request,
                },
            )
            assert answer["status"] == "Accepted"
            car.install(answer["exiResponse"], update=action == "Update")

        await ask("Install", car.installation_request((root,)))
        first = car.contract[0]
        await ask("Update", car.update_request((root,)))
        assert car.contract[0].serial_number != first.serial_number
        assert (await authorize(station, car))["certificateStatus"] == "Accepted"


async def test_a_car_takes_its_contracts_one_by_one(tmp_path: Path) -> None:
    pki = new_pki(Suite.ISO_20)
    root = root_of(pki.store, ca_id(Suite.ISO_20, Role.V2G_ROOT))
    car = new_car(pki, Suite.ISO_20)
    for emaid in (EMAID, "DEACMC87654321Y"):
        sell_contract(pki, emaid)
    request = {
        "iso15118SchemaVersion": car.namespace,
        "action": "Install",
        "exiRequest": car.installation_request((root,), maximum=2),
        "maximumContractCertificateChains": 2,
        "prioritizedEMAIDs": ["DE-ACM-C87654321-Y"],
    }
    async with running(tmp_path, pki) as site, site.station("CP1", "2.1") as station:
        first = await station.ask("Get15118EVCertificate", request)
        second = await station.ask("Get15118EVCertificate", request)
    assert (first["remainingContracts"], second["remainingContracts"]) == (1, 0)
    emaids = [car.install(each["exiResponse"]).package.emaid for each in (first, second)]
    assert emaids == ["DEACMC87654321Y", EMAID]


async def test_a_car_without_a_contract_is_told_so(tmp_path: Path) -> None:
    pki = new_pki(Suite.ISO_2)
    car = new_car(pki, Suite.ISO_2)
    root = root_of(pki.store, ca_id(Suite.ISO_2, Role.V2G_ROOT))
    async with running(tmp_path, pki) as site, site.station("CP1", "2.0.1") as station:
        answer = await station.ask(
            "Get15118EVCertificate",
            {
                "iso15118SchemaVersion": car.namespace,
                "action": "Install",
                "exiRequest": car.installation_request((root,)),
            },
        )
        garbage = await station.ask(
            "Get15118EVCertificate",
            {
                "iso15118SchemaVersion": car.namespace,
                "action": "Install",
                "exiRequest": base64.b64encode(b"\x80garbage").decode(),
            },
        )
    assert (answer["status"], answer["exiResponse"]) == ("Failed", "")
    assert PCID in answer["statusInfo"]["additionalInfo"]
    assert garbage["status"] == "Failed"


async def test_one_contract_in_two_places_is_flagged_and_refused_if_so_told(
    tmp_path: Path,
) -> None:
    pki = new_pki(Suite.ISO_2)
    car = new_car(pki, Suite.ISO_2)
    sell_contract(pki)
    root = root_of(pki.store, ca_id(Suite.ISO_2, Role.V2G_ROOT))
    async with (
        running(tmp_path, pki, concurrent_contracts="refuse") as site,
        site.station("CP1", "2.0.1") as here,
        site.station("CP2", "2.1") as there,
    ):
        await site.know_token("DE-ACM-C12345678-X")
        answer = await here.ask(
            "Get15118EVCertificate",
            {
                "iso15118SchemaVersion": car.namespace,
                "action": "Install",
                "exiRequest": car.installation_request((root,)),
            },
        )
        car.install(answer["exiResponse"])
        assert (await authorize(here, car))["idTokenInfo"] == {"status": "Accepted"}
        await here.ask("TransactionEvent", start_of(EMAID))
        assert await authorize(there, car) == {
            "idTokenInfo": {"status": "ConcurrentTx"},
            "certificateStatus": "Accepted",
        }
        await there.ask("TransactionEvent", start_of(EMAID))
        history = site.system.store.history
        flagged = await history.security_events(station_id=StationId("CP2"))
        assert {event.kind for event in flagged} == {"ContractInTwoPlaces"}
        assert len(flagged) == 2
        assert "CP1" in (flagged[0].info or "")


def start_of(emaid: str) -> dict[str, object]:
    return {
        "eventType": "Started",
        "timestamp": "2026-03-01T12:00:00Z",
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx-1"},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": emaid, "type": "eMAID"},
    }
