"""What both backends set on a station's connection."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

SEND_BUFFER_BYTES: Final = 128 * 1024


def bound_send_buffer(transport: asyncio.BaseTransport) -> None:
    """Keep the kernel from growing its send buffer to megabytes for a peer that does not read."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def server_extensions() -> list[ServerPerMessageDeflateFactory]:
    """permessage-deflate (RFC 7692) as it is negotiated.

    Windows of 4 KiB (12 bits) instead of 32 and memLevel 5: 17 KiB per compressor instead of 256, at nearly
    the same ratio for messages of a few kilobytes.
    """
    return [
        ServerPerMessageDeflateFactory(
            server_max_window_bits=12,
            client_max_window_bits=12,
            compress_settings={"memLevel": 5},
        )
    ]
