"""Certificates of stations and cars (OCPP blocks A02, C07 and M): what stations ask for, and what they are answered.

Hash data are kept under OCPP's own names: ``hashAlgorithm``, ``issuerNameHash``, ``issuerKeyHash``, ``serialNumber``
and, where an OCSP request is meant, ``responderURL``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from csms.domain.values import Value
from csms.ids import StationId

PNC_VENDOR = "org.openchargealliance.iso15118pnc"
"""``vendorId`` of the DataTransfer by which OCPP 1.6 carries Plug & Charge."""


class SigningUse(StrEnum):
    """What a certificate is for that a station asks to have signed."""

    STATION = "ChargingStationCertificate"
    V2G = "V2GCertificate"
    V2G_20 = "V2G20Certificate"
    """OCPP 2.1: the ISO 15118-20 certificate of a station that also has one of -2."""


class RootUse(StrEnum):
    """What a root certificate is for that is installed in a station."""

    V2G = "V2GRootCertificate"
    MO = "MORootCertificate"
    CSMS = "CSMSRootCertificate"
    MANUFACTURER = "ManufacturerRootCertificate"
    OEM = "OEMRootCertificate"


class EvCertificateAsked(Value, frozen=True, kw_only=True):
    """Get15118EVCertificate (M01, M02). ``exi_request`` is base64 of the car's request, opaque here."""

    schema: str
    """``iso15118SchemaVersion``: the namespace of the message definitions."""
    update: bool
    exi_request: str
    max_response_chars: int
    """Longest ``exiResponse`` that the station's version can take."""
    max_chains: int | None = None
    """Contract chains the car can take with ISO 15118-20 (2.1)."""
    emaids: tuple[str, ...] = ()
    """The car's preference, first one first (2.1)."""


class EvCertificateReply(Value, frozen=True, kw_only=True):
    """``exi_response`` ``None`` is Failed; then ``reason`` tells why."""

    exi_response: str | None
    remaining_contracts: int | None = None
    reason: str | None = None


class CertificateStatusAsked(Value, frozen=True, kw_only=True):
    """GetCertificateStatus (M06)."""

    ocsp: dict[str, str]
    max_result_chars: int


class CertificateStatusReply(Value, frozen=True, kw_only=True):
    """Base64 of the responder's DER answer; ``None`` is Failed (M06.FR.04)."""

    ocsp_result: str | None
    reason: str | None = None


class ChainStatusQuery(Value, frozen=True, kw_only=True):
    hash_data: dict[str, str]
    source: str
    """``OCSP`` or ``CRL``."""
    urls: tuple[str, ...]


class ChainStatusAsked(Value, frozen=True, kw_only=True):
    """GetCertificateChainStatus (2.1)."""

    queries: tuple[ChainStatusQuery, ...]


class ChainStatus(Value, frozen=True, kw_only=True):
    hash_data: dict[str, str]
    source: str
    status: str
    """``Good``, ``Revoked``, ``Unknown`` or ``Failed``."""
    next_update: datetime


class ChainStatusReply(Value, frozen=True, kw_only=True):
    statuses: tuple[ChainStatus, ...]


class SigningAsked(Value, frozen=True, kw_only=True):
    """SignCertificate (A02): a PKCS#10 request."""

    csr_pem: str
    use: SigningUse = SigningUse.STATION
    request_id: int | None = None
    """Told back in CertificateSigned (2.1)."""


class SigningReply(Value, frozen=True, kw_only=True):
    accepted: bool
    reason: str | None = None


class ExpiringCertificate(Value, frozen=True, kw_only=True):
    """A certificate in use by a station, and when it ends."""

    station_id: StationId
    use: SigningUse
    not_after: datetime


CertificateEvent = EvCertificateAsked | CertificateStatusAsked | ChainStatusAsked | SigningAsked
CertificateReply = EvCertificateReply | CertificateStatusReply | ChainStatusReply | SigningReply


class ContractVerdict(Value, frozen=True, kw_only=True):
    """What became of a contract certificate, in the words of OCPP's AuthorizeCertificateStatusEnumType."""

    status: str
    detail: str = ""
    emaid: str | None = None
    """Of the certificate's subject; ``None`` where only hash data were there."""

    @property
    def is_good(self) -> bool:
        return self.status == "Accepted"


class ProvisioningFailed(Exception):
    """No contract certificate could be had for the car. The message is for operators."""


class SigningRefused(Exception):
    """The request cannot be signed. The message is for operators."""


class ContractVerifier(Protocol):
    async def verify(
        self, chain_pem: str | None, hash_data: Sequence[dict[str, str]]
    ) -> ContractVerdict:
        """By chain where there is one, else by hash data. Never raises for what a station sent."""
        ...


class ContractProvisioning(Protocol):
    async def provide(self, asked: EvCertificateAsked) -> EvCertificateReply:
        """Raises ``ProvisioningFailed``."""
        ...


class CertificateStatuses(Protocol):
    async def ocsp_result(self, ocsp: dict[str, str]) -> bytes | None:
        """The responder's DER answer, from the cache or the responder; ``None`` when there is none."""
        ...

    async def chain_status(self, query: ChainStatusQuery) -> ChainStatus: ...


class CertificateSigner(Protocol):
    async def sign(self, station_id: StationId, csr_pem: str, use: SigningUse) -> str:
        """The chain as PEM, leaf first, without the root. Raises ``SigningRefused``."""
        ...


class SigningQueue(Protocol):
    def accept(self, station_id: StationId, asked: SigningAsked) -> SigningReply:
        """Take a request, or say why not; what is taken is answered by CertificateSigned."""
        ...
