"""One websocket of picows as a ``Transport``: a bounded queue of whole messages, and RFC 7692.

Compression is the sans-I/O extension of ``websockets``: it knows all parameters of the RFC and bounds every
decompression, which picows' own ``websockets``-compatible layer does not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, cast

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode

from csms.gateway.settings import GatewaySettings
from csms.gateway.transport import ABNORMAL, TransportClosed

_MAX_QUEUED_BYTES: Final = 64 * 1024
_DATA: Final = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION})


class PicowsTransport(WSListener):
    """One open websocket; implements ``transport.Transport``."""

    def __init__(
        self,
        *,
        remote: str,
        subprotocol: str | None,
        extension: Extension | None,
        settings: GatewaySettings,
    ) -> None:
        self.remote = remote
        self.subprotocol = subprotocol
        self._extension = extension
        self._settings = settings
        self._ws: WSTransport | None = None
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._is_paused = False
        self._fragments: list[bytes] = []
        self._fragments_bytes = 0
        self._is_fragmented = False
        self._waiter: asyncio.Future[None] | None = None
        self._closed: TransportClosed | None = None

    # picows' callbacks

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._ws = transport
        transport.underlying_transport.set_write_buffer_limits(
            high=self._settings.max_write_buffer_bytes
        )

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind in _DATA:
            if self._extension is None and frame.fin and not self._is_fragmented:
                if frame.rsv1 or kind == WSMsgType.CONTINUATION:
                    raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "unexpected frame")
                self._enqueue(frame.get_payload_as_bytes())
            else:
                self._on_fragment(kind, frame)
        elif kind == WSMsgType.CLOSE:
            self._closed = TransportClosed(
                int(cast("int", frame.get_close_code())), frame.get_close_reason() or ""
            )
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        if self._closed is None:
            self._closed = TransportClosed(ABNORMAL)
        self._wake()

    def pause_writing(self) -> None:
        """More than ``max_write_buffer_bytes`` are unread: this peer has stopped reading."""
        self.abort()

    def resume_writing(self) -> None: ...

    # Transport

    async def send(self, data: bytes) -> None:
        ws = self._open()
        if self._extension is None:
            ws.send(WSMsgType.TEXT, data)
        else:
            frame = self._extension.encode(Frame(Opcode.TEXT, data))
            ws.send(WSMsgType.TEXT, bytes(frame.data), rsv1=frame.rsv1)
        if self._closed is not None:  # the write filled the buffer
            raise self._closed.again()

    async def recv(self) -> bytes:
        while not self._queue:
            if self._closed is not None:
                raise self._closed.again()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._queue.popleft()
        self._queued_bytes -= len(data)
        if self._is_paused and not self._queue:
            self._is_paused = False
            if self._closed is None and self._ws is not None:
                self._ws.underlying_transport.resume_reading()
        return data

    async def ping(self, timeout_s: float) -> bool:
        if self._ws is None or self._closed is not None:
            return False
        try:
            async with asyncio.timeout(timeout_s):
                await self._ws.measure_roundtrip_time(1)
        except (TimeoutError, ConnectionError):
            return False
        return True

    async def close(self, code: int, reason: str) -> None:
        ws = self._ws
        if ws is None or ws.is_disconnected:
            return
        if not ws.is_close_frame_sent:
            ws.send_close(WSCloseCode(code), reason.encode())
        try:
            async with asyncio.timeout(self._settings.close_timeout_s):
                await ws.wait_disconnected()
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        if self._closed is None:
            self._closed = TransportClosed(ABNORMAL)
        self._wake()
        if self._ws is not None:
            self._ws.underlying_transport.abort()

    # Helpers

    def _open(self) -> WSTransport:
        ws = self._ws
        if self._closed is not None or ws is None or ws.is_close_frame_sent:
            raise TransportClosed(ABNORMAL) if self._closed is None else self._closed.again()
        return ws

    def _on_fragment(self, kind: WSMsgType, frame: WSFrame) -> None:
        is_continuation = kind == WSMsgType.CONTINUATION
        if is_continuation != self._is_fragmented:
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "unexpected frame")
        room = self._settings.max_message_bytes - self._fragments_bytes
        data = frame.get_payload_as_bytes()
        if self._extension is not None:
            wire = Frame(Opcode(cast("int", kind)), data, fin=frame.fin, rsv1=frame.rsv1)
            try:
                # Never 0, which zlib takes for "no limit"; the length is checked below.
                data = bytes(self._extension.decode(wire, max_size=room + 1).data)
            except PayloadTooBig:
                raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "message too big") from None
            except ProtocolError as error:
                raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, str(error)) from None
        elif frame.rsv1:
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "compressed without agreement")
        if len(data) > room:
            raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "message too big")
        if frame.fin:
            self._is_fragmented = False
            message = b"".join((*self._fragments, data)) if self._fragments else data
            self._fragments.clear()
            self._fragments_bytes = 0
            self._enqueue(message)
        else:
            self._is_fragmented = True
            self._fragments.append(data)
            self._fragments_bytes += len(data)

    def _enqueue(self, data: bytes) -> None:
        self._queue.append(data)
        self._queued_bytes += len(data)
        if not self._is_paused and (
            len(self._queue) >= self._settings.max_receive_queue
            or self._queued_bytes >= _MAX_QUEUED_BYTES
        ):
            self._is_paused = True
            if self._ws is not None:
                self._ws.underlying_transport.pause_reading()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
