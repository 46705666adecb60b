"""The application and its mapping from errors to answers."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from pki.errors import (
    AuditTamperedError,
    ContractKeyError,
    KeyStoreError,
    NotFoundError,
    PkiError,
    RequestError,
)
from pki.hierarchy import Config
from pki.issue import Pki
from pki.provisioning import ProvisioningRefusedError
from pki.serve.est import est_router
from pki.serve.pools import pools_router
from pki.serve.request import Tokens, problem
from pki.serve.revocation import revocation_router
from pki.xmlsig import SignatureRejectedError

_STATUS: dict[type[PkiError], int] = {
    RequestError: 400,
    ContractKeyError: 400,
    SignatureRejectedError: 403,
    ProvisioningRefusedError: 403,
    NotFoundError: 404,
    KeyStoreError: 503,
    AuditTamperedError: 503,
}


def create_app(pki: Pki, config: Config, tokens: list[str]) -> FastAPI:
    """The service over one PKI. Raises RequestError for tokens that are too short."""
    app = FastAPI(title="V2G PKI", docs_url=None, redoc_url=None)
    known = Tokens(tokens)
    app.include_router(est_router(pki, config, known))
    app.include_router(revocation_router(pki))
    app.include_router(pools_router(pki, known))
    app.add_exception_handler(PkiError, _answer)
    return app


async def _answer(_request: Request, error: Exception) -> JSONResponse:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    more = (
        {"certificateStatus": error.status} if isinstance(error, ProvisioningRefusedError) else {}
    )
    # what went wrong inside is for the log, not for the caller
    title = str(error) if status < 500 else "the PKI cannot answer now"
    return JSONResponse(
        problem(status, title, **more), status_code=status, media_type="application/problem+json"
    )
