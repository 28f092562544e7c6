"""An upstream: each request gets a connection of its own, spoken by h11, whose body is handed on as it was sent.

Not by httpx: what is passed on are the bytes of the body, coded or not, with their trailers, and how they broke off.
A connection that is left is closed at once, whatever was under way.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import SplitResult

import h11
import trio
from attrs import field, frozen

from ...core.printable import printable
from .exchange import (
    HEAD_BYTES_MAX,
    READ_BYTES,
    AnswerBroke,
    AnswerHead,
    Asking,
    Headers,
    NoAnswer,
    end_to_end,
    value_of,
)

CONNECT_S = 10.0
"""How long a connection may take to be made, TLS included: as the library's own clock has it."""


@frozen
class Upstream:
    """Where requests are passed on to. `trusted` holds the certificates that are trusted; None for http."""

    parts: SplitResult
    trusted: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The host's name."""
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        """The port."""
        return self.parts.port or (443 if self.parts.scheme == "https" else 80)

    @property
    def url(self) -> str:
        """The base URL."""
        return self.parts.geturl()

    @asynccontextmanager
    async def ask(self, asking: Asking) -> AsyncGenerator[UpstreamExchange, None]:
        """Send a request; the connection is closed with the block.

        Raises:
            NoAnswer: the upstream can not be reached.
        """
        stream = await self._connect()
        try:
            exchange = UpstreamExchange(stream)
            await exchange.send(asking, self.parts.netloc.encode(), self.parts.path.encode())
            yield exchange
        finally:
            await trio.aclose_forcefully(stream)

    async def _connect(self) -> trio.abc.Stream:
        try:
            with trio.fail_after(CONNECT_S):
                stream = await trio.open_tcp_stream(self.host, self.port)
                return stream if self.trusted is None else await self._speak_tls(stream, self.trusted)
        except trio.TooSlowError:
            why = f"no connection within {CONNECT_S:g} s"
        except OSError as error:
            why = _words_of(error)
        except trio.BrokenResourceError as error:
            why = _tls_words(error.__cause__)
        raise NoAnswer(f"the upstream {self.host}:{self.port} can not be reached: {printable(why)}")

    async def _speak_tls(self, stream: trio.SocketStream, trusted: ssl.SSLContext) -> trio.abc.Stream:
        secured = trio.SSLStream(stream, trusted, server_hostname=self.host, https_compatible=True)
        try:
            await secured.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return secured


def _words_of(error: BaseException) -> str:
    """Say why no connection could be made; trio groups the reasons of several addresses."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return _words_of(group.exceptions[0])
    if isinstance(error, OSError) and error.errno is not None:
        is_lookup = isinstance(error, socket.gaierror)  # its numbers are of their own
        return str(error.strerror) if is_lookup else os.strerror(error.errno)
    return "no connection could be made" if error.__cause__ is None else _words_of(error.__cause__)


def _tls_words(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    return "TLS could not be agreed on" if isinstance(error, ssl.SSLError) else "it broke the connection off"


class UpstreamExchange:
    """One request and its answer on a connection.

    Attributes:
        trailers: what came behind the body.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.trailers: Headers = ()
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)

    async def send(self, asking: Asking, host: bytes, prefix: bytes) -> None:
        """Send the request. An upstream that does not want all of its body may answer all the same."""
        target = asking.target if asking.target == b"*" else prefix + asking.target
        framing = [(b"Transfer-Encoding", b"chunked")] if asking.is_chunked else []
        headers = [(b"Host", host), *asking.headers, *framing, (b"Connection", b"close")]
        try:
            begun = self._bytes_of(h11.Request(method=asking.method, target=target, headers=headers))
            if asking.held:
                begun += self._bytes_of(h11.Data(data=asking.held))
            if asking.rest is not None:
                await self._stream.send_all(begun)
                begun = b""
                while data := await asking.rest():
                    await self._stream.send_all(self._bytes_of(h11.Data(data=data)))
            end = h11.EndOfMessage(headers=asking.trailers if asking.is_chunked else [])
            await self._stream.send_all(begun + self._bytes_of(end))
        except trio.BrokenResourceError:
            return

    def _bytes_of(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""

    async def receive_head(self) -> AnswerHead:
        """Wait for the answer's head. Raises NoAnswer."""
        while True:
            try:
                event = await self._next_event()
            except AnswerBroke as error:
                how = "reset" if error.is_reset else "closed"
                raise NoAnswer(f"the upstream {how} the connection before its answer, or spoke no HTTP/1.1") from None
            if isinstance(event, h11.Response):
                headers = end_to_end(event.headers.raw_items())
                length = value_of(headers, b"content-length")
                return AnswerHead(event.status_code, event.reason, headers, int(length) if length.isdecimal() else None)

    async def receive(self) -> bytes:
        """Wait for the next bytes of the body; b"" is its end. Raises AnswerBroke."""
        while True:
            event = await self._next_event()
            match event:
                case h11.Data(data=data) if data:
                    return bytes(data)
                case h11.EndOfMessage(headers=trailers):
                    self.trailers = trailers.raw_items()
                    return b""
                case h11.ConnectionClosed():
                    return b""
                case _:
                    continue

    async def _next_event(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(bytes(await self._stream.receive_some(READ_BYTES)))
        except trio.BrokenResourceError:
            raise AnswerBroke(is_reset=True) from None
        except h11.RemoteProtocolError:  # its message may quote what was received
            raise AnswerBroke(is_reset=False) from None
        return event
