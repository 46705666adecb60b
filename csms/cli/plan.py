"""``csms plan``: the last schedule, and what planning has saved."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from csms.cli.common import ConfigFile, opened_store, read_settings
from csms.cli.output import Json, fail, out, print_json, print_table
from csms.clock import SystemClock
from csms.domain.plan import savings

app = typer.Typer(no_args_is_help=True, help="The planner's schedules and what they saved.")
MAX_SESSIONS = 100_000


@app.command("show")
def show(
    config: ConfigFile = None,
    feeder: Annotated[
        str | None, typer.Option(help="Of which feeder, where there are several.")
    ] = None,
    json: Json = False,
) -> None:
    """The last plan: a schedule for each car. Exit status 1 when none was ever made."""

    async def run() -> None:
        async with opened_store(read_settings(config)) as store:
            plans = store.plans if feeder is None else store.plans.of(feeder, ())
            plan = await plans.latest()
        if plan is None:
            fail(
                "no plan has been made: set planner.enabled and a price source, then run `csms serve`"
            )
        if json:
            print_json(plan)
            return
        s = plan.summary
        out.print(
            f"{s.site}: made {s.made:%Y-%m-%d %H:%M:%S} UTC from {s.price_source}: {s.energy_wh / 1e3:.1f} kWh for"
            f" {s.cost_eur:.2f} EUR, uncontrolled {s.uncontrolled_cost_eur:.2f} EUR; fed back"
            f" {s.discharged_wh / 1e3:.1f} kWh, wear {s.wear_eur:.2f} EUR",
            markup=False,
        )
        for note in (
            *s.notes,
            *(f"{e.station_id}/{e.evse_id}: {e.note}" for e in plan.evs if e.note),
        ):
            out.print(f"  {note}", markup=False)
        print_table(
            ("station", "evse", "leaves (UTC)", "told by", "wants kWh", "now kW", "then"),
            (
                (
                    e.station_id, e.evse_id, f"{e.departure:%d %b %H:%M}", e.departure_source,
                    f"{e.need_wh / 1e3:.1f}", f"{(e.power_w or (0,))[0] / 1e3:.1f}",
                    " ".join(f"{w / 1e3:.0f}" for w in e.power_w[1:9]),
                )
                for e in plan.evs
            ),
        )  # fmt: skip

    asyncio.run(run())


@app.command("savings")
def savings_(
    days: Annotated[
        int, typer.Option(min=1, max=400, help="Sessions that ended in so many days.")
    ] = 30,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Measured: metered cost against the same sessions at full power from plugging in."""

    async def run() -> None:
        until = SystemClock().now()
        since = until - timedelta(days=days)
        async with opened_store(read_settings(config)) as store:
            found = savings(
                await store.plans.session_accounts(since, until, MAX_SESSIONS), since, until
            )
        if json:
            print_json(found)
            return
        share = "" if found.saving_frac is None else f" ({found.saving_frac:.0%})"
        out.print(
            f"{found.sessions} sessions, {found.left_out} left out: {found.cost_eur:.2f} EUR, uncontrolled"
            f" {found.uncontrolled_cost_eur:.2f} EUR: saved {found.saving_eur:.2f} EUR{share}; after wear"
            f" {found.saving_after_wear_low_eur:.2f} to {found.saving_after_wear_high_eur:.2f} EUR",
            markup=False,
        )

    asyncio.run(run())
