"""Tokens and Authorize of OCPP 2.x."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from csms.domain.errors import NotExpressible
from csms.domain.events import AuthorizeAsked, AuthorizeReply
from csms.domain.values import IdToken, TokenStatus
from csms.translate.fields import Payload, wire_time
from csms.translate.v2x.edition import Edition

_OF_CENTRAL_SYSTEM = "Central"
"""The type of tokens that came without one: our own, or an OCPP 1.6 idTag."""


def authorize(payload: Payload) -> AuthorizeAsked:
    return AuthorizeAsked(
        token=id_token(payload["idToken"]),
        certificate_pem=payload.get("certificate"),
        hash_data=tuple(payload.get("iso15118CertificateHashData", ())),
    )


def authorize_reply(edition: Edition, reply: AuthorizeReply) -> Payload:
    payload: Payload = {
        "idTokenInfo": id_token_info(
            edition, reply.status, expires=reply.expires, group=reply.group
        )
    }
    if reply.certificate_status is not None:
        payload["certificateStatus"] = reply.certificate_status
    return payload


def id_token(wire: Payload) -> IdToken:
    return IdToken(value=wire["idToken"], kind=wire["type"])


def id_token_to_wire(edition: Edition, token: IdToken) -> Payload:
    """Raises ``NotExpressible`` for a type or a length that the version does not have."""
    kind = token.kind or _OF_CENTRAL_SYSTEM
    if edition.token_types is not None and kind not in edition.token_types:
        raise NotExpressible(f"OCPP {edition.version} has no token type {kind!r}")
    if len(token.value) > edition.max_token:
        raise NotExpressible(
            f"OCPP {edition.version} tokens have at most {edition.max_token} characters"
        )
    return {"idToken": token.value, "type": kind}


def id_token_info(
    edition: Edition,
    status: TokenStatus,
    *,
    expires: datetime | None = None,
    group: IdToken | None = None,
) -> Payload:
    """A group that the version cannot say is left out: a changed one would be another group."""
    info: Payload = {"status": status.value}
    if expires is not None:
        info["cacheExpiryDateTime"] = wire_time(expires)
    if group is not None:
        with suppress(NotExpressible):
            info["groupIdToken"] = id_token_to_wire(edition, group)
    return info
