"""What a run held is let go when it ends: nothing of it waits for the garbage collector (docs/design.md)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import Reset, SentRequest, Silence, Step, response
from tests.engine.own_source import (
    ASK,
    END,
    Breaking,
    Channelled,
    OwnSource,
    all_events,
    call,
    channel_of,
    engine_of,
    say,
)

Told = Callable[[object], None]


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def left_of(story: Callable[[Told], Awaitable[None]]) -> list[str]:
    """What is still there of what a story told of, once it is over and before anything was collected."""
    told: list[weakref.ref[object]] = []
    await story(lambda held: told.append(weakref.ref(held)))
    await trio.testing.wait_all_tasks_blocked()  # the last task that ended is trio's until it goes on
    assert told
    return [type(held()).__name__ for held in told if held() is not None]


@pytest.mark.parametrize("with_store", [False, True])
@pytest.mark.parametrize("cut", [False, True])
async def test_a_finished_run(with_store: bool, cut: bool, autojump_clock: MockClock) -> None:
    async def story(tell: Told) -> None:
        scripts = [say("a", "b"), [*say("c"), END]] if cut else [[*say("a", "b"), *call("1", "{}"), END]]
        engine = engine_of(OwnSource(*scripts), store=rr.MemoryStore() if with_store else None)
        async with engine.open_stream(ASK, run_id="run") as run:
            tell(run)
            await all_events(run)

    assert await left_of(story) == []


@pytest.mark.parametrize("how", ["cancel", "pause", "leave", "scope"])
async def test_a_run_that_is_ended_early(how: str, autojump_clock: MockClock) -> None:
    async def story(tell: Told) -> None:
        source = OwnSource([*say("a", "b"), Silence()])
        engine = engine_of(source, store=rr.MemoryStore())
        with trio.CancelScope() as scope:
            async with engine.open_stream(ASK, run_id="run") as run:
                tell(run)
                await run.receive()
                if how == "scope":
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
                elif how != "leave":
                    getattr(run, how)()
                    await all_events(run)

    assert await left_of(story) == []


async def test_a_request_and_its_response_with_the_key_in_it(autojump_clock: MockClock) -> None:
    ends: list[list[Step]] = [[b"event: ping\n\n", Reset()], [b"event: ping\n\n"]]

    def script_for(_request: SentRequest) -> Iterator[Step]:
        return iter(response(ends.pop(0), headers={"content-type": "text/event-stream"}))

    async def story(tell: Told) -> None:
        async with ScriptedNetwork(script_for).client() as client:

            async def note(response: object) -> None:
                tell(response)
                tell(response.request)  # type: ignore[attr-defined]

            client.event_hooks = {"response": [note]}
            provider = rr.Anthropic("m", base_url="http://127.0.0.1:9", api_key="sk-1", client=client)
            policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=2))
            engine = rr.Engine(provider, policy=policy, chance=lambda: 0.5)
            with pytest.raises(rr.InferenceError):
                await engine.complete(ASK)

    assert await left_of(story) == []


async def test_a_run_whose_source_broke_in_the_middle_of_a_read(autojump_clock: MockClock) -> None:
    async def story(tell: Told) -> None:
        source = Channelled(Breaking(*say("a")), channel_of(END))
        async with engine_of(source).open_stream(ASK) as run:
            tell(run)
            await all_events(run)

    assert await left_of(story) == []
