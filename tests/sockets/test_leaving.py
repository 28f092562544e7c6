"""Leaving a run, in every phase and in every way: at once, with what was received, and with nothing left behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from attrs import evolve

import riverrun as rr
from riverrun.testing import RIVERS, Fault, FaultKind, Loopback, open_loopback
from tests.sockets.peers import QUESTION, QUICK, Peer, every_peer, some_peers, told, until
from tests.sockets.raw import RawServer, saying

pytestmark = pytest.mark.sockets

AT_ONCE_S = 5.0
"""At once, on a busy machine: the clocks and delays stand at an hour."""

HOUR = rr.Policy(
    retry=rr.RetryPolicy(attempts_max=4, base_delay_s=3600, delay_s_max=3600, jitter=rr.Jitter.NONE),
    stall=rr.StallPolicy(headers_s=3600, first_event_s=3600, idle_s=3600),
)
PHASES: dict[str, list[Fault]] = {
    "waiting for the first event": [Fault(FaultKind.STALL, 0)],
    "streaming": [Fault(FaultKind.STALL, 20)],
    "backing off": [Fault(FaultKind.RESET, 20)],
    "backing off before anything": [Fault(FaultKind.HTTP_ERROR, status=500)],
}
every_phase = pytest.mark.parametrize("phase", PHASES)


async def reach(phase: str, run: rr.Run, server: Loopback) -> str:
    """Read until the run is in the phase; the text shown by then."""
    if phase == "waiting for the first event":
        await until(lambda: len(server.requests) == 1)
        await trio.sleep(0.02)
        return ""
    text = ""
    async for event in run:
        text += event.text if isinstance(event, rr.TextDelta) else ""
        if isinstance(event, rr.RetryScheduled) or (phase == "streaming" and len(text) > 40):
            return text
    pytest.fail("the run ended early")


Leaving = Callable[[str, rr.Engine, Loopback], Awaitable[Any]]


async def leaving(peer: Peer, phase: str, leave: Leaving) -> Any:
    """Leave a run in a phase, and see that nothing is left and no time was lost."""

    async with open_loopback(RIVERS, PHASES[phase]) as server, peer.engine(server.port, HOUR) as engine, engine:
        tasks = trio.lowlevel.current_statistics().tasks_living
        began_s = trio.current_time()
        result = await leave(phase, engine, server)
        assert trio.current_time() - began_s < AT_ONCE_S
        if "backing off before" not in phase:
            await until(lambda: server.connections_open == 0)
            await until(lambda: trio.lowlevel.current_statistics().tasks_living <= tasks)
        assert len(told(server, peer.wire)) == 1
        return result


@every_peer
@every_phase
async def test_leaving_the_block_early_ends_the_run(peer: Peer, phase: str) -> None:
    async def leave(phase: str, engine: rr.Engine, server: Loopback) -> None:
        async with engine.open_stream(QUESTION) as run:
            text = await reach(phase, run, server)
        assert run.result.stop_reason is rr.StopReason.CANCELLED
        assert run.result.text.startswith(text)
        with pytest.raises(trio.ClosedResourceError):
            await run.receive()

    await leaving(peer, phase, leave)


@some_peers
@every_phase
async def test_an_exception_of_the_body_leaves_as_it_is(peer: Peer, phase: str) -> None:
    mine = ValueError("mine")

    async def leave(phase: str, engine: rr.Engine, server: Loopback) -> None:
        with pytest.raises(ValueError, match="mine") as caught:
            async with engine.open_stream(QUESTION) as run:
                await reach(phase, run, server)
                raise mine
        assert caught.value is mine
        assert mine.__cause__ is None
        assert mine.__context__ is None

    await leaving(peer, phase, leave)


@every_peer
@every_phase
async def test_a_cancelled_scope_wins(peer: Peer, phase: str) -> None:
    async def leave(phase: str, engine: rr.Engine, server: Loopback) -> None:
        with trio.CancelScope() as scope:
            async with engine.open_stream(QUESTION) as run:
                text = await reach(phase, run, server)
                scope.cancel()
                async for _ in run:
                    text += "!"
                pytest.fail("the cancelled scope was not left")
        assert scope.cancelled_caught
        assert run.result.text.startswith(text)

    await leaving(peer, phase, leave)


@some_peers
@every_phase
@pytest.mark.parametrize("way", ["cancel", "pause"])
async def test_another_task_ends_the_run_and_keeps_what_was_received(peer: Peer, phase: str, way: str) -> None:
    async def leave(phase: str, engine: rr.Engine, server: Loopback) -> None:
        async with engine.open_stream(QUESTION) as run, trio.open_nursery() as nursery:
            text = await reach(phase, run, server)
            nursery.start_soon(end_soon, run, way)
            rest = [event async for event in run]
        assert isinstance(rest[-1], rr.Finished)
        assert text + "".join(e.text for e in rest if isinstance(e, rr.TextDelta)) == run.result.text
        assert run.result.stop_reason.value == {"cancel": "cancelled", "pause": "paused"}[way]
        assert run.result.is_partial
        assert len(run.result.attempts) == 1

    await leaving(peer, phase, leave)


async def end_soon(run: rr.Run, way: str) -> None:
    await trio.sleep(0.01)
    run.cancel() if way == "cancel" else run.pause()


@every_peer
@pytest.mark.parametrize("way", ["leave", "scope", "cancel", "pause"])
async def test_a_run_that_waits_for_headers_ends_at_once(peer: Peer, way: str) -> None:
    async with RawServer(saying(then="stay")) as server, peer.engine(server.port, HOUR) as engine:
        began_s = trio.current_time()
        with trio.move_on_after(0.1 if way == "scope" else 10):
            async with engine.open_stream(QUESTION) as run:
                await until(lambda: len(server.requests) == 1)
                if way in ("cancel", "pause"):
                    await end_soon(run, way)
                if way != "leave":
                    assert isinstance(await run.receive(), rr.Finished)
        assert trio.current_time() - began_s < AT_ONCE_S
        await until(lambda: server.open_now == 0)
        assert run.result.text == ""


@some_peers
@every_phase
async def test_a_paused_run_goes_on_where_it_was(peer: Peer, phase: str) -> None:
    faults, store = PHASES[phase], rr.MemoryStore()

    async with open_loopback(RIVERS, faults) as server, peer.engine(server.port, HOUR, store=store) as engine:
        async with engine.open_stream(QUESTION, run_id="a") as run:
            await reach(phase, run, server)
            run.pause()
        paused = run.result.text
        text = ""
        async with engine.open_stream(QUESTION, run_id="a", deliver_from=len(paused)) as run:
            async for event in run:
                text += event.text if isinstance(event, rr.TextDelta) else ""
        assert paused + text == run.result.text == RIVERS.text
        assert told(server, peer.wire)[-1].rstrip() == paused.rstrip()
        assert await store.list_runs() == ()


@some_peers
@every_phase
@pytest.mark.parametrize("way", ["complete", "iterate", "receive_many", "result"])
async def test_each_way_of_consuming_raises_the_same_one_error(peer: Peer, phase: str, way: str) -> None:
    once = rr.Policy(retry=evolve(QUICK, attempts_max=2), stall=rr.StallPolicy(idle_s=0.1, first_event_s=0.1))

    async def consume_by(engine: rr.Engine) -> None:
        if way == "complete":
            await engine.complete(QUESTION)
        async with engine.open_stream(QUESTION) as run:
            with pytest.raises(rr.InferenceError):
                while way == "iterate":
                    async for _ in run:
                        pass
                while True:
                    await run.receive_many()
            if way == "result":
                _ = run.result
        assert run.result is None  # it raises: the block itself raised nothing, for the error was taken

    async with open_loopback(RIVERS, PHASES[phase] * 9) as server, peer.engine(server.port, once) as engine:
        with pytest.raises(rr.InferenceError) as caught:
            await consume_by(engine)
        assert not isinstance(caught.value, BaseExceptionGroup)
        assert caught.value.__context__ is None
