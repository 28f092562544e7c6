"""A generation that lives on is read on: nothing is said twice, nothing paid twice, nothing under way is given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.stream_events import (
    AnswerRestarted,
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.testing.network.transport import ScriptedTransport
from tests.engine.generation import LineProvider, LineServer
from tests.engine.own_source import played
from tests.law_runs import QUESTION, Seen, watch_run

END = StopReported(rr.StopReason.END_TURN, "done")
WHOLE: Sequence[StreamEvent] = (
    ReasoningDelta("Let me "),
    ReasoningDelta("see."),
    ReasoningSignature("sig"),
    BlockStop(),
    TextDelta("It is "),
    TextDelta("raining "),
    ToolCallStart("a", "look"),
    ToolCallDelta("a", '{"at":'),
    ToolCallDelta("a", '"sky"}'),
    BlockStop("a"),
    ToolCallStart("b", "look"),
    BlockStop("b"),
    TextDelta("here."),
    rr.lowlevel.UsageReport(input=7, output=40),
    StopReported(rr.StopReason.TOOL_USE, "tools"),
)
SAID = (
    TextDelta("Once upon "),
    TextDelta("a time there "),
    TextDelta("was a river."),
    rr.lowlevel.UsageReport(3, 9),
    END,
)


async def run_on(server: LineServer, *, store: rr.MemoryStore | None = None, attempts_max: int = 50) -> Seen:
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=attempts_max))
    transport = ScriptedTransport(server.script_for)
    engine = rr.Engine(LineProvider(), policy=policy, transport=transport, store=store, chance=lambda: 0.5)
    return await watch_run(engine, QUESTION)


def said_events(seen: Seen) -> list[rr.Event]:
    told = rr.Interrupted | rr.RetryScheduled | rr.Resumed | rr.UsageUpdate | rr.Finished
    return [event for event in seen.events if not isinstance(event, told)]


@settings(max_examples=200, deadline=None)
@given(cuts=st.lists(st.integers(1, len(WHOLE)), max_size=8))
def test_however_often_it_breaks_the_consumer_gets_the_events_of_an_unbroken_stream(cuts: list[int]) -> None:
    server = LineServer([WHOLE], cuts=cuts)
    unbroken, broken = played(lambda: run_on(LineServer([WHOLE]))), played(lambda: run_on(server))
    assert said_events(broken) == said_events(unbroken)
    assert broken.result is not None
    assert unbroken.result is not None
    assert (broken.result.blocks, broken.result.stop_reason) == (unbroken.result.blocks, unbroken.result.stop_reason)
    assert server.begun == 1


@given(cuts=st.lists(st.integers(1, len(WHOLE)), max_size=8))
def test_a_generation_that_is_read_on_is_paid_once(cuts: list[int]) -> None:
    seen = played(lambda: run_on(LineServer([WHOLE], cuts=cuts)))
    assert seen.result is not None
    assert (seen.result.usage.input, seen.result.usage.output) == (7, 40)
    assert sum(record.usage.output for record in seen.result.attempts) == 40
    assert not any(record.usage_estimated for record in seen.result.attempts)


CALL = (TextDelta("Once "), ToolCallStart("a", "look"), ToolCallDelta("a", '{"at":'))


@pytest.mark.parametrize("first", [SAID[:2], CALL, (ReasoningDelta("Let me "), TextDelta("Once "))], ids=len)
async def test_a_generation_that_begins_again_inside_is_told_once_wherever_it_was_cut(
    first: Sequence[StreamEvent], autojump_clock: MockClock
) -> None:
    """What an earlier attempt had said of it was kept, and said again; text before an open call was cut to nothing."""
    for cut in range(1, len(first) + 3):
        server = LineServer([(*first, AnswerRestarted(), *SAID)], cuts=[cut])
        seen = await run_on(server)
        assert seen.result is not None
        assert seen.result.text == seen.text == "Once upon a time there was a river.", cut
        assert (seen.result.tool_calls, server.begun) == ((), 1)


async def test_the_story_names_the_cursor_and_a_clean_seam(autojump_clock: MockClock) -> None:
    seen = await run_on(LineServer([SAID], cuts=[1]))
    assert seen.result is not None
    first, second = seen.result.attempts
    assert first.plan == rr.Reattach("0:0")
    assert (second.continuation, second.seam) == (rr.ContinuationForm.CURSOR, rr.SeamVerdict.CLEAN)
    assert rr.Resumed(2, "m-1", rr.ContinuationForm.CURSOR, rr.SeamVerdict.CLEAN) in seen.events


async def test_a_generation_that_is_gone_is_continued_in_another_form_and_both_are_paid(
    autojump_clock: MockClock,
) -> None:
    rest = (TextDelta("was a river."), rr.lowlevel.UsageReport(5, 4), END)
    server = LineServer([SAID, rest], cuts=[2], is_forgetful=True)
    seen = await run_on(server)
    assert server.paths == ["new", "0:1", "new"]
    assert seen.result is not None
    assert seen.result.text == seen.text == "Once upon a time there was a river."
    assert [record.usage.output for record in seen.result.attempts] == [0, 6, 4]  # 23 bytes of the first: estimated


async def test_a_generation_that_failed_is_not_read_again(autojump_clock: MockClock) -> None:
    failed = StreamFailed(Failure(FailureKind.OVERLOADED, "overloaded"))
    server = LineServer([(TextDelta("Once upon "), failed), (TextDelta("a time."), END)])
    seen = await run_on(server)
    assert server.paths == ["new", "new"]
    assert seen.text == "Once upon a time."


async def test_what_a_seam_holds_back_is_before_the_cursor(autojump_clock: MockClock) -> None:
    """The second generation breaks while its seam is undecided; read on from a later cursor, its beginning was lost."""
    second = (TextDelta("a "), TextDelta("time "), TextDelta("there was a river."), END)
    failed = StreamFailed(Failure(FailureKind.OVERLOADED, "overloaded"))
    for cut in range(1, 4):
        seen = await run_on(LineServer([(TextDelta("Once upon "), failed), second, second], cuts=[9, cut]))
        assert seen.text == "Once upon a time there was a river.", cut


async def drive(
    server: LineServer, store: rr.MemoryStore, act: Callable[[rr.Run], object], after: int
) -> rr.StreamResult:
    """Take so many events, do something to the run, and take the rest."""
    seen = iter(range(1, after))
    return await drive_until(server, store, act, lambda _event: next(seen, None) is None)


async def drive_until(
    server: LineServer, store: rr.MemoryStore, act: Callable[[rr.Run], object], is_time: Callable[[rr.Event], bool]
) -> rr.StreamResult:
    """Take events until it is time, do something to the run, and take the rest."""

    transport = ScriptedTransport(server.script_for)
    engine = rr.Engine(LineProvider(), transport=transport, store=store, chance=lambda: 0.5)
    async with engine.open_stream(QUESTION, run_id="run") as run:
        while not is_time(await run.receive()):
            pass
        act(run)
        async for _ in run:
            pass
    result = run.result
    assert isinstance(result, rr.StreamResult)
    return result


@pytest.mark.parametrize("after", range(1, 4))
@pytest.mark.parametrize("act", [rr.Run.pause, rr.Run.cancel])
async def test_a_run_that_was_paused_is_read_on_and_paid_once(
    act: Callable[[rr.Run], object], after: int, autojump_clock: MockClock
) -> None:
    server, store = LineServer([SAID]), rr.MemoryStore()
    server.silent_after = after
    partial = await drive(server, store, act, after)
    assert partial.is_partial
    assert partial.attempts[0].usage_estimated
    server.silent_after = None
    seen = await run_on(server, store=store)
    assert seen.result is not None
    assert server.begun == 1
    assert seen.text == "Once upon a time there was a river."
    assert sum(record.usage.output for record in seen.result.attempts) == seen.result.usage.output == 9


@pytest.mark.parametrize("events", range(1, 10))
async def test_another_process_goes_on_from_the_checkpoint_of_a_run_that_gave_up(
    events: int, autojump_clock: MockClock
) -> None:
    """Inside a call too: it was cancelled for the consumer that is gone, and the next is told it from its start."""
    server, store = LineServer([WHOLE, WHOLE], cuts=[events]), rr.MemoryStore()
    assert isinstance((await run_on(server, store=store, attempts_max=1)).error, rr.StreamInterrupted)
    seen = await run_on(server, store=store)
    assert seen.result is not None
    assert (server.begun, seen.result.usage.output) == (1, 40)
    assert [call.id for call in seen.result.tool_calls] == [call.id for call in seen.ready] == ["a", "b"]


@pytest.mark.parametrize("act", [rr.Run.pause, rr.Run.cancel])
@pytest.mark.parametrize("cut", range(1, len(WHOLE)))
async def test_a_run_that_was_paused_while_it_waits_to_read_on_is_paid_once(
    cut: int, act: Callable[[rr.Run], object], autojump_clock: MockClock
) -> None:
    """What had been reported of the generation was booked as its end, and once more when it was read on."""
    server, store = LineServer([WHOLE], cuts=[cut]), rr.MemoryStore()
    partial = await drive_until(server, store, act, lambda event: isinstance(event, rr.RetryScheduled))
    assert partial.is_partial
    seen = await run_on(server, store=store)
    assert seen.result is not None
    assert (server.begun, seen.result.usage.output) == (1, 40)
    assert sum(record.usage.output for record in seen.result.attempts) == 40


@pytest.mark.parametrize("events", range(10, len(WHOLE)))
async def test_a_spent_budget_ends_with_the_completed_calls_though_there_is_a_cursor(
    events: int, autojump_clock: MockClock
) -> None:
    """Law 8: the plan that needs no further attempt is carried out."""
    seen = await run_on(LineServer([WHOLE], cuts=[events]), attempts_max=1)
    assert seen.result is not None
    assert (seen.result.stop_reason, seen.ready[0].id) == (rr.StopReason.TOOL_USE, "a")
