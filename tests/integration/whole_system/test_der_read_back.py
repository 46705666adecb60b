"""A station that is given DER controls and tells back something else, or nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from csms.ids import StationId
from tests.integration.whole_system.site import RawStation, running, settings_at, until

CS = StationId("CS-1")


def liar(told: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Accepts every control, and keeps trip thresholds of its own."""

    def set_control(payload: dict[str, Any]) -> dict[str, Any]:
        told[payload["controlId"]] = payload
        return {"status": "Accepted"}

    return {"SetDERControl": set_control, "GetDERControl": {"status": "Accepted"}}


async def report(station: RawStation, told: dict[str, dict[str, Any]], trip_hz: float) -> None:
    """In two parts, as a station may (tbc)."""
    curves = [
        {
            "id": control_id, "curveType": p["controlType"], "isDefault": True, "isSuperseded": False,
            "curve": {**p["curve"], "curveData": [{**p["curve"]["curveData"][0], "y": trip_hz}]},
        }
        for control_id, p in told.items()
        if p["controlType"] == "LFMustTrip"
    ]  # fmt: skip
    droop = [
        {"id": i, "isDefault": True, "isSuperseded": False, "freqDroop": p["freqDroop"]}
        for i, p in told.items()
        if "freqDroop" in p
    ]
    await station.ask("ReportDERControl", {"requestId": 1, "tbc": True, "curve": curves})
    await station.ask("ReportDERControl", {"requestId": 1, "tbc": False, "freqDroop": droop})


async def test_what_differs_and_what_is_missing_is_an_alarm(tmp_path: Path) -> None:
    told: dict[str, dict[str, Any]] = {}
    async with running(settings_at(tmp_path, ride_through={"policy": "staggered"})) as site:
        alarms = site.system.live.watch("alarm")
        await site.accept("CS-1", can_discharge=True)
        async with site.station("CS-1", "2.1", answers=liar(told)) as station:
            request = await station.asked_for("GetDERControl")
            assert request == {"requestId": 1, "isDefault": True}
            assert set(told) == {
                "csms-freq-droop", "csms-LFMustTrip", "csms-HFMustTrip", "csms-EnterService",
                "csms-Gradients",
            }  # fmt: skip
            await report(station, told, trip_hz=47.0)
            book = site.system.fleet.station(CS).der
            await until(lambda: book.mismatches)
            wanted_hz = told["csms-LFMustTrip"]["curve"]["curveData"][0]["y"]
            assert set(book.mismatches) == {
                f"LFMustTrip csms-LFMustTrip: curveData[0].y is 47.0, not {wanted_hz}",
                "HFMustTrip csms-HFMustTrip: not there",
                "EnterService csms-EnterService: not there",
                "Gradients csms-Gradients: not there",
            }
            assert book.runs("FreqDroop")
            heard: list[str] = []
            async with asyncio.timeout(10.0):
                async for note in alarms:
                    heard.append(note.data)
                    if len(heard) == 4:
                        break
            assert all(text.startswith("CS-1: DER control ") for text in heard)
