"""`charger-sim handshake`: what it prints, and what it adds up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from charger_sim.cli import app
from charger_sim.iso15118.app_protocol import (
    Protocol,
    choose,
    offers,
    request_frame,
    response_frame,
)
from charger_sim.iso15118.handshake.predict import Exchange, message_operations
from charger_sim.iso15118.handshake.report import quantiles
from charger_sim.iso15118.iso2 import messages
from tests.unit.iso15118.world import world

BEGIN = ["supportedAppProtocol", "SessionSetup", "ServiceDiscovery"]
BEGIN_20 = ["supportedAppProtocol", "SessionSetup", "AuthorizationSetup"]
END = ["PaymentServiceSelection", "PaymentDetails", "Authorization"]


def run(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["handshake", "--repeat", "2", "--json", *arguments])
    assert result.exit_code == 0, result.output
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def names(report: dict[str, Any]) -> list[str]:
    return [step["name"] for step in report["steps"]]


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ((), ["Connect", *BEGIN, *END]),
        (
            ("--install",),
            ["Connect", *BEGIN, "ServiceDetail", END[0], "CertificateInstallation", *END[1:]],
        ),
        (("--transport", "memory"), [*BEGIN, *END]),
        (("--auth", "eim"), ["Connect", *BEGIN, END[0], END[2]]),
        (("--protocol", "iso15118-20"), ["Connect", *BEGIN_20, "Authorization"]),
        (("--protocol", "iso15118-20", "--auth", "eim"), ["Connect", *BEGIN_20, "Authorization"]),
        (
            ("--protocol", "iso15118-20", "--install"),
            ["Connect", *BEGIN_20, "CertificateInstallation", "Authorization"],
        ),
    ],
)
def test_every_step_is_measured_and_predicted(arguments: tuple[str, ...], steps: list[str]) -> None:
    report = run(*arguments)
    assert names(report) == steps
    for step in report["steps"]:
        assert 0.0 < step["measured_ms"]["p50"] <= step["measured_ms"]["p99"]
        assert sum(step["predicted_parts_ms"].values()) == pytest.approx(step["predicted_ms"])
    total = report["total"]
    assert total["predicted_ms"] == pytest.approx(
        sum(step["predicted_ms"] for step in report["steps"])
    )
    assert total["ratio"] == pytest.approx(total["measured_ms"]["p50"] / total["predicted_ms"])


@pytest.mark.parametrize(
    ("arguments", "low_ms", "high_ms"),
    [((), 5_650, 5_700), (("--install",), 10_450, 10_550), (("--auth", "eim"), 1_095, 1_105)],
)
def test_real_hardware(arguments: tuple[str, ...], low_ms: float, high_ms: float) -> None:
    """From TCP SYN to AuthorizationRes in public captures of a charger and car."""
    device_ms = run("--device", "captured-pair", "--transport", "memory", *arguments)["device_ms"]
    assert low_ms <= device_ms["total"] <= high_ms


def test_the_captured_steps() -> None:
    device_ms = run("--device", "captured-pair", "--install")["device_ms"]
    assert device_ms["Connect"] == pytest.approx(1_110)
    assert device_ms["PaymentDetails"] == pytest.approx(2_600)
    assert device_ms["Authorization"] == pytest.approx(800)
    assert device_ms["CertificateInstallation"] == pytest.approx(4_400)


@pytest.mark.parametrize("arguments", [("--auth", "eim", "--install"), ("--device", "abacus")])
def test_what_makes_no_sense_is_said(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["handshake", "--repeat", "1", *arguments])
    assert result.exit_code == 2


def test_signed_messages_cost_signatures() -> None:
    signed = messages.write(
        bytes(8),
        "AuthorizationReq",
        {"@Id": "id1", "GenChallenge": bytes(16)},
        key=world().contract.private_key,
    )
    plain = messages.write(
        bytes(8), "AuthorizationRes", {"ResponseCode": "OK", "EVSEProcessing": "Finished"}
    )
    # None before supportedAppProtocol: the first exchange is coded by its table
    key = world().contract.private_key
    assert message_operations([], messages.NAMESPACE, key) == {}
    offered = offers([Protocol.ISO_2])
    begin = Exchange(
        "supportedAppProtocol",
        request_frame(offered),
        response_frame(choose(offered, [Protocol.ISO_2])),
    )
    session = [begin, Exchange("Authorization", signed, plain)]
    operations = message_operations(session, messages.NAMESPACE, key)
    signing = [name for name in operations if name.startswith(("sign", "check"))]
    assert signing == ["sign AuthorizationReq", "check AuthorizationReq"]
    for operation in operations.values():
        operation()


def test_quantiles() -> None:
    values = quantiles([n / 1_000 for n in range(1, 101)])
    assert (values.p50, values.p99) == pytest.approx((50.5, 99.0))
    assert quantiles([0.5]).p99 == 500.0
