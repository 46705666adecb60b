"""Sockets: TLS profiles, authentication before the upgrade, one connection per station, back-pressure."""
