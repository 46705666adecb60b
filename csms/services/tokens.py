"""What the list of tokens says. A token that is not known is refused: nothing is open by default."""

from __future__ import annotations

from csms.domain.emaid import emaid_spellings
from csms.domain.events import AuthorizeReply
from csms.domain.records import TokenRecord
from csms.domain.values import IdToken, TokenStatus
from csms.services.core import Core


async def check_token(core: Core, token: IdToken) -> AuthorizeReply:
    if token.kind == "NoAuthorization":
        return AuthorizeReply(status=TokenStatus.ACCEPTED)
    record = await _known(core, token)
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


async def _known(core: Core, token: IdToken) -> TokenRecord | None:
    spellings = emaid_spellings(token.value) if token.kind == "eMAID" else (token.value,)
    for spelling in spellings:
        record = await core.history.token(spelling.casefold())
        if record is not None:
            return record
    return None
