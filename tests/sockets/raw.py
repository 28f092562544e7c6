"""A server that says exactly what a test tells it to, byte by byte, and counts who came."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Self, TypeAlias

import trio

from riverrun.engine.testing.wire.formats import Reply, events_of
from riverrun.testing import Wire

Answering: TypeAlias = Callable[[trio.SocketStream, int], Awaitable[object]]
"""Answers request number n (from 0) on a connection; returns False to have the connection closed."""


class RawServer:
    """Serves on a free port of 127.0.0.1 while its block is open.

    `accepts` counts connections, `open_now` those that are open, `requests` holds each request as it came.
    """

    def __init__(self, answering: Answering, *, send_buffer_bytes: int | None = None) -> None:
        self.accepts = 0
        self.open_now = 0
        self.requests: list[bytes] = []
        self.port = 0
        self._answering = answering
        self._send_buffer_bytes = send_buffer_bytes
        self._nursery = trio.open_nursery()
        self._scope = trio.CancelScope()

    async def __aenter__(self) -> Self:
        nursery = await self._nursery.__aenter__()
        self._scope = nursery.cancel_scope
        listeners = await nursery.start(partial(trio.serve_tcp, self._serve, 0, host="127.0.0.1"))
        self.port = listeners[0].socket.getsockname()[1]
        return self

    async def __aexit__(self, *exit_info: object) -> None:
        self._scope.cancel()
        await self._nursery.__aexit__(None, None, None)

    async def _serve(self, stream: trio.SocketStream) -> None:
        self.accepts += 1
        self.open_now += 1
        if self._send_buffer_bytes is not None:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer_bytes)
        try:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while (request := await _read_request(stream)) is not None:
                    self.requests.append(request)
                    if await self._answering(stream, len(self.requests) - 1) is False:
                        return
        finally:
            self.open_now -= 1


async def _read_request(stream: trio.SocketStream) -> bytes | None:
    got = bytearray()
    while (end := got.find(b"\r\n\r\n")) < 0:
        data = await stream.receive_some()
        if not data:
            return None
        got += data
    head = bytes(got[:end]).lower()
    size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
    while len(got) < end + 4 + size:
        got += await stream.receive_some()
    return bytes(got)


def saying(*parts: bytes, then: str = "close") -> Answering:
    """Answer every request with these bytes, one write each, and then close, reset, stay, or keep the connection."""

    async def answer(stream: trio.SocketStream, number: int) -> bool:
        for part in parts:
            await stream.send_all(part)
        return await leave(stream, then)

    return answer


async def leave(stream: trio.SocketStream, how: str) -> bool:
    """End an answer: "close" (FIN), "reset" (RST), "stay" (silence until the client leaves), "keep"."""
    if how == "reset":
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()
    if how == "stay":
        while await stream.receive_some():
            pass
    return how == "keep"


def in_turn(*answers: Answering) -> Answering:
    """Answer the n-th request with the n-th of these, and later ones with the last."""

    async def answer(stream: trio.SocketStream, number: int) -> object:
        return await answers[min(number, len(answers) - 1)](stream, number)

    return answer


def head(status: str = "200 OK", *lines: str, kind: str = "text/event-stream") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"content-type: {kind}", *lines, "", ""]).encode()


def whole(status: str, body: bytes, *lines: str, kind: str = "application/json") -> bytes:
    return head(status, f"content-length: {len(body)}", *lines, kind=kind) + body


def stream_body(wire: Wire, text: str) -> bytes:
    """A whole answer, its terminal event included."""
    return b"".join(events_of(wire, Reply(1, "m", [text[at : at + 9] for at in range(0, len(text), 9)])))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"


CHUNKED = "transfer-encoding: chunked"
END = b"0\r\n\r\n"


def answering(wire: Wire, text: str) -> Answering:
    """Say a text the proper way, and keep the connection."""
    return saying(head("200 OK", CHUNKED), chunk(stream_body(wire, text)), END, then="keep")
