"""What a driver is told of the battery, and where it comes from: the sessions in the store."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from csms.battery.driver_report import Car, driver_report, without_export
from csms.battery.errors import BatteryError, HistoryError
from csms.battery.vehicle_twin import Reading
from csms.domain.events import TransactionPhase, TransactionTold
from csms.domain.records import MeterRecord, Record, TariffPosted, TransactionRecord
from csms.domain.tariff import Tariff
from csms.domain.transaction import merge
from csms.domain.values import IdToken, MeterReading
from csms.ids import EvseKey, StationId, TransactionId
from csms.store import open_store
from tests.e2e.cli.run import csms

DAY_S = 86_400.0
CAR = Car()


def commuter(days: int, *, feeds_back: bool) -> list[Reading]:
    """Plugged in at 18 h at 50%; by 22 h at 20% when it feeds back; at 80% by 6 h."""
    readings = []
    for day in range(days):
        low = 0.2 if feeds_back else 0.5
        given = 0.3 * 60_000 * 0.94 if feeds_back else 0.0
        for hour, soc, wh in ((18, 0.5, 0.0), (22, low, given), (30, 0.8, 0.0)):
            readings.append(Reading(day * DAY_S + hour * 3600.0, soc, 20.0, wh))
    return readings


def test_health_is_an_interval_and_range_follows_from_it() -> None:
    report = driver_report(commuter(730, feeds_back=False), CAR)
    low, high = report.capacity_frac
    assert 0.85 < low < high < 1.0
    assert report.range_km == pytest.approx((low * 1000 / 3, high * 1000 / 3))
    lost = report.range_lost_km_per_year
    assert lost[1] == pytest.approx((1 - low) * 1000 / 3 * 365.25 / report.days)
    assert report.exported_kwh == report.v2g_wear_frac[1] == report.v2g_cost_eur[1] == 0.0
    assert f"{100 * low:.1f} to {100 * high:.1f}%" in report.text
    assert "gave" not in report.text
    assert not any(math.isnan(x) for path in report.path_capacity_frac.values() for x in path)


def test_what_feeding_back_cost_is_the_difference_to_not_having_done_it() -> None:
    given = driver_report(commuter(730, feeds_back=True), CAR, earned_eur=600.0)
    spared = driver_report(commuter(730, feeds_back=False), CAR)
    for name in given.packs:
        assert given.path_without_v2g_frac[name][-1] == pytest.approx(
            spared.path_capacity_frac[name][-1], abs=2e-3
        )
    cheap, dear = given.v2g_cost_eur
    per_kwh = (cheap / given.exported_kwh, dear / given.exported_kwh)
    assert 0.0 <= per_kwh[0] < 0.01 < per_kwh[1] < 0.2  # the reference's span of cells
    assert given.exported_kwh == pytest.approx(730 * 0.3 * 60 * 0.94, rel=1e-3)
    assert "earned 600.00 EUR" in given.text


def test_the_verdict_minds_the_interval() -> None:
    readings = commuter(365, feeds_back=True)
    cheap, dear = driver_report(readings, CAR).v2g_cost_eur
    for earned, verdict in (
        (0.0, "it did not pay"), ((cheap + dear) / 2, "depends on the cell"), (dear + 1.0, "it paid"),
    ):  # fmt: skip
        assert verdict in driver_report(readings, CAR, earned_eur=earned).text


def test_without_export_the_charge_never_falls_by_it() -> None:
    plain = without_export(commuter(2, feeds_back=True))
    assert [r.soc_frac for r in plain] == pytest.approx([0.5, 0.5, 0.8, 0.5, 0.5, 0.8])
    assert not any(r.exported_wh for r in plain)


def test_no_history_and_no_car_are_named() -> None:
    with pytest.raises(HistoryError, match="empty history"):
        driver_report([], CAR)
    with pytest.raises(BatteryError, match="battery_kwh: 0"):
        Car(battery_kwh=0.0)
    with pytest.raises(BatteryError, match="kwh_per_100_km: nan"):
        Car(kwh_per_100_km=float("nan"))


T0 = datetime(2025, 1, 1, 18, tzinfo=UTC)


def session(number: int, begin: datetime, *, soc: bool, token: str = "CAR-1") -> Iterator[Record]:
    """Feeds 9 kWh back in 3 h, then takes 19 kWh in 4 h."""
    station, tx_id = StationId("CP-1"), TransactionId(f"tx{number}")
    base_in, base_out = 19_000.0 * number, 9_000.0 * number
    tx = None
    for k in range(8):
        readings = MeterReading(
            at=begin + timedelta(hours=k),
            energy_import_wh=base_in + 4_750.0 * max(0, k - 3),
            energy_export_wh=base_out + 3_000.0 * min(k, 3),
            soc_frac=0.6 - 0.05 * min(k, 3) + 0.075 * max(0, k - 3) if soc else None,
        )
        phase = TransactionPhase.ENDED if k == 7 else TransactionPhase.UPDATED
        told = TransactionTold(
            phase=TransactionPhase.STARTED if k == 0 else phase, transaction_id=tx_id,
            at=readings.at, seq_no=k, evse_id=1, token=IdToken(value=token), readings=(readings,),
        )  # fmt: skip
        tx = merge(tx, told, station, tx_id, readings.at)
        yield MeterRecord(
            evse=EvseKey(station, 1), reading=readings, received=readings.at, transaction_id=tx_id
        )
    assert tx is not None
    yield TransactionRecord(transaction=tx)


def stored(folder: Path, *, soc: bool) -> str:
    """A store with forty evenings of one car, one of another, and a posted price; its configuration."""
    url = f"sqlite:///{folder / 'csms.db'}"
    price = Tariff(since=T0, import_per_kwh=Decimal("0.25"), export_per_kwh=Decimal("0.30"))
    records: list[Record] = [
        TariffPosted(tariff=price),
        *session(99, T0 + timedelta(days=99), soc=soc, token="OTHER"),
    ]
    for n in range(40):
        records += session(n, T0 + timedelta(days=n), soc=soc)

    async def write() -> None:
        store = await open_store(url)
        await store.journal.commit(*records)
        await store.close()

    asyncio.run(write())
    config = folder / "csms.toml"
    config.write_text(f'[store]\nurl = "{url}"\n')
    return str(config)


@pytest.mark.parametrize("soc", [True, False])
def test_the_command_reads_the_sessions_of_one_vehicle(tmp_path: Path, soc: bool) -> None:
    config = stored(tmp_path, soc=soc)
    plot = tmp_path / "driver.png"
    done = csms(
        "battery", "report", "--vehicle", "car-1", "--plot", str(plot), "--json", "-c", config
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["exported_kwh"] == pytest.approx(40 * 9.0)
    assert told["v2g_earned_eur"] == pytest.approx(40 * 9.0 * 0.30)
    assert told["days"] == pytest.approx(39 + 7 / 24, abs=0.02)
    assert 0.9 < told["capacity_frac"][0] < told["capacity_frac"][1] < 1.0
    assert "From 40 sessions" in told["text"]
    assert ("saw no state of charge" in told["text"]) is not soc
    assert not np.isnan(told["path_days"]).any()
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_an_unknown_vehicle_and_pack_are_named(tmp_path: Path) -> None:
    config = stored(tmp_path, soc=True)
    done = csms("battery", "report", "--vehicle", "NOBODY", "-c", config)
    assert done.returncode == 2
    assert "no session of 'NOBODY' is in the store" in done.stderr
    done = csms("battery", "report", "--vehicle", "CAR-1", "--pack", "unobtainium", "-c", config)
    assert done.returncode == 2
    assert "sony-lfp" in done.stderr


def test_a_tariff_names_itself_within_what_ocpp_allows() -> None:
    tariff = Tariff(since=T0, import_per_kwh=Decimal("0.25"), export_per_kwh=Decimal("0.3"))
    assert len(tariff.tariff_id) <= 60
    assert tariff.text == "0.25 EUR per kWh, 0.3 per kWh fed back"
