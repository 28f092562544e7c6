"""What a server does on a connection, as data: bytes as they cross the wire, silences, and ways to break. Pure.

One union of steps for who plays them: `ScriptedNetwork` under HTTP, and `ScriptedTransport` in its place. `response`
frames a body as HTTP/1.1 does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeAlias, cast

from attrs import define, frozen

from ...core.usage_error import UsageError

_EVENT_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


@frozen
class Silence:
    """Nothing for `seconds`; None is for ever."""

    seconds: float | None = None


@frozen
class Reset:
    """The connection is reset: reading and writing fail from here on."""


@frozen
class Close:
    """The server closes its side (FIN): a reader comes to the end. On a connection that rests, the pool sees it."""


@frozen
class Stale:
    """The server forgets the connection without a word: the next write meets a reset (a stale keep-alive)."""


@frozen
class GoesAway:
    """HTTP/2's GOAWAY, as httpcore reports it."""


@frozen
class Fails:
    """Reading raises this: an error that neither the network nor the client knows, or of a transport's own."""

    error: Exception


Step: TypeAlias = bytes | Silence | Reset | Close | Stale | GoesAway | Fails

_ENDS = (Reset, Close, GoesAway, Fails)
_STEPS = (bytes, Silence, *_ENDS, Stale)


def is_step(step: object) -> bool:
    """Whether it is one: `Fails` holds an exception."""
    if isinstance(step, Fails):
        return isinstance(cast("object", step.error), Exception)
    return isinstance(step, _STEPS)


def require_step(step: object) -> None:
    """Raise UsageError for what is no step, above all for a mistake that would else look like the network's."""
    if not is_step(step):
        raise UsageError(f"a step of a script is {_shown(step)}; expected bytes, Silence(seconds), {ENDS_NAMED}")


ENDS_NAMED = "Reset(), Close(), Stale(), GoesAway() or Fails(error)"


def require_steps(what: str, steps: Iterable[Step]) -> list[Step]:
    """List the steps, or raise UsageError: `bytes` are a series of numbers, and only look like one of steps."""
    _require_series(what, steps)
    listed = list(steps)
    for step in listed:
        require_step(step)
    return listed


def _require_series(what: str, steps: object) -> None:
    if isinstance(steps, bytes | bytearray | str) or not isinstance(steps, Iterable):
        raise UsageError(f"{what} is {_shown(steps)}; expected a list of steps: bytes, Silence(seconds), {ENDS_NAMED}")


def played_steps(what: str, steps: Iterable[Step]) -> Iterator[Step]:
    """Give the steps, and where one is none, its UsageError to fail with: of a list at once, for it is known whole.

    What is raised while a request is written leaves httpx's own iterator over its body open; this is read.
    """
    try:
        _require_series(what, steps)
        for step in require_steps(what, steps) if isinstance(steps, list | tuple) else steps:
            require_step(step)
            yield step
    except UsageError as error:
        yield Fails(error)


def _shown(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    return f"{repr(value)[:80]} ({type(value).__name__})"


@frozen
class Connecting:
    """How one connection is made: it takes `after_s` (None: for ever), and then it stands or is refused."""

    after_s: float | None = 0.0
    is_refused: bool = False


class Framing(StrEnum):
    """How a response says where its body ends."""

    CHUNKED = "chunked"
    LENGTH = "content-length"
    CLOSE = "close"


@define(eq=False)
class SentRequest:
    """One request as it crossed the wire; `connection` and `number` count from 0. The head is parsed when asked for."""

    head: bytes
    body: bytes
    connection: int
    number: int

    @property
    def method(self) -> str:
        """The method."""
        return self.head.partition(b" ")[0].decode("latin-1")

    @property
    def target(self) -> str:
        """The path and query."""
        return self.head.split(b" ", 2)[1].decode("latin-1")

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by lower-case name."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def response(
    body: Iterable[Step],
    *,
    status: int = 200,
    headers: Mapping[str, str] = _EVENT_STREAM,
    framing: Framing = Framing.CHUNKED,
) -> list[Step]:
    """Frame a body: its head, each of its bytes steps (one HTTP chunk a step where chunked), and its proper end.

    A body that breaks (its last step is `Reset`, `Close`, `GoesAway`, `Fails` or an endless silence) gets no proper
    end. A content-length that such a body belies is a byte longer than what is sent.

    Raises:
        UsageError: the body is no list of steps; a body of bytes is `[body]`.
    """
    steps = require_steps("the body of response()", body)
    is_cut = bool(steps) and (isinstance(steps[-1], _ENDS) or steps[-1] == Silence())
    match framing:
        case Framing.CHUNKED:
            framed: list[Step] = [chunk(step) if isinstance(step, bytes) else step for step in steps if step != b""]
            end: list[Step] = [] if is_cut else [b"0\r\n\r\n"]
            return [head(status, {**headers, "transfer-encoding": "chunked"}), *framed, *end]
        case Framing.LENGTH:
            length = sum(len(step) for step in steps if isinstance(step, bytes)) + is_cut
            return [head(status, {**headers, "content-length": str(length)}), *steps]
        case Framing.CLOSE:
            return [head(status, {**headers, "connection": "close"}), *steps, *([] if is_cut else [Close()])]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Write a response's head."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode("latin-1")


def chunk(data: bytes, *, of_bytes: int | None = None) -> bytes:
    """Write an HTTP chunk; with `of_bytes`, one that announces so many and is left unfinished."""
    if of_bytes is not None:
        return b"%x\r\n" % of_bytes + data
    return b"%x\r\n%b\r\n" % (len(data), data)


def recut(steps: Iterable[Step], sizes: Iterator[int]) -> list[Step]:
    """Cut what crosses the wire between two silences anew, into reads of `sizes` bytes (at least one each)."""
    cut: list[Step] = []
    held = bytearray()
    for step in steps:
        if isinstance(step, bytes):
            held += step
            continue
        cut += _cut(held, sizes)
        cut.append(step)
    return cut + _cut(held, sizes)


def _cut(held: bytearray, sizes: Iterator[int]) -> list[Step]:
    cut: list[Step] = []
    while held:
        size = max(next(sizes), 1)
        cut.append(bytes(held[:size]))
        del held[:size]
    return cut
