"""A fault proxy on this machine: in front of an upstream, or alone with answers of its own.

    async with open_chaos(["reset@3kb#1"], upstream="https://api.openai.com") as chaos:
        client = AsyncOpenAI(base_url=f"{chaos.url}/v1")

Where no fault is drawn, an answer passes byte for byte, at the pace of whoever is slower; a client that leaves closes
the upstream at once. No redirect is followed, nothing is retried, and no header or query is kept or shown.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Collection, Sequence
from functools import partial
from types import TracebackType
from typing import Self

import h11
import trio

from ....providers.endpoint import check_base_url, is_loopback
from ...core.printable import printable
from ...core.usage_error import UsageError
from ...testing.network.server_replies import Manner, Replies
from ...testing.script.answers import RIVERS, Answer
from .client import Client, ClientLeft, NotHTTP
from .control import BODY_BYTES_MAX, PREFIX, Control, ControlAnswer, error_answer
from .draws import Draws
from .guard import ANY_ADDRESS, Guard, Listen, Refusal, parse_listen
from .own_answers import OwnAnswers
from .passing import Passing
from .rows import NAME_CHARS_MAX, Ended, Listener, Row, Rows
from .upstream import Upstream

CONNECTIONS_MAX = 256
"""How many connections are served at a time; those beyond are closed."""

IDLE_S = 300.0
"""How long a connection may rest without a request, or take to send a head."""


def open_chaos(
    faults: Sequence[str] = (),
    *,
    upstream: str | None = None,
    listen: str = "127.0.0.1:0",
    seed: int = 0,
    answer: Answer = RIVERS,
    event_s: float = 0.0,
    allow_insecure: bool = False,
    allow_remote: bool = False,
    allow_remote_control: bool = False,
    allow_hosts: Collection[str] = (),
    trusted: ssl.SSLContext | None = None,
    listener: Listener | None = None,
) -> Chaos:
    """Serve for as long as the block is open.

    Args:
        faults: spelled as in `spelling`; each request is drawn one, or none.
        upstream: the base URL that paths are put behind; None answers by itself.
        listen: HOST:PORT; port 0 is any that is free.
        seed: of the dice, and of how an answer of its own is cut into events.
        answer: what it answers by itself.
        event_s: seconds between two events of that.
        allow_insecure: let the upstream be http on another machine.
        allow_remote: let `listen` be reached from other machines.
        allow_remote_control: let the control endpoint be used from there.
        allow_hosts: further names that a request's Host may have.
        trusted: certificates that are trusted, those of the engine's own client if left out.
        listener: is told what happens to a request ("asked", "struck", "ended"), with its row; quick, raises nothing.

    If cancelled: all connections are closed, and the port is free.

    Raises:
        UsageError: a fault, an address or a URL that can not be; the port is in use.
    """
    at = _checked_listen(listen, allow_remote=allow_remote)
    behind = None if upstream is None else _checked_upstream(upstream, trusted, allow_insecure=allow_insecure)
    if behind is not None and is_loopback(behind.host) and behind.port == at.port:
        raise UsageError("upstream is where chaos itself would listen; expected another address", argument="upstream")
    return Chaos(
        Draws(faults, seed=seed, has_upstream=upstream is not None),
        Rows() if listener is None else Rows(listener),
        at,
        upstream=behind,
        own=OwnAnswers(Replies(answer, seed=seed, manner=Manner.HONEST, chars=0), event_s),
        allow_hosts=tuple(host.lower().strip("[]") for host in allow_hosts),
        allow_remote_control=allow_remote_control,
    )


def _checked_listen(told: str, *, allow_remote: bool) -> Listen:
    listen = parse_listen(told)
    if not (listen.is_local or allow_remote):
        raise UsageError(
            f"listen is {told!r}, which other machines can reach; expected a loopback address",
            argument="listen", advised="allow_remote", advice=", or allow_remote=True",
        )  # fmt: skip
    return listen


def _checked_upstream(url: str, trusted: ssl.SSLContext | None, *, allow_insecure: bool) -> Upstream:
    try:
        parts = check_base_url(url, allow_insecure=allow_insecure, name="upstream")
    except UsageError as error:
        insecure = error.advised if error.advised == "allow_insecure" else None
        advice = error.advice if insecure else ""
        raise UsageError(error.message, argument="upstream", advised=insecure, advice=advice) from None
    if parts.scheme == "http":
        return Upstream(parts)
    if trusted is None:
        from ...http.own_client import trusted_certificates  # loads httpx, for its bundle alone

        trusted = trusted_certificates()
    return Upstream(parts, trusted)


class Chaos:
    """The proxy while its block is open.

    Attributes:
        rows: what became of the requests.
        draws: the faults that stand.
        connections_open: how many clients are connected now.
        port: where it listens.
    """

    def __init__(
        self,
        draws: Draws,
        rows: Rows,
        listen: Listen,
        *,
        upstream: Upstream | None,
        own: OwnAnswers,
        allow_hosts: Collection[str],
        allow_remote_control: bool,
    ) -> None:
        self.rows: Rows = rows
        self.draws: Draws = draws
        self.connections_open: int = 0
        self.port: int = listen.port
        self._listen = listen
        self._guard = Guard(listen, allow_hosts)
        self._control = Control(draws, rows)
        self._allow_remote_control = allow_remote_control
        self._passing = Passing(draws, rows, upstream, None if upstream is not None else own)
        self._nursery = trio.open_nursery()
        self._scope: trio.CancelScope | None = None

    @property
    def url(self) -> str:
        """Its origin, with a loopback address where it listens on every address."""
        host = "127.0.0.1" if self._listen.host in ANY_ADDRESS else self._listen.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self._listen.is_local

    @property
    def upstream_url(self) -> str | None:
        """The base URL of its upstream; None where it answers by itself."""
        upstream = self._passing.upstream
        return None if upstream is None else upstream.url

    async def __aenter__(self) -> Self:
        nursery = await self._nursery.__aenter__()
        self._scope = nursery.cancel_scope
        try:
            listeners = await self._open_listeners()
            self.port = listeners[0].socket.getsockname()[1]
            nursery.start_soon(partial(trio.serve_listeners, self._serve_connection, listeners))
        except BaseException:
            nursery.cancel_scope.cancel(reason="the proxy did not start")
            await self._nursery.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._scope is not None:
            self._scope.cancel(reason="the proxy's block is left")
        await self._nursery.__aexit__(None, None, None)  # the body's own exception leaves as it is, never wrapped

    async def _open_listeners(self) -> list[trio.SocketListener]:
        at = f"{self._listen.host}:{self._listen.port}"
        try:
            return await trio.open_tcp_listeners(self._listen.port, host=self._listen.host)
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            why = "is in use" if is_taken else f"can not be listened on: {error.strerror or error}"
        raise UsageError(
            f"listen {at} {why}; expected a free port of this machine (port 0 finds one)", argument="listen"
        )

    # -- one connection -----------------------------------------------------------------------------------------------

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        if self.connections_open >= CONNECTIONS_MAX:
            return
        self.connections_open += 1
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = Client(stream)
            while await self._serve_request(client):
                pass
        except (ClientLeft, OSError):  # its right; and a socket that is gone has no address
            return
        finally:
            self.connections_open -= 1

    async def _serve_request(self, client: Client) -> bool:
        """Answer one request; whether the connection can take another."""
        request = None
        try:
            with trio.move_on_after(IDLE_S):
                request = await client.next_request()
            if request is None:
                return False
            return await self._answer(client, request) and client.next_cycle()
        except NotHTTP as error:
            if client.can_answer:
                await self._say(client, error_answer(error.status, "this is no HTTP request that can be read"))
            return False

    async def _answer(self, client: Client, request: h11.Request) -> bool:
        target = request.target.decode("latin-1")
        is_control = target.startswith(PREFIX)
        refusal = self._refusal(client, request, target, is_control=is_control)
        if refusal is None:
            return await (self._serve_control if is_control else self._pass)(client, request)
        if not is_control:
            row = self.rows.begin(time.time(), trio.current_time(), _what(request))
            row.status = refusal.status
            self.rows.end(row, Ended.REFUSED, trio.current_time())
        await client.drain()
        await self._say(client, refusal)
        return False

    def _refusal(self, client: Client, request: h11.Request, target: str, *, is_control: bool) -> ControlAnswer | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        refusal = self._guard.refusal(headers, client.local_address)
        if refusal is None and is_control:
            refusal = self._guard.control_refusal(
                headers, is_local=is_loopback(client.address), allows_remote=self._allow_remote_control
            )
        if refusal is None and not (target.startswith("/") or target == "*"):
            refusal = Refusal(400, "chaos is no forward proxy; expected it to be the base URL of a client")
        return None if refusal is None else error_answer(refusal.status, refusal.words)

    async def _serve_control(self, client: Client, request: h11.Request) -> bool:
        body = bytearray()
        while data := await client.read_body([]):
            body += data
            if len(body) > BODY_BYTES_MAX:
                await client.drain()
                await self._say(client, error_answer(413, f"the body has more than {BODY_BYTES_MAX:,} bytes"))
                return False
        path = request.target.decode("latin-1").partition("?")[0]
        await self._say(client, self._control.answer(request.method.decode(), path, bytes(body)))
        return True

    async def _say(self, client: Client, answer: ControlAnswer) -> None:
        allow = [(b"Allow", answer.allow.encode())] if answer.allow else []
        await client.send_whole(answer.status, "application/json", answer.body, allow)

    async def _pass(self, client: Client, request: h11.Request) -> bool:
        """Pass a request on while the client is there; whether the connection can take another."""
        row = self.rows.begin(time.time(), trio.current_time(), _what(request))
        ended = Ended.STOPPED
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.watch, nursery.cancel_scope)
                ended = await self._answered(client, request, row)
                nursery.cancel_scope.cancel(reason="it is answered")
            if client.has_left and ended is Ended.STOPPED:
                ended = Ended.CLIENT_LEFT
        finally:
            self.rows.end(row, ended, trio.current_time())
        return ended in (Ended.WHOLE, Ended.FAULT, Ended.NO_UPSTREAM)

    async def _answered(self, client: Client, request: h11.Request, row: Row) -> Ended:
        try:
            return await self._passing.answer(client, request, row)
        except ClientLeft:
            return Ended.CLIENT_LEFT
        except NotHTTP as error:
            if client.can_answer:
                await self._say(client, error_answer(error.status, "the request's body is no HTTP"))
            return Ended.REFUSED
        except h11.LocalProtocolError:  # what the upstream said can not be said again in HTTP/1.1
            return Ended.UPSTREAM_BROKE


def _what(request: h11.Request) -> str:
    path = request.target.decode("latin-1").partition("?")[0]
    return printable(f"{request.method.decode()} {path}", NAME_CHARS_MAX)
