"""Who may connect: decided before the upgrade, in the same time and words for every identity.

*Uniform.* A refused request costs one password check whether or not the identity exists (a dummy hash stands
in for the missing one) and is answered alike. HTTP 404, which OCPP-J (3.3) recommends for an unknown
identity, is sent only where it tells nothing: for a path that can be nobody's, to the holder of a valid
client certificate, and on listeners without authentication.

*Cheap when repeated.* A password that was verified against the current hash is remembered as a keyed BLAKE2
digest under a key of this process, so that ten thousand stations can come back at once.

*No lock-out from elsewhere.* Failures are counted per address, and per address and identity: nothing that
one address does changes the answer to another.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from typing import Final

from csms.clock import Clock
from csms.gateway.handshake import BasicCredentials, RequestHead, basic_credentials
from csms.gateway.knocks import RefusalReason
from csms.gateway.passwords import PasswordVerifier, UnreadableHashError, hash_password
from csms.gateway.ports import Credentials, StationCredential
from csms.gateway.settings import GatewaySettings, ListenerSettings
from csms.gateway.throttle import FailureThrottle
from csms.ids import StationId

_MAX_REMEMBERED: Final = 100_000


class Authenticator:
    """Decides about upgrade requests.

    ``process_key`` (32 random bytes, never stored) keys the digests of verified passwords.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        credentials: Credentials,
        verifier: PasswordVerifier,
        clock: Clock,
        *,
        process_key: bytes,
    ) -> None:
        self._credentials = credentials
        self._verifier = verifier
        self._clock = clock
        self._process_key = process_key
        self._throttle = FailureThrottle(
            burst=settings.max_auth_failures, refill_s=settings.auth_refill_s
        )
        self._max_pending = settings.max_pending_hashes
        self._pending = 0
        self._slots = asyncio.Semaphore(settings.hash_threads)
        self._verified: OrderedDict[StationId, tuple[str, bytes]] = OrderedDict()
        self._dummy_hash = hash_password(process_key)

    async def refusal(
        self, station_id: StationId, head: RequestHead, listener: ListenerSettings
    ) -> RefusalReason | None:
        """None when the request may be upgraded.

        Raises what ``Credentials.station`` raises.
        """
        if listener.security_profile in (1, 2):
            return await self._check_password(station_id, head, listener)
        credential = await self._credentials.station(station_id)
        if credential is None:
            return RefusalReason.UNKNOWN_STATION
        if listener.security_profile == 3:
            certificate = head.certificate
            if certificate is None:
                return RefusalReason.NO_CREDENTIALS
            expected = credential.certificate_common_name or station_id
            organisation = listener.organisation
            if certificate.common_name != expected or (
                organisation is not None and certificate.organisation != organisation
            ):
                return RefusalReason.WRONG_CERTIFICATE
        return _standing(credential, listener)

    async def _check_password(
        self, station_id: StationId, head: RequestHead, listener: ListenerSettings
    ) -> RefusalReason | None:
        basic = basic_credentials(head.authorization)
        if basic is None:
            return RefusalReason.NO_CREDENTIALS
        credential = await self._credentials.station(station_id)
        address = _network_of(head.address)
        pair = (address, station_id)
        if self._throttle.is_exhausted(pair, self._clock.monotonic()):
            return RefusalReason.THROTTLED
        reason = _unusable(station_id, basic, credential, listener)
        if reason is None and credential is not None and credential.password_hash is not None:
            stored = credential.password_hash
            digest = blake2b(basic.password, key=self._process_key, digest_size=32).digest()
            if self._was_verified(station_id, stored, digest):
                return None
        else:
            stored, digest = self._dummy_hash, b""
        failure = await self._verify(stored, basic.password, address)
        if failure is None and digest:
            self._remember(station_id, stored, digest)
            return None
        if failure is not RefusalReason.OVERLOADED:
            self._throttle.fail(pair, self._clock.monotonic())
            if failure is not RefusalReason.THROTTLED:
                self._throttle.fail(address, self._clock.monotonic())
        return (
            failure
            if failure in (RefusalReason.OVERLOADED, RefusalReason.THROTTLED)
            else reason or failure
        )

    async def _verify(
        self, password_hash: str, password: bytes, address: str
    ) -> RefusalReason | None:
        if self._pending >= self._max_pending:
            return RefusalReason.OVERLOADED
        self._pending += 1
        try:
            async with self._slots:
                # Only here, so that a burst of parallel guesses is counted one by one.
                if self._throttle.is_exhausted(address, self._clock.monotonic()):
                    return RefusalReason.THROTTLED
                if await self._verifier.verify(password_hash, password):
                    return None
                return RefusalReason.WRONG_PASSWORD
        except UnreadableHashError:
            return RefusalReason.UNREADABLE_HASH
        finally:
            self._pending -= 1

    def _was_verified(self, station_id: StationId, stored: str, digest: bytes) -> bool:
        known_hash, known_digest = self._verified.get(station_id, ("", b""))
        return known_hash == stored and hmac.compare_digest(known_digest, digest)

    def _remember(self, station_id: StationId, stored: str, digest: bytes) -> None:
        self._verified[station_id] = (stored, digest)
        self._verified.move_to_end(station_id)
        if len(self._verified) > _MAX_REMEMBERED:
            self._verified.popitem(last=False)


def _unusable(
    station_id: StationId,
    basic: BasicCredentials,
    credential: StationCredential | None,
    listener: ListenerSettings,
) -> RefusalReason | None:
    """Why no password could open the door; found before the password is looked at."""
    if credential is None:
        return RefusalReason.UNKNOWN_STATION
    if credential.password_hash is None:
        return RefusalReason.NO_CREDENTIALS
    if not hmac.compare_digest(basic.username, station_id.encode()):
        return RefusalReason.WRONG_USERNAME
    return _standing(credential, listener)


def _standing(credential: StationCredential, listener: ListenerSettings) -> RefusalReason | None:
    if not credential.enabled:
        return RefusalReason.DISABLED
    if listener.security_profile < credential.security_profile:
        return RefusalReason.PROFILE_TOO_LOW
    return None


def _network_of(address: str) -> str:
    """An IPv4 address, or the /64 that one IPv6 host controls."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return address
