"""A session's questions, put to the central system over OCPP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

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
from charger_sim.station.evse import Evse
from charger_sim.station.iso15118 import proof
from charger_sim.station.iso15118.negotiation import Negotiation
from charger_sim.station.rpc import Payload
from pki.verify import CertificateStatus

if TYPE_CHECKING:
    from charger_sim.station.station import Station


class NoAnswer(Exception):
    """A CALL was lost, timed out, or was answered with CALLERROR; the argument says which."""


class OcppBackend:
    """Of one session at one EVSE; see :class:`charger_sim.iso15118.backend.Backend`.

    A transaction by contract begins with the first question for a schedule: only then has the car
    proven that it holds the contract's key.
    """

    def __init__(
        self,
        station: Station,
        evse: Evse,
        negotiation: Negotiation,
        *,
        schedule_wait_s: float,
        poke: Callable[[], None],
    ) -> None:
        self._station = station
        self._evse = evse
        self._negotiation = negotiation
        self._schedule_wait_s = schedule_wait_s
        self._poke = poke
        self._started = asyncio.Event()
        self._changed = asyncio.Event()
        self._by_contract: tuple[str, Payload | None] | None = None
        self._mode_told: str | None = None
        self._schedules: dict[int, asyncio.Future[tuple[PowerSchedule, ...]]] = {}
        if evse.tx is not None:
            self._started.set()

    def transaction_started(self) -> None:
        self._started.set()

    def profiles_changed(self) -> None:
        self._changed.set()

    async def authorize(self, question: Authorize) -> Authorization:
        """By hash data where the station can check the chain itself, else by the chain (C07)."""
        st = self._station
        if not st.settings.pnc_enabled:
            return Authorization(False)
        roots = st.certificates.contract_roots
        known = proof.leads_to(question.chain, roots, st.clock.now())
        if not st.registration.may_send("Authorize"):
            return self._offline(question, known=known)
        hashes = proof.hashes_of(question.chain, roots) if known else []
        if not hashes and not (known or st.settings.central_contract_validation):
            return Authorization(False, CertificateStatus.CERT_CHAIN_ERROR)
        contracts = st.dialect.contracts
        pem = None if hashes else proof.pem_of(question.chain)
        try:
            reply = await self._ask(*contracts.authorize(question.emaid, pem=pem, hash_data=hashes))
            info, status = contracts.authorization(reply)
            certificate = None if status is None else CertificateStatus(status)
        except NoAnswer as failure:
            if str(failure) in {"offline", "timeout"}:
                return self._offline(question, known=known)
            return Authorization(False)
        except ValueError:
            return Authorization(False)
        good = certificate in {None, CertificateStatus.ACCEPTED}
        if not (good and st.dialect.authorized(info, None)):
            return Authorization(False, certificate)
        self._by_contract = (question.emaid, info)
        return Authorization(True, certificate)

    def _offline(self, question: Authorize, *, known: bool) -> Authorization:
        """C07.FR.07 to .09."""
        if not self._station.settings.contract_validation_offline:
            return Authorization(False)
        if not known:
            return Authorization(False, CertificateStatus.CERT_CHAIN_ERROR)
        self._by_contract = (question.emaid, None)
        return Authorization(True, CertificateStatus.ACCEPTED)

    async def authorize_externally(self, question: AuthorizeExternally) -> Authorization:
        del question
        await self._started.wait()
        return Authorization(True)

    async def install_certificate(self, question: InstallCertificate) -> CertificateResponse | None:
        contracts = self._station.dialect.contracts
        if not self._station.settings.contract_installation:
            return None
        try:
            return contracts.installed(await self._ask(*contracts.installation(question)))
        except (NoAnswer, ValueError):
            return None

    async def make_schedule(self, question: MakeSchedule) -> tuple[PowerSchedule, ...]:
        """One answer for each round, however the car's needs drift while it waits."""
        making = self._schedules.get(question.renegotiation)
        if making is None:
            making = asyncio.ensure_future(self._make_schedule(question))
            self._schedules[question.renegotiation] = making
        return await asyncio.shield(making)

    async def _make_schedule(self, question: MakeSchedule) -> tuple[PowerSchedule, ...]:
        st, evse = self._station, self._evse
        if evse.tx is None and self._by_contract is not None:
            emaid, reply = self._by_contract
            st.sessions.start_if_free(evse, emaid, None, reply, id_kind="eMAID")
            self._by_contract = None
        if question.needs.energy_transfer_mode != self._mode_told:
            self._mode_told = question.needs.energy_transfer_mode
            self._changed.clear()
            await self._tell_needs(question)
        return self._negotiation.offer(question.needs.max_schedule_entries)

    async def _tell_needs(self, question: MakeSchedule) -> None:
        """And wait for the central system's profile, where it promises one (K15.FR.07, .08)."""
        st = self._station
        message = st.dialect.contracts.needs(st, self._evse, question.needs)
        if message is None:
            return
        with suppress(NoAnswer, TimeoutError):
            reply = await self._ask(*message)
            if reply["status"] == "Accepted":  # what is still Processing renegotiates (K15.FR.05)
                async with asyncio.timeout(self._schedule_wait_s):
                    await self._changed.wait()

    async def report_schedule(self, question: ReportSchedule) -> None:
        st = self._station
        message = st.dialect.contracts.chosen(st, self._evse, question)
        if message is not None:
            with suppress(NoAnswer):
                await self._ask(*message)

    def close(self) -> None:
        """The session is over: nobody waits for schedules any more."""
        for making in self._schedules.values():
            making.cancel()

    async def _ask(self, action: str, payload: Payload) -> Payload:
        """Raises :class:`NoAnswer`."""
        answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()

        def failed(reason: str) -> None:
            if not answer.done():
                answer.set_exception(NoAnswer(reason))

        def answered(reply: Payload) -> None:
            if not answer.done():
                answer.set_result(reply)

        self._station.ask(action, payload, answered, failed)
        self._poke()
        return await answer
