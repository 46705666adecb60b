"""The running system with its page and API: what `csms serve` and `csms demo` both start."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from csms.api.access import Access
from csms.api.app import create_api
from csms.api.deps import ApiDeps
from csms.api.sessions import FailureBrake, OneTimePasswords, Sessions
from csms.bootstrap import CentralSystem
from csms.cli.http_server import HttpServer
from csms.services.api_keys import ApiKeys, Role
from csms.settings import Settings
from csms.web.app import create_web


class Surface:
    """HTTP in front of a central system."""

    def __init__(self, system: CentralSystem) -> None:
        settings, clock = system.settings, system.clock
        self._system = system
        self.one_time = OneTimePasswords(clock, secrets.token_bytes)
        access = Access(
            keys=ApiKeys(system.store.history, system.store.journal, clock, secrets.token_bytes),
            sessions=Sessions(clock, secrets.token_bytes, lifetime_s=settings.http.session_s),
            one_time=self.one_time,
            brake=FailureBrake(clock, per_min=settings.auth.login_attempts_per_min),
        )
        deps = ApiDeps(
            fleet=system.fleet,
            history=system.store.history,
            journal=system.store.journal,
            desk=system.desk,
            live=system.live,
            tariffs=system.tariffs,
            admission=system.admission,
            feeders=system.sites,
            plans=system.store.plans,
            clock=clock,
            access=access,
            messages=system.messages,
            metrics=system.metrics,
            not_ready=self._not_ready,
            station_url=self.station_url,
            site_name=_title(settings),
            secure_cookies=settings.http.secure_cookies or settings.http.certificate is not None,
            max_body_bytes=settings.http.max_body_bytes,
            max_streams=settings.http.max_streams,
        )
        self._server = HttpServer(create_web(create_api(deps), deps), settings.http)

    async def start(self) -> None:
        await self._server.start()

    async def close(self) -> None:
        await self._server.close()

    def issue_password(self) -> str:
        """A password that opens one administrator's session."""
        return self.one_time.issue(Role.ADMIN)

    @property
    def page_url(self) -> str:
        http = self._system.settings.http
        scheme = "https" if http.certificate else "http"
        return f"{scheme}://{reachable(http.host)}:{self._server.port}/"

    @property
    def station_url(self) -> str:
        """What a station connects to, up to its identity; the port is the bound one once the gateway listens."""
        gateway = self._system.settings.gateway
        ports = self._system.gateway.ports
        port = ports[0] if ports else gateway.port
        scheme = "wss" if gateway.tls else "ws"
        return f"{scheme}://{reachable(gateway.host)}:{port}{gateway.path_prefix}"

    async def _not_ready(self) -> Sequence[str]:
        return [] if self._system.gateway.ports else ["the gateway does not listen"]


def _title(settings: Settings) -> str:
    names = [site.name for site in settings.feeder_sites]
    return names[0] if len(names) == 1 else f"{len(names)} feeders"


def reachable(host: str) -> str:
    """An address for a URL on this machine."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
