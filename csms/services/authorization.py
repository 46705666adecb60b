"""Who may charge (OCPP block C). A token that is not known is refused: nothing is open by default."""

from __future__ import annotations

from csms.domain.events import AuthorizeAsked, AuthorizeReply
from csms.domain.fleet import StationState
from csms.domain.values import IdToken, TokenStatus
from csms.services.core import Core


async def check_token(core: Core, token: IdToken) -> AuthorizeReply:
    if token.kind == "NoAuthorization":
        return AuthorizeReply(status=TokenStatus.ACCEPTED)
    record = await core.history.token(token.key)
    if record is None:
        free = core.policy.accept_unknown_tokens
        return AuthorizeReply(status=TokenStatus.ACCEPTED if free else TokenStatus.UNKNOWN)
    status = record.status
    if (
        status is TokenStatus.ACCEPTED
        and record.expires is not None
        and record.expires <= core.clock.now()
    ):
        status = TokenStatus.EXPIRED
    group = IdToken(value=record.group, kind="Central") if record.group else None
    return AuthorizeReply(status=status, expires=record.expires, group=group)


async def authorize(core: Core, station: StationState, event: AuthorizeAsked) -> AuthorizeReply:  # noqa: ARG001
    return await check_token(core, event.token)
