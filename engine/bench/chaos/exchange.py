"""One request passed on and its answer, whoever gives it: an upstream, or this proxy itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from attrs import field, frozen

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

HEAD_BYTES_MAX = 64 * 1024
"""The largest head of a request or an answer (h11's own limit is 16 KiB, and gateways send long headers)."""

READ_BYTES = 64 * 1024
"""The most that one read takes."""

_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"proxy-authorization"}
)
"""What belongs to one connection (RFC 9110, 7.6.1); the framing is written anew on each side."""


def end_to_end(headers: Headers, *also: bytes) -> list[tuple[bytes, bytes]]:
    """Leave out what belongs to one connection, what `Connection` names, and `also`; the rest in its order.

    A length beside chunks is left out with them: chunks count (RFC 9112, 6.3).
    """
    left_out = {*_HOP_BY_HOP, *also}
    for name, value in headers:
        if name.lower() == b"connection":
            left_out |= {each.strip().lower() for each in value.split(b",")}
        if name.lower() == b"transfer-encoding":
            left_out.add(b"content-length")
    return [(name, value) for name, value in headers if name.lower() not in left_out]


def value_of(headers: Headers, name: bytes) -> str:
    """Return the value of a header, "" where it is not there."""
    return next((value.decode("latin-1") for each, value in headers if each.lower() == name), "")


@frozen
class Asking:
    """What is asked: a request with what was read of its body, and where the rest comes from.

    `headers` are end to end, without Host. `is_chunked`: the body comes in chunks; its trailers are in `trailers` once
    all of it was read. `rest` reads on, and gives b"" at the end; None where all of it is held.
    """

    method: bytes
    target: bytes
    headers: Headers
    is_chunked: bool
    held: bytes = field(repr=lambda held: f"<{len(held)} bytes>")
    rest: Callable[[], Awaitable[bytes]] | None = field(default=None, repr=False)
    trailers: list[tuple[bytes, bytes]] = field(factory=list[tuple[bytes, bytes]], repr=False)


@frozen
class AnswerHead:
    """An answer before its body. `headers` are end to end; `length` is that of the whole body, where it is known."""

    status: int
    reason: bytes
    headers: Headers
    length: int | None = None


class Exchange(Protocol):
    """One answer as it comes.

    Attributes:
        trailers: what came behind the body.
    """

    trailers: Headers

    async def receive_head(self) -> AnswerHead:
        """Wait for the answer's head. Raises NoAnswer."""
        ...

    async def receive(self) -> bytes:
        """Wait for the next bytes of the body; b"" is its end. Raises AnswerBroke."""
        ...


class NoAnswer(Exception):
    """There is no answer; the message says why, and holds nothing of what was sent or received."""


class AnswerBroke(Exception):
    """The answer broke off. `is_reset`: by a reset; else the connection was closed, or spoke no HTTP any more."""

    def __init__(self, *, is_reset: bool) -> None:
        super().__init__("reset" if is_reset else "closed")
        self.is_reset: bool = is_reset
