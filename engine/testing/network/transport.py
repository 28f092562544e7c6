"""A network on paper: scripts of bytes, silences and breaks where the transport would be, in virtual or real time.

The engine above it is the real one; what is scripted is what a socket would have given. Each request is answered by a
function, so that a script can go on from what the request says was said. This is the way for tests of the engine that
need no HTTP, and for what was recorded (`recording`); with HTTP below, there is `network.ScriptedNetwork`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import trio
from attrs import field, frozen

from ...core.causes import InterruptCause
from ...core.provider import WireRequest
from ...http.transport import TransportError


@frozen
class Silence:
    """Nothing for `seconds`; None is for ever."""

    seconds: float | None = None


@frozen
class Break:
    """The connection fails here."""

    cause: InterruptCause


Step: TypeAlias = bytes | Silence | Break


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
        if script.steps and isinstance(script.steps[0], Break) and script.opens_after_s:
            raise TransportError(script.steps[0].cause)
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
        self._send, self._receive = trio.open_memory_channel[bytes | Break](0)

    async def pump(self) -> None:
        """Play the script. If cancelled: it stops there."""
        self._transport.open_bodies += 1
        try:
            with self._send:
                for step in self._steps:
                    await self._play(step)
        finally:
            self._transport.open_bodies -= 1

    async def _play(self, step: Step) -> None:
        match step:
            case Silence(None):
                await trio.sleep_forever()
            case Silence(float() | int() as seconds):
                await trio.sleep(seconds)
            case bytes() | Break():
                await self._send.send(step)
            case _:
                raise TypeError(f"{step!r} is no step of a script")

    async def receive(self) -> bytes:
        """Take the next read; b"" is the end. Raises TransportError where the script breaks."""
        try:
            step = await self._receive.receive()
        except trio.EndOfChannel:
            return b""
        if isinstance(step, Break):
            raise TransportError(step.cause)
        return step

    async def drain(self) -> None:
        """The rest of a script is not waited for; a checkpoint."""
        await trio.lowlevel.checkpoint()
