"""What can be configured about the gateway. Every default is safe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec


class Backend(StrEnum):
    """Which websocket implementation serves the sockets."""

    PICOWS = "picows"
    WEBSOCKETS = "websockets"


class ServerCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A chain and its key, PEM. ``password`` decrypts the key."""

    chain_file: Path
    key_file: Path
    password: str | None = None

    def __repr__(self) -> str:
        return f"ServerCertificate(chain_file={str(self.chain_file)!r})"


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """TLS of one listener.

    ``certificates``: at least one; give an ECDSA and an RSA chain to serve all four suites of A00.FR.318.
    ``client_ca_file``: the CAs that issue station certificates; needed by security profile 3.
    ``crl_file``: revocation lists of those CAs, PEM; when given, every station chain is checked against it.
    """

    certificates: tuple[ServerCertificate, ...]
    client_ca_file: Path | None = None
    crl_file: Path | None = None


class ListenerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One port, one security profile (A00.FR.001).

    0 no authentication (OCPP 1.6 on a closed network only), 1 Basic, 2 Basic over TLS, 3 mutual TLS.
    """

    port: int
    host: str = "127.0.0.1"
    security_profile: int = 2
    tls: TlsSettings | None = None
    organisation: str | None = None
    """O that a station certificate must carry (A00.FR.404), if set."""

    def __post_init__(self) -> None:
        if self.security_profile not in (0, 1, 2, 3):
            raise ValueError(f"security_profile must be 0 to 3, got {self.security_profile}")
        if (self.security_profile >= 2) != (self.tls is not None):
            raise ValueError(
                f"security profile {self.security_profile} on port {self.port}: profiles 2 and 3 need tls,"
                " profiles 0 and 1 exclude it"
            )
        if self.security_profile == 3 and self.tls is not None and not self.tls.client_ca_file:
            raise ValueError(f"security profile 3 on port {self.port} needs tls.client_ca_file")


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits and times of the gateway, for all listeners."""

    listeners: tuple[ListenerSettings, ...] = ()
    backend: Backend = Backend.PICOWS
    compression: bool = True
    """Offer permessage-deflate (RFC 7692), which OCPP requires of a CSMS."""
    max_message_bytes: int = 1 << 20
    """Of one websocket message, after decompression."""
    max_write_buffer_bytes: int = 1 << 19
    """Of unsent data; a station that leaves more unread is disconnected."""
    max_receive_queue: int = 16
    """Unhandled messages per station before its socket is no longer read."""
    max_connections: int = 5_000
    """Stations at once; more get HTTP 503."""
    max_handshakes: int = 1000
    """Connections that have not been admitted yet, per listener."""
    max_messages_per_s: float = 100.0
    """Sustained, per station; one that sends faster is read more slowly."""
    message_burst: int = 1000
    """What a station may send at once, such as its queue after an outage."""
    open_timeout_s: float = 10.0
    close_timeout_s: float = 5.0
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    handler_timeout_s: float = 30.0
    """A CALL whose handler takes longer counts as failed."""
    takeover_timeout_s: float = 5.0
    """How long a newcomer waits for the clean-up of the connection that it replaces."""
    max_queued_calls: int = 64
    """Commands that may wait for one station."""
    hash_threads: int = 2
    max_pending_hashes: int = 512
    """Password checks that may wait; more connections get HTTP 503."""
    max_auth_failures: int = 10
    """Failed authentications an address may make at once; they come back one every ``auth_refill_s``."""
    auth_refill_s: float = 6.0
