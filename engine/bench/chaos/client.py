"""A client's side: a connection on which requests are read and answers written, by h11, and broken on purpose."""

from __future__ import annotations

from contextlib import suppress

import h11
import trio

from ...testing.network.play import reset_when_closed
from .exchange import HEAD_BYTES_MAX, READ_BYTES, Headers

AHEAD_BYTES_MAX = HEAD_BYTES_MAX
"""How much of what a client says while it is answered is kept: its next request, if it does not wait."""

DRAIN_S = 1.0
"""How long a request that is refused is read on."""


class ClientLeft(Exception):
    """The client has closed or broken the connection."""


class NotHTTP(Exception):
    """What came is no request; the status says why. The words of h11 may quote it, and are not kept."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status: int = status


class Client:
    """One connection of a client's; used by the task that answers, and by `watch` beside it.

    Attributes:
        uploaded: set once all of a request was read; `watch` waits for it.
        has_left: `watch` has seen the client leave.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self.uploaded: trio.Event = trio.Event()
        self.has_left: bool = False
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)

    @property
    def local_address(self) -> str:
        """The address of this machine that the client came to."""
        return str(self._stream.socket.getsockname()[0])

    @property
    def address(self) -> str:
        """The client's address."""
        return str(self._stream.socket.getpeername()[0])

    # -- reading ------------------------------------------------------------------------------------------------------

    async def next_request(self) -> h11.Request | None:
        """Wait for a request's head; None if the client leaves instead. Raises NotHTTP."""
        self.uploaded = trio.Event()
        event = await self._next_event()
        return event if isinstance(event, h11.Request) else None

    async def read_body(self, trailers: list[tuple[bytes, bytes]]) -> bytes:
        """Wait for the next bytes of the request's body; b"" is its end, and its trailers are then in the list.

        Raises:
            ClientLeft: before its end.
            NotHTTP: it is none.
        """
        while True:
            match await self._next_event():
                case h11.Data(data=data) if data:
                    return bytes(data)
                case h11.Data():
                    continue
                case h11.EndOfMessage(headers=headers):
                    trailers += headers.raw_items()
                    self.uploaded.set()
                    return b""
                case _:
                    raise ClientLeft

    async def _next_event(self) -> object:
        is_over = False
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self.send(h11.InformationalResponse(status_code=100, headers=[]))
                data = await self._receive()
                is_over = not data
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            if is_over:
                raise ClientLeft from None
            raise NotHTTP(error.error_status_hint) from None
        return event

    async def _receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(READ_BYTES))
        except trio.BrokenResourceError:
            raise ClientLeft from None

    async def watch(self, scope: trio.CancelScope) -> None:
        """Cancel the scope once the client leaves. What it says meanwhile is kept, within bounds."""
        await self.uploaded.wait()
        ahead = 0
        try:
            while data := await self._receive():
                self._http.receive_data(data)
                ahead += len(data)
                if ahead > AHEAD_BYTES_MAX:
                    await trio.sleep_forever()
        except ClientLeft:
            pass
        self.has_left = True
        scope.cancel(reason="the client left")

    # -- answering ----------------------------------------------------------------------------------------------------

    async def send(self, event: h11.Event) -> None:
        """Send a part of an answer. Raises ClientLeft."""
        data = self._http.send(event)
        if data:
            try:
                await self._stream.send_all(data)
            except trio.BrokenResourceError:
                raise ClientLeft from None

    async def send_head(self, status: int, reason: bytes, headers: Headers) -> None:
        """Begin an answer; without a length among its headers its body is chunked, or ends with the connection."""
        await self.send(h11.Response(status_code=status, reason=reason, headers=list(headers)))

    async def send_data(self, data: bytes) -> None:
        """Send a part of the body, in a chunk of its own where it is chunked."""
        await self.send(h11.Data(data=data))

    async def send_end(self, trailers: Headers = (), *, is_chunked: bool = False) -> None:
        """End the body in order. Trailers go with chunks only."""
        takes = is_chunked and self._http.their_http_version == b"1.1"
        await self.send(h11.EndOfMessage(headers=list(trailers) if takes else []))

    async def drain(self) -> None:
        """Read what is left of a request, within bounds: closing on unread bytes is a reset, and drops the answer."""
        size = 0
        with trio.move_on_after(DRAIN_S), suppress(ClientLeft, NotHTTP):
            while size <= AHEAD_BYTES_MAX and (data := await self.read_body([])):
                size += len(data)

    async def send_whole(self, status: int, content_type: str, body: bytes, more: Headers = ()) -> None:
        """Send a whole answer."""
        length = (b"Content-Length", str(len(body)).encode())
        await self.send_head(status, b"", [(b"Content-Type", content_type.encode()), length, *more])
        await self.send_data(body)
        await self.send_end()

    @property
    def can_answer(self) -> bool:
        """Whether no answer was begun yet."""
        return self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    def next_cycle(self) -> bool:
        """Get ready for another request; False if the connection can take none."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    # -- breaking -----------------------------------------------------------------------------------------------------

    def reset_when_closed(self) -> None:
        """Have the end of the connection be an RST."""
        reset_when_closed(self._stream)

    async def half_close(self) -> None:
        """Close our side (FIN). Raises ClientLeft."""
        try:
            await self._stream.send_eof()
        except (trio.BrokenResourceError, OSError):
            raise ClientLeft from None
