"""Contracts for cars: by our own service, and by a contract pool, which is the PKI's own web service."""

from __future__ import annotations

import base64

import httpx
import pytest

from csms.domain.certificates import EvCertificateAsked, ProvisioningFailed
from csms.pnc.http import HttpAnswer, HttpxClient
from csms.pnc.provisioning import (
    KEPT_S,
    BuiltInSource,
    Contract,
    ContractSource,
    PoolSource,
    Provisioning,
)
from csms.pnc.tokens import FixedToken
from pki.hierarchy import Config
from pki.issue import Pki, ca_id, root_of
from pki.profiles import Role, Suite
from pki.serve import create_app
from tests.integration.pnc.car import EMAID, Car, new_car, sell_contract
from tests.unit.pki.support import new_pki
from tests.unit.pnc.support import Clock, FakeHttp, ok

POOL = "http://pool.example.com"
POOL_URL = f"{POOL}/v1/ccp/signedContractData"


def pool(pki: Pki) -> PoolSource:
    app = create_app(pki, Config("Acme"), ["a bearer token of length"])
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))
    return PoolSource(
        HttpxClient(client), POOL, FixedToken("a bearer token of length"), timeout_s=4.0
    )


def asked(car: Car, pki: Pki, *, limit: int = 17_000, maximum: int = 1) -> EvCertificateAsked:
    root = root_of(pki.store, ca_id(car.suite, Role.V2G_ROOT))
    return EvCertificateAsked(
        schema=car.namespace,
        update=False,
        exi_request=car.installation_request((root,), maximum),
        max_response_chars=limit,
        max_chains=maximum,
    )


SOURCES = pytest.mark.parametrize("make", [BuiltInSource, pool], ids=["built-in", "pool"])


@SOURCES
@pytest.mark.parametrize("suite", [Suite.ISO_2, Suite.ISO_20, Suite.ISO_20_ED448])
async def test_the_car_can_open_what_it_is_given(make: type[ContractSource], suite: Suite) -> None:
    pki = new_pki(suite)
    car = new_car(pki, suite)
    sell_contract(pki)
    provisioning = Provisioning(make(pki), Clock())  # type: ignore[call-arg]
    reply = await provisioning.provide(asked(car, pki))
    assert reply.exi_response is not None
    car.install(reply.exi_response)
    assert car.contract_key is not None
    assert car.contract_key.public_key() == car.contract[0].public_key()


@SOURCES
async def test_a_car_that_signed_nothing_gets_nothing(make: type[ContractSource]) -> None:
    pki = new_pki(Suite.ISO_2)
    car = new_car(pki, Suite.ISO_2)
    sell_contract(pki)
    car.provisioning = new_car(new_pki(Suite.ISO_2, seed=9), Suite.ISO_2).provisioning
    with pytest.raises(ProvisioningFailed):
        await Provisioning(make(pki), Clock()).provide(asked(car, pki))  # type: ignore[call-arg]


async def test_a_response_that_the_stations_version_cannot_take_is_a_failure() -> None:
    pki = new_pki(Suite.ISO_2)
    car = new_car(pki, Suite.ISO_2)
    sell_contract(pki)
    provisioning = Provisioning(BuiltInSource(pki), Clock())
    with pytest.raises(ProvisioningFailed, match="takes 3000"):
        await provisioning.provide(asked(car, pki, limit=3_000))


class Two:
    """A source that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def contracts(self, exi: bytes, namespace: str) -> list[Contract]:
        self.asked += 1
        return [Contract(EMAID, b"1"), Contract("DEACMC87654321Y", b"2")]


def question(**fields: object) -> EvCertificateAsked:
    base = {"schema": "x", "update": False, "exi_request": "gA==", "max_response_chars": 10}
    return EvCertificateAsked(**(base | fields))  # type: ignore[arg-type]


async def test_contracts_not_fetched_are_kept_for_a_minute() -> None:
    source, clock = Two(), Clock()
    provisioning = Provisioning(source, clock)
    wanted = question(max_chains=5)
    first = await provisioning.provide(wanted)
    second = await provisioning.provide(wanted)
    assert [base64.b64decode(r.exi_response or "") for r in (first, second)] == [b"1", b"2"]
    assert [r.remaining_contracts for r in (first, second)] == [1, 0]
    assert source.asked == 1
    await provisioning.provide(wanted)
    clock.move(seconds=KEPT_S)
    late = await provisioning.provide(wanted)
    assert (late.remaining_contracts, source.asked) == (1, 3)


async def test_a_station_that_takes_one_contract_is_told_of_one() -> None:
    reply = await Provisioning(Two(), Clock()).provide(question())
    assert reply.remaining_contracts == 0


@pytest.mark.parametrize(
    "answer",
    [
        ok(b""),
        ok(b"{}"),
        ok(b'{"CCPResponse": {"emaidContent": []}}'),
        ok(
            b'{"CCPResponse": {"emaidContent":'
            b' [{"messageDef": {"certificateInstallationRes": "not base64"}}]}}'
        ),
        HttpAnswer(500, b""),
        None,
    ],
)
async def test_a_pool_that_answers_nonsense_or_nothing_is_a_failure(
    answer: HttpAnswer | None,
) -> None:
    http = FakeHttp({POOL_URL: lambda _body: answer})
    source = PoolSource(http, POOL, FixedToken(None), timeout_s=4.0)
    with pytest.raises(ProvisioningFailed):
        await Provisioning(source, Clock()).provide(question())
    assert http.timeouts_s == [4.0]


async def test_what_is_not_base64_is_a_failure() -> None:
    with pytest.raises(ProvisioningFailed, match="base64"):
        await Provisioning(Two(), Clock()).provide(question(exi_request="?"))


@SOURCES
async def test_every_request_of_a_car_brings_its_next_contract(make: type[ContractSource]) -> None:
    """Each is a new one of -20, with its own time stamp and signature."""
    pki = new_pki(Suite.ISO_20)
    car = new_car(pki, Suite.ISO_20)
    for emaid in (EMAID, "DEACMC87654321Y"):
        sell_contract(pki, emaid)
    provisioning = Provisioning(make(pki), Clock())  # type: ignore[call-arg]
    first, second = (asked(car, pki, maximum=2) for _ in range(2))
    assert first.exi_request != second.exi_request
    names = []
    for question_, remaining in ((first, 1), (second, 0)):
        reply = await provisioning.provide(question_)
        assert (reply.remaining_contracts, reply.exi_response is not None) == (remaining, True)
        car.install(reply.exi_response or "")
        names.append(car.contract[0].subject.rfc4514_string())
    assert len(set(names)) == 2
