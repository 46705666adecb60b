"""The planner's page: what is planned, what was metered, what it saved."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from csms.api.feeders import feeder_named, feeder_status
from csms.api.routes.common import Deps
from csms.api.routes.plans import FeederName, kept_plans, shown_plan
from csms.domain.plan import QUARTER, savings
from csms.web.access import ViewerPage
from csms.web.plan_chart import draw, quarters

router = APIRouter(include_in_schema=False)
SHOWN_PAST = timedelta(hours=12)
MEASURED = timedelta(days=30)
MAX_SESSIONS, MAX_CARS = 100_000, 250


@router.get("/plan")
async def plan_page(
    request: Request, deps: Deps, who: ViewerPage, feeder: FeederName = None
) -> Response:
    """Whole without scripts; with them it renews itself."""
    now = deps.clock.now()
    chosen = feeder_named(deps.feeders, feeder).name
    view = await shown_plan(deps, chosen)
    kept = kept_plans(deps, chosen if len(deps.feeders) > 1 else None)
    past = await kept.quarter_totals(now - SHOWN_PAST, now)
    accounts = await kept.session_accounts(now - MEASURED, now, MAX_SESSIONS)
    shown = quarters(view.plan, past)
    evs = sorted(view.plan.evs, key=lambda ev: ev.departure) if view.plan else []
    k = (now - view.plan.start) // QUARTER if view.plan else 0
    response: Response = request.app.state.pages.render(
        "plan.html",
        who,
        view=view,
        chart=draw(shown, now),
        savings=savings(accounts, now - MEASURED, now),
        cars=[(ev, ev.power_w[k] if 0 <= k < len(ev.power_w) else None) for ev in evs[:MAX_CARS]],
        more=max(0, len(evs) - MAX_CARS),
        chosen=chosen,
        feeders=[feeder_status(one) for one in deps.feeders.values()],
        bids=[bid for bid in view.plan.bids if bid.samples] if view.plan else [],
    )
    return response
