"""One connection to the loopback provider: reads requests by h11, writes answers by hand, plays faults.

By hand, because a fault has to cut inside an HTTP chunk, which no HTTP library writes. h11 counts answers too: it
takes no second request before it has sent the first one's answer. So each request has an `h11.Connection` of its own,
which never sends, and what it has left over is where the next one begins.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

import h11
import trio

from ..script.faults import Fault, FaultKind
from ..wire.formats import GARBAGE, Wire, error_body, ping, stream_error
from .script import chunk
from .server_faults import BODY_FAULTS, Cut, cut_of

HEAD_BYTES_MAX = 64 * 1024
"""The most h11 reads of a request's head (its default is 16 KiB, and our clients send far less)."""

BODY_BYTES_MAX = 64 * 1024 * 1024
"""The most we read of a request's body."""

DRIP_BYTES = 5
"""How much one write of a slow body holds: less than any event, and not a multiple of a character."""

_RST = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends RST and drops what is unsent."""

_HTML = b"<!doctype html><html><head><title>Welcome</title></head><body>Please log in to this network.</body></html>"


class Connection:
    """One connection of a client's.

    The methods that answer say whether it can take another request; they raise `trio.BrokenResourceError` where the
    client has left.
    """

    def __init__(self, stream: trio.SocketStream, event_s: float) -> None:
        self._stream = stream
        self._event_s = event_s
        self._left_over = b""

    # -- reading --------------------------------------------------------------------------------------------------

    async def read_request(self) -> tuple[str, bytes] | None:
        """Wait for a request and give its "METHOD /path" and body; None if the client left, or sent what is none."""
        reader = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        if self._left_over:
            reader.receive_data(self._left_over)
        target, body = "", bytearray()
        try:
            while not isinstance(event := await self._next_event(reader), h11.EndOfMessage):
                match event:
                    case h11.Request(method=method, target=path):
                        target = f"{method.decode()} {path.decode().partition('?')[0]}"
                    case h11.Data(data=data) if len(body) + len(data) <= BODY_BYTES_MAX:
                        body += data
                    case _:
                        return None
        except h11.RemoteProtocolError:
            return None
        self._left_over, _ = reader.trailing_data
        return target, bytes(body)

    async def _next_event(self, reader: h11.Connection) -> object:
        while (event := reader.next_event()) is h11.NEED_DATA:
            reader.receive_data(await self._stream.receive_some())
        return event

    async def wait_left(self) -> None:
        """Wait until the client closes its side; what it still says is dropped."""
        while await self._stream.receive_some():
            pass

    # -- answering ------------------------------------------------------------------------------------------------

    async def send_stream(self, wire: Wire, events: Sequence[bytes]) -> bool:
        """Send a whole stream."""
        await self._send_stream_head(wire)
        for event in events:
            await self._send_event(event)
        await self._end_stream()
        return True

    async def send_error(self, wire: Wire, status: int, message: str, *, retry_after_s: float | None = None) -> bool:
        """Send an HTTP error."""
        hint = "" if retry_after_s is None else f"retry-after: {retry_after_s:g}\r\n"
        await self._send_whole(status, "application/json", error_body(wire, status, message), hint)
        return True

    async def _send_whole(self, status: int, content_type: str, body: bytes, more: str = "") -> None:
        head = (
            f"HTTP/1.1 {status} Loopback\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        )
        await self._stream.send_all(head.encode() + body)

    async def _send_stream_head(self, wire: Wire) -> None:
        head = f"content-type: {wire.content_type}\r\ncache-control: no-cache\r\ntransfer-encoding: chunked"
        await self._stream.send_all(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())

    async def _send_event(self, event: bytes) -> None:
        """Send an event in one chunk and one write."""
        await self._stream.send_all(chunk(event))
        if self._event_s:
            await trio.sleep(self._event_s)

    async def _end_stream(self) -> None:
        await self._stream.send_all(b"0\r\n\r\n")

    # -- faults ---------------------------------------------------------------------------------------------------

    async def play(self, fault: Fault, wire: Wire, events: Sequence[bytes]) -> bool:
        """Answer with a fault."""
        if fault.kind is FaultKind.HTTP_ERROR:
            message = f"the loopback server answers {fault.status} on schedule"
            return await self.send_error(wire, fault.status, message, retry_after_s=fault.retry_after_s)
        if fault.kind not in BODY_FAULTS:
            await self._send_whole(200, "text/html; charset=utf-8", _HTML)
            return True
        cut = cut_of(fault, events)
        await self._send_stream_head(wire)
        for event in events[: cut.events]:
            await self._send_event(event)
        if fault.kind is FaultKind.DRIP:
            return await self._drip(fault, events[cut.events :])
        await self._send_part(fault, cut, events)
        return await self._break(fault, wire)

    async def _send_part(self, fault: Fault, cut: Cut, events: Sequence[bytes]) -> None:
        """Send the part of an event before the cut, in a chunk of its own or in one that is never finished."""
        if not cut.bytes:
            return
        event = events[cut.events]
        in_chunk = fault.cut.in_chunk and fault.kind in (FaultKind.RESET, FaultKind.HALF_CLOSE)
        part = event[: cut.bytes]
        await self._stream.send_all(chunk(part, of_bytes=len(event) if in_chunk else None))

    async def _break(self, fault: Fault, wire: Wire) -> bool:
        match fault.kind:
            case FaultKind.RESET:
                self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
                await self._stream.aclose()
                return False
            case FaultKind.HALF_CLOSE:
                await self._stream.send_eof()
                await self.wait_left()
                return False
            case FaultKind.STALL:
                await self.wait_left()
                return False
            case FaultKind.PINGS_ONLY:
                return await self._ping(fault, wire)
            case FaultKind.IN_BAND_ERROR:
                await self._send_event(stream_error(wire, fault.status))
            case FaultKind.GARBAGE:
                await self._send_event(GARBAGE)
            case _:
                pass  # the premature end: nothing more is said
        await self._end_stream()
        return True

    async def _ping(self, fault: Fault, wire: Wire) -> bool:
        """Ping until the client leaves: then a write fails, or its side is closed."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._leave_with_client, nursery.cancel_scope)
            with suppress(trio.BrokenResourceError):
                while not nursery.cancel_scope.cancel_called:
                    await self._stream.send_all(chunk(ping(wire)))
                    await trio.sleep(fault.seconds)
        return False

    async def _leave_with_client(self, scope: trio.CancelScope) -> None:
        with suppress(trio.BrokenResourceError):
            await self.wait_left()
        scope.cancel(reason="the client left")

    async def _drip(self, fault: Fault, events: Sequence[bytes]) -> bool:
        slow = b"".join(events[: fault.count])
        for at in range(0, len(slow), DRIP_BYTES):
            await self._stream.send_all(chunk(slow[at : at + DRIP_BYTES]))
            await trio.sleep(fault.seconds)
        for event in events[fault.count :]:
            await self._send_event(event)
        await self._end_stream()
        return True
