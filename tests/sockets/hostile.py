"""What the tests of hostile servers share: one run against one server, bytes without end, the memory a run took."""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable
from typing import Any, TypeVar

import trio

import riverrun as rr
from riverrun.engine.core.provider import Provider
from riverrun.providers.by_name import provider_classes
from tests.sockets.peers import CANARY, SLOW, Peer, SeenHere, consume, new_httpx, until
from tests.sockets.raw import Answering, RawServer

T = TypeVar("T")
TAKEN_BYTES_MAX = 8 * 1024 * 1024
"""What the kernel's buffers on both sides may hold, and then some."""
MIB = 1024 * 1024


async def asked(peer: Peer, server: RawServer, policy: rr.Policy = SLOW, **options: Any) -> SeenHere:
    """Run once, and wait until the server's connections are closed."""
    async with peer.engine(server.port, policy, **options) as engine:
        seen = await consume(engine)
    await until(lambda: server.open_now == 0)
    return seen


async def seen_of(
    peer: Peer, answer: Answering, policy: rr.Policy = SLOW, **options: Any
) -> tuple[SeenHere, RawServer]:
    """Run once against a server that answers so."""
    async with RawServer(answer, send_buffer_bytes=64 * 1024) as server:
        return await asked(peer, server, policy, **options), server


async def seen_by(name: str, answer: Answering, policy: rr.Policy = SLOW) -> tuple[SeenHere, RawServer]:
    """The same with any provider, by its name."""
    async with RawServer(answer, send_buffer_bytes=64 * 1024) as server, new_httpx() as client:  # type: ignore[attr-defined]
        return await consume(rr.Engine(any_provider(name, server.port, client), policy=policy)), server


def any_provider(name: str, port: int, client: object) -> Provider:
    """Make the provider of that name, at a server on this machine."""
    made: Provider = provider_classes()[name](
        "some-model", base_url=f"http://127.0.0.1:{port}", api_key=CANARY, client=client
    )
    return made


def once(**limits: int) -> rr.Policy:
    """One attempt, with these limits."""
    return rr.Policy(retry=rr.RetryPolicy(attempts_max=1), limits=rr.Limits(**limits))


async def peak_of(run: Awaitable[T]) -> tuple[T, int]:
    """Return what is awaited, and the bytes of Python's memory that stood at once meanwhile."""
    tracemalloc.start()
    try:
        made = await run
        return made, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Endless:
    """Says one thing for ever; `sent_bytes` is how much the client's side took."""

    def __init__(self, first: bytes, again: bytes) -> None:
        self.sent_bytes = 0
        self._first, self._again = first, again

    async def __call__(self, stream: trio.SocketStream, number: int) -> None:
        await stream.send_all(self._first)
        while True:
            await stream.send_all(self._again)
            self.sent_bytes += len(self._again)
