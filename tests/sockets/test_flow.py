"""Backpressure down to TCP, and connections: kept for the next run, closed with the last one."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import Any

import pytest
import trio
from attrs import evolve

import riverrun as rr
from riverrun.engine.run.mailbox import EVENTS_MAX
from riverrun.engine.testing.wire.formats import Reply, events_of
from riverrun.testing import RIVERS, WEATHER, Fault, FaultKind, Wire, open_loopback
from tests.sockets.peers import (
    ONE_OF_EACH,
    QUESTION,
    SLOW,
    Peer,
    check_whole,
    consume,
    every_peer,
    new_httpx,
    some_peers,
    until,
)
from tests.sockets.raw import RawServer, answering, head, leave

pytestmark = pytest.mark.sockets

PIECES = 50
PIECE = 1024 * 1024
LONG = evolve(SLOW, limits=rr.Limits(text_bytes_max=2 * PIECES * PIECE))
"""An answer of fifty megabytes is no longer than it may be."""
PIECE_EVENTS = 1024


class Flood:
    """Says `PIECES` times a megabyte of text, a kilobyte an event; `sent_bytes` is how much was taken of it."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.sent_bytes = 0
        self.digest = hashlib.sha256()
        self.finished = False

    async def __call__(self, stream: trio.SocketStream, number: int) -> bool:
        first, text, last = self._frame()
        await stream.send_all(head() + first)
        for piece in range(PIECES):
            words = [f"{piece:04}{event:05}".ljust(PIECE // PIECE_EVENTS, "~") for event in range(PIECE_EVENTS)]
            self.digest.update("".join(words).encode())
            for at in range(0, PIECE_EVENTS, 32):
                data = b"".join(text.replace(b"@@", word.encode()) for word in words[at : at + 32])
                await stream.send_all(data)
                self.sent_bytes += len(data)
        await stream.send_all(last)
        self.finished = True
        return False

    def _frame(self) -> tuple[bytes, bytes, bytes]:
        """What comes before the text, an event of it with @@ for the text, and what comes after."""
        events = events_of(self.wire, Reply(1, "m", ["@@"]))
        at = next(at for at, event in enumerate(events) if b"@@" in event)
        return b"".join(events[:at]), events[at], b"".join(events[at + 1 :])


async def stands_still(flood: Flood) -> int:
    """Wait until the server's send blocks; how much was taken by then."""
    taken = -1
    while taken != flood.sent_bytes:
        taken = flood.sent_bytes
        await trio.sleep(0.1)
    return taken


@pytest.mark.parametrize("peer", [ONE_OF_EACH[0], Peer(Wire.OPENAI, "own"), Peer(Wire.ANTHROPIC, "httpx2")], ids=str)
async def test_a_consumer_that_waits_makes_the_server_wait_and_then_gets_everything(peer: Peer) -> None:
    flood = Flood(peer.wire)

    got = hashlib.sha256()
    async with RawServer(flood, send_buffer_bytes=256 * 1024) as server, peer.engine(server.port, LONG) as engine:
        async with engine.open_stream(QUESTION) as run:
            length = add_text([await run.receive()], got)
            tracemalloc.start()
            taken = await stands_still(flood)
            held_bytes = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            assert taken < 8 * PIECE
            assert held_bytes < 4 * PIECE
            events = await run.receive_many()
            assert len(events) <= EVENTS_MAX + 2 * 64 + 16  # and what the last read of 64 KiB brought beside it
            while not isinstance(events[-1], rr.Finished):
                length += add_text(events, got)
                events = await run.receive_many()
            length += add_text(events, got)
        assert flood.finished
        assert len(run.result.attempts) == 1
        assert (got.digest(), length) == (flood.digest.digest(), PIECES * PIECE)


@every_peer
@pytest.mark.parametrize("way", ["leave", "cancel", "scope"])
async def test_a_run_that_is_left_while_the_server_waits_leaves_nothing(peer: Peer, way: str) -> None:
    flood = Flood(peer.wire)

    async with RawServer(flood, send_buffer_bytes=256 * 1024) as server, peer.engine(server.port) as engine:
        with trio.CancelScope() as scope:
            async with engine.open_stream(QUESTION) as run:
                await run.receive()
                await stands_still(flood)
                if way == "cancel":
                    run.cancel()
                if way == "scope":
                    scope.cancel()
        await until(lambda: server.open_now == 0)


def add_text(events: list[rr.Event], digest: Any) -> int:
    text = "".join(event.text for event in events if isinstance(event, rr.TextDelta)).encode()
    digest.update(text)
    return len(text)


# -- connections --------------------------------------------------------------------------------------------------


@every_peer
async def test_runs_of_an_engine_that_is_held_open_share_one_connection(peer: Peer) -> None:
    async with RawServer(answering(peer.wire, RIVERS.text)) as server, peer.engine(server.port) as engine, engine:
        for _ in range(3):
            check_whole(await consume(engine), RIVERS.text)
        assert (server.accepts, server.open_now, len(server.requests)) == (1, 1, 3)


async def test_a_run_without_the_engines_block_leaves_no_connection() -> None:
    own = Peer(Wire.OPENAI, "own")
    async with RawServer(answering(Wire.OPENAI, "ok")) as server, own.engine(server.port) as engine:
        check_whole(await consume(engine), "ok")
        await until(lambda: server.open_now == 0)
        assert server.accepts == 1


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
async def test_a_callers_client_stays_open_with_its_connection(client: str) -> None:
    peer = Peer(Wire.ANTHROPIC, client)
    async with RawServer(answering(peer.wire, "ok")) as server, peer.engine(server.port) as engine:
        check_whole(await consume(engine), "ok")
        check_whole(await consume(engine), "ok")
        assert (server.accepts, server.open_now) == (1, 1)


@some_peers
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_kept_connection_that_died_meanwhile_costs_no_answer(peer: Peer, how: str) -> None:
    proper = answering(peer.wire, RIVERS.text)

    async def answer_and_leave(stream: trio.SocketStream, number: int) -> bool:
        await proper(stream, number)
        await trio.sleep(0.05)
        return await leave(stream, how)

    async with RawServer(answer_and_leave) as server, peer.engine(server.port, SLOW) as engine, engine:
        check_whole(await consume(engine), RIVERS.text)
        await until(lambda: server.open_now == 0)
        check_whole(await consume(engine), RIVERS.text)


@every_peer
async def test_runs_at_the_same_time_do_not_mix(peer: Peer) -> None:
    faults = [Fault(FaultKind.RESET, at) for at in (3, 9, 27, 40)]

    async with open_loopback(WEATHER, faults) as server, peer.engine(server.port) as engine:
        texts: list[str] = []

        async def one() -> None:
            texts.append((await consume(engine)).text)

        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(one)
        assert texts == [WEATHER.text] * 12


def test_an_engine_can_be_used_in_one_trio_run_after_another() -> None:
    engines: list[rr.Engine] = []

    async def main() -> None:
        async with RawServer(answering(Wire.ANTHROPIC, "ok")) as server:
            engines.append(rr.Engine(Peer(Wire.ANTHROPIC, "own").provider(server.port)))
            assert (await engines[0].complete(QUESTION)).text == "ok"
            await until(lambda: server.open_now == 0)

    async def again() -> None:
        with pytest.raises(rr.errors.ProviderError):
            await engines[0].complete(QUESTION)

    trio.run(main)
    trio.run(again, clock=trio.testing.MockClock(autojump_threshold=0.2))


async def test_a_closed_client_of_the_callers_is_the_callers_error() -> None:
    client: Any = new_httpx()
    await client.aclose()
    engine = rr.Engine(Peer(Wire.ANTHROPIC, "httpx").provider(9, client=client))
    with pytest.raises(RuntimeError, match="closed"):
        await engine.complete(QUESTION)
