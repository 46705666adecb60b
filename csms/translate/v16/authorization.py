"""Authorize of OCPP 1.6, and the idTagInfo that three answers share."""

from __future__ import annotations

from datetime import datetime

from csms.domain.events import AuthorizeAsked, AuthorizeReply
from csms.domain.values import IdToken, TokenStatus
from csms.translate.fields import Payload, wire_time

_MAX_ID_TAG = 20

_STATUS = {
    TokenStatus.ACCEPTED: "Accepted",
    TokenStatus.BLOCKED: "Blocked",
    TokenStatus.CONCURRENT_TX: "ConcurrentTx",
    TokenStatus.EXPIRED: "Expired",
    TokenStatus.INVALID: "Invalid",
    TokenStatus.UNKNOWN: "Invalid",
    # 1.6 has no word for these: known, and not allowed to charge here and now.
    TokenStatus.NO_CREDIT: "Blocked",
    TokenStatus.NOT_AT_THIS_LOCATION: "Blocked",
    TokenStatus.NOT_AT_THIS_TIME: "Blocked",
}


def authorize(payload: Payload) -> AuthorizeAsked:
    return AuthorizeAsked(token=IdToken(value=payload["idTag"]))


def authorize_reply(reply: AuthorizeReply) -> Payload:
    return {"idTagInfo": id_tag_info(reply.status, expires=reply.expires, group=reply.group)}


def id_tag_info(
    status: TokenStatus, *, expires: datetime | None = None, group: IdToken | None = None
) -> Payload:
    """A group whose id is too long for 1.6 is left out: a cut one would name another group."""
    info: Payload = {"status": _STATUS[status]}
    if expires is not None:
        info["expiryDate"] = wire_time(expires)
    if group is not None and len(group.value) <= _MAX_ID_TAG:
        info["parentIdTag"] = group.value
    return info
