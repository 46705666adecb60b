"""The root swap over REST, and who may touch certificates."""

from __future__ import annotations

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from csms.ids import StationId
from csms.services.api_keys import Role
from pki.issue import ca_id, root_of
from pki.profiles import Role as CertificateRole
from pki.profiles import Suite
from tests.unit.api.fakes import Site
from tests.unit.pki.support import shared_pki

PATH = "/v1/stations/CP-1/csms-root"


def pems() -> dict[str, str]:
    pki = shared_pki(Suite.OCPP)
    old = root_of(pki.store, ca_id(Suite.OCPP, CertificateRole.CSMS_ROOT))
    new = pki.store.current(ca_id(Suite.OCPP, CertificateRole.CSMS_SUB)).certificate
    return {
        "old_pem": old.public_bytes(Encoding.PEM).decode(),
        "new_pem": new.public_bytes(Encoding.PEM).decode(),
    }


async def test_a_root_is_swapped_and_what_the_station_lists_is_told(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await client.post(PATH, json=pems(), headers=admin)
    assert answer.status_code == 200
    # The station of this test lists nothing.
    assert answer.json() == {
        "installed": False,
        "fallback_kept": False,
        "reason": "accepted, but the station does not list it",
    }
    kinds = [type(command).__name__ for _, command in site.courier.delivered]
    assert kinds == ["InstallCertificate", "GetInstalledCertificates"]


@pytest.mark.parametrize(
    ("changed", "status"), [({"new_pem": "no PEM"}, 422), ({"old_pem": 1}, 422), ({"x": 1}, 422)]
)
async def test_what_is_no_pair_of_roots_is_refused(
    changed: dict[str, object],
    status: int,
    site: Site,
    client: httpx.AsyncClient,
    admin: dict[str, str],
) -> None:
    answer = await client.post(PATH, json=pems() | changed, headers=admin)
    assert answer.status_code == status
    assert site.courier.delivered == []


async def test_a_station_that_is_away_is_not_swapped(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    site.deps.fleet.station(StationId("CP-1")).connected = False
    answer = await client.post(PATH, json=pems(), headers=admin)
    assert answer.status_code == 409
    assert site.courier.delivered == []


@pytest.mark.parametrize(
    "command",
    [
        {"command": "InstallCertificate", "use": "CSMSRootCertificate", "certificate_pem": "x"},
        {"command": "DeleteCertificate", "hash_data": {}},
        {"command": "CertificateSigned", "chain_pem": "x"},
    ],
)
async def test_only_an_administrator_changes_certificates(
    command: dict[str, object], site: Site, client: httpx.AsyncClient
) -> None:
    path = "/v1/stations/CP-1/commands"
    for role in Role:
        answer = await client.post(path, json=command, headers=await site.key(role))
        assert answer.status_code == (202 if role is Role.ADMIN else 403), role
