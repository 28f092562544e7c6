"""A scripted network under the real httpx, httpcore and h11: no sockets, no DNS, no TLS, and time that may be virtual.

    network = ScriptedNetwork(lambda request: response([event, Silence(30.0), Reset()]))
    engine = Engine(Anthropic("claude-sonnet-4-5", client=network.client()))

What a server would write is data: bytes as they cross the wire, one step a read, with silences and ends between. A
script runs on its own clock from the moment its request is whole, as a server does: what a slow reader leaves is there
when it comes back. HTTP/2 is not scripted (the engine's own client does not speak it); `GoesAway` raises through
httpx what httpcore's HTTP/2 raises, so that the way from there to the engine is the real one.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, cast

import httpcore
import httpx
import trio

from ...core.usage_error import UsageError
from .script import Close, Connecting, Fails, GoesAway, Reset, SentRequest, Silence, Stale, Step, played_steps

_CORES = {"httpx": "httpcore", "httpx2": "httpcore2"}


def _at_once(_number: int) -> Connecting:
    return Connecting()


def _nobody_answers(_request: SentRequest) -> Iterable[Step]:
    return (Reset(),)


class ScriptedNetwork:
    """Servers for every address, answering each request by `script_for(request)`.

    Args:
        script_for: what is written for a request once it is whole. What it raises is raised to the sender, and so is
            a UsageError for what is no step.
        connect: how the n-th connection is made, from 0.
        hesitate: how many turns other tasks get at a connect, read or write that need not wait. None: one, as with
            sockets; from a seed's dice it varies the order of tasks, and mostly 0 runs faster.

    Attributes:
        requests_taken: how many requests were answered.
        connections_made: how many connections were made.
    """

    def __init__(
        self,
        script_for: Callable[[SentRequest], Iterable[Step]],
        *,
        connect: Callable[[int], Connecting] = _at_once,
        hesitate: Callable[[], int] | None = None,
    ) -> None:
        self.script_for: Callable[[SentRequest], Iterable[Step]] = script_for
        self.connect: Callable[[int], Connecting] = connect
        self.hesitate: Callable[[], int] | None = hesitate
        self.requests_taken = 0
        self.connections_tried = 0
        self.connections_made: int = 0
        self._open: set[_Stream] = set()
        self._pools: list[httpcore.AsyncConnectionPool] = []

    @property
    def connections_open(self) -> int:
        """How many connections the client has not closed, those included that wait in its pool."""
        return len(self._open)

    @property
    def connections_busy(self) -> int:
        """How many connections are not at rest: after a run, each is an answer that nobody closed."""
        return sum(not held.is_idle() for pool in self._pools for held in pool.connections)

    def close_idle(self) -> None:
        """Close the servers' side of every connection, between two runs: a pool drops them before its next request."""
        for stream in self._open:
            stream.play((Close(),))

    def client(self, library: ModuleType = httpx, **options: object) -> httpx.AsyncClient:
        """Make a client on this network, of `httpx` or `httpx2` (pass the module); `options` are its own.

        It is the real client, pool and parser; only the pool's network is ours. Its environment is not looked at,
        resting connections do not expire (httpcore reads the machine's clock for that), and any number may be open.
        """
        core = import_module(_CORES[library.__name__])
        transport = library.AsyncHTTPTransport(verify=_no_tls(), trust_env=False)
        # httpx hands a network on to nobody, and a transport of our own would leave out httpx's: how it maps errors and
        # closes bodies is part of what runs here.
        pool = core.AsyncConnectionPool(
            ssl_context=_no_tls(), max_connections=None, network_backend=_Backend(self, core)
        )
        transport._pool = pool
        self._pools.append(pool)
        made = library.AsyncClient(transport=transport, trust_env=False, **options)
        return cast("httpx.AsyncClient", made)

    def let_go(self) -> None:
        """Forget the clients and who scripts their answers: nothing more is asked on this network."""
        self._pools.clear()
        self._open.clear()
        self.script_for, self.connect, self.hesitate = _nobody_answers, _at_once, None

    # -- called by the streams ------------------------------------------------------------------------------------

    def add(self, stream: _Stream) -> None:
        """Count a connection."""
        self._open.add(stream)
        self.connections_made += 1

    def remove(self, stream: _Stream) -> None:
        """Count it no more."""
        self._open.discard(stream)

    async def wait_turn(self) -> None:
        """Let other tasks run, as often as the dice say. A point of cancellation, whatever they say."""
        turns = 1 if self.hesitate is None else self.hesitate()
        if not turns:
            await trio.lowlevel.checkpoint_if_cancelled()
        for _ in range(turns):
            await trio.lowlevel.checkpoint()


