"""permessage-deflate (RFC 7692) as both backends negotiate it.

The windows are 4 KiB (12 bits) instead of 32, and memLevel 5: 17 KiB per compressor instead of 256, at nearly the
same ratio for messages of a few kilobytes.
"""

from __future__ import annotations

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


def server_extensions() -> list[ServerPerMessageDeflateFactory]:
    """The extensions that a server offers."""
    return [
        ServerPerMessageDeflateFactory(
            server_max_window_bits=12,
            client_max_window_bits=12,
            compress_settings={"memLevel": 5},
        )
    ]
