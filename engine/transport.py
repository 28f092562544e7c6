"""The one module that knows httpx: it sends a wire request and hands over whole reads of the answer.

A caller may pass an `httpx.AsyncClient` or an `httpx2.AsyncClient` (its maintained fork, same interface); both are used
through the same few calls, and their exceptions are told by class name, so neither is imported for the other's sake.

Rules (docs/hardening.md): redirects are never followed, a coded body is refused, the key is written into the headers at
the last moment, and what is not a stream becomes a bounded `WireRefusal`.
"""

from __future__ import annotations

import ssl
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx
import trio

from .core.causes import ConnectionReset, GoAway, IdleStall, InterruptCause, MalformedStream, PrematureEnd
from .core.errors import InvalidRequest
from .core.policy import Limits
from .core.printable import printable
from .core.provider import WireRefusal, WireRequest
from .core.secret import Secret
from .environment import proxies, unusable_certificates, unusable_proxy
from .http_client import Client, Response, build_request, reasons
from .waiting import WaitingTask

CLOSE_S = 1.0
"""How long closing a connection may take, shielded: it is local work, but TLS may want a last word."""

DRAIN_S = 0.25
"""How long we wait for the end of a body whose terminal event was seen, so that its connection can be used again."""

ERROR_BODY_S = 5.0
"""How long we wait for the text of an error whose status we know: a body that hangs must not turn a 401 into a stall,
which would be retried. Longer than a slow proxy needs, for providers tell some errors apart by their text only."""

READ_AHEAD_BYTES_MAX = 64 * 1024
"""How much is read ahead of the decoder before the pump waits, and TCP with it: one network read of httpcore."""

NEVER_PROXIED = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}
"""A server on this machine is asked directly, whatever proxy the environment names: the proxy would see the prompt."""

NO_QUEUE = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""As many connections as there are answers under way: with httpx's own 100, the 101st waits for us and not for the
provider, and no clock can tell. How many rest between answers is httpx's default."""

POOL_FULL = "every connection of the client passed in is in use, and none came free in time; raise its limits="
"""What a client's PoolTimeout means: it has no words of its own."""

NOT_A_STREAM = ("text/html", "application/json", "application/problem+json", "application/xml", "text/xml")
"""Content types that are an answer about the request, never the stream (a proxy's page, an error under status 200)."""


class TransportError(Exception):
    """The connection failed; `cause` says how. Raised to the attempt only, which makes it a value.

    `what` takes the place of the cause's own words, where there are better ones.
    """

    def __init__(self, cause: InterruptCause, detail: str = "", *, what: str = "") -> None:
        said = what or str(cause)
        super().__init__(f"{said}: {detail}" if detail else said)
        self.cause = cause


class Body(Protocol):
    """An opened answer: its status and headers, one task that reads its body, and whole reads to take.

    `HTTPTransport` makes them of httpx responses. Another way to read (cheaper, or scripted) is another `Transport`.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by lower-case name."""
        ...

    async def pump(self) -> None:
        """Read the body to its end and close it. Run as a task; ended by cancellation only."""
        ...

    async def receive(self) -> bytes:
        """Take what was read since, at least a byte; b"" is the end. Raises TransportError."""
        ...

    async def drain(self) -> None:
        """Wait for the body's end, briefly, so that its connection can be used again."""
        ...


class Transport(Protocol):
    """Sends wire requests. Shared by all runs of an engine."""

    async def open(self, wire: WireRequest, *, connect_s: float | None) -> Body:
        """Send a request and wait for the answer's headers. Raises TransportError."""
        ...

    async def aclose(self) -> None:
        """Close what it opened."""
        ...


def cause_of(error: Exception) -> InterruptCause | None:
    """Name a client's exception; None if it is not one of the transport's.

    By class name along the MRO, for httpx and httpx2 have equal names and no common base. Words are looked at only
    where one class covers several things: h2's GOAWAY and RST_STREAM, and a body that ends before its announced end.
    """
    if type(error).__module__.partition(".")[0] == "h2":  # httpcore lets these through: a frame came, or was to be
        return GoAway()  # sent, on a connection that the server had closed
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith(("httpx", "httpcore", "trio"))}
    text = str(error)
    if "PoolTimeout" in names:
        return IdleStall("pool")
    if "ConnectTimeout" in names:
        return IdleStall("connect")
    if "TimeoutException" in names:
        return IdleStall("headers")
    if "ConnectionTerminated" in text or ("LocalProtocolError" in names and "CLOSED" in text):
        return GoAway()
    if "RemoteProtocolError" in names and "StreamReset" in text:
        return ConnectionReset()
    if "RemoteProtocolError" in names:
        ended = "peer closed connection" in text or "Server disconnected" in text
        return PrematureEnd() if ended else MalformedStream(printable(text))
    if "DecodingError" in names or "LocalProtocolError" in names:
        return MalformedStream(printable(text))
    if names & {"TransportError", "StreamError", "BrokenResourceError", "ClosedResourceError"}:
        return ConnectionReset()
    return None


