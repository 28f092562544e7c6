"""One connection to a server on this machine: requests are read by h11, answers are steps, written by hand.

By hand, because a fault has to cut inside an HTTP chunk, which no HTTP library writes. h11 counts answers too: it
takes no second request before it has sent the first one's answer. So each request has an `h11.Connection` of its own,
which never sends, and what it has left over is where the next one begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import h11
import trio

from ..script.faults import Fault
from ..wire.formats import Wire, error_body
from .play import Played, play_steps
from .script import Step
from .served import error_steps, steps_of

HEAD_BYTES_MAX = 64 * 1024
"""The most h11 reads of a request's head (its default is 16 KiB, and our clients send far less)."""

BODY_BYTES_MAX = 64 * 1024 * 1024
"""The most we read of a request's body."""


class Connection:
    """One connection of a client's.

    The methods that answer say whether it can take another request: not where it was broken, or the client has left.
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

    # -- answering ------------------------------------------------------------------------------------------------

    async def send_stream(self, wire: Wire, events: Sequence[bytes]) -> bool:
        """Send a whole stream."""
        return await self.play(Fault(), wire, events)

    async def send_error(self, wire: Wire, status: int, message: str) -> bool:
        """Send an HTTP error."""
        return await self.send(error_steps(error_body(wire, status, message), status))

    async def play(self, fault: Fault, wire: Wire, events: Sequence[bytes]) -> bool:
        """Answer with a fault."""
        return await self.send(steps_of(fault, wire, events, event_s=self._event_s))

    async def send(self, steps: Iterable[Step]) -> bool:
        """Answer with steps."""
        return await play_steps(self._stream, steps) is Played.WHOLE
