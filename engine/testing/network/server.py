"""A provider on this machine: real sockets, every wire format, an answer of ours, and faults on schedule.

    async with open_loopback(RIVERS, fault_schedule(7)) as server:
        engine = Engine(Anthropic("claude-sonnet-4-5", base_url=server.anthropic_url))

It models an *honest* provider: it goes on exactly after what the request says was said (a trailing assistant turn where
the API goes on from one, an assistant turn and the quoting user turn on every path), and answers 400 to a request that
claims words it never said. Other manners are there for tests of the seam. Which format is spoken is chosen by the path.

Everything ends with the block: no task, socket or silence outlives it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self, cast

import trio
from attrs import evolve, frozen

from ...core.json_value import JSONObject
from ..script.answers import Answer
from ..script.faults import Fault, FaultKind
from ..wire.formats import Continuation, Wire, asks_for_stream, events_of, read_body, read_continuation, wire_of_path
from ..wire.gemini import gemini_model
from .served import NEVER_SAID, NO_PREFILL, NO_TRAILING_SPACE, ends_in_space
from .server_connection import Connection
from .server_faults import require_served
from .server_replies import Manner, Replies


def open_loopback(
    answer: Answer,
    faults: Sequence[Fault] = (),
    *,
    seed: int = 0,
    event_s: float = 0.0,
    manner: Manner = Manner.HONEST,
    chars: int = 40,
    continues: bool = False,
) -> Loopback:
    """Serve on a free port of 127.0.0.1, for as long as the block is open.

    Args:
        answer: what it answers to everything.
        faults: the n-th request gets the n-th fault; later ones, and `Fault()`, get none. `PREFILL_REFUSED` takes no
            turn, and holds for every request.
        seed: how the answer is cut into events.
        event_s: seconds between two events.
        manner: how it goes on after what was said.
        chars: how many characters the manner is about.
        continues: a trailing assistant turn of Chat Completions is gone on from unasked, as at Groq or llama.cpp.

    If cancelled: connections are closed, and the port is free.

    Raises:
        UsageError: a fault that no server of bytes plays, or with a manner of its own.
    """
    return Loopback(answer, faults, seed=seed, event_s=event_s, manner=manner, chars=chars, continues=continues)


@frozen
class _Call:
    """One request that was read."""

    wire: Wire
    path: str
    body: JSONObject
    continuation: Continuation

    @property
    def model(self) -> str:
        """The model that is asked."""
        return gemini_model(self.path) or str(self.body.get("model", "loopback"))


class Loopback:
    """The provider while its block is open.

    Attributes:
        requests: the decoded bodies of the requests, in the order in which they came.
        faults_happened: the faults that were played so far.
        connections_open: how many connections are open now.
    """

    def __init__(
        self,
        answer: Answer,
        faults: Sequence[Fault],
        *,
        seed: int,
        event_s: float,
        manner: Manner,
        chars: int,
        continues: bool,
    ) -> None:
        self.requests: list[JSONObject] = []
        self.faults_happened: list[Fault] = []
        self.connections_open: int = 0
        self.port: int = 0
        self._replies = Replies(answer, seed=seed, manner=manner, chars=chars)
        played = require_served(faults)
        self._faults = [fault for fault in played if fault.kind is not FaultKind.PREFILL_REFUSED]
        self._standing = next((fault for fault in played if fault.kind is FaultKind.PREFILL_REFUSED), None)
        self._event_s = event_s
        self._continues = continues
        self._nursery = trio.open_nursery()
        self._scope: trio.CancelScope | None = None

    @property
    def anthropic_url(self) -> str:
        """The base URL for `Anthropic(…)`: the origin."""
        return self.base_url(Wire.ANTHROPIC)

    @property
    def openai_url(self) -> str:
        """The base URL for `OpenAIChat(…)`: with `/v1`."""
        return self.base_url(Wire.OPENAI)

    def base_url(self, wire: Wire) -> str:
        """Return the base URL for the provider class of a wire format: with `/v1` for OpenAI's, else the origin."""
        origin = f"http://127.0.0.1:{self.port}"
        return f"{origin}/v1" if wire in (Wire.OPENAI, Wire.RESPONSES) else origin

    async def __aenter__(self) -> Self:
        nursery = await self._nursery.__aenter__()
        self._scope = nursery.cancel_scope
        serve = partial(trio.serve_tcp, self._serve_connection, 0, host="127.0.0.1")
        try:
            listeners = cast("list[trio.SocketListener]", await nursery.start(serve))
        except BaseException:
            nursery.cancel_scope.cancel(reason="the loopback server did not start")
            await self._nursery.__aexit__(None, None, None)
            raise
        self.port = listeners[0].socket.getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._scope is not None:
            self._scope.cancel(reason="the loopback server's block is left")
        await self._nursery.__aexit__(None, None, None)  # the body's own exception leaves as it is, never wrapped

    # -- one connection -------------------------------------------------------------------------------------------

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        self.connections_open += 1
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(stream, self._event_s)
        try:
            with suppress(trio.BrokenResourceError):  # the client left: its right
                while await self._serve_request(connection):
                    pass
        finally:
            self.connections_open -= 1

    async def _serve_request(self, connection: Connection) -> bool:
        """Answer one request; whether the connection can take another."""
        request = await connection.read_request()
        if request is None:
            return False
        target, raw = request
        method, _, path = target.partition(" ")
        wire = wire_of_path(path) if method == "POST" else None
        if wire is None:
            return await connection.send_error(Wire.OPENAI, 404, f"{target} is not served here")
        body = read_body(raw)
        if body is None or not asks_for_stream(wire, path, body):
            return await connection.send_error(wire, 400, "expected a JSON object with stream: true")
        self.requests.append(body)
        continuation = read_continuation(wire, body, continues=self._continues)
        return await self._answer_call(connection, _Call(wire, path, body, continuation))

    async def _answer_call(self, connection: Connection, call: _Call) -> bool:
        before = call.continuation
        if self._standing is not None and before.is_prefix:
            self.faults_happened.append(self._standing)
            return await connection.send_error(call.wire, 400, NO_PREFILL)
        if ends_in_space(call.wire, before):
            return await connection.send_error(call.wire, 400, NO_TRAILING_SPACE)
        reply = self._replies.next(call.model, call.body, before.text)
        if reply is None:
            return await connection.send_error(call.wire, 400, NEVER_SAID)
        fault = self._faults.pop(0) if self._faults else Fault()
        if fault.kind is FaultKind.EMPTY:
            reply = evolve(reply, text=(), reasoning=(), calls=())
        events = events_of(call.wire, reply)
        if fault.kind is FaultKind.NONE:
            return await connection.send_stream(call.wire, events)
        self.faults_happened.append(fault)
        return await connection.play(fault, call.wire, events)
