"""What the planner decided, what came of it, and what that saved against uncontrolled charging."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from csms.api.access import Viewer
from csms.api.deps import ApiDeps
from csms.api.feeders import feeder_named
from csms.api.problems import ProblemError
from csms.api.routes.common import Deps, Limit
from csms.api.views import Page
from csms.api.wire import reply, returns
from csms.clock import Clock
from csms.domain.plan import (
    PlannerView,
    PlanSummary,
    QuarterTotal,
    Savings,
    SessionAccount,
    savings,
)
from csms.domain.ports import PlanHistory

router = APIRouter(prefix="/v1", tags=["plans"])
DAY, MONTH, MAX_SPAN = timedelta(days=1), timedelta(days=30), timedelta(days=400)
MAX_SESSIONS = 100_000
FeederName = Annotated[str | None, Query(max_length=64, description="Of which feeder.")]


@router.get("/plans", responses=returns(Page[PlanSummary]))
async def list_plans(
    deps: Deps,
    _who: Viewer,
    after: AwareDatetime | None = None,
    limit: Limit = 100,
    feeder: FeederName = None,
) -> Response:
    """Newest first. ``after``: the instant at which the last one of the page before was made."""
    found = tuple(await kept_plans(deps, feeder).summaries(after=after, limit=limit))
    following = found[-1].made.isoformat() if len(found) == limit else None
    return reply(Page(items=found, next=following))


@router.get("/plans/latest", responses=returns(PlannerView))
async def latest_plan(deps: Deps, _who: Viewer, feeder: FeederName = None) -> Response:
    """The schedule of every car, and whether it is followed; without a planner the last one that was kept.

    Of the first feeder, unless one is named."""
    return reply(await shown_plan(deps, feeder))


@router.get("/plans/quarters", responses=returns(list[QuarterTotal], "Oldest first."))
async def expected_and_happened(
    deps: Deps,
    _who: Viewer,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    feeder: FeederName = None,
) -> Response:
    """Energy and cost by quarter hour, as planned and as metered; the last day unless told otherwise."""
    begin, end = _span(deps.clock, since, until, DAY)
    return reply(await kept_plans(deps, feeder).quarter_totals(begin, end))


@router.get("/savings", responses=returns(Savings))
async def measured_savings(
    deps: Deps,
    _who: Viewer,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    feeder: FeederName = None,
) -> Response:
    """Over the sessions that ended in the span (the last 30 days): metered cost against full power from plugging in."""
    begin, end = _span(deps.clock, since, until, MONTH)
    found = await kept_plans(deps, feeder).session_accounts(begin, end, MAX_SESSIONS)
    return reply(savings(found, begin, end))


@router.get("/savings/sessions", responses=returns(list[SessionAccount], "Newest first."))
async def session_accounts(
    deps: Deps,
    _who: Viewer,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    feeder: FeederName = None,
) -> Response:
    """The accounts that the savings are the sum of."""
    begin, end = _span(deps.clock, since, until, MONTH)
    return reply(await kept_plans(deps, feeder).session_accounts(begin, end, limit))


def kept_plans(deps: ApiDeps, feeder: str | None) -> PlanHistory:
    """What is kept of one feeder, or of all. Raises ``NotFound``."""
    if feeder is None:
        return deps.plans
    found = feeder_named(deps.feeders, feeder)
    return deps.plans.of(found.name, found.stations)


async def shown_plan(deps: ApiDeps, feeder: str | None) -> PlannerView:
    """What the feeder's planner follows; without a plan the last one that was kept. Raises ``NotFound``."""
    found = feeder_named(deps.feeders, feeder)
    view = found.planner_view
    if view.plan is not None:
        return view
    kept = await kept_plans(deps, found.name if len(deps.feeders) > 1 else None).latest()
    return PlannerView(state=view.state, reason=view.reason, plan=kept)


def _span(
    clock: Clock, since: datetime | None, until: datetime | None, usual: timedelta
) -> tuple[datetime, datetime]:
    end = until or clock.now()
    try:
        begin = since or end - usual
        span = end - begin
    except OverflowError:
        raise ProblemError(422, "invalid_request", "until: out of range") from None
    if not timedelta(0) <= span <= MAX_SPAN:
        raise ProblemError(
            422, "invalid_request", f"since and until: at most {MAX_SPAN.days} days, in this order"
        )
    return begin, end
