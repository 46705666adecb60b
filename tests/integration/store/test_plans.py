"""Plans and accounts on every database: read as written, corrected in place, and what a session's registers say."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from csms.domain.errors import InvalidInput
from csms.domain.plan import (
    QUARTER,
    EvPlan,
    FleetPlan,
    HourBid,
    PlanSummary,
    QuarterAccount,
    SessionAccount,
    quarter_of,
)
from csms.domain.records import (
    MeterRecord,
    PlanMade,
    QuarterAccounted,
    SessionAccounted,
    TransactionRecord,
)
from csms.domain.values import MeterReading
from csms.ids import EvseKey, StationId, TransactionId
from csms.store import Store
from tests.integration.store.samples import CP1, T0, minutes, transaction

SUMMARY = PlanSummary(
    made=T0, cars=1, energy_wh=11_000.0, discharged_wh=500.0, cost_eur=-0.25, wear_eur=0.01,
    uncontrolled_cost_eur=3.5, shortfalls=1, price_source="file p.csv", notes=("prices: 1 x gap",),
)  # fmt: skip
PLAN = FleetPlan(
    summary=SUMMARY, start=quarter_of(T0), import_eur_per_kwh=(0.1, 0.2), export_eur_per_kwh=(0.05, 0.15),
    base_w=(1.0, 2.0), base_rmse_w=3.5, wear_low_eur_per_kwh=0.002, wear_high_eur_per_kwh=0.03,
    evs=(
        EvPlan(
            station_id=CP1, evse_id=1, transaction_id=TransactionId("1"), departure=minutes(90),
            departure_source="car", need_wh=1.5, need_source="soc", max_charge_w=11e3,
            power_w=(0, 11_000, -7_000), missing_wh=9.0, note="short",
        ),
    ),
    bids=(
        HourBid(at=T0, bid_mw=0.1, p90_mw=0.2, availability_frac=0.9, expected_profit_eur=1.0, samples=40),
    ),
    binding={"voltage_low 17": 4},
)  # fmt: skip
QUARTER_0 = QuarterAccount(
    at=quarter_of(T0), station_id=CP1, evse_id=1, transaction_id=TransactionId("1"), planned_wh=-500.0,
    import_wh=0.0, export_wh=450.0, import_eur_per_kwh=0.3, export_eur_per_kwh=0.2,
)  # fmt: skip


def account(number: int = 1, ended_min: float = 60.0, note: str | None = None) -> SessionAccount:
    return SessionAccount(
        station_id=CP1, transaction_id=TransactionId(str(number)), evse_id=1, started=T0,
        ended=minutes(ended_min), import_wh=1_000.0, export_wh=10.0, cost_eur=None if note else 0.1,
        expected_cost_eur=None, uncontrolled_cost_eur=None if note else 0.3, wear_low_eur=0.0,
        wear_high_eur=0.01, note=note,
    )  # fmt: skip


async def test_a_plan_is_read_as_it_was_made(store: Store) -> None:
    assert await store.plans.latest() is None
    await store.journal.commit(PlanMade(plan=PLAN))
    assert await store.plans.latest() == PLAN
    assert await store.plans.summaries() == [SUMMARY]


async def test_plans_come_newest_first_page_by_page(store: Store) -> None:
    made = [minutes(15 * k) for k in range(5)]
    for at in made:
        summary = msgspec.structs.replace(SUMMARY, made=at)
        await store.journal.commit(PlanMade(plan=msgspec.structs.replace(PLAN, summary=summary)))
    first = await store.plans.summaries(limit=3)
    rest = await store.plans.summaries(after=first[-1].made, limit=3)
    assert [s.made for s in (*first, *rest)] == made[::-1]


async def test_the_plans_and_accounts_of_one_site_leave_those_of_another_out(store: Store) -> None:
    north, south = (
        msgspec.structs.replace(PLAN, summary=msgspec.structs.replace(SUMMARY, site=site))
        for site in ("north", "south")
    )  # made at the same instant
    await store.journal.commit(PlanMade(plan=north), PlanMade(plan=south))
    elsewhere = StationId("CP2")
    other_account = msgspec.structs.replace(account(7), station_id=elsewhere)
    other_tx = msgspec.structs.replace(transaction(9, ended=minutes(31)), station_id=elsewhere)
    await store.journal.commit(
        *(QuarterAccounted(account=q) for q in (QUARTER_0, msgspec.structs.replace(QUARTER_0, station_id=elsewhere))),
        SessionAccounted(account=account(1)), SessionAccounted(account=other_account),
        TransactionRecord(transaction=transaction(8, ended=minutes(31))), TransactionRecord(transaction=other_tx),
    )  # fmt: skip
    ours = store.plans.of("south", {elsewhere})
    assert await ours.latest() == south
    assert await ours.summaries() == [south.summary]
    assert len(await store.plans.summaries()) == 2
    assert await store.plans.of("west", set()).latest() is None
    (total,) = await ours.quarter_totals(T0 - QUARTER, T0 + QUARTER)
    assert total.planned_wh == pytest.approx(-500.0)
    assert await ours.session_accounts(minutes(0), minutes(500)) == [other_account]
    assert [tx.station_id for tx in await ours.unsettled(T0, minutes(60))] == [elsewhere]


async def test_a_quarter_hour_is_corrected_in_place_and_summed_over_cars(store: Store) -> None:
    await store.journal.commit(QuarterAccounted(account=QUARTER_0))
    other = msgspec.structs.replace(
        QUARTER_0, station_id=StationId("CP2"), planned_wh=1_000.0, import_wh=900.0, export_wh=0.0
    )
    late = msgspec.structs.replace(QUARTER_0, export_wh=500.0)
    await store.journal.commit(QuarterAccounted(account=other), QuarterAccounted(account=late))
    (total,) = await store.plans.quarter_totals(T0 - QUARTER, T0 + QUARTER)
    assert total.planned_wh == pytest.approx(500.0)
    assert total.metered_wh == pytest.approx(400.0)
    assert total.expected_cost_eur == pytest.approx(1.0 * 0.3 - 0.5 * 0.2)
    assert total.cost_eur == pytest.approx(0.9 * 0.3 - 0.5 * 0.2)
    assert await store.plans.quarters_of(transaction(1)) == [late]


async def test_a_quarter_hour_without_price_or_plan_has_no_cost(store: Store) -> None:
    bare = msgspec.structs.replace(
        QUARTER_0, planned_wh=None, import_eur_per_kwh=None, export_eur_per_kwh=None
    )
    await store.journal.commit(QuarterAccounted(account=bare))
    (total,) = await store.plans.quarter_totals(T0 - QUARTER, T0 + QUARTER)
    assert (total.planned_wh, total.expected_cost_eur, total.cost_eur) == (0.0, None, None)
    assert await store.plans.quarters_of(transaction(1)) == [bare]


async def test_accounts_by_when_they_ended(store: Store) -> None:
    accounts = [account(1, 60.0), account(2, 90.0, "no price"), account(3, 120.0)]
    await store.journal.commit(*(SessionAccounted(account=a) for a in accounts))
    assert await store.plans.session_accounts(minutes(60), minutes(120)) == [
        accounts[1],
        accounts[0],
    ]
    assert await store.plans.session_accounts(minutes(0), minutes(500), 1) == [accounts[2]]


async def test_only_ended_transactions_without_an_account_are_unsettled(store: Store) -> None:
    ended = [transaction(n, ended=minutes(30 + n)) for n in (1, 2, 3)]
    still_open = transaction(4)
    await store.journal.commit(
        *(TransactionRecord(transaction=tx) for tx in (*ended, still_open)),
        SessionAccounted(account=account(2)),
    )
    found = await store.plans.unsettled(T0, minutes(33))
    assert [tx.transaction_id for tx in found] == ["1"]
    assert found == [ended[0]]


async def test_registers_are_the_first_and_last_of_each_quarter_hour(store: Store) -> None:
    begin = quarter_of(T0)
    readings = [
        MeterReading(
            at=begin + timedelta(seconds=s), energy_import_wh=float(s), energy_export_wh=1.0
        )
        for s in range(0, 2_700, 60)
    ]
    powers = MeterReading(at=begin + timedelta(seconds=5), power_w=1.0)  # tells no register
    evse = EvseKey(CP1, 1)
    await store.journal.commit(
        *(MeterRecord(evse=evse, reading=r, received=r.at) for r in (*readings, powers)),
        MeterRecord(evse=EvseKey(CP1, 2), reading=readings[3], received=T0),
    )
    found = await store.plans.registers(evse, begin, begin + timedelta(hours=1))
    assert [s.import_wh for s in found] == [0.0, 840.0, 900.0, 1_740.0, 1_800.0, 2_640.0]
    assert all(s.export_wh == 1.0 for s in found)


async def test_the_main_meter_by_quarter_hour(store: Store) -> None:
    begin = quarter_of(T0)
    readings = [
        MeterReading(at=begin + timedelta(minutes=m), power_w=1_000.0 * m)
        for m in (0, 5, 10, 15, 20)
    ]
    await store.journal.commit(
        *(MeterRecord(evse=EvseKey(CP1, 0), reading=r, received=r.at) for r in readings)
    )
    found = await store.plans.main_meter(CP1, begin, begin + 4 * QUARTER)
    assert found == [(begin, 5_000.0), (begin + QUARTER, 17_500.0)]


async def test_a_plan_that_is_not_finite_is_refused(store: Store) -> None:
    broken = msgspec.structs.replace(SUMMARY, cost_eur=float("nan"))
    with pytest.raises(InvalidInput, match="finite"):
        await store.journal.commit(PlanMade(plan=msgspec.structs.replace(PLAN, summary=broken)))
    assert await store.plans.latest() is None
