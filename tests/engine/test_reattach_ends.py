"""A run that ends inside a call's arguments, while it reads its generation on: one end, and nothing is paid twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeAlias

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.journal import restore
from riverrun.engine.core.policy import Limits
from riverrun.engine.testing.network.transport import ScriptedTransport
from tests.engine.live_generations import FORMATS, LiveServer, said_by
from tests.law_runs import KeepingStore

End: TypeAlias = Callable[[rr.Run, trio.CancelScope], object]

ENDS: dict[str, End] = {
    "pause": lambda run, _scope: run.pause(),
    "cancel": lambda run, _scope: run.cancel(),
    "deadline": lambda _run, scope: scope.cancel(),
}
ACT_S = 20.0
"""When the run is ended: its answer has been silent for a while, and its stall clock has not run out."""


@frozen
class Seen:
    """What came of a run: its events, its result, or what it raised."""

    events: list[rr.Event]
    result: rr.StreamResult | None
    error: Exception | None = None


async def run_on(server: LiveServer, store: rr.MemoryStore | None = None, end: End | None = None) -> Seen:
    """Run, and end it at `ACT_S` if there is a way given."""

    engine = rr.Engine(
        server.spoken.provider(),
        transport=ScriptedTransport(server.script_for),
        store=store,
        policy=rr.Policy(retry=rr.RetryPolicy(attempts_max=50)),
        chance=lambda: 0.5,
    )
    events: list[rr.Event] = []
    error: Exception | None = None
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            async with engine.open_stream(server.spoken.request, run_id="run") as run:
                if end is not None:
                    nursery.start_soon(_end_later, end, run, scope)
                try:
                    async for event in run:
                        events.append(event)
                except Exception as raised:
                    error = raised
            nursery.cancel_scope.cancel()
    seen = Seen(events, None if error is not None else run.result, error)
    assert isinstance(seen, Seen)
    return seen


async def _end_later(end: End, run: rr.Run, scope: trio.CancelScope) -> None:
    await trio.sleep(ACT_S)
    end(run, scope)


PLACES = [(cut, more) for cut in range(5, 11) for more in range(11 - cut)]
"""After how many frames the first answer breaks, and after how many more the one that reads it on falls silent."""


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("spoken", FORMATS)
async def test_a_run_that_ends_while_it_reads_a_call_on_has_one_end(
    spoken: str, end: str, autojump_clock: MockClock
) -> None:
    for cut, more in PLACES:
        server = LiveServer(FORMATS[spoken](), [cut], silent_after=more)
        seen = await run_on(server, end=ENDS[end])
        assert seen.error is None, (cut, more)
        assert seen.result is not None
        finished = [event for event in seen.events if isinstance(event, rr.Finished)]
        assert len(finished) == (0 if end == "deadline" else 1), (cut, more)
        assert seen.result.is_partial, (cut, more)
        assert (server.begun, len(seen.result.attempts)) == (1, 2)


WHOLE = ["Let me look.", "ToolCallStart", "ToolCallReady"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("spoken", FORMATS)
async def test_a_run_that_ended_inside_a_call_is_read_on_and_paid_once(
    spoken: str, end: str, autojump_clock: MockClock
) -> None:
    """The call was cancelled for the first consumer; the next one is told it from its start."""
    for place in range(1, 11):
        server, store = LiveServer(FORMATS[spoken](), silent_after=place), rr.MemoryStore()
        first = await run_on(server, store, ENDS[end])
        is_inside = place in server.spoken.call
        assert end == "deadline" or ("ToolCallCancel" in said_by(first.events)) == is_inside, place
        server.silent_after = None
        seen = await run_on(server, store)
        assert seen.result is not None
        assert said_by(seen.events) == WHOLE, place
        assert (server.begun, server.places) == (1, [place]), place
        usages = [record.usage for record in seen.result.attempts]
        assert (usages[0], usages[1]) == (rr.TokenUsage(), seen.result.usage)


@pytest.mark.parametrize("spoken", FORMATS)
async def test_a_run_can_be_paused_again_and_again_inside_one_call(spoken: str, autojump_clock: MockClock) -> None:
    server, store = LiveServer(FORMATS[spoken](), silent_after=6), rr.MemoryStore()
    for _ in server.spoken.call:
        assert said_by((await run_on(server, store, ENDS["pause"])).events) == [WHOLE[0], WHOLE[1], "ToolCallCancel"]
        server.silent_after = 1
    server.silent_after = None
    seen = await run_on(server, store)
    assert said_by(seen.events) == WHOLE
    assert (server.begun, server.places) == (1, [6, 7, 8, 9])


@pytest.mark.parametrize("spoken", FORMATS)
async def test_a_call_of_a_generation_that_is_gone_is_cancelled_for_the_next_consumer_too(
    spoken: str, autojump_clock: MockClock
) -> None:
    server, store = LiveServer(FORMATS[spoken](), silent_after=8), rr.MemoryStore()
    await run_on(server, store, ENDS["pause"])
    server.silent_after, server.is_forgetful = None, True
    seen = await run_on(server, store)
    assert seen.result is not None
    assert said_by(seen.events)[1:] == ["ToolCallStart", "ToolCallCancel", "ToolCallStart", "ToolCallReady"]
    assert (server.begun, len(seen.result.tool_calls)) == (2, 1)


@pytest.mark.parametrize("spoken", FORMATS)
async def test_a_journal_in_which_a_pause_gave_up_the_call_is_read_as_it_was_meant(
    spoken: str, autojump_clock: MockClock
) -> None:
    """As versions before wrote it: without the cursor, and the call cancelled for whoever comes next too."""
    server, store = LiveServer(FORMATS[spoken](), silent_after=8), KeepingStore()
    await run_on(server, store, ENDS["pause"])
    rows = [row for entry in store.kept for row in json.loads(entry)]
    end = next(at for at, row in enumerate(rows) if row[1] == "AttemptEnded")
    del rows[end][2]["record"]["plan"]
    rows[end:end] = [["said", {"type": "CursorMoved", "cursor": None}], ["item", "CallsCancelled", {}]]
    restored = restore([json.dumps(rows).encode()], Limits())
    assert restored is not None
    held = restored.accumulator.snapshot()
    assert (held.cursor, held.in_flight_tools, held.text) == (None, (), "Let me look.")