class OpenedResponse:
    """A response whose body one task reads (`pump`) and another takes in whole reads (`receive`).

    The client gives one chunk of the body at a time, several of them without waiting when one network read brought
    several. The pump only collects them; the taker runs when the pump has to wait, and so gets a network read at once:
    one hop a read, and decoding that stays in the processor's caches (measured: 2.5 µs an event instead of 6.5).
    """

    def __init__(self, response: Response, secrets: Sequence[Secret] = ()) -> None:
        self._response = response
        self._secrets = secrets
        self._parts: list[bytes] = []
        self._size_bytes = 0
        self._ended = False
        self._error: Exception | None = None
        self._taker = WaitingTask()
        self._waiting_pump: trio.lowlevel.Task | None = None
        self.status: int = response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by lower-case name. Made when asked for: kept, they were a tenth of an idle stream's memory."""
        return {name.lower(): value for name, value in self._response.headers.items()}

    async def pump(self) -> None:
        """Read the body to its end, and close the response. Run it as a task: it is ended by cancellation only.

        If cancelled: the connection is closed, within `CLOSE_S`.
        """
        parts = self._parts
        try:
            async for data in self._response.stream:
                if not data:  # an empty DATA frame of HTTP/2 is not the end that b"" means to the taker
                    continue
                if not parts:  # the taker waits only while there is nothing
                    self._taker.wake()
                parts.append(data)
                self._size_bytes += len(data)
                if self._size_bytes >= READ_AHEAD_BYTES_MAX:
                    await self._wait_room()
        except Exception as error:
            self._error = _translated(error, self._secrets)
        finally:
            self._ended = True
            self._taker.wake()
            await self._close()

    async def _close(self) -> None:
        """Close the response. What that raises says nothing of the body, whose end or break was seen before.

        So a whole answer stays one, and a broken one is continued; raised here, it would end the run with its group.
        """
        try:
            with trio.move_on_after(CLOSE_S, shield=True):
                await self._response.aclose()
        except Exception:  # noqa: S110 - the taker was told how the body ended
            pass
        _let_go(self._response)

    async def _wait_room(self) -> None:
        """Wait until what was read is taken. If cancelled: returns, and the next read raises.

        A pump that is cancelled between two chunks leaves the client's nested generators suspended, which nothing but
        the garbage collector then ends (trio warns of each). So `Cancelled` is raised where it unwinds them: inside.
        """
        self._waiting_pump = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._wake_pump()
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _wake_pump(self) -> None:
        pump, self._waiting_pump = self._waiting_pump, None
        if pump is not None:
            trio.lowlevel.reschedule(pump)

    async def receive(self) -> bytes:
        """Take what has been read since, waiting if there is nothing; b"" is the body's end. A checkpoint if it waits.

        Raises:
            TransportError: the connection broke; what had come before was taken first.
        If cancelled: nothing that was read is lost.
        """
        while not self._parts:
            if self._error is not None:
                raise self._handed(self._error)
            if self._ended:
                return b""
            await self._taker.wait()
        data = b"".join(self._parts)
        self._parts.clear()
        self._size_bytes = 0
        self._wake_pump()
        return data

    def _handed(self, error: Exception) -> Exception:
        """Give what broke, and keep another like it: itself would hold its traceback, and that all of this."""
        self._error = TransportError(error.cause) if isinstance(error, TransportError) else error
        return error

    async def drain(self) -> None:
        """Wait for the body's end for at most `DRAIN_S`, so that the connection can be used again."""
        with trio.move_on_after(DRAIN_S):
            try:
                while await self.receive():
                    pass
            except TransportError:
                return


def _let_go(response: Response) -> None:
    """Loosen a closed response from its body: httpx's hold each other.

    Together they, the request with its prompt, and the key in its headers would wait for the garbage collector. The
    body of httpx2 does not point back.
    """
    body: Any = getattr(response, "stream", None)
    if getattr(body, "_response", None) is response:
        body._response = weakref.proxy(response)  # it is still told, by whoever closes it again


def _translated(error: Exception, secrets: Sequence[Secret]) -> Exception:
    """Make a client's exception ours, without the key: some quote the bytes they choked on, which may quote it."""
    cause = cause_of(error)
    if cause is None:
        return error
    if isinstance(cause, MalformedStream):
        cause = MalformedStream(printable(str(error), secrets=secrets))
    if cause == IdleStall("pool"):
        return TransportError(cause, POOL_FULL)
    not_connected = type(error).__name__ == "ConnectError"
    text = str(error)
    if not_connected or not text:  # "all attempts failed", or nothing: the reason is inside
        text = next((text for inner in reversed([*reasons(error)]) if (text := str(inner))), "")
    what = "could not connect" if not_connected else ""
    return TransportError(cause, printable(text, secrets=secrets), what=what)


