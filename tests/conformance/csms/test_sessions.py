"""Blocks E and J of the OCPP 2.0.1 test cases: whatever starts or stops a transaction, the CSMS follows.

Each row: test cases, requirement, and what the station tells step by step: (event, trigger, charging state, reason).
"""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.transaction import Transaction
from csms.ids import EvseKey, StationId, TransactionId
from tests.integration.whole_system.conftest import site  # noqa: F401 a fixture
from tests.integration.whole_system.site import RawStation, Site

SID = StationId("CS1")
TX = TransactionId("T1")
TAG = {"idToken": "TAG", "type": "ISO14443"}
Step = tuple[str, str, str | None, str | None]

STARTS: list[tuple[str, list[Step]]] = [
    ("TC_E_12 E01.FR.01 ParkingBayOccupied", [("Started", "EVDetected", None, None)]),
    ("TC_E_09 E01.FR.02 EVConnected", [("Started", "CablePluggedIn", "EVConnected", None)]),
    ("TC_E_10 E01.FR.03 Authorized", [("Started", "Authorized", "Idle", None)]),
    ("TC_E_11 E01.FR.04 DataSigned", [("Started", "SignedDataReceived", "EVConnected", None)]),
    ("TC_E_01 E01.FR.05 PowerPathClosed", [("Started", "ChargingStateChanged", "SuspendedEV", None)]),
    ("TC_E_02 E01.FR.06 EnergyTransfer", [("Started", "ChargingStateChanged", "Charging", None)]),
    ("TC_E_03 E02.FR.02 cable first", [
        ("Started", "CablePluggedIn", "EVConnected", None), ("Updated", "Authorized", "EVConnected", None),
        ("Updated", "ChargingStateChanged", "Charging", None)]),
    ("TC_E_04 E03.FR.02 authorization first", [
        ("Started", "Authorized", "Idle", None), ("Updated", "CablePluggedIn", "EVConnected", None),
        ("Updated", "ChargingStateChanged", "Charging", None)]),
    ("TC_E_38 EV not ready", [
        ("Started", "Authorized", "EVConnected", None), ("Updated", "ChargingStateChanged", "SuspendedEV", None)]),
    ("TC_E_26 E10.FR.01 cable out at the car, suspended", [
        ("Started", "Authorized", "Charging", None), ("Updated", "EVCommunicationLost", "Idle", None),
        ("Updated", "CablePluggedIn", "Charging", None)]),
]  # fmt: skip

STOPS: list[tuple[str, Step]] = [
    ("TC_E_19 E06.FR.01 ParkingBayUnoccupied", ("Ended", "EVDeparted", None, "Local")),
    ("TC_E_14 TC_E_20 E06.FR.02 EVDisconnected", ("Ended", "EVCommunicationLost", "Idle", "EVDisconnected")),
    ("TC_E_15 E06.FR.03 StopAuthorized local", ("Ended", "StopAuthorized", "EVConnected", "Local")),
    ("TC_E_21 F03.FR.10 StopAuthorized remote", ("Ended", "RemoteStop", "EVConnected", "Remote")),
    ("TC_E_16 TC_E_17 E06.FR.04 Deauthorized", ("Ended", "Deauthorized", "EVConnected", "DeAuthorized")),
    ("TC_E_39 E03.FR.05 Deauthorized by timeout", ("Ended", "EVConnectTimeout", "Idle", "Timeout")),
    ("TC_E_07 E06.FR.06 PowerPathClosed", ("Ended", "ChargingStateChanged", "EVConnected", "Local")),
    ("TC_E_08 TC_E_22 E06.FR.07 EnergyTransfer", ("Ended", "ChargingStateChanged", "SuspendedEV", "StoppedByEV")),
    ("TC_B_22 Immediate reset", ("Ended", "ResetCommand", "EVConnected", "ImmediateReset")),
]  # fmt: skip


