"""``csms plug-and-charge`` and contracts in ``csms simulate``, as their users run them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from csms.cli.demo.whole_system import run_simulation
from tests.e2e.cli.run import csms_process


@pytest.mark.parametrize(
    ("version", "edition", "refused_with"),
    [
        ("2.0.1", "iso15118-2", "FAILED_CertificateRevoked"),
        pytest.param("2.1", "iso15118-20", "WARNING_CertificateRevoked", marks=pytest.mark.long),
    ],
)
def test_the_chain_is_told_step_by_step(
    version: str, edition: str, refused_with: str, tmp_path: Path
) -> None:
    answer = csms_process(
        "plug-and-charge", "--version", version, "--edition", edition, "--json", cwd=tmp_path
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (report,) = json.loads(answer.stdout)
    assert report["installed"] is True
    assert report["stored_emaid"] == report["emaid"]
    assert report["energy_wh"] == pytest.approx(report["metered_wh"], abs=1.0)
    assert 15.0 < report["energy_wh"] < 25.0
    assert (report["certificate_status"], report["refused_with"]) == (
        "CertificateRevoked",
        refused_with,
    )
    assert report["energy_after_refusal_wh"] == 0.0
    told = [step["what"] for step in report["steps"]]
    order = [
        "SignCertificate",
        "Get15118EVCertificate",
        "CertificateInstallationRes",
        "Authorize",
        "AuthorizationRes",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "SessionStopRes",
        "revokes the contract certificate",
    ]
    at = [told.index(what) for what in order]
    assert at == sorted(at)
    times = [step["at_ms"] for step in report["steps"]]
    assert times == sorted(times)


def test_a_day_of_contracts_over_a_bad_network_loses_no_energy() -> None:
    summary = run_simulation(n_stations=6, hours=2.0, seed=3, contracts=1.0)
    assert summary.sound
    assert summary.by_contract == summary.transactions >= 3
    assert summary.energy_wh > 10_000.0
