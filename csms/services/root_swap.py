"""Replacing the CSMS root in a station (M05.FR.09 to .13): the old one stays as fallback until the new one has served.

With AdditionalRootCertificateCheck the station takes a new CSMS root only when the old one signed it (M05.FR.10), so
one that did not is refused here, before any station is told of it.
"""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from csms.domain.certificates import RootUse
from csms.domain.commands import (
    Command,
    CommandRecord,
    CommandState,
    GetInstalledCertificates,
    InstallCertificate,
)
from csms.domain.errors import InvalidInput
from csms.domain.values import Value
from csms.ids import StationId
from csms.services.command_desk import CommandDesk
from pki.hash_data import HashData, from_ocpp, hash_data


class RootSwap(Value, frozen=True, kw_only=True):
    installed: bool
    """The station accepted the new root, and lists it."""
    fallback_kept: bool
    """The old root is still listed, so the station can come back by it."""
    reason: str | None = None


async def swap_csms_root(
    desk: CommandDesk,
    station_id: StationId,
    *,
    old_pem: str,
    new_pem: str,
    issued_by: str,
    within_s: float = 60.0,
) -> RootSwap:
    """Install ``new_pem`` and look at what the station then has.

    Raises ``InvalidInput`` when the new root is not signed by the old one, ``TimeoutError`` when the station does not
    answer, and what ``CommandDesk.submit`` raises.
    """
    old, new = _load(old_pem, "old_pem"), _load(new_pem, "new_pem")
    try:
        new.verify_directly_issued_by(old)
    except (ValueError, TypeError, InvalidSignature):
        raise InvalidInput("the new CSMS root is not signed by the old one (M05.FR.10)") from None

    async def ask(command: Command) -> CommandRecord:
        record = await desk.submit(station_id, command, issued_by=issued_by, ttl_s=within_s)
        return await desk.finished(record.command_id, within_s)

    answer = await ask(InstallCertificate(use=RootUse.CSMS, certificate_pem=new_pem))
    if answer.state is not CommandState.ACCEPTED:
        return RootSwap(installed=False, fallback_kept=True, reason=answer.reason or answer.status)
    listed = installed_hashes(await ask(GetInstalledCertificates(uses=(RootUse.CSMS,))))
    algorithm = listed[0].hash_algorithm if listed else "SHA256"
    # A root that another one signed: stations hash that one's key, or the root's own.
    forms = {hash_data(new, old, algorithm), hash_data(new, new, algorithm)}
    installed = not forms.isdisjoint(listed)
    return RootSwap(
        installed=installed,
        fallback_kept=hash_data(old, old, algorithm) in listed,
        reason=None if installed else "accepted, but the station does not list it",
    )


def installed_hashes(record: CommandRecord) -> list[HashData]:
    """What GetInstalledCertificateIds told, 1.6's form as well. What is not hash data is left out."""
    answer: dict[str, Any] = record.answer or {}
    entries = [
        item.get("certificateHashData") for item in answer.get("certificateHashDataChain", ())
    ]
    entries += answer.get("certificateHashData", ())
    found = []
    for entry in entries:
        try:
            found.append(from_ocpp(entry))
        except (ValueError, AttributeError):
            continue
    return found


def _load(pem: str, what: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise InvalidInput(f"{what}: no PEM certificate: {error}") from None
