"""TLS of the security profiles: suites, versions, client certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

import orjson
import pytest
import trustme
from websockets.exceptions import InvalidStatus, WebSocketException

from csms.gateway.settings import Backend, GatewaySettings, ServerCertificate, TlsSettings
from csms.gateway.tls import server_context
from tests.conformance.gateway.clients import ask, basic, station
from tests.unit.gateway.toys import ToyCredentials, running, settings_for, toy_gateway
from tests.unit.ocppj.frames import HEARTBEAT

BACKENDS = pytest.mark.parametrize("backend", list(Backend), ids=lambda b: b.value)


class Pki:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server_ca = trustme.CA()
        self.station_ca = trustme.CA()
        self.certificates = tuple(
            self._server(kind) for kind in (trustme.KeyType.ECDSA, trustme.KeyType.RSA)
        )
        self.station_ca_file = folder / "station-ca.pem"
        self.station_ca.cert_pem.write_to_path(self.station_ca_file)

    def _server(self, kind: trustme.KeyType) -> ServerCertificate:
        leaf = self.server_ca.issue_cert("localhost", key_type=kind)
        chain, key = self.folder / f"{kind.name}.pem", self.folder / f"{kind.name}.key"
        for n, blob in enumerate(leaf.cert_chain_pems):
            blob.write_to_path(chain, append=n > 0)
        leaf.private_key_pem.write_to_path(key)
        return ServerCertificate(chain_file=chain, key_file=key)

    @property
    def tls(self) -> TlsSettings:
        return TlsSettings(certificates=self.certificates, client_ca_file=self.station_ca_file)

    def client(
        self, *, common_name: str | None = None, ca: trustme.CA | None = None
    ) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.server_ca.configure_trust(context)
        if common_name is not None:
            (ca or self.station_ca).issue_cert(
                "station.example", common_name=common_name, organization_name="CPO"
            ).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def profile_2(backend: Backend, pki: Pki) -> GatewaySettings:
    return settings_for(backend, 2, pki.tls)


@BACKENDS
@pytest.mark.parametrize(
    "suite",
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "TLS 1.3",
    ],
)
async def test_tc_a_04_the_suites_of_a00_fr_318(backend: Backend, pki: Pki, suite: str) -> None:
    context = pki.client()
    if suite == "TLS 1.3":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    else:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
    async with (
        running(toy_gateway(profile_2(backend, pki))) as port,
        station(port, tls=context) as ws,
    ):
        assert orjson.loads(await ask(ws, HEARTBEAT))[0] == 3
        tls = ws.transport.get_extra_info("ssl_object")
        assert tls.compression() is None
        if suite != "TLS 1.3":
            assert tls.cipher()[0] == suite


@BACKENDS
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "AES128-SHA:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "aNULL:@SECLEVEL=0"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tc_a_06_what_is_too_weak(
    backend: Backend, pki: Pki, version: ssl.TLSVersion, ciphers: str
) -> None:
    context = pki.client()
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers)
    async with running(toy_gateway(profile_2(backend, pki))) as port:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            async with station(port, tls=context):
                pass


@BACKENDS
async def test_plain_text_to_a_tls_port_gets_nothing(backend: Backend, pki: Pki) -> None:
    async with running(toy_gateway(profile_2(backend, pki))) as port:
        with pytest.raises(Exception, match=r"did not receive a valid HTTP response|closed|reset"):
            async with station(port):
                pass


@BACKENDS
async def test_tc_a_07_client_certificate(backend: Backend, pki: Pki) -> None:
    settings = settings_for(backend, 3, pki.tls, organisation="CPO")
    async with (
        running(toy_gateway(settings)) as port,
        station(port, authorization=None, tls=pki.client(common_name="CS1")) as ws,
    ):
        assert orjson.loads(await ask(ws, HEARTBEAT))[0] == 3


@BACKENDS
@pytest.mark.parametrize("case", ["none", "foreign CA"])
async def test_tc_a_08_invalid_client_certificate_ends_the_handshake(
    backend: Backend, pki: Pki, case: str
) -> None:
    context = pki.client() if case == "none" else pki.client(common_name="CS1", ca=trustme.CA())
    async with running(toy_gateway(settings_for(backend, 3, pki.tls))) as port:
        with pytest.raises((OSError, EOFError, WebSocketException)) as caught:
            async with station(port, authorization=basic("CS1"), tls=context):
                pass
        assert not isinstance(caught.value, InvalidStatus), "it got as far as HTTP"


@BACKENDS
@pytest.mark.parametrize(
    ("station_id", "common_name", "organisation", "status"),
    [("CS1", "CS2", "CPO", 401), ("CS1", "CS1", "Other", 401), ("nobody", "nobody", "CPO", 404)],
)
async def test_a_valid_certificate_of_somebody_else(
    backend: Backend, pki: Pki, station_id: str, common_name: str, organisation: str, status: int
) -> None:
    settings = settings_for(backend, 3, pki.tls, organisation=organisation)
    async with running(toy_gateway(settings)) as port:
        with pytest.raises(InvalidStatus, match=str(status)):
            async with station(port, station_id, tls=pki.client(common_name=common_name)):
                pass


@BACKENDS
async def test_a_lower_profile_than_provisioned_is_refused(backend: Backend) -> None:
    """No downgrade: a station of profile 2 is refused on the port of profile 1 (A05)."""
    gateway = toy_gateway(settings_for(backend, 1), credentials=ToyCredentials(security_profile=2))
    async with running(gateway) as port:
        with pytest.raises(InvalidStatus, match="401"):
            async with station(port):
                pass
        assert gateway.knocks.latest()[0].reason == "profile_too_low"


def test_a_context_needs_its_files(pki: Pki) -> None:
    with pytest.raises(ValueError, match="certificate"):
        server_context(TlsSettings(certificates=()), mutual=False)
    with pytest.raises(ValueError, match="client_ca_file"):
        server_context(TlsSettings(certificates=pki.certificates), mutual=True)
