"""The API of a run and an engine: what each call gives, when, and what is a mistake of the caller's."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.stream_events import TextDelta
from riverrun.engine.run.run import EVENTS_A_TURN
from riverrun.engine.testing.network.script import Silence
from tests.engine.own_source import ASK, END, ONCE, OwnSource, all_events, call, engine_of, kinds, say, text_of

MANY = [f"{number} " for number in range(2000)]


# -- results ----------------------------------------------------------------------------------------------------------


async def test_the_result_before_the_end_is_a_mistake_and_a_snapshot_is_not(autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([*say("a"), *call("1", '{"b')[:2], Silence()])).open_stream(ASK) as run:
        for _ in range(3):
            await run.receive()
        with pytest.raises(rr.UsageError, match="has not ended"):
            _ = run.result
        snapshot = run.snapshot()
    assert (snapshot.text, snapshot.in_flight_tools) == ("a", (rr.InFlightTool("1", "look", '{"b'),))


async def test_the_result_is_there_with_the_finish_and_is_the_same(autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([*say("a"), END])).open_stream(ASK) as run:
        events = await all_events(run)
        assert events[-1] == rr.Finished(run.result)
        with pytest.raises(trio.EndOfChannel):
            await run.receive()
        with pytest.raises(trio.EndOfChannel):
            await run.receive_many()
    assert (run.result.model, run.result.is_partial) == ("m-1", False)


async def test_a_failed_run_raises_its_one_error_wherever_it_is_asked_after_everything_was_handed_over(
    autojump_clock: MockClock,
) -> None:
    async with engine_of(OwnSource(say("a", "b")), policy=ONCE).open_stream(ASK) as run:
        assert kinds([await run.receive() for _ in range(3)]) == [rr.TextDelta, rr.TextDelta, rr.Interrupted]
        for ask in (run.receive, run.receive_many, lambda: all_events(run)):
            with pytest.raises(rr.StreamInterrupted):
                await ask()
    with pytest.raises(rr.StreamInterrupted, match="after 1 attempt;"):
        _ = run.result
    assert [str(record.cause) for record in run.attempts] == ["premature end"]


async def test_a_run_left_early_has_a_partial_result(autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([*say("a", "b"), Silence()])).open_stream(ASK) as run:
        await trio.sleep(1)
        await run.receive()
    result = run.result
    assert (result.stop_reason, result.is_partial, result.text) == (rr.StopReason.CANCELLED, True, "ab")


async def test_the_ledger_grows_by_a_record_as_each_attempt_ends(autojump_clock: MockClock) -> None:
    source = OwnSource(say("a"), [*say("b"), END])
    async with engine_of(source).open_stream(ASK) as run:
        assert not run.attempts
        seen = [len(run.attempts) async for event in run if isinstance(event, rr.RetryScheduled | rr.Finished)]
    assert seen == [1, 2]
    assert run.attempts == run.result.attempts
    first, second = run.attempts
    assert (first.provider, first.model, first.continuation, first.kept) == ("own", "m-1", None, True)
    assert (second.continuation, second.seam) == (ContinuationForm.PREFILL, rr.SeamVerdict.CLEAN)
    assert first.began_s <= first.ended_s <= second.began_s <= second.ended_s


# -- receiving --------------------------------------------------------------------------------------------------------


async def test_receive_many_gives_what_is_ready_in_order_and_never_nothing(autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([*say(*MANY), END])).open_stream(ASK) as run:
        batches: list[list[rr.Event]] = []
        while not batches or not isinstance(batches[-1][-1], rr.Finished):
            batches.append(await run.receive_many())
            await trio.sleep(0.1)
    assert all(batches)
    assert len(batches) < 100
    assert text_of([event for batch in batches for event in batch]) == "".join(MANY)


async def test_the_reader_waits_for_the_consumer(autojump_clock: MockClock) -> None:
    async def main() -> int:
        async with engine_of(OwnSource([*say(*MANY), END])).open_stream(ASK) as run:
            await trio.sleep(1000)
            return len(run.snapshot().text.split())

    assert await main() < 1000


async def test_iterating_over_what_is_ready_lets_others_have_their_turn(autojump_clock: MockClock) -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with engine_of(OwnSource([*say(*MANY), END])).open_stream(ASK) as run, trio.open_nursery() as nursery:
        await trio.sleep(1)  # the mailbox is full now
        nursery.start_soon(take_turns)
        assert len([event async for event in run]) == len(MANY) + 1
        nursery.cancel_scope.cancel()
    assert turns >= len(MANY) // EVENTS_A_TURN


async def test_iterating_hears_a_cancel_before_each_event(autojump_clock: MockClock) -> None:
    taken = 0
    async with engine_of(OwnSource([*say(*MANY), END])).open_stream(ASK) as run:
        await trio.sleep(1)
        with trio.CancelScope() as scope:
            async for _ in run:
                taken += 1
                if taken == EVENTS_A_TURN // 2:
                    scope.cancel()
    assert taken == EVENTS_A_TURN // 2


async def test_a_second_task_that_receives_is_told_so(autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([Silence()])).open_stream(ASK) as run, trio.open_nursery() as nursery:
        nursery.start_soon(run.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await run.receive_many()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("receive", ["receive", "receive_many", "__anext__"])
async def test_a_cancelled_receive_loses_no_event(receive: str, autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([*say("a", "b"), END])).open_stream(ASK) as run:
        await trio.sleep(1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await getattr(run, receive)()
        assert scope.cancelled_caught
        assert text_of(await all_events(run)) == "ab"


@pytest.mark.parametrize("receive", ["receive", "receive_many", "__anext__"])
async def test_after_aclose_there_is_nothing_to_receive(receive: str, autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([*say("a"), Silence()])).open_stream(ASK) as run:
        await run.receive()
        await run.aclose()
        await run.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await getattr(run, receive)()
    with pytest.raises(trio.ClosedResourceError):
        await getattr(run, receive)()
    assert run.result.text == "a"


# -- ending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("acts", "reason"),
    [
        (["cancel"], rr.StopReason.CANCELLED),
        (["pause"], rr.StopReason.PAUSED),
        (["pause", "cancel"], rr.StopReason.CANCELLED),
        (["cancel", "pause"], rr.StopReason.CANCELLED),
        (["pause", "pause"], rr.StopReason.PAUSED),
    ],
)
async def test_cancel_overrides_pause_and_what_was_received_is_handed_over_first(
    acts: list[str], reason: rr.StopReason, autojump_clock: MockClock
) -> None:
    async with engine_of(OwnSource([*say("a"), *call("1", "{")[:2], Silence()])).open_stream(ASK) as run:
        await trio.sleep(1)
        for act in acts:
            getattr(run, act)()
        events = await all_events(run)
    delta = [rr.TextDelta, rr.ToolCallStart, rr.ToolCallDelta]
    assert kinds(events) == [*delta, rr.ToolCallCancel, rr.Finished]
    assert (run.result.stop_reason, run.result.text, run.result.tool_calls) == (reason, "a", ())


@pytest.mark.parametrize("act", ["cancel", "pause"])
async def test_ending_a_run_that_has_ended_changes_nothing(act: str, autojump_clock: MockClock) -> None:
    async with engine_of(OwnSource([*say("a"), END])).open_stream(ASK) as run:
        await all_events(run)
        getattr(run, act)()
    getattr(run, act)()
    assert run.result.stop_reason is rr.StopReason.END_TURN


async def test_the_body_s_own_exception_leaves_as_it_is(autojump_clock: MockClock) -> None:
    mine = ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        async with engine_of(OwnSource([Silence()])).open_stream(ASK):
            raise mine
    assert caught.value is mine


async def test_a_cancelled_block_raises_cancelled_and_no_group_of_it(autojump_clock: MockClock) -> None:
    left_by: list[BaseException] = []

    async def main() -> None:
        with trio.move_on_after(1) as scope:
            try:
                async with engine_of(OwnSource([*say("a"), Silence()])).open_stream(ASK) as run:
                    await all_events(run)
            except BaseException as error:
                left_by.append(error)
                raise
        assert scope.cancelled_caught

    await main()
    assert [type(error) for error in left_by] == [trio.Cancelled]


async def test_a_ctrl_c_that_hits_the_run_is_not_lost_behind_the_body_s_exception(autojump_clock: MockClock) -> None:
    class Interrupting(OwnSource):
        @asynccontextmanager
        async def open_events(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> Any:
            send, receive = trio.open_memory_channel[Any](0)
            with send, receive:
                try:
                    yield receive
                finally:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with engine_of(Interrupting()).open_stream(ASK):
            await trio.sleep(1)
            raise ValueError("mine")


# -- engines ----------------------------------------------------------------------------------------------------------


async def test_complete_gives_the_whole_answer_and_recovers_on_the_way(autojump_clock: MockClock) -> None:
    source = OwnSource(say("Half "), [*say("whole"), END])
    result = await engine_of(source).complete(ASK)
    assert (result.text, len(result.attempts)) == ("Half whole", 2)


async def test_complete_raises_what_the_run_raised(autojump_clock: MockClock) -> None:
    with pytest.raises(rr.errors.Unauthorized):
        await engine_of(OwnSource(rr.errors.Unauthorized("no key"))).complete(ASK)


async def test_complete_is_cancelled_like_anything_else(autojump_clock: MockClock) -> None:
    source = OwnSource([*say("a"), Silence()])
    with trio.move_on_after(5) as scope:
        await engine_of(source).complete(ASK)
    assert (scope.cancelled_caught, source.open) == (True, 0)


@pytest.mark.parametrize(
    ("misuse", "seen"),
    [
        (lambda: rr.Engine("claude"), "str is neither a provider nor an event source"),  # type: ignore[arg-type]
        (lambda: rr.Engine(rr.Anthropic), "class 'riverrun.*Anthropic'> is neither"),  # type: ignore[arg-type]
        (lambda: engine_of(OwnSource()).open_stream(ASK, deliver_from=-1), "deliver_from is -1"),
    ],
    ids=["a name", "a class", "a negative offset"],
)
def test_a_call_that_can_not_work_is_refused_at_once(misuse: Callable[[], object], seen: str) -> None:
    with pytest.raises(rr.UsageError, match=seen):
        misuse()


async def test_opening_a_stream_without_its_block_asks_nothing_and_leaks_nothing(autojump_clock: MockClock) -> None:
    source = OwnSource()
    assert "use it with async with" in repr(engine_of(source).open_stream(ASK, run_id="r"))
    gc.collect()
    assert source.attempts == 0


async def test_an_engine_is_used_again_and_by_several_tasks_at_once(autojump_clock: MockClock) -> None:
    source = OwnSource(*[[*say(str(number)), Silence(1), END] for number in range(5)])
    engine, texts = engine_of(source, store=rr.MemoryStore()), list[str]()

    async def ask(number: int) -> None:
        texts.append((await engine.complete(ASK, run_id=f"run {number}")).text)

    async with engine, trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(ask, number)
    await ask(4)
    assert sorted(texts) == list("01234")


async def test_a_form_that_was_refused_once_is_not_tried_again_by_the_engine(autojump_clock: MockClock) -> None:
    forms = (ContinuationForm.PREFILL, ContinuationForm.QUOTE)
    refuses = rr.errors.ContinuationRefused("no prefill")
    source = OwnSource(say("a"), refuses, [END], say("b"), [END], forms=forms)
    engine = engine_of(source)
    await engine.complete(ASK)
    await engine.complete(ASK)
    assert [form for _, form in source.asked] == [None, *forms, None, ContinuationForm.QUOTE]


# -- run ids ----------------------------------------------------------------------------------------------------------


async def test_a_run_keeps_the_id_it_was_given_and_is_given_another_one_otherwise(autojump_clock: MockClock) -> None:
    dice = iter([0.0, 0.25, 0.999999])
    engine, store = rr.Engine(OwnSource([END], [END], [END]), chance=lambda: next(dice)), rr.MemoryStore()
    ids = [repr(engine.open_stream(ASK)).split("'")[1] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(run_id.startswith("run-") and len(run_id) == 18 for run_id in ids)
    engine = engine_of(OwnSource([*say("a"), Silence()]), store=store)
    async with engine.open_stream(ASK, run_id="ünï/../\x00\ud800") as run:
        await run.receive()
    assert await store.list_runs() == (run.run_id,) == ("ünï/../\x00\ud800",)


async def test_runs_without_an_id_never_meet_in_the_store(autojump_clock: MockClock) -> None:
    store = rr.MemoryStore()
    for _ in range(20):
        async with rr.Engine(OwnSource([*say("a"), Silence()]), store=store).open_stream(ASK) as run:
            assert await run.receive() == TextDelta("a")
    assert len(await store.list_runs()) == 20