@cache
def _no_tls() -> ssl.SSLContext:
    """Return an empty context: TLS is not spoken here, and reading the CA bundle costs 20 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Backend(httpcore.AsyncNetworkBackend):
    """What a pool asks for connections. `core` is httpcore or httpcore2: their errors have no common base."""

    def __init__(self, network: ScriptedNetwork, core: ModuleType) -> None:
        self._network = network
        self._core: Any = core

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: object = None,
    ) -> _Stream:
        """Make a connection as the network's script says; a checkpoint."""
        network = self._network
        number = network.connections_tried
        network.connections_tried += 1
        how = network.connect(number)
        await network.wait_turn()
        if how.after_s != 0.0:
            await self._wait(math.inf if how.after_s is None else how.after_s, timeout)
        if how.is_refused:
            raise self._core.ConnectError("Connection refused")
        return _Stream(network, self._core, number)

    async def _wait(self, seconds: float, at_most_s: float | None) -> None:
        if at_most_s is None or seconds <= at_most_s:
            await trio.sleep(seconds)
            return
        await trio.sleep(at_most_s)
        raise self._core.ConnectTimeout(f"no connection within {at_most_s:g} s")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: object = None,
    ) -> _Stream:
        """Make a connection; the path is not looked at."""
        return await self.connect_tcp(path, 0, timeout)

    async def sleep(self, seconds: float) -> None:
        """Sleep on trio's clock."""
        await trio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """One connection as its client holds it; the server behind it is the script of the last request."""

    def __init__(self, network: ScriptedNetwork, core: Any, number: int) -> None:
        self._network = network
        self._core = core
        self._number = number
        self._inbox = bytearray()
        self._head_bytes = 0
        self._request_bytes = 0
        self._steps: Iterator[Step] = iter(())
        self._next: Step | None = None
        self._due_s = 0.0
        self._is_closed = False
        network.add(self)

    # -- the server -----------------------------------------------------------------------------------------------

    def play(self, steps: Iterable[Step]) -> None:
        """Begin a script; what was left of the one before is dropped. What is no step, reading fails with."""
        self._steps = played_steps("what script_for returned", steps)
        self._due_s = trio.current_time()
        self._advance()

    def _advance(self) -> None:
        """Go to the next step that is something, adding the silences before it to its due time."""
        for step in self._steps:
            if isinstance(step, Silence):
                self._due_s += math.inf if step.seconds is None else step.seconds
            elif step != b"":
                self._next = step
                return
        self._next = None

    def _take_request(self) -> None:
        """Answer once a request is whole."""
        inbox = self._inbox
        if not self._request_bytes:
            end = inbox.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head_bytes = end
            self._request_bytes = end + 4 + _length_of(bytes(inbox[:end]))
        if len(inbox) < self._request_bytes:
            return
        sent, start = bytes(inbox[: self._request_bytes]), self._head_bytes
        del inbox[: self._request_bytes]
        self._request_bytes = 0
        network = self._network
        request = SentRequest(sent[:start], sent[start + 4 :], self._number, network.requests_taken)
        network.requests_taken += 1
        try:
            self.play(network.script_for(request))
        except UsageError as error:  # of `response`, above all: see `played_steps`
            self.play((Fails(error),))

    # -- the client's side ----------------------------------------------------------------------------------------

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send bytes to the server; a checkpoint, unless there are none (h11 writes an empty end)."""
        if not buffer:
            return
        await self._network.wait_turn()
        if self._is_closed or (isinstance(self._next, Reset | Stale) and self._due_s <= trio.current_time()):
            self._next = Reset()
            raise self._core.WriteError("connection reset by peer")
        self._inbox += buffer
        self._take_request()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Take the next step's bytes; b"" is the server's end. A checkpoint."""
        if timeout is None:
            return await self._read(max_bytes)
        with trio.move_on_after(timeout):
            return await self._read(max_bytes)
        raise self._core.ReadTimeout(f"nothing within {timeout} s")

    async def _read(self, bytes_max: int) -> bytes:
        await self._network.wait_turn()
        while self._next is None or self._due_s > trio.current_time():  # noqa: ASYNC110 - a due time, not an event
            await trio.sleep_until(math.inf if self._next is None else self._due_s)
        match self._next:
            case bytes() as data:
                return self._take(data, bytes_max)
            case Close():
                return b""
            case Fails(error):
                raise error
            case GoesAway():
                raise self._core.RemoteProtocolError("<ConnectionTerminated error_code:0, last_stream_id:1>")
            case Reset() | Stale() | Silence():  # a silence is never the next step: `_advance` adds it to the due time
                raise self._core.ReadError("connection reset by peer")

    def _take(self, data: bytes, bytes_max: int) -> bytes:
        if len(data) > bytes_max:
            self._next = data[bytes_max:]
            return data[:bytes_max]
        self._advance()
        return data

    async def aclose(self) -> None:
        """Close the connection; not a checkpoint."""
        self._is_closed = True
        self._network.remove(self)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> _Stream:
        """Say that TLS is spoken; it is not."""
        return self

    def get_extra_info(self, info: str) -> object:
        """Say whether a read would return at once: how a pool tells that a resting connection was closed."""
        if info == "is_readable":
            waits = self._next is None or isinstance(self._next, Stale)
            return not waits and self._due_s <= trio.current_time()
        return None


def _length_of(request_head: bytes) -> int:
    at = request_head.lower().find(b"\r\ncontent-length:")
    return 0 if at < 0 else int(request_head[at + 17 :].split(b"\r\n", 1)[0])
