"""A backend without a central system: contracts are judged and installed by a local PKI."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from charger_sim.iso15118.backend import (
    Authorization,
    Authorize,
    AuthorizeExternally,
    CertificateResponse,
    InstallCertificate,
    MakeSchedule,
    PowerSchedule,
    ReportSchedule,
)
from pki.errors import PkiError
from pki.evidence import Evidence
from pki.installation import request_identity
from pki.issue import Pki
from pki.parse import UNREADABLE, parse_der
from pki.profiles import Role
from pki.provisioning import answer_installation, own_evidence, roots
from pki.verify import verify


@dataclass(slots=True)
class LocalBackend:
    """Answers at once: for tests, measurements, and simulations without OCPP.

    What refused is kept in `refusals`, in words.
    """

    pki: Pki
    power_w: float = 11_000.0
    external: Authorization = field(default_factory=lambda: Authorization(True))
    reports: list[ReportSchedule] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    _installing: dict[bytes, list[bytes]] = field(default_factory=dict)
    """Responses that a vehicle has still to fetch (-20: one contract in each)."""

    async def authorize(self, question: Authorize) -> Authorization:
        verdict = verify(
            list(question.chain),
            Role.CONTRACT,
            roots(self.pki),
            self._evidence(question.chain),
            self.pki.clock.now(),
        )
        if not verdict.accepted:
            self.refusals.append(f"{verdict.status}: {verdict.detail}")
        return Authorization(verdict.accepted, verdict.status)

    async def authorize_externally(self, question: AuthorizeExternally) -> Authorization:
        del question
        return self.external

    async def install_certificate(self, question: InstallCertificate) -> CertificateResponse | None:
        request = base64.b64decode(question.exi_request)
        try:
            response, *rest = self._responses(request, question.namespace)
            if rest:
                self._installing[request_identity(request, question.namespace)] = rest
        except PkiError as error:
            self.refusals.append(str(error))
            return None
        return CertificateResponse(base64.b64encode(response).decode("ascii"), len(rest))

    def _responses(self, request: bytes, namespace: str) -> list[bytes]:
        """Those that a vehicle has not fetched yet, else new ones."""
        if self._installing:
            left = self._installing.pop(request_identity(request, namespace), None)
            if left is not None:
                return left
        return [exi for _, exi in answer_installation(self.pki, request, namespace)]

    async def make_schedule(self, question: MakeSchedule) -> tuple[PowerSchedule, ...]:
        del question
        return (PowerSchedule(1, ((0.0, self.power_w),)),)

    async def report_schedule(self, question: ReportSchedule) -> None:
        self.reports.append(question)

    def _evidence(self, chain: tuple[bytes, ...]) -> Evidence:
        try:
            return own_evidence(self.pki, [parse_der(der) for der in chain])
        except UNREADABLE:
            return Evidence()