def told(seq_no: int, step: Step, wh: float, context: str) -> dict[str, Any]:
    phase, trigger, charging_state, reason = step
    at = f"2026-01-01T00:{seq_no:02}:00Z"
    info = {
        "transactionId": TX,
        **({"chargingState": charging_state} if charging_state else {}),
        **({"stoppedReason": reason} if reason else {}),
    }
    return {
        "eventType": phase,
        "timestamp": at,
        "triggerReason": trigger,
        "seqNo": seq_no,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": at, "sampledValue": [{"value": wh, "context": context}]}],
        **({"idToken": TAG} if trigger in ("Authorized", "StopAuthorized") else {}),
    }


async def tell(station: RawStation, steps: list[Step]) -> None:
    for seq_no, step in enumerate(steps):
        context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(
            step[0], "Sample.Periodic"
        )
        answer = await station.ask(
            "TransactionEvent", told(seq_no, step, 100.0 * (seq_no + 1), context)
        )
        if step[1] == "Authorized":
            assert answer["idTokenInfo"]["status"] == "Accepted"


async def kept(site: Site) -> Transaction:  # noqa: F811
    transaction = await site.system.store.history.transaction(SID, TX)
    assert transaction is not None
    return transaction


@pytest.mark.parametrize(("steps"), [pytest.param(steps, id=case) for case, steps in STARTS])
async def test_start(site: Site, steps: list[Step]) -> None:  # noqa: F811
    await site.know_token("TAG")
    async with site.station("CS1") as station:
        await tell(station, steps)
    transaction = await kept(site)
    assert transaction.is_open
    assert transaction.charging_state == steps[-1][2]
    assert transaction.energy_wh == 100.0 * (len(steps) - 1)
    assert transaction.missing_seq_nos == ()


@pytest.mark.parametrize(("stop"), [pytest.param(stop, id=case) for case, stop in STOPS])
async def test_stop(site: Site, stop: Step) -> None:  # noqa: F811
    await site.know_token("TAG")
    async with site.station("CS1") as station:
        await tell(station, [("Started", "Authorized", "Charging", None), stop])
    transaction = await kept(site)
    assert not transaction.is_open
    assert transaction.stopped_reason == stop[3]
    assert transaction.energy_wh == 100.0


async def test_tc_e_53_sequence_numbers_begin_again(site: Site) -> None:  # noqa: F811
    """E01.FR.07: each transaction counts from 0 by itself."""
    async with site.station("CS1") as station:
        for transaction_id in ("T1", "T2"):
            event = told(0, ("Started", "CablePluggedIn", "EVConnected", None), 0.0, "Other")
            event["transactionInfo"]["transactionId"] = transaction_id
            await station.ask("TransactionEvent", event)
    for transaction_id in ("T1", "T2"):
        found = await site.system.store.history.transaction(SID, TransactionId(transaction_id))
        assert found is not None
        assert found.missing_seq_nos == ()


@pytest.mark.parametrize(
    ("case", "evse_id", "transaction_first"),
    [("TC_J_01 J01.FR.18", 1, False), ("TC_J_02 J01.FR.18", 1, True)],
)
async def test_clock_aligned_values(
    site: Site,  # noqa: F811
    case: str,
    evse_id: int,
    transaction_first: bool,
) -> None:
    """TC_J_04, J01.FR.21: a signed value is kept as it came."""
    signed = {
        "signedMeterData": "MTIz",
        "signingMethod": "ECDSA-secp256r1-SHA256",
        "encodingMethod": "OCMF",
        "publicKey": "",
    }
    values = {
        "evseId": evse_id,
        "meterValue": [
            {
                "timestamp": "2026-01-01T00:15:00Z",
                "sampledValue": [
                    {"value": 5.0, "context": "Sample.Clock", "signedMeterValue": signed}
                ],
            }
        ],
    }
    async with site.station("CS1") as station:
        if transaction_first:
            await tell(station, [("Started", "CablePluggedIn", "EVConnected", None)])
        assert await station.ask("MeterValues", values) == {}
    since = site.system.clock.now().replace(year=2026, month=1, day=1, hour=0, minute=10)
    records = await site.system.store.history.meter_values(
        EvseKey(SID, evse_id), since, since.replace(hour=1), limit=10
    )
    assert [record.reading.energy_import_wh for record in records] == [5.0], case
    assert "MTIz" in records[0].reading.signed[0]
