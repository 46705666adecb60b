"""A posted price over real sockets: stations of three versions show it, and their sessions cost what the meter says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from charger_sim.clock import LoopClock
from charger_sim.link import StationLink
from charger_sim.station.config import EvseConfig, StationConfig, Version
from charger_sim.station.station import Station
from charger_sim.transport import websocket_connector
from charger_sim.vehicle import Vehicle
from csms.domain.errors import InvalidInput
from csms.domain.records import TariffPosted
from csms.domain.tariff import Cost, Tariff
from csms.domain.transaction import Transaction
from csms.ids import StationId, TransactionId
from csms.market.studies import stackelberg_study
from csms.services.tariffs import Display
from tests.integration.whole_system.site import PASSWORD, Site, running, settings_at, until

LATER = Decimal("0.30")
TOKEN = "DRIVER-1"
CLOCKS_APART_S = 0.15
"""More than the station's clock and the central system's differ by: a sample is before or after a price."""


@asynccontextmanager
async def charger(site: Site, version: Version) -> AsyncIterator[Station]:
    """A simulated 11 kW charger, connected; its physics are stepped by the test."""
    await site.accept("CP-1")
    await site.know_token(TOKEN)
    link = StationLink(
        StationConfig("CP-1", version, (EvseConfig(1, "AC", 11_000.0),), meter_interval_s=10_000),
        websocket_connector(f"ws://127.0.0.1:{site.port}/ocpp", password_of=lambda _id: PASSWORD),
        LoopClock(asyncio.get_running_loop(), datetime.now(UTC)),  # noqa: TID251 the stamps must be today's
        Random(1),
    )
    task = asyncio.create_task(link.run())
    try:
        yield link.station
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def charge(station: Station, minutes: int) -> None:
    for _ in range(minutes):
        station.refresh()
        station.step(60.0, 50.0)
        station.ticked()


async def sample(site: Site, station: Station) -> None:
    """Send a meter value and wait until the central system has it."""
    tx = station.evses[1].tx
    assert tx is not None
    await asyncio.sleep(CLOCKS_APART_S)
    station.dialect.tx_sampled(station, tx, "Sample.Periodic")
    await until(lambda: not len(station.outbox))
    await asyncio.sleep(CLOCKS_APART_S)


def open_transaction(site: Site) -> Transaction:
    (tx,) = site.system.fleet.station(StationId("CP-1")).transactions.values()
    return tx


def shown_id(station: Station, version: str, key: str, transaction_id: TransactionId) -> str:
    return str(transaction_id) if version == "1.6" else key


@pytest.mark.parametrize(
    ("version", "display"),
    [("1.6", Display.SHOWS), ("2.0.1", Display.SHOWS), ("2.1", Display.CALCULATES)],
)
async def test_price_is_shown_and_the_session_costs_what_was_metered(
    site: Site, version: Version, display: Display
) -> None:
    price = Decimal(str(round(stackelberg_study("trap").price, 6)))
    assert price == Decimal("0.185")
    tariffs = site.system.tariffs
    await tariffs.post(price, actor="test", why="stackelberg")
    async with charger(site, version) as station:
        await until(lambda: tariffs.display(StationId("CP-1")) is display)
        assert station.tariff.price_text == "0.185 EUR per kWh"

        station.sessions.plug_in(1, Vehicle(TOKEN, 60_000.0, 0.2, 11_000.0))
        await until(lambda: site.system.fleet.station(StationId("CP-1")).transactions)
        sim_tx, evse = station.evses[1].tx, station.evses[1]
        assert sim_tx is not None
        tx_id = open_transaction(site).transaction_id
        key = shown_id(station, version, sim_tx.key, tx_id)
        begin_wh = evse.meter.import_wh
        charge(station, 37)
        await sample(site, station)
        between_wh = evse.meter.import_wh

        await tariffs.post(LATER, actor="test")
        if version == "2.1":
            await until(
                lambda: station.tariff.local[key].tariff["energy"]["prices"][0]["priceKwh"] == 0.3
            )
        else:
            await until(lambda: key in station.tariff.running)
            first = (Decimal(between_wh - begin_wh) / 1000 * price).quantize(Decimal("0.01"))
            assert Decimal(str(station.tariff.running[key])) == first
        await sample(site, station)
        if version == "1.6":
            assert station.tariff.user_price_text == {TOKEN: "0.30 EUR per kWh"}
        else:
            await until(lambda: station.tariff.price_text == "0.30 EUR per kWh")

        charge(station, 41)
        await sample(site, station)
        end_wh = evse.meter.import_wh
        station.sessions.unplug(1)
        await until(lambda: key in station.tariff.final)

        kwh = [Decimal(between_wh - begin_wh) / 1000, Decimal(end_wh - between_wh) / 1000]
        assert min(kwh) > 6
        by_hand = (kwh[0] * price + kwh[1] * LATER).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert Decimal(str(station.tariff.final[key])) == by_hand
        await until(lambda: not site.system.fleet.station(StationId("CP-1")).transactions)
        assert await reckoned(site, tx_id) == by_hand


async def reckoned(site: Site, transaction_id: TransactionId) -> Decimal:
    """By the central system, from its store."""
    tx = await site.system.store.history.transaction(StationId("CP-1"), transaction_id)
    assert tx is not None
    cost: Cost = await site.system.tariffs.costs.cost(tx)
    assert cost.final
    return cost.amount


async def test_posted_prices_and_costs_survive_a_restart(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    async with running(settings) as site:
        await site.system.tariffs.post(Decimal("0.20"), actor="test")
        async with charger(site, "2.0.1") as station:
            await until(lambda: site.system.tariffs.display(StationId("CP-1")) is Display.SHOWS)
            station.sessions.plug_in(1, Vehicle(TOKEN, 60_000.0, 0.2, 11_000.0))
            await until(lambda: site.system.fleet.station(StationId("CP-1")).transactions)
            charge(station, 30)
            await sample(site, station)
            tx = open_transaction(site)
            wh = station.evses[1].meter.import_wh
    async with running(settings) as again:
        tariffs = again.system.tariffs
        assert tariffs.current is not None
        assert tariffs.current.import_per_kwh == Decimal("0.20")
        expected = (Decimal(wh) / 1000 * Decimal("0.20")).quantize(Decimal("0.01"))
        assert (await tariffs.costs.cost(tx)).amount == expected


def event(kind: str, seq_no: int, wh: float, **more: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": f"2026-01-05T12:{10 * seq_no:02d}:00Z",
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "tx", "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [
            {
                "timestamp": f"2026-01-05T12:{10 * seq_no:02d}:00Z",
                "sampledValue": [{"value": wh, "measurand": "Energy.Active.Import.Register"}],
            }
        ],
        **more,
    }


async def since_the_new_year(site: Site, price: str) -> None:
    """A price posted at the new year, by way of the store, as after a restart."""
    tariff = Tariff(since=datetime(2026, 1, 1, tzinfo=UTC), import_per_kwh=Decimal(price))
    await site.write(TariffPosted(tariff=tariff))
    await site.system.tariffs.recover()


async def test_a_station_that_cannot_calculate_is_told_totals(site: Site) -> None:
    await since_the_new_year(site, "0.40")
    refuses = {"SetDefaultTariff": {"status": "Rejected"}}
    async with site.station("CP-1", "2.1", answers=refuses) as station:
        await until(lambda: site.system.tariffs.display(StationId("CP-1")) is Display.SHOWS)
        told = [p["setVariableData"][0] for a, p in station.asked if a == "SetVariables"]
        assert told[-1]["variable"]["name"] == "TariffFallbackMessage"
        assert told[-1]["attributeValue"] == "0.40 EUR per kWh"
        token = {"idToken": "D", "type": "ISO14443"}
        first = await station.ask("TransactionEvent", event("Started", 0, 1_000.0, idToken=token))
        assert first["totalCost"] == 0.0
        assert first["updatedPersonalMessage"]["content"] == "0.40 EUR per kWh"
        assert await station.ask("TransactionEvent", event("Updated", 1, 3_000.0)) == {
            "totalCost": 0.8
        }
        late = event("Updated", 1, 3_000.0)  # told again: nothing is counted twice
        assert (await station.ask("TransactionEvent", late))["totalCost"] == 0.8
        assert await station.ask("TransactionEvent", event("Ended", 2, 6_000.0)) == {
            "totalCost": 2.0
        }


async def test_a_station_that_miscalculates_is_an_alarm(site: Site) -> None:
    await since_the_new_year(site, "0.40")
    watch = site.system.live.watch("alarm")
    async with site.station("CP-1", "2.1") as station:
        await until(lambda: site.system.tariffs.display(StationId("CP-1")) is Display.CALCULATES)
        await station.ask("TransactionEvent", event("Started", 0, 1_000.0))
        for total, is_alarm in ((2.01, False), (3.0, True)):
            details = {
                "totalCost": {
                    "currency": "EUR", "typeOfCost": "NormalCost", "total": {"inclTax": total},
                },
                "totalUsage": {"energy": 5.0, "chargingTime": 1, "idleTime": 0},
            }  # fmt: skip
            told = event("Ended", 2, 6_000.0, costDetails=details)
            assert await station.ask("TransactionEvent", told) == {}  # it has shown its own
            if is_alarm:
                async with asyncio.timeout(10):
                    note = await anext(watch)
                assert "the station showed 3.0 EUR, the meter makes it 2.00" in note.data


async def test_a_station_without_a_display_is_left_alone(site: Site) -> None:
    await since_the_new_year(site, "0.40")
    answers = {"ChangeConfiguration": {"status": "NotSupported"}}
    async with site.station("CP-1", "1.6", answers=answers) as station:
        await until(
            lambda: any(
                p.get("key") == "DefaultPrice"
                for a, p in station.asked
                if a == "ChangeConfiguration"
            )
        )
        start = {
            "connectorId": 1, "idTag": "D", "meterStart": 0, "timestamp": "2026-01-05T12:00:00Z",
        }  # fmt: skip
        number = (await station.ask("StartTransaction", start))["transactionId"]
        stop = {"transactionId": number, "meterStop": 5_000, "timestamp": "2026-01-05T13:00:00Z"}
        await station.ask("StopTransaction", stop)
        site.system.tariffs.show_all()
        assert not [a for a, _ in station.asked if a == "DataTransfer"]
        assert await reckoned(site, TransactionId(str(number))) == Decimal("2.00")


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_running_costs_are_shown_from_time_to_time(site: Site, version: Version) -> None:
    await site.system.tariffs.post(Decimal("0.50"), actor="test")
    async with charger(site, version) as station:
        await until(lambda: site.system.tariffs.display(StationId("CP-1")) is Display.SHOWS)
        station.sessions.plug_in(1, Vehicle(TOKEN, 60_000.0, 0.2, 11_000.0))
        await until(lambda: site.system.fleet.station(StationId("CP-1")).transactions)
        charge(station, 30)
        await sample(site, station)
        station.tariff.running.clear()
        site.system.tariffs.show_all()
        await until(lambda: station.tariff.running)
        expected = (Decimal(station.evses[1].meter.import_wh) / 2000).quantize(Decimal("0.01"))
        assert [Decimal(str(x)) for x in station.tariff.running.values()] == [expected]


async def test_an_old_station_is_shown_its_total(site: Site) -> None:
    await since_the_new_year(site, "0.40")
    async with site.station("CP-1", "1.6") as station:
        await until(lambda: site.system.tariffs.display(StationId("CP-1")) is Display.SHOWS)
        start = {
            "connectorId": 1, "idTag": "D", "meterStart": 0, "timestamp": "2026-01-05T12:00:00Z",
        }  # fmt: skip
        number = (await station.ask("StartTransaction", start))["transactionId"]
        stop = {"transactionId": number, "meterStop": 5_000, "timestamp": "2026-01-05T13:00:00Z"}
        await station.ask("StopTransaction", stop)
        final = await station.asked_for("DataTransfer")
        assert final["messageId"] == "FinalCost"
        assert json.loads(final["data"])["cost"] == 2.0


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1e9", "-2000"])
async def test_an_absurd_price_is_refused(site: Site, price: str) -> None:
    with pytest.raises(InvalidInput, match="import_per_kwh"):
        await site.system.tariffs.post(Decimal(price), actor="test")
    assert site.system.tariffs.current is None
