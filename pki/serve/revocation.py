"""OCSP (RFC 6960 appendix A: POST and GET) and certificate revocation lists."""

from __future__ import annotations

import urllib.parse

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from pki.errors import NotFoundError
from pki.issue import Pki
from pki.ocsp import MAX_REQUEST_OCTETS, Responder
from pki.serve.request import bounded_body, from_base64

_ANSWER = "application/ocsp-response"


def revocation_router(pki: Pki) -> APIRouter:
    """Open to everybody: answers are signed."""
    router = APIRouter()
    responder = Responder(pki)

    @router.post("/ocsp")
    async def post(request: Request) -> Response:
        body = await bounded_body(request, MAX_REQUEST_OCTETS)
        answer = await run_in_threadpool(responder.answer, body)
        return Response(answer, media_type=_ANSWER)

    @router.get("/ocsp/{encoded:path}")
    def get(encoded: str) -> Response:
        body = from_base64(urllib.parse.unquote(encoded[: 2 * MAX_REQUEST_OCTETS]), "the request")
        return Response(responder.answer(body), media_type=_ANSWER)

    @router.get("/crl/{ca:path}.crl")
    def crl(ca: str) -> Response:
        content = pki.store.crl(ca)
        if content is None:
            raise NotFoundError(f"no revocation list of {ca!r}")
        return Response(content, media_type="application/pkix-crl")

    return router
