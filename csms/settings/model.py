"""The settings model. Units stand in the key names; every default is safe on an untouched machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from csms.settings.base import Section, is_loopback

MAX_SITES = 1_000
SITE_NAME = re.compile(r"[^/+#%\x00-\x1f\x7f]{1,64}")
"""What can stand in a path of the API and as a level of an MQTT topic."""


class Certificate(Section):
    """A certificate chain and its key, PEM."""

    chain_file: Path
    """Leaf first, then the intermediate certificates."""
    key_file: Path
    key_password: SecretStr | None = None
    """Decrypts the key."""


class Tls(Section):
    """TLS of the port for stations. Leave it out for security profiles 0 and 1."""

    certificates: tuple[Certificate, ...] = Field(min_length=1)
    """At least one; an ECDSA and an RSA chain together serve all four suites of A00.FR.318."""
    client_ca_file: Path | None = None
    """The CAs that issue station certificates; needed by security profile 3."""
    crl_file: Path | None = None
    """Revocation lists of those CAs."""


class Gateway(Section):
    """Where charging stations connect."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is every IPv4 address of this machine."""
    port: int = Field(default=9000, ge=0, le=65535)
    """0 picks a free one."""
    path_prefix: str = Field(default="/ocpp", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    """Stations connect to <path_prefix>/<station id>."""
    transport: Literal["picows", "websockets"] = "picows"
    """Which websocket implementation serves the sockets."""
    security_profile: Literal[0, 1, 2, 3] = 1
    """0 none, 1 password, 2 password over TLS, 3 mutual TLS. One profile per port (A00.FR.001)."""
    allow_plaintext: bool = False
    """Permit profiles 0 and 1 on an address that other machines can reach."""
    certificate_organisation: str | None = None
    """O that a station's certificate must carry (A00.FR.404)."""
    ping_interval_s: float = Field(default=20.0, gt=0)
    ping_timeout_s: float = Field(default=20.0, gt=0)
    max_message_bytes: int = Field(default=1_048_576, ge=65_536)
    """Of one message after decompression."""
    max_connections: int = Field(default=5_000, ge=1)
    tls: Tls | None = None

    @model_validator(mode="after")
    def _profile_matches_tls(self) -> Gateway:
        profile = self.security_profile
        if (profile >= 2) != (self.tls is not None):
            raise ValueError(
                f"security_profile {profile}: profiles 2 and 3 need [gateway.tls],"
                " profiles 0 and 1 exclude it"
            )
        if profile == 3 and self.tls is not None and self.tls.client_ca_file is None:
            raise ValueError("security_profile 3 needs gateway.tls.client_ca_file")
        if profile <= 1 and not is_loopback(self.host) and not self.allow_plaintext:
            raise ValueError(
                f"security_profile {profile} sends passwords in clear on {self.host}: configure [gateway.tls]"
                " and profile 2 or 3, or set allow_plaintext = true on a closed network"
            )
        return self


class Http(Section):
    """The operator page and the API."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 picks a free one."""
    certificate: Certificate | None = None
    """Serve HTTPS with it; without, put a TLS proxy in front before leaving this machine."""
    allow_plaintext: bool = False
    """Permit plain HTTP on an address that other machines can reach."""
    secure_cookies: bool = False
    """Set when a TLS proxy stands in front; with a certificate cookies are always secure."""
    session_s: int = Field(default=43_200, ge=60)
    """How long a login lasts."""
    max_body_bytes: int = Field(default=262_144, ge=1_024)
    max_streams: int = Field(default=64, ge=1)
    """Concurrent live streams, pages included."""

    @model_validator(mode="after")
    def _plaintext_stays_home(self) -> Http:
        if self.certificate is None and not is_loopback(self.host) and not self.allow_plaintext:
            raise ValueError(
                f"plain HTTP on {self.host} sends API keys in clear: give http.certificate,"
                " or set allow_plaintext = true behind a TLS proxy"
            )
        return self


class Store(Section):
    """Where everything durable is kept."""

    url: SecretStr = SecretStr("sqlite+aiosqlite:///csms.db")
    """SQLAlchemy URL; PostgreSQL: postgresql+asyncpg://user:password@host/database."""


class Evse(Section):
    """Where one EVSE stands on the feeder and what it can do."""

    station: str = Field(min_length=1, max_length=48)
    """The station's identity, as in its URL."""
    evse: int = Field(default=1, ge=1)
    bus: str = Field(min_length=1)
    phases: Literal["a", "b", "c", "abc"] = "abc"
    max_power_w: float = Field(gt=0)
    max_discharge_w: float = Field(default=0.0, ge=0)
    """0 unless it may feed back into the grid."""
    min_current_a: float = Field(default=6.0, ge=0)
    """Below this an AC car pauses (IEC 61851-1); 0 for DC."""
    step_w: float = Field(default=1.0, gt=0)
    priority: int = Field(default=0, ge=0, le=3)
    """0 to 3; a higher one is curtailed only when all lower ones are."""


class Site(Section):
    """The feeder and what stands on it."""

    name: str = "site"
    feeder: str = "ieee33"
    """A built-in name (ieee33, european-lv) or a feeder file."""
    v_min_pu: float = Field(default=0.90, gt=0, lt=1)
    """Lower limit of every bus (EN 50160: 0.90)."""
    v_max_pu: float = Field(default=1.10, gt=1, lt=2)
    """Upper limit of every bus (EN 50160: 1.10)."""
    main_meter: str | None = None
    """Station whose main meter (EVSE 0) measures all that this feeder carries; unset: planner.site_meter."""
    evses: tuple[Evse, ...] = ()
    """One table for each EVSE that is to be controlled."""

    @model_validator(mode="after")
    def _each_evse_once(self) -> Site:
        seen: set[tuple[str, int]] = set()
        for place in self.evses:
            if (place.station, place.evse) in seen:
                raise ValueError(f"evses: {place.station}/{place.evse} stands there twice")
            seen.add((place.station, place.evse))
        return self


class Dispatch(Section):
    """The loop that keeps the feeder inside its limits."""

    enabled: bool = True
    period_s: float = Field(default=1.0, gt=0)
    lease_s: int = Field(default=60, ge=5)
    """Every setpoint ends after this unless renewed."""
    stale_after_s: float = Field(default=5.0, gt=0)
    """Meter values older than this count as missing."""
    safe_frac: float = Field(default=0.25, ge=0, le=1)
    """Share of its rating that an EVSE may draw when nobody leads it; lowered until the feeder bears it for all."""
    margin_pu: float = Field(default=0.001, ge=0, lt=0.05)
    """Kept from the voltage limits, for what changes between two cycles."""
    max_ramp_w_per_min: float = Field(default=1_000_000.0, gt=0)
    """Cap on the feeder's change of power that no caller passes."""
    fairness: Literal["proportional", "max-min"] = "proportional"
    """How curtailment is shared: least in total (proportional) or equal shares behind each limit (max-min)."""

    @model_validator(mode="after")
    def _lease_outlives_cycle(self) -> Dispatch:
        if self.lease_s < 2 * self.period_s:
            raise ValueError(
                f"lease_s {self.lease_s} must be at least twice period_s {self.period_s}"
            )
        return self


class Droop(Section):
    """Frequency droop that OCPP 2.1 stations run by themselves (FreqDroop)."""

    enabled: bool = True
    under_freq_hz: float = Field(default=49.8, gt=0)
    """Injection begins below this."""
    over_freq_hz: float = Field(default=50.2, gt=0)
    """Reduction begins above this."""
    droop_pu: float = Field(default=0.01, gt=0, le=0.2)
    """Frequency deviation, per unit of nominal, for a power change of 1 pu."""
    response_time_s: float = Field(default=0.5, gt=0)
    nominal_hz: float = Field(default=50.0, gt=0)
    full_w: float | None = Field(default=None, gt=0)
    """What the site's chargers give together at droop_pu, split by rating; unset: each its rating."""

    @model_validator(mode="after")
    def _dead_band_is_open(self) -> Droop:
        if self.under_freq_hz >= self.over_freq_hz:
            raise ValueError(
                f"under_freq_hz {self.under_freq_hz} must be below over_freq_hz {self.over_freq_hz}"
            )
        return self


class RideThrough(Section):
    """When chargers leave the grid in an excursion and how they come back, spread over the fleet."""

    policy: Literal["off", "staggered"] = "off"
    """Stations of OCPP 2.1 with DER controls run it by themselves; others are led through setpoints."""
    under_trip_hz: tuple[float, float] = (49.0, 49.6)
    """Each charger trips below its own frequency of this range ..."""
    over_trip_hz: tuple[float, float] = (51.5, 51.9)
    """... or above its own of this ..."""
    trip_delay_s: tuple[float, float] = (0.2, 1.0)
    """... once it has lasted so long."""
    return_hz: tuple[float, float] = (49.8, 50.2)
    """The frequency must be within this to come back."""
    return_delay_s: float = Field(default=5.0, ge=0, le=3600)
    """For so long, and for a random part of return_spread_s more."""
    return_spread_s: float = Field(default=55.0, ge=0, le=3600)
    soft_ramp_s: float = Field(default=10.0, ge=0, le=3600)
    """From nothing to the rating after coming back."""
    ramp_s: float = Field(default=0.0, ge=0, le=3600)
    """The same in normal service; 0 is at once."""

    @model_validator(mode="after")
    def _ranges_are_ranges(self) -> RideThrough:
        for name in ("under_trip_hz", "over_trip_hz", "trip_delay_s", "return_hz"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(f"{name} [{low}, {high}]: expected the lower value first")
        if not self.under_trip_hz[1] < self.return_hz[0] < self.return_hz[1] < self.over_trip_hz[0]:
            raise ValueError("return_hz must lie between under_trip_hz and over_trip_hz")
        return self


class Ocpp(Section):
    """The conversation with stations."""

    heartbeat_interval_s: int = Field(default=300, ge=1)
    meter_interval_s: int = Field(default=1, ge=1)
    """How often stations send meter values during a transaction."""
    boot_retry_s: int = Field(default=30, ge=1)
    command_timeout_s: float = Field(default=30.0, gt=0)


class Mqtt(Section):
    """State out, signals in, through a broker. Off unless a URL is given (docs/mqtt.md)."""

    url: str | None = Field(default=None, pattern=r"^mqtts?://[^/@]+$")
    """mqtt://host:1883 or mqtts://host:8883."""
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    """Trust anchors for mqtts; the system's when left out."""
    topic_prefix: str = Field(default="csms", pattern=r"^[^#+/]+(/[^#+/]+)*$")
    publish_interval_s: float = Field(default=1.0, gt=0)
    signals: bool = False
    """Accept frequency, price and feeder-limit signals from the broker."""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
    journal_messages: int = Field(default=200, ge=0, le=10_000)
    """Redacted OCPP messages kept in memory per station."""


class Auth(Section):
    """Who may charge, and how logins are limited."""

    unknown_tokens: Literal["reject", "accept"] = "reject"
    login_attempts_per_min: int = Field(default=10, ge=1)
    """Failed logins and API keys per address."""


class Tariff(Section):
    """The price that drivers are shown and their sessions are reckoned at (POST /v1/tariff, `csms tariff post`)."""

    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    running_cost_s: float = Field(default=60.0, ge=1)
    """How often displays are told what their session has come to."""
    follow_day_ahead: bool = False
    """Post the day-ahead price of [prices] anew in every interval, with the two additions below."""
    grid_fee_per_kwh: float = Field(default=0.05, ge=0, le=10)
    margin_per_kwh: float = Field(default=0.05, ge=-1, le=10)
    export_frac: float = Field(default=1.0, ge=0, le=2)
    """Part of the day-ahead price that is paid for energy fed back."""


class Planner(Section):
    """Every quarter hour a schedule for each car: cheapest energy inside the feeder's limits, ready at departure.

    Prices come from the file below or from [prices]. Without a price, cars charge as if there were no planner.
    """

    enabled: bool = False
    prices: Path | None = None
    """Day-ahead prices, CSV, EUR/MWh; read again when it changes."""
    prices_zone: str | None = None
    """IANA time zone of times without an offset, such as Europe/Amsterdam."""
    grid_fee_eur_per_kwh: float = Field(default=0.05, ge=0, le=10)
    """On what is drawn, besides the energy."""
    export_fee_eur_per_kwh: float = Field(default=0.0, ge=0, le=10)
    """Off what a kWh fed back earns."""
    horizon_h: int = Field(default=36, ge=1, le=72)
    stale_after_s: int = Field(default=1_800, ge=900)
    """A plan older than this is no longer followed."""
    stay_h: float = Field(default=8.0, gt=0, le=720)
    """Of a driver who says nothing and of whom nothing is known."""
    energy_wh: float = Field(default=20_000.0, gt=0)
    """Wanted by such a driver."""
    battery_wh: float = Field(default=60_000.0, gt=0)
    """Where the car does not tell."""
    target_soc_frac: float = Field(default=0.8, gt=0, le=1)
    """Charge at departure where the car does not tell."""
    reserve_soc_frac: float = Field(default=0.3, ge=0, lt=1)
    """Never discharged below."""
    efficiency_frac: float = Field(default=0.95, gt=0, le=1)
    """One way, grid to battery."""
    battery_eur_per_kwh: float = Field(default=100.0, ge=0)
    """Of a new battery: prices the wear of discharging."""
    site_meter: str | None = None
    """Station whose main meter (EVSE 0) measures the whole site; the forecast of other load learns from it."""
    base_risk_frac: float = Field(default=0.05, gt=0, lt=0.5)
    """How often other load may exceed what the plan leaves room for."""
    reserve_product: str | None = None
    """A market rule such as afrr or fcr-d: its capacity is bid from plug-in history and kept free."""
    reserve_eur_per_mw_h: float = Field(default=20.0, ge=0)
    """What it earns."""
    reserve_cost_eur_per_mw_h: float = Field(default=3.0, ge=0)
    """What holding it costs."""
    reserve_penalty_eur_per_mw_h: float = Field(default=60.0, gt=0)
    """What a MW short costs."""

    @model_validator(mode="after")
    def _reserve_pays(self) -> Planner:
        if self.reserve_cost_eur_per_mw_h > self.reserve_eur_per_mw_h:
            raise ValueError("reserve_cost_eur_per_mw_h exceeds what the reserve earns")
        return self


class Prices(Section):
    """Day-ahead prices from their publishers; needs the extra of that name (pip install 'v2g-csms[prices]')."""

    sources: tuple[Literal["entsoe", "nordpool"], ...] = ()
    """Asked in this order; the next one when one has no answer."""
    area: str = "NL"
    """Bidding zone, such as NL, DK1, DE-LU."""
    entsoe_token: SecretStr | None = None
    """ENTSO-E gives one to registered users."""
    folder: Path | None = None
    """Keeps published days, so that each is fetched once."""


_URL = r"^https?://[^/@]+(/.*)?$"


class Pnc(Section):
    """Plug & Charge (ISO 15118) and the certificates of stations (OCPP block M)."""

    enabled: bool = False
    root_files: tuple[Path, ...] = ()
    """PEM: V2G and MO roots that contracts may end in, besides those of pki_folder."""
    authority_files: tuple[Path, ...] = ()
    """PEM: Sub-CAs below them; needed where stations send hash data without the chain."""
    crl_files: tuple[Path, ...] = ()
    """Revocation lists, for when no OCSP responder answers."""
    ocsp_hosts: tuple[str, ...] = ()
    """The only hosts whose responders and lists are asked: certificates and stations name any."""
    ocsp_timeout_s: float = Field(default=1.5, gt=0, le=3)
    """A car waits for its Authorize at most 4.5 s in all."""
    pki_folder: Path | None = None
    """Built-in PKI (v2g-pki init): provisions contracts, signs requests, answers OCSP."""
    pki_passphrase: SecretStr | None = None
    provisioning_url: str | None = Field(default=None, pattern=_URL)
    """Contract pool to ask instead of the built-in PKI: <url>/v1/ccp/signedContractData."""
    est_url: str | None = Field(default=None, pattern=_URL)
    """EST server to have requests signed by instead of the built-in PKI: <url>/<label>/simpleenroll."""
    root_pool_url: str | None = Field(default=None, pattern=_URL)
    """Root pool whose V2G and MO roots are trusted as well: <url>/v1/root/rootCerts."""
    token_url: str | None = Field(default=None, pattern=_URL)
    """OAuth 2.0 token endpoint of these services (client credentials)."""
    client_id: str | None = None
    """With token_url."""
    secret: SecretStr | None = None
    """The client's secret with token_url, else the bearer token of these services."""
    external_timeout_s: float = Field(default=4.0, gt=0, le=30)
    """For these services; a car waits 5 s for its contract."""
    unknown_contracts: Literal["reject", "accept"] = "reject"
    """Contracts that verify though their eMAID is in no list."""
    concurrent_contracts: Literal["flag", "refuse"] = "flag"
    """One contract that charges in two places at once is an alarm in either case."""

    @model_validator(mode="after")
    def _folder_has_its_passphrase(self) -> Pnc:
        if (self.pki_folder is None) != (self.pki_passphrase is None):
            raise ValueError("pki_folder and pki_passphrase go together")
        if self.enabled and not (self.pki_folder or self.root_files or self.root_pool_url):
            raise ValueError(
                "enabled without a root to trust: give root_files, root_pool_url or pki_folder"
            )
        if (self.token_url is None) != (self.client_id is None):
            raise ValueError("token_url and client_id go together")
        for name in ("provisioning_url", "est_url", "root_pool_url", "token_url"):
            url = getattr(self, name)
            if url and url.startswith("http:") and not is_loopback(urlsplit(url).hostname or ""):
                raise ValueError(f"{name}: secrets and trust go over https, but to this machine")
        return self


class Settings(BaseSettings):
    """The central system's configuration. ``site`` is the only feeder, or else ``sites`` are all of them."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="CSMS__",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    gateway: Gateway = Gateway()
    http: Http = Http()
    store: Store = Store()
    site: Site = Site()
    sites: tuple[Site, ...] = Field(
        default=(),
        max_length=MAX_SITES,
        description="Instead of [site]: one for each of several feeders, with its own limits, EVSEs and dispatcher.",
    )
    dispatch: Dispatch = Dispatch()
    droop: Droop = Droop()
    ride_through: RideThrough = RideThrough()
    ocpp: Ocpp = Ocpp()
    mqtt: Mqtt = Mqtt()
    log: Log = Log()
    auth: Auth = Auth()
    pnc: Pnc = Pnc()
    planner: Planner = Planner()
    tariff: Tariff = Tariff()
    prices: Prices = Prices()

    @model_validator(mode="after")
    def _day_ahead_needs_a_source(self) -> Settings:
        if self.tariff.follow_day_ahead and not self.prices.sources:
            raise ValueError("tariff.follow_day_ahead needs prices.sources")
        return self

    @model_validator(mode="after")
    def _feeders_are_apart(self) -> Settings:
        if not self.sites:
            return self
        if "site" in self.model_fields_set:
            raise ValueError("give either [site] or [[sites]], not both")
        if len(self.sites) > 1 and self.planner.site_meter is not None:
            raise ValueError(
                "planner.site_meter is of one site: give main_meter in each of [[sites]]"
            )
        stands: dict[str, str] = {}
        names: set[str] = set()
        for n, site in enumerate(self.sites, 1):
            if not SITE_NAME.fullmatch(site.name):
                raise ValueError(
                    f"sites[{n}].name: 1 to 64 characters without control characters, / + # and %"
                )
            if site.name in names:
                raise ValueError(f"sites[{n}].name: there are two feeders called {site.name}")
            names.add(site.name)
            for station in {place.station for place in site.evses}:
                if station in stands:
                    raise ValueError(
                        f"sites[{n}].evses: {station} stands on {stands[station]} and on {site.name};"
                        " a station is fed by one feeder"
                    )
                stands[station] = site.name
        return self

    @property
    def feeder_sites(self) -> tuple[Site, ...]:
        """Every feeder with what stands on it: at least one."""
        return self.sites or (self.site,)
