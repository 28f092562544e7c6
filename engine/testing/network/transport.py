"""A network on paper: scripts of bytes, silences and breaks where the transport would be, in virtual or real time.

The engine above it is the real one; what is scripted is what a socket would have given. Each request is answered by a
function, so that a script can go on from what the request says was said. This is the way for tests of the engine that
need no HTTP, and for what was recorded (`recording`); with HTTP below, there is `network.ScriptedNetwork`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import trio
from attrs import field, frozen

from ...core.causes import ConnectionReset, GoAway, InterruptCause
from ...core.provider import WireRequest
from ...http.transport import TransportError
from .script import Close, Fails, GoesAway, Reset, Silence, Stale, Step, require_step


@frozen
class Script:
    """One answer: what comes, read by read, and then the body's end.

    `opens_after_s` is the wait for the headers; with `fails`, the connection fails then, and there is no answer.
    """

    steps: Sequence[Step]
    status: int = 200
    headers: Mapping[str, str] = field(factory=lambda: {"content-type": "text/event-stream"})
    opens_after_s: float = 0.0
    fails: InterruptCause | None = None


class ScriptedTransport:
    """Answers each request by `script_for(request)`; keeps the requests in `requests`."""

    def __init__(self, script_for: Callable[[WireRequest], Script]) -> None:
        self._script_for = script_for
        self.requests: list[WireRequest] = []
        self.open_bodies = 0

    async def open(self, wire: WireRequest, *, connect_s: float | None) -> ScriptedBody:
        """Answer a request with its script; a checkpoint."""
        self.requests.append(wire)
        script = self._script_for(wire)
        await trio.sleep(script.opens_after_s)
        if script.fails is not None:
            raise TransportError(script.fails)
        if script.steps and script.opens_after_s:
            _fail_at(script.steps[0])
        return ScriptedBody(script, self)

    async def aclose(self) -> None:
        """Nothing is open between answers; a checkpoint."""
        await trio.lowlevel.checkpoint()


class ScriptedBody:
    """One answer being read."""

    def __init__(self, script: Script, transport: ScriptedTransport) -> None:
        self.status: int = script.status
        self.headers: Mapping[str, str] = script.headers
        self._steps = script.steps
        self._transport = transport
        self._send, self._receive = trio.open_memory_channel[Step](0)

    async def pump(self) -> None:
        """Play the script. If cancelled: it stops there."""
        self._transport.open_bodies += 1
        try:
            with self._send:
                for step in self._steps:
                    if isinstance(step, Close):
                        return
                    await self._play(step)
        finally:
            self._transport.open_bodies -= 1

    async def _play(self, step: Step) -> None:
        require_step(step)
        match step:
            case Silence(None):
                await trio.sleep_forever()
            case Silence(float() | int() as seconds):
                await trio.sleep(seconds)
            case _:
                await self._send.send(step)

    async def receive(self) -> bytes:
        """Take the next read; b"" is the end. Raises what the script says, mostly a TransportError."""
        try:
            step = await self._receive.receive()
        except trio.EndOfChannel:
            return b""
        if isinstance(step, bytes):
            return step
        _fail_at(step)
        return b""

    async def drain(self) -> None:
        """The rest of a script is not waited for; a checkpoint."""
        await trio.lowlevel.checkpoint()


def _fail_at(step: Step) -> None:
    """Raise what a transport raises where a connection breaks."""
    match step:
        case Reset() | Stale():
            raise TransportError(ConnectionReset())
        case GoesAway():
            raise TransportError(GoAway())
        case Fails(error):
            raise error
        case bytes() | Silence() | Close():
            pass
