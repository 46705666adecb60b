"""Who may charge (OCPP block C): by the list of tokens, or by contract certificate."""

from __future__ import annotations

from csms.domain.events import AuthorizeAsked, AuthorizeReply
from csms.domain.fleet import StationState
from csms.services.contracts import authorize_contract, is_by_contract
from csms.services.core import Core
from csms.services.tokens import check_token


async def authorize(core: Core, station: StationState, event: AuthorizeAsked) -> AuthorizeReply:
    if is_by_contract(core, event):
        return await authorize_contract(core, station, event)
    return await check_token(core, event.token)
