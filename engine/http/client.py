"""What we use of a client, httpx's or httpx2's: its shape, the request that it is given to send, and why it failed."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Hashable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Protocol, cast

from ..core.provider import WireRequest
from ..core.secret import Secret


class Response(Protocol):
    """What we use of a response of httpx and httpx2."""

    @property
    def status_code(self) -> int:  # noqa: D102 - named and documented by httpx, like the rest of these two
        ...

    @property
    def headers(self) -> Mapping[str, str]:  # noqa: D102
        ...

    @property
    def stream(self) -> AsyncIterable[bytes]:  # noqa: D102 - the body as it is transferred: what aiter_raw() reads
        ...

    async def aclose(self) -> None:  # noqa: D102
        ...


class Client(Protocol):
    """What we use of an `AsyncClient` of httpx and httpx2."""

    def build_request(self, method: str, url: str, /, **rest: object) -> object:  # noqa: D102
        ...

    async def send(self, request: object, /, **rest: object) -> Response:  # noqa: D102
        ...

    async def aclose(self) -> None:  # noqa: D102
        ...


class _OnePiece:
    """Gives a body once. A plain iterator: nothing is left over where sending it breaks off."""

    def __init__(self, body: bytes) -> None:
        self._parts = [body]

    def __aiter__(self) -> _OnePiece:
        return self

    async def __anext__(self) -> bytes:
        if not self._parts:
            raise StopAsyncIteration
        return self._parts.pop()


@lru_cache(maxsize=8)  # httpx's and httpx2's
def _kept_whole(kind: Hashable) -> Callable[[bytes], object]:
    """Make a client's kind of request body one that leaves no generator behind where sending it breaks off.

    Its own is an async generator, suspended while the network sends: a reset or a cancel there leaves it to the garbage
    collector, and trio warns of each.
    """

    def send(stream: Iterable[bytes]) -> _OnePiece:
        return _OnePiece(b"".join(stream))

    return cast("Callable[[bytes], object]", type("RequestBody", (cast("type", kind),), {"__aiter__": send}))


def build_request(client: Client, wire: WireRequest, connect_s: float | None, *, trace: object) -> object:
    """Build the client's request. Apart from `open`, so that no frame of ours holds the key while it is sent.

    `trace` is told what the client does, step by step, as httpx documents it.
    """
    headers = {name: v.reveal() if isinstance(v, Secret) else v for name, v in wire.headers.items()}
    headers["accept-encoding"] = "identity"
    timeouts = {"connect": connect_s, "pool": connect_s, "read": None, "write": None}
    request = cast(
        "Any",
        client.build_request(
            wire.method, wire.url, headers=headers, content=wire.body, extensions={"timeout": timeouts, "trace": trace}
        ),
    )
    kind = cast("Hashable", request.stream.__class__)
    request.stream = _kept_whole(kind)(wire.body)
    return cast("object", request)


def reasons(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and those inside it, the innermost last: a client's own often have no words.

    Also what `raise … from None` hides, for httpcore does so; of a group, what it holds last. No deeper than 16.
    """
    for _ in range(16):
        yield error
        held = cast("tuple[BaseException, ...]", getattr(error, "exceptions", ()))
        inner = held[-1] if held else error.__cause__ or error.__context__
        if inner is None:
            return
        error = inner
