"""Putting Plug & Charge together as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from csms.clock import Clock
from csms.domain.certificates import (
    CertificateSigner,
    CertificateStatuses,
    ContractProvisioning,
    ContractVerifier,
    ExpiringCertificate,
)
from csms.pnc.contract import ChainVerifier
from csms.pnc.http import HttpClient
from csms.pnc.ocsp import OcspLookup
from csms.pnc.provisioning import BuiltInSource, ContractSource, PoolSource, Provisioning
from csms.pnc.root_pool import RootPool
from csms.pnc.signing import BuiltInSigner, EstSigner
from csms.pnc.status import StatusService
from csms.pnc.tokens import ClientCredentials, FixedToken, TokenSource
from csms.pnc.trust import Trust, TrustStore, read_certificates, read_crl
from csms.settings.model import Pnc
from pki.hierarchy import Config, open_folder, read_config
from pki.issue import Pki
from pki.ocsp import Responder
from pki.profiles import AUTHORITIES
from pki.provisioning import roots
from pki.record import Status


@dataclass(frozen=True, slots=True)
class BuiltInPki:
    """Our own PKI in process."""

    pki: Pki
    config: Config


@dataclass(frozen=True, slots=True)
class Ports:
    verifier: ContractVerifier
    statuses: CertificateStatuses
    provisioning: ContractProvisioning | None
    signer: CertificateSigner | None
    expiring: Callable[[datetime], Sequence[ExpiringCertificate]] | None
    """Only our own PKI knows what it has issued."""
    root_pool: RootPool | None


def open_built_in(options: Pnc) -> BuiltInPki | None:
    """The PKI of ``pki_folder``. Raises ``pki.errors.PkiError``."""
    if not options.enabled or options.pki_folder is None or options.pki_passphrase is None:
        return None
    passphrase = options.pki_passphrase.get_secret_value().encode()
    return BuiltInPki(open_folder(options.pki_folder, passphrase), read_config(options.pki_folder))


def assemble(
    options: Pnc, built_in: BuiltInPki | None, client: HttpClient, clock: Clock
) -> Ports | None:
    """``None`` while Plug & Charge is off. Raises ``TrustError`` for files that cannot be used."""
    if not options.enabled:
        return None
    trust = TrustStore(read_trust(options, built_in))
    token = _token(options, client, clock)
    lookup = OcspLookup(
        client,
        clock,
        options.ocsp_hosts,
        timeout_s=options.ocsp_timeout_s,
        in_process=Responder(built_in.pki).answer if built_in else None,
    )
    source = _source(options, built_in, client, token)
    signer = _signer(options, built_in, client, token)
    return Ports(
        verifier=ChainVerifier(trust, lookup, clock, budget_s=options.ocsp_timeout_s),
        statuses=StatusService(trust, lookup, client, clock, timeout_s=options.ocsp_timeout_s),
        provisioning=Provisioning(source, clock) if source else None,
        signer=signer,
        root_pool=RootPool(
            trust, client, options.root_pool_url, token, timeout_s=options.external_timeout_s
        )
        if options.root_pool_url
        else None,
        expiring=signer.expiring if isinstance(signer, BuiltInSigner) else None,
    )


def read_trust(options: Pnc, built_in: BuiltInPki | None) -> Trust:
    """The files, and what the built-in PKI holds and trusts. Raises ``TrustError``."""
    own_roots = tuple(roots(built_in.pki)) if built_in else ()
    own_authorities = (
        tuple(
            record.certificate
            for record in built_in.pki.store.find(status=Status.ISSUED)
            if record.role in AUTHORITIES and record.issuer != record.name
        )
        if built_in
        else ()
    )
    return Trust(
        roots=own_roots + tuple(c for path in options.root_files for c in read_certificates(path)),
        authorities=own_authorities
        + tuple(c for path in options.authority_files for c in read_certificates(path)),
        crls=tuple(read_crl(path) for path in options.crl_files),
    )


def _source(
    options: Pnc, built_in: BuiltInPki | None, client: HttpClient, token: TokenSource
) -> ContractSource | None:
    if options.provisioning_url is not None:
        return PoolSource(
            client,
            options.provisioning_url,
            token,
            timeout_s=options.external_timeout_s,
        )
    return BuiltInSource(built_in.pki) if built_in else None


def _signer(
    options: Pnc, built_in: BuiltInPki | None, client: HttpClient, token: TokenSource
) -> CertificateSigner | None:
    if options.est_url is not None:
        return EstSigner(
            client,
            options.est_url,
            token,
            timeout_s=options.external_timeout_s,
        )
    if built_in is None:
        return None
    return BuiltInSigner(built_in.pki, built_in.config.organization, built_in.config.country)


def _token(options: Pnc, client: HttpClient, clock: Clock) -> TokenSource:
    secret = None if options.secret is None else options.secret.get_secret_value()
    if options.token_url is None or options.client_id is None:
        return FixedToken(secret)
    return ClientCredentials(
        client,
        options.token_url,
        options.client_id,
        secret or "",
        clock,
        timeout_s=options.external_timeout_s,
    )
