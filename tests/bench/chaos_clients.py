"""A raw client of a chaos proxy, which sees every byte, and upstreams that say exactly what a test tells them to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import trio
from attrs import frozen

from riverrun.testing import Wire

LIMIT_S = 10.0


def asking(wire: Wire = Wire.OPENAI, *more: str, path: str = "", **body: Any) -> bytes:
    """A request for a stream, raw; `more` are header lines."""
    asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Tell me of rivers."}], **body}
    data = json.dumps(asked).encode()
    lines = [f"POST {path or wire.path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(data)}", *more, "", ""]
    return "\r\n".join(lines).encode() + data


@frozen
class Got:
    """What a raw client got: the head, the body without its chunks, how it ended, and the trailers."""

    head: bytes
    body: bytes
    end: str
    trailers: bytes = b""
    took_s: float = 0.0

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1]) if self.head else 0

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """A connection; `ask` sends bytes and reads one answer to its end, whatever that is."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._read = bytearray()

    async def ask(self, request: bytes, limit_s: float = LIMIT_S) -> Got:
        """Read one answer: "whole", "reset", "closed" (before its end), or "silent" (nothing more within the limit)."""
        began = trio.current_time()
        await self.stream.send_all(request)
        end = ""
        with trio.move_on_after(limit_s) as scope:
            end = await self._read_answer()
        if scope.cancelled_caught:
            end = "silent"
        head, _, rest = bytes(self._read).partition(b"\r\n\r\n")
        body, left, trailers = unframed(head, rest)
        if end == "whole":
            self._read[:] = left
        return Got(head, body, end, trailers, trio.current_time() - began)

    async def _read_answer(self) -> str:
        while True:
            head, has_head, rest = bytes(self._read).partition(b"\r\n\r\n")
            if has_head and is_whole(head, rest):
                return "whole"
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return "reset"
            if not data:
                return (
                    "whole" if has_head and b"\r\nconnection: close" in head.lower() and not framed(head) else "closed"
                )
            self._read += data


def framed(head: bytes) -> bool:
    return b"\r\ncontent-length:" in head.lower() or b"\r\ntransfer-encoding:" in head.lower()


def is_whole(head: bytes, rest: bytes) -> bool:
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        return unchunked(rest)[3]
    if b"\r\ncontent-length:" in lower:
        return len(rest) >= int(lower.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
    return bool(head) and head.split(b" ", 2)[1] in (b"204", b"304")


def unframed(head: bytes, rest: bytes) -> tuple[bytes, bytes, bytes]:
    """The body, what is left over, and the trailers."""
    if b"transfer-encoding: chunked" in head.lower():
        body, left, trailers, _ = unchunked(rest)
        return body, left, trailers
    length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    size = int(length) if length else len(rest)
    return rest[:size], rest[size:], b""


def unchunked(rest: bytes) -> tuple[bytes, bytes, bytes, bool]:
    body = bytearray()
    while b"\r\n" in rest:
        size, _, after = rest.partition(b"\r\n")
        if not int(size, 16):
            trailers, end, left = (b"\r\n" + after).partition(b"\r\n\r\n")
            return bytes(body), left, trailers.strip(), bool(end)
        body += after[: int(size, 16)]
        if len(after) < int(size, 16) + 2:
            break
        rest = after[int(size, 16) + 2 :]
    return bytes(body), b"", b"", False


async def open_client(port: int) -> RawClient:
    return RawClient(await trio.open_tcp_stream("127.0.0.1", port))


async def ask_once(port: int, request: bytes, limit_s: float = LIMIT_S) -> Got:
    """Ask on a connection of its own, which is closed after."""
    client = await open_client(port)
    try:
        return await client.ask(request, limit_s)
    finally:
        await trio.aclose_forcefully(client.stream)


async def control(port: int, method: str, path: str, body: Any = None, *more: str) -> Got:
    """Ask the control endpoint."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} /_chaos/{path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(data)}", *more, "", ""]
    return await ask_once(port, "\r\n".join(lines).encode() + data)


def run(main: Callable[[], Any]) -> Any:
    """Run on the real clock; what hangs fails."""

    async def bounded() -> Any:
        with trio.fail_after(30):
            return await main()
        raise AssertionError

    return trio.run(bounded)