def _distrusted(error: Exception, wire: WireRequest) -> InvalidRequest | None:
    """Say which certificate was not accepted, if that is why; to ask again would meet the same one."""
    for inner in reasons(error):
        if isinstance(inner, ssl.SSLCertVerificationError):
            why = printable(getattr(inner, "verify_message", "") or str(inner))
            return InvalidRequest(
                f"the certificate of {urlsplit(wire.url).hostname} was not accepted: {why}; nothing was sent. "
                "To trust it, name its authority's PEM file in SSL_CERT_FILE, or give the provider a client that does"
            )
    return None


def secrets_of(wire: WireRequest) -> tuple[Secret, ...]:
    """Return the secrets that a request carries: what no text about it may hold."""
    return tuple(value for value in wire.headers.values() if isinstance(value, Secret))


def _trusted() -> ssl.SSLContext:
    """Load the certificates that are trusted: ~20 ms of CPU. Raises UsageError, without the client's as its context."""
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        unusable = unusable_certificates(error)
        if unusable is None:
            raise
    raise unusable


def _our_client(trusted: ssl.SSLContext) -> httpx.AsyncClient:
    """Make the engine's own client. Raises UsageError, without the client's as its context: it may quote a password."""
    try:
        return httpx.AsyncClient(
            verify=trusted, http2=False, follow_redirects=False, mounts=NEVER_PROXIED, limits=NO_QUEUE
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        needs_socks = isinstance(error, ImportError)
    named = {name: value for name, value in proxies().items() if not _can_use(value, trusted)}
    raise unusable_proxy(named or proxies(), needs_socks=needs_socks)


def _can_use(proxy: str, trusted: ssl.SSLContext) -> bool:
    try:
        httpx.AsyncHTTPTransport(verify=trusted, proxy=proxy if "://" in proxy else f"http://{proxy}")
    except (ImportError, ValueError, httpx.InvalidURL):
        return False
    return True


class HTTPTransport:
    """Sends wire requests over one client. Without a client of the caller's it makes its own, and then closes it."""

    def __init__(self, client: object | None = None) -> None:
        self._client = cast("Client | None", client)
        self._is_ours = client is None
        self._ssl: ssl.SSLContext | None = None

    def _the_client(self) -> Client:
        if self._client is None:
            if self._ssl is None:
                self._ssl = _trusted()  # once, whenever the client is made
            self._client = cast("Client", _our_client(self._ssl))
        return self._client

    async def open(self, wire: WireRequest, *, connect_s: float | None) -> OpenedResponse:
        """Send a request and wait for the answer's headers.

        Raises:
            TransportError: no connection, or it broke before the headers.
            InvalidRequest: the server's certificate was not accepted.
            UsageError: the environment names certificates or a proxy that our own client can not use.
        If cancelled: the connection is closed.
        """
        client = self._the_client()
        request, secrets = build_request(client, wire, connect_s), secrets_of(wire)
        try:
            response = await client.send(request, stream=True, follow_redirects=False)
        except Exception as error:
            if cause_of(error) is None:
                raise
            raise _distrusted(error, wire) or _translated(error, secrets) from error
        return OpenedResponse(response, secrets)

    async def aclose(self) -> None:
        """Close our own client; a caller's stays open."""
        client, self._client = (self._client, None) if self._is_ours else (None, self._client)
        if client is not None:
            with trio.move_on_after(CLOSE_S, shield=True):
                await client.aclose()


async def _first_bytes(opened: Body, bytes_max: int) -> bytes:
    """Take a body's first bytes, for an error's text. What breaks or hangs on the way just ends it."""
    body = bytearray()
    with trio.move_on_after(ERROR_BODY_S):
        try:
            while len(body) < bytes_max and (data := await opened.receive()):
                body += data
        except TransportError:
            pass
    return bytes(body[:bytes_max])


async def refusal_of(opened: Body, limits: Limits) -> WireRefusal | None:
    """Say whether an answer is not a stream; then read as much of it as an error may need."""
    kind = opened.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = opened.headers.get("content-encoding", "identity").strip().lower()
    if opened.status == 200 and kind not in NOT_A_STREAM and coding in ("identity", ""):
        return None
    body = b"" if coding not in ("identity", "") else await _first_bytes(opened, limits.error_body_bytes_max)
    return WireRefusal(opened.status, opened.headers, body)
