"""Id tokens, API keys, security events and the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from csms.api.access import Admin, Operator, Viewer
from csms.api.audit import audit
from csms.api.problems import ProblemError
from csms.api.routes.common import Deps, Limit, StationQuery
from csms.api.views import ApiKeyView, NewApiKeyAsked, NewApiKeyView, token_view
from csms.api.wire import accepts, convert, read_object, reply, returns
from csms.domain.records import ApiKeyRecord, AuditRecord, SecurityRecord, TokenRecord
from csms.ids import StationId
from csms.services.api_keys import Role
from csms.telemetry.redact import partial

router = APIRouter(prefix="/v1", tags=["administration"])


@router.get("/tokens", responses=returns(list[TokenRecord]))
async def list_tokens(deps: Deps, who: Viewer) -> Response:
    """Id tokens that are known; shown in part to viewers."""
    show = who.role.covers(Role.OPERATOR)
    return reply([token_view(record, show_token=show) for record in await deps.history.tokens()])


@router.post(
    "/tokens",
    status_code=201,
    responses=returns(TokenRecord, "Written.", 201),
    openapi_extra=accepts(TokenRecord),
)
async def create_token(request: Request, deps: Deps, who: Operator) -> Response:
    """Add an id token, or replace what is known of it."""
    record = convert(await read_object(request), TokenRecord)
    if not 0 < len(record.token.value) <= 255 or len(record.token.kind) > 20:
        raise ProblemError(
            422, "invalid_request", "body: token: value 1 to 255 characters, kind at most 20"
        )
    if record.expires is not None and record.expires.tzinfo is None:
        raise ProblemError(422, "invalid_request", "body: expires: needs a time zone")
    await audit(deps, who, "token.create", partial(record.token.value), {"status": record.status})
    await deps.journal.commit(record)
    return reply(record, 201)


@router.get("/security-events", responses=returns(list[SecurityRecord], "Newest first."))
async def security_events(
    deps: Deps, _who: Viewer, station_id: StationQuery = None, limit: Limit = 100
) -> Response:
    return reply(
        await deps.history.security_events(
            station_id=StationId(station_id) if station_id else None, limit=limit
        )
    )


@router.get("/audit", responses=returns(list[AuditRecord], "Newest first."))
async def audit_log(deps: Deps, _who: Admin, limit: Limit = 100) -> Response:
    """Who did what."""
    return reply(await deps.history.audit(limit))


@router.get("/api-keys", responses=returns(list[ApiKeyView]))
async def list_keys(deps: Deps, _who: Admin) -> Response:
    return reply([_key_view(record) for record in await deps.access.keys.all()])


@router.post(
    "/api-keys",
    status_code=201,
    responses=returns(NewApiKeyView, "Created; the key is shown once.", 201),
    openapi_extra=accepts(NewApiKeyAsked),
)
async def create_key(request: Request, deps: Deps, who: Admin) -> Response:
    asked = convert(await read_object(request), NewApiKeyAsked)
    await audit(deps, who, "api_key.create", asked.role)
    made = await deps.access.keys.create(asked.role)
    view = NewApiKeyView(key_id=made.record.key_id, role=made.record.role, api_key=made.plaintext)
    return reply(view, 201)


@router.post("/api-keys/{key_id}/revoke", responses=returns(ApiKeyView))
async def revoke_key(
    key_id: Annotated[str, Path(pattern=r"^[0-9a-f]{1,64}$")], deps: Deps, who: Admin
) -> Response:
    """End a key at once, and the browser sessions that it opened."""
    await audit(deps, who, "api_key.revoke", key_id)
    return reply(_key_view(await deps.access.keys.revoke(key_id)))


def _key_view(record: ApiKeyRecord) -> ApiKeyView:
    return ApiKeyView(
        key_id=record.key_id, role=record.role, created=record.created, revoked=record.revoked
    )
