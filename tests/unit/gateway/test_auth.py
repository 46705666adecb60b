"""Who may connect, and that an answer betrays nothing."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from csms.gateway.auth import Authenticator
from csms.gateway.handshake import PeerCertificate, RequestHead
from csms.gateway.knocks import RefusalReason as Reason
from csms.gateway.passwords import ThreadedVerifier, hash_password, verify_password
from csms.gateway.ports import StationCredential
from csms.gateway.settings import GatewaySettings, ListenerSettings, TlsSettings
from csms.gateway.throttle import FailureThrottle
from csms.ids import StationId
from tests.unit.gateway.toys import PASSWORD, PASSWORD_HASH, ToyCredentials

BASIC = ListenerSettings(port=0, security_profile=1)
CS1 = StationId("CS1")


class FakeClock:
    t = 0.0

    def monotonic(self) -> float:
        return self.t

    def now(self) -> Any:
        raise NotImplementedError


class CountingVerifier:
    """Compares with the one password; counts and can be held up."""

    def __init__(self) -> None:
        self.hashes: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def verify(self, password_hash: str, password: bytes) -> bool:
        self.hashes.append(password_hash)
        await self.gate.wait()
        return password_hash != "$dummy" and password == PASSWORD


class Door:
    def __init__(self, credentials: ToyCredentials | None = None, **settings: Any) -> None:
        self.clock = FakeClock()
        self.verifier = CountingVerifier()
        self.credentials = credentials or ToyCredentials()
        self.authenticator = Authenticator(
            GatewaySettings(**settings),
            self.credentials,
            self.verifier,
            self.clock,
            process_key=b"k" * 32,
        )

    async def knock(
        self,
        station_id: str = "CS1",
        password: bytes = PASSWORD,
        *,
        username: str | None = None,
        address: str = "192.0.2.1",
        listener: ListenerSettings = BASIC,
    ) -> Reason | None:
        token = base64.b64encode((username or station_id).encode() + b":" + password).decode()
        head = RequestHead(path=f"/{station_id}", address=address, authorization=f"Basic {token}")
        return await self.authenticator.refusal(StationId(station_id), head, listener)


async def test_the_right_password_opens_and_is_hashed_once() -> None:
    door = Door()
    for _ in range(5):
        assert await door.knock() is None
    assert door.verifier.hashes == [PASSWORD_HASH]


async def test_a_changed_password_is_not_remembered() -> None:
    """After a rotation the old password is refused (A01.FR.02)."""
    door = Door()
    assert await door.knock() is None
    door.credentials.credential = StationCredential(password_hash="$dummy", security_profile=0)
    assert await door.knock() is Reason.WRONG_PASSWORD


@pytest.mark.parametrize(
    ("station_id", "username", "password", "fields", "reason"),
    [
        ("CS1", "CS1", b"wrong", {}, Reason.WRONG_PASSWORD),
        ("CS1", "CS2", PASSWORD, {}, Reason.WRONG_USERNAME),
        ("CS1", "cs1", PASSWORD, {}, Reason.WRONG_USERNAME),
        ("XX1", "XX1", PASSWORD, {}, Reason.UNKNOWN_STATION),
        ("CS1", "CS1", PASSWORD, {"enabled": False}, Reason.DISABLED),
        ("CS1", "CS1", PASSWORD, {"security_profile": 2}, Reason.PROFILE_TOO_LOW),
        ("CS1", "CS1", PASSWORD, {"password_hash": None}, Reason.NO_CREDENTIALS),
    ],
)
async def test_every_refusal_costs_one_hash(
    station_id: str, username: str, password: bytes, fields: dict[str, Any], reason: Reason
) -> None:
    """Otherwise the time of an answer would tell which identities exist."""
    door = Door(ToyCredentials(**fields))
    assert await door.knock(station_id, password, username=username) is reason
    assert len(door.verifier.hashes) == 1


async def test_no_credentials() -> None:
    door = Door()
    head = RequestHead(path="/CS1", address="192.0.2.1")
    assert await door.authenticator.refusal(CS1, head, BASIC) is Reason.NO_CREDENTIALS


async def test_guessing_is_throttled_per_address_and_locks_nobody_else_out() -> None:
    door = Door(max_auth_failures=5, auth_refill_s=10.0)
    attacker, victim = "198.51.100.7", "203.0.113.9"
    reasons = [await door.knock(password=b"guess%d" % n, address=attacker) for n in range(20)]
    assert reasons[:5] == [Reason.WRONG_PASSWORD] * 5
    assert set(reasons[5:]) == {Reason.THROTTLED}
    assert len(door.verifier.hashes) == 5
    assert await door.knock(address=victim) is None
    door.clock.t = 10.0
    assert await door.knock(password=b"again", address=attacker) is Reason.WRONG_PASSWORD
    assert await door.knock(password=b"again", address=attacker) is Reason.THROTTLED


async def test_a_known_neighbour_of_a_faulty_station_still_comes_in() -> None:
    """Many stations share one address; one with a wrong password must not keep the others out."""
    door = Door(max_auth_failures=3)
    assert await door.knock("CS1") is None
    for n in range(9):
        await door.knock("CS2", b"wrong%d" % n)
    assert await door.knock("CS2", b"wrong") is Reason.THROTTLED
    assert await door.knock("CS1") is None


async def test_parallel_guesses_are_counted_one_by_one() -> None:
    door = Door(max_auth_failures=5, hash_threads=2)
    reasons = await asyncio.gather(
        *(door.knock(f"CS{n}", b"guess", address="198.51.100.7") for n in range(100))
    )
    assert len(door.verifier.hashes) <= 5 + 2
    assert reasons.count(Reason.THROTTLED) >= 93


async def test_ipv6_hosts_are_counted_by_their_network() -> None:
    door = Door(max_auth_failures=2)
    for n in range(6):
        reason = await door.knock(f"CS{n}", b"guess", address=f"2001:db8::{n:x}")
    assert reason is Reason.THROTTLED
    assert await door.knock("CS9", b"guess", address="2001:db8:1::1") is Reason.WRONG_PASSWORD


async def test_waiting_hashes_are_bounded() -> None:
    door = Door(max_pending_hashes=3)
    door.verifier.gate.clear()
    waiting = [asyncio.create_task(door.knock(f"CS{n}")) for n in range(3)]
    await asyncio.sleep(0)
    assert await door.knock("CS9") is Reason.OVERLOADED
    door.verifier.gate.set()
    assert await asyncio.gather(*waiting) == [None] * 3


async def test_an_unreadable_stored_hash_is_named() -> None:
    door = Door(ToyCredentials(password_hash="plaintext"))
    door.authenticator._verifier = ThreadedVerifier(1)
    assert await door.knock() is Reason.UNREADABLE_HASH


@pytest.mark.parametrize(
    ("certificate", "fields", "reason"),
    [
        (PeerCertificate("CS1", "CPO"), {}, None),
        (PeerCertificate("SN-77", "CPO"), {"certificate_common_name": "SN-77"}, None),
        (PeerCertificate("CS2", "CPO"), {}, Reason.WRONG_CERTIFICATE),
        (PeerCertificate("CS1", "Other"), {}, Reason.WRONG_CERTIFICATE),
        (PeerCertificate(None, "CPO"), {}, Reason.WRONG_CERTIFICATE),
        (None, {}, Reason.NO_CREDENTIALS),
        (PeerCertificate("CS1", "CPO"), {"enabled": False}, Reason.DISABLED),
    ],
)
async def test_certificates(
    certificate: PeerCertificate | None, fields: dict[str, Any], reason: Reason | None
) -> None:
    """CN is the station's, O the operator's (A00.FR.404, .405)."""
    door = Door(ToyCredentials(**fields))
    listener = _mutual("CPO")
    head = RequestHead(path="/CS1", address="192.0.2.1", certificate=certificate)
    assert await door.authenticator.refusal(CS1, head, listener) is reason


def _mutual(organisation: str) -> ListenerSettings:
    return ListenerSettings(
        port=0,
        security_profile=3,
        tls=TlsSettings(certificates=(), client_ca_file=Path("ca.pem")),
        organisation=organisation,
    )


def test_hashes_are_salted_and_verify() -> None:
    first, second = hash_password(b"secret"), hash_password(b"secret")
    assert first != second
    assert verify_password(first, b"secret")
    assert not verify_password(first, b"Secret")


def test_the_throttle_is_bounded() -> None:
    throttle = FailureThrottle(burst=2, refill_s=1.0, max_keys=100)
    for n in range(1000):
        throttle.fail(n, 0.0)
    assert len(throttle) == 100


@pytest.mark.parametrize(
    ("profile", "tls"), [(2, None), (3, None), (4, None), (1, "tls"), (0, "tls")]
)
def test_a_listener_has_one_consistent_profile(profile: int, tls: str | None) -> None:
    settings = TlsSettings(certificates=()) if tls else None
    with pytest.raises(ValueError, match="profile"):
        ListenerSettings(port=0, security_profile=profile, tls=settings)
