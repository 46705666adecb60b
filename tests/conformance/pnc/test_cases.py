"""Test cases of block M towards stations, over real sockets: TC_M_01-05, 12-21, 100s (our own words)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from csms.domain.certificates import RootUse
from csms.domain.commands import (
    Command,
    CommandState,
    DeleteCertificate,
    GetInstalledCertificates,
    InstallCertificate,
)
from csms.ids import StationId
from tests.conformance.pnc.wire import HASH
from tests.integration.pnc.site import new_pki, running
from tests.integration.whole_system.site import Site

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
CSMS, MANUFACTURER = "CSMSRootCertificate", "ManufacturerRootCertificate"
V2G, MO, CHAIN = "V2GRootCertificate", "MORootCertificate", "V2GCertificateChain"
EVERY = (CSMS, MANUFACTURER, V2G, MO, CHAIN)


def listed(*uses: str) -> dict[str, Any]:
    entries = [
        {"certificateType": use, "certificateHashData": HASH}
        | ({"childCertificateHashData": [HASH]} if use == CHAIN else {})
        for use in uses
    ]
    return {"status": "Accepted", "certificateHashDataChain": entries}


def install(use: RootUse) -> InstallCertificate:
    return InstallCertificate(use=use, certificate_pem=PEM)


BOTH, ONLY_21 = ("2.0.1", "2.1"), ("2.1",)
DELETE = DeleteCertificate(hash_data=HASH)
GOOD, BAD = CommandState.ACCEPTED, CommandState.REJECTED
Case = tuple[str, tuple[str, ...], Command, dict[str, Any], CommandState]
CASES: list[Case] = [
    ("TC_M_01", BOTH, install(RootUse.CSMS), {"status": "Accepted"}, GOOD),
    ("TC_M_02", BOTH, install(RootUse.MANUFACTURER), {"status": "Accepted"}, GOOD),
    ("TC_M_03", BOTH, install(RootUse.V2G), {"status": "Accepted"}, GOOD),
    ("TC_M_04", BOTH, install(RootUse.MO), {"status": "Accepted"}, GOOD),
    ("TC_M_05", BOTH, install(RootUse.CSMS), {"status": "Failed"}, BAD),
    ("TC_M_101", ONLY_21, install(RootUse.OEM), {"status": "Accepted"}, GOOD),
    *(
        (name, BOTH, GetInstalledCertificates(uses=uses), listed(*uses), GOOD)
        for name, uses in (
            ("TC_M_12", (CSMS,)),
            ("TC_M_13", (MANUFACTURER,)),
            ("TC_M_14", (V2G,)),
            ("TC_M_15", (CHAIN,)),
            ("TC_M_16", (MO,)),
            ("TC_M_17", (CSMS, MANUFACTURER)),
        )
    ),
    ("TC_M_18", BOTH, GetInstalledCertificates(), listed(*EVERY), GOOD),
    ("TC_M_19", BOTH, GetInstalledCertificates(uses=(CSMS,)), {"status": "NotFound"}, GOOD),
    ("TC_M_20", BOTH, DELETE, {"status": "Accepted"}, GOOD),
    ("TC_M_21", BOTH, DELETE, {"status": "Failed"}, BAD),
    ("TC_M_21 unknown", BOTH, DELETE, {"status": "NotFound"}, BAD),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder: Path = tmp_path_factory.mktemp("csms")
    async with running(folder, new_pki()) as made:
        yield made


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("version", "case"),
    [pytest.param(v, case, id=f"{case[0]}-{v}") for case in CASES for v in case[1]],
)
async def test_case(version: str, case: Case, site: Site) -> None:
    name, _, command, answer, state = case
    action = {
        "GetInstalledCertificates": "GetInstalledCertificateIds",
    }.get(type(command).__name__, type(command).__name__)
    station_id = StationId(f"CP-{name.replace(' ', '-')}-{version}")
    async with site.station(station_id, version, answers={action: answer}) as station:
        record = await site.system.desk.submit(station_id, command, issued_by="test")
        final = await site.system.desk.finished(record.command_id, 30.0)
        assert (final.state, final.status, final.answer) == (state, answer["status"], answer)
        assert any(asked == action for asked, _ in station.asked)
