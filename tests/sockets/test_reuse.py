"""A connection is used again only behind an answer that ended exactly: no answer is given to another question."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import httpx2
import pytest
import trio
import trustme

import riverrun as rr
from riverrun.testing import Wire
from tests.sockets.peers import (
    CLAUDE,
    QUESTION,
    SLOW,
    Peer,
    SeenHere,
    check_whole,
    consume,
    every_peer,
    some_peers,
    until,
)
from tests.sockets.raw import (
    CHUNKED,
    END,
    Answering,
    RawServer,
    answering,
    chunk,
    head,
    in_turn,
    saying,
    stream_body,
    whole,
)

pytestmark = pytest.mark.sockets

ONE_ATTEMPT = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))


def proper(wire: Wire, text: str) -> bytes:
    return head("200 OK", CHUNKED) + chunk(stream_body(wire, text)) + END


def sized(wire: Wire, text: str) -> bytes:
    return whole("200 OK", stream_body(wire, text), kind="text/event-stream")


def later(after_s: float, first: bytes, second: bytes) -> Answering:
    async def answer(stream: trio.SocketStream, number: int) -> bool:
        await stream.send_all(first)
        await trio.sleep(after_s)
        await stream.send_all(second)
        return True

    return answer


async def texts_of(peer: Peer, answer: Answering, *, runs: int = 2, rest_s: float = 0.0) -> tuple[list[str], int]:
    """What runs of one engine said, one after the other, and how many connections they took."""
    async with RawServer(answer) as server, peer.engine(server.port) as engine, engine:
        said: list[str] = []
        for _ in range(runs):
            said.append((await consume(engine)).text)
            await trio.sleep(rest_s)
        return said, server.accepts


@every_peer
@pytest.mark.parametrize("framed", [proper, sized])
@pytest.mark.parametrize("second", ["whole", "begun"])
async def test_an_answer_behind_an_answer_is_not_the_next_runs(
    peer: Peer, framed: Callable[[Wire, str], bytes], second: str
) -> None:
    stolen = framed(peer.wire, "stolen")[: None if second == "whole" else 30]
    bad = saying(framed(peer.wire, "first") + stolen, then="keep")
    answer = in_turn(bad, answering(peer.wire, "asked"))
    assert await texts_of(peer, answer) == (["first", "asked"], 2)


@every_peer
async def test_an_answer_that_comes_a_moment_later_is_not_the_next_runs(peer: Peer) -> None:
    bad = later(0.05, proper(peer.wire, "first"), proper(peer.wire, "stolen"))
    answer = in_turn(bad, answering(peer.wire, "asked"))
    assert await texts_of(peer, answer, rest_s=0.1) == (["first", "asked"], 2)


@every_peer
@pytest.mark.parametrize("after_s", [0.0, 0.05])
async def test_an_answer_behind_an_error_is_not_the_retrys(peer: Peer, after_s: float) -> None:
    error = whole("529 Overloaded", b'{"error":{"type":"overloaded_error","message":"no"}}')
    stolen = proper(peer.wire, "stolen")
    bad = saying(error + stolen, then="keep") if not after_s else later(after_s, error, stolen)
    answer = in_turn(bad, answering(peer.wire, "asked"))
    assert await texts_of(peer, answer, runs=1) == (["asked"], 2)


@some_peers
@pytest.mark.parametrize("status", ["429 Slow", "500 Oops", "404 No"])
async def test_behind_an_error_there_is_a_new_connection(peer: Peer, status: str) -> None:
    refused = saying(whole(status, b'{"error":{"message":"no"}}'), then="keep")
    answer = in_turn(refused, answering(peer.wire, "ok"))
    said, connections = await texts_of(peer, answer)
    assert (said[-1], connections) == ("ok", 2)


@every_peer
async def test_a_hundred_honest_runs_use_one_connection(peer: Peer) -> None:
    assert await texts_of(peer, answering(peer.wire, "ok"), runs=100) == (["ok"] * 100, 1)


@some_peers
async def test_an_end_that_comes_a_moment_later_keeps_the_connection(peer: Peer) -> None:
    late = later(0.005, head("200 OK", CHUNKED) + chunk(stream_body(peer.wire, "ok")), END)
    assert await texts_of(peer, late, runs=3) == (["ok"] * 3, 1)


# -- a kept connection that is closed ---------------------------------------------------------------------------------


async def after_an_answer(peer: Peer, *closed: Answering) -> tuple[SeenHere, int]:
    """What a second run sees whose kept connection ends so, and each connection after it; with one attempt to spend."""
    answer = in_turn(answering(peer.wire, "first"), *closed, answering(peer.wire, "asked"))
    async with RawServer(answer) as server, peer.engine(server.port, ONE_ATTEMPT) as engine, engine:
        check_whole(await consume(engine), "first")
        return await consume(engine), len(server.requests)


@every_peer
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_kept_connection_that_was_closed_costs_no_attempt_and_no_wait(peer: Peer, how: str) -> None:
    seen, requests = await after_an_answer(peer, saying(then=how))
    check_whole(seen, "asked")
    assert seen.result is not None
    closed, asked = seen.result.attempts
    assert (requests, closed.cause in (rr.causes.PrematureEnd(), rr.causes.ConnectionReset())) == (3, True)
    assert asked.began_s - closed.ended_s < 0.2
    assert not seen.shown_at_retry


@some_peers
async def test_a_new_connection_that_is_closed_costs_an_attempt(peer: Peer) -> None:
    seen, requests = await after_an_answer(peer, saying(), saying())
    assert isinstance(seen.error, rr.errors.ProviderError)
    assert requests == 3


# -- a body that stays open -------------------------------------------------------------------------------------------


async def beside_an_open_body(peer: Peer) -> tuple[float, int]:
    """How long a whole answer took whose body does not end, and how many connections were left a moment later."""
    stays = saying(head("200 OK", CHUNKED), chunk(stream_body(peer.wire, "ok")), then="stay")
    async with RawServer(stays) as server, peer.engine(server.port) as engine, engine:
        check_whole(await consume(engine), "ok")  # the engine's client is made
        began = trio.current_time()
        check_whole(await consume(engine), "ok")
        took_s = trio.current_time() - began
        await until(lambda: server.open_now == 0)
        return took_s, server.accepts


@every_peer
async def test_no_result_waits_for_the_end_of_the_body(peer: Peer) -> None:
    took_s, connections = await beside_an_open_body(peer)
    assert took_s < 0.2  # the body is given 0.25 s to end
    assert connections == 2


def readers() -> list[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    nurseries = [] if root is None else root.child_nurseries
    return [task for nursery in nurseries for task in nursery.child_tasks if "reader of a response" in task.name]


@some_peers
async def test_an_engine_that_is_left_leaves_no_reader_of_an_open_body(peer: Peer) -> None:
    stays = saying(head("200 OK", CHUNKED), chunk(stream_body(peer.wire, "ok")), then="stay")

    async with RawServer(stays) as server, peer.engine(server.port) as engine:
        check_whole(await consume(engine), "ok")
        assert readers() == []  # nor with a client of the caller's, which stays open
        await until(lambda: server.open_now == 0)


# -- TLS --------------------------------------------------------------------------------------------------------------


def tls_of(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


class TwoRecords:
    """Answers the first request twice, a TLS record each, in one segment: the second one is not in h11 yet."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context, self.connections, self.requests = context, 0, 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        written, into = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(into, written, server_side=True)
        while not await self._step(stream, tls.do_handshake, into, written):
            pass
        while data := await stream.receive_some():
            into.write(data)
            while asked := _read(tls):
                if b"content-length" in asked.lower():
                    self.requests += 1
                    tls.write(proper(Wire.ANTHROPIC, "asked" if self.requests > 1 else "first"))
                    if self.requests == 1:
                        tls.write(proper(Wire.ANTHROPIC, "stolen"))
            if written.pending:
                await stream.send_all(written.read())

    async def _step(self, stream: trio.SocketStream, step: Any, into: ssl.MemoryBIO, written: ssl.MemoryBIO) -> bool:
        try:
            step()
            done = True
        except ssl.SSLWantReadError:
            done = False
        if written.pending:
            await stream.send_all(written.read())
        if not done:
            into.write(await stream.receive_some())
        return done


def _read(tls: ssl.SSLObject) -> bytes | None:
    try:
        return tls.read(65536)
    except ssl.SSLWantReadError:
        return None


@pytest.mark.parametrize("client_class", [httpx.AsyncClient, httpx2.AsyncClient])
async def test_an_answer_that_tls_holds_already_is_not_the_next_runs(client_class: Any, nursery: trio.Nursery) -> None:
    server_tls, client_tls = tls_of(trustme.CA())
    server = TwoRecords(server_tls)
    listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
    origin = f"https://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with client_class(verify=client_tls, trust_env=False) as client:
        engine = rr.Engine(rr.Anthropic(CLAUDE, api_key="k", base_url=origin, client=client), policy=SLOW)
        said = [(await engine.complete(QUESTION)).text for _ in range(3)]
    assert said == ["first", "asked", "asked"]
    assert server.connections == 2
