"""Checkpoints: a run outlives its process, and a store that misbehaves costs the stream nothing."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.abc import CheckpointStore
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.journal import JournalHeader, encode_entry, fingerprint
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import StopReported, TextDelta
from riverrun.engine.run.checkpoint import load_journal, restore_run
from riverrun.engine.testing.network.script import Silence
from riverrun.lowlevel import OpenedJournal, StaleFence, StoreUnreachable
from tests.engine.own_source import (
    ASK,
    END,
    OwnSource,
    Step,
    all_events,
    call,
    engine_of,
    kinds,
    say,
    text_of,
    think,
)
from tests.engine.stores import Nursery, WatchedStore

STORE_FIRST = rr.Policy(checkpoint=rr.CheckpointPolicy(before_delivery=True, write_s=1, lag_s=0.01))
SHORT = rr.Policy(checkpoint=rr.CheckpointPolicy(load_s=0.3, write_s=0.3, last_flush_s=0.3))
DOWN = OSError("the disk is gone")


async def until(run: rr.Run, count: int) -> list[rr.Event]:
    """The next events of a run, and no more."""
    return [await run.receive() for _ in range(count)]


async def left_after(store: rr.MemoryStore, script: list[Step], count: int) -> None:
    """Open a run and leave it after some events, as a process does that is stopped."""
    async with engine_of(OwnSource(script), store=store).open_stream(ASK, run_id="run") as run:
        await until(run, count)


async def reopened(
    store: rr.MemoryStore, source: OwnSource, *, deliver_from: int = 0, policy: rr.Policy | None = None
) -> tuple[list[rr.Event], rr.StreamResult]:
    engine = engine_of(source, store=store, policy=policy)
    async with engine.open_stream(ASK, run_id="run", deliver_from=deliver_from) as run:
        events = await all_events(run)
    return events, run.result


async def resumed(
    script: list[Step], count: int, *scripts: list[Step], deliver_from: int = 0
) -> tuple[list[rr.Event], rr.StreamResult, OwnSource]:
    """Leave a run after some events, open it again, and go on with other scripts."""
    source, store = OwnSource(*scripts), WatchedStore()

    await left_after(store, script, count)
    return *(await reopened(store, source, deliver_from=deliver_from)), source


# -- going on ---------------------------------------------------------------------------------------------------------


async def test_a_run_that_was_left_goes_on_where_it_stopped_and_says_everything_to_the_new_consumer(
    autojump_clock: MockClock,
) -> None:
    events, result, source = await resumed([*say("Half ", "a "), Silence()], 2, [*say("word"), END])
    assert text_of(events) == result.text == "Half a word"
    assert kinds(events) == [rr.TextDelta, rr.Interrupted, rr.Resumed, rr.TextDelta, rr.Finished]
    assert source.asked[0][0].messages[-1] == rr.Message.assistant("Half a ")
    assert source.asked[0][1] is ContinuationForm.PREFILL


async def test_going_on_costs_no_attempt_of_the_budget_and_the_ledger_tells_the_whole_story(
    autojump_clock: MockClock,
) -> None:
    events, result, _ = await resumed([*say("a"), Silence()], 1, say("b"), say("c"), [*say("d"), END])
    assert text_of(events) == "abcd"
    assert [record.number for record in result.attempts] == [1, 2, 3, 4]
    assert sum((record.usage for record in result.attempts), rr.TokenUsage()) == result.usage


async def test_the_ceiling_of_the_next_request_shrinks_once_by_what_was_said_before(autojump_clock: MockClock) -> None:
    _, _, source = await resumed([*say("x" * 400), Silence()], 1, [*say("y"), END])
    assert source.asked[0][0].max_tokens == 1000 - 100


@pytest.mark.parametrize(("deliver_from", "shown"), [(0, "Half a word"), (3, "f a word"), (7, "word")])
async def test_a_consumer_that_has_some_of_it_is_given_the_rest(
    deliver_from: int, shown: str, autojump_clock: MockClock
) -> None:
    script: list[Step] = [*think("hm"), *say("Half ", "a "), Silence()]
    events, result, _ = await resumed(script, 3, [*say("word"), END], deliver_from=deliver_from)
    assert text_of(events) == shown
    assert result.text == "Half a word"
    assert (rr.ReasoningDelta in kinds(events)) is (deliver_from == 0)


async def killed(script: list[Step], *scripts: list[Step]) -> tuple[list[rr.Event], rr.StreamResult, OwnSource]:
    """Kill the process of a run a second after it began to wait: what it had stored is all that is left of it."""
    source = OwnSource(*scripts)

    before, after = WatchedStore(), WatchedStore()
    async with engine_of(OwnSource(script), store=before).open_stream(ASK, run_id="run"):
        await trio.sleep(1)
        entries = list(before.kept)
    fence = (await after.open_journal("run")).fence
    for sequence, entry in enumerate(entries):
        await after.append("run", fence, sequence, entry)
    return *(await reopened(after, source)), source


async def test_a_consumer_that_has_more_than_was_stored_is_told_to_drop_it_and_given_everything(
    autojump_clock: MockClock,
) -> None:
    events, result, _ = await resumed([*say("Half ", "a "), Silence()], 2, [*say("word"), END], deliver_from=8)
    assert kinds(events)[:2] == [rr.StreamReset, rr.TextDelta]
    assert text_of(events) == result.text == "Half a word"


async def test_completed_calls_finish_the_run_without_a_request(autojump_clock: MockClock) -> None:
    script = [*say("See: "), *call("1", '{"a":1}'), *call("2", '{"b"')[:2], Silence()]
    events, result, source = await killed(script)
    assert source.attempts == 0
    assert (result.stop_reason, result.tool_calls) == (rr.StopReason.TOOL_USE, (rr.ToolCall("1", "look", {"a": 1}),))
    assert [event.call.id for event in events if isinstance(event, rr.ToolCallReady)] == ["1"]
    assert [event.id for event in events if isinstance(event, rr.ToolCallCancel)] == ["2"]


async def test_a_call_under_way_is_begun_and_cancelled_for_the_new_consumer(autojump_clock: MockClock) -> None:
    script = [*say("See: "), *call("1", '{"a"')[:2], Silence()]
    events, result, _ = await killed(script, [*say("no."), END])
    assert kinds(events) == [
        rr.TextDelta, rr.ToolCallStart, rr.ToolCallDelta, rr.Interrupted, rr.ToolCallCancel, rr.Resumed, rr.TextDelta,
        rr.Finished,
    ]  # fmt: skip
    assert result.text == "See: no."


async def test_the_attempt_in_which_the_process_died_has_its_line_in_the_ledger(autojump_clock: MockClock) -> None:
    _, result, _ = await killed([*say("x" * 40), Silence()], [*say("y"), END])
    first, second = result.attempts
    assert (str(first.cause), first.usage.output, first.usage_estimated) == ("resumed from checkpoint", 10, True)
    assert (second.cause, result.usage) == (None, first.usage + second.usage)


async def test_a_run_of_which_nothing_was_said_is_simply_asked_again(autojump_clock: MockClock) -> None:
    events, result, source = await resumed([Silence()], 0, [*say("new"), END])
    assert source.asked == [(ASK, None)]
    assert (text_of(events), result.text) == ("new", "new")


async def test_only_reasoning_is_taken_back_and_asked_again(autojump_clock: MockClock) -> None:
    events, result, _ = await resumed([*think("hm"), Silence()], 1, [*say("new"), END])
    assert kinds(events) == [
        rr.ReasoningDelta, rr.Interrupted, rr.StreamReset, rr.Resumed, rr.TextDelta, rr.Finished,
    ]  # fmt: skip
    assert result.text == "new"


# -- what is kept and what is deleted ---------------------------------------------------------------------------------


async def stored_runs(leave_after: int) -> tuple[tuple[str, ...], WatchedStore]:
    store = WatchedStore()
    await left_after(store, [*say("a", "b"), END], leave_after)
    return await store.list_runs(), store


@pytest.mark.parametrize(("leave_after", "runs"), [(0, ("run",)), (1, ("run",)), (2, ("run",)), (3, ())])
async def test_a_run_is_deleted_only_after_its_consumer_took_the_finish(
    leave_after: int, runs: tuple[str, ...], autojump_clock: MockClock
) -> None:
    assert (await stored_runs(leave_after))[0] == runs


async def test_a_finished_run_that_nobody_took_is_handed_out_again_without_a_request(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    async with engine_of(OwnSource([*say("a", "b"), END]), store=store).open_stream(ASK, run_id="run") as run:
        await trio.sleep(1)
    assert run.result.text == "ab"
    source = OwnSource()
    events, result = await reopened(store, source)
    assert (text_of(events), result.text, source.attempts) == ("ab", "ab", 0)
    assert (result.stop_reason, result.stop_word) == (rr.StopReason.END_TURN, "done")
    assert await store.list_runs() == ()


@pytest.mark.parametrize("end", ["cancel", "pause"])
async def test_a_run_that_was_cancelled_or_paused_stays_in_the_store(end: str, autojump_clock: MockClock) -> None:
    store = WatchedStore()
    engine = engine_of(OwnSource([*say("a"), Silence()]), store=store)
    async with engine.open_stream(ASK, run_id="run") as run:
        await run.receive()
        getattr(run, end)()
        await all_events(run)
    assert await store.list_runs() == ("run",)
    assert store.text == "a"


async def test_a_run_that_failed_stays_in_the_store_with_everything_it_said(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    engine = engine_of(OwnSource([*say("a"), rr.errors.Unauthorized("no")]), store=store)
    with pytest.raises(rr.errors.Unauthorized):
        await engine.complete(ASK, run_id="run")
    assert (await store.list_runs(), store.text) == (("run",), "a")


async def test_another_request_under_a_stored_id_is_refused_before_anything_is_asked(autojump_clock: MockClock) -> None:
    store, source = WatchedStore(), OwnSource()
    await left_after(store, [*say("a"), Silence()], 1)
    other = rr.InferenceRequest([rr.Message.user("Another thing.")])
    with pytest.raises(rr.errors.CheckpointMismatch, match="another request"):
        async with engine_of(source, store=store).open_stream(other, run_id="run"):
            pass
    assert (source.attempts, store.text) == (0, "a")


class WithoutFirstEntry:
    """A store of the five methods, and no more."""

    def __init__(self, store: rr.MemoryStore) -> None:
        self.open_journal, self.append, self.delete = store.open_journal, store.append, store.delete
        self.list_runs, self.aclose = store.list_runs, store.aclose


async def owned(store: rr.MemoryStore, mark: str) -> int:
    """Open a run in a store that holds what a request of another fingerprint said; returns its fence."""
    fence = (await store.open_journal("run")).fence
    await store.append("run", fence, 0, encode_entry([JournalHeader(1, "run", mark, "own", "m-1", 0.0)]))
    return fence


async def test_a_run_of_another_request_is_not_claimed(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    fence = await owned(store, "theirs")
    with pytest.raises(rr.errors.CheckpointMismatch, match="fingerprint theirs seen, mine expected"):
        await load_journal(store, "run", rr.CheckpointPolicy(), "mine")
    await store.append("run", fence, 1, b"its owner goes on")


async def test_the_owner_of_a_run_goes_on_when_another_request_takes_its_id_by_mistake(
    autojump_clock: MockClock,
) -> None:
    store = WatchedStore()
    async with engine_of(OwnSource([*LONG, END]), store=store).open_stream(ASK, run_id="run") as run:
        await until(run, 3)
        other = rr.InferenceRequest(rr.Message.user("Another thing."))
        with pytest.raises(rr.errors.CheckpointMismatch):
            await engine_of(OwnSource(), store=store).complete(other, run_id="run")
        await all_events(run)
    assert run.result.stop_reason is rr.StopReason.END_TURN


@pytest.mark.parametrize("mark", ["mine", None])
async def test_a_run_of_the_same_request_is_claimed(mark: str | None, autojump_clock: MockClock) -> None:
    store = WatchedStore()
    fence = await owned(store, "mine")
    opened = await load_journal(store, "run", rr.CheckpointPolicy(), mark)
    assert isinstance(opened, OpenedJournal)
    assert (opened.fence, len(opened.entries)) == (fence + 1, 1)


async def test_a_store_that_can_not_say_what_a_run_is_works_all_the_same(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    await owned(store, "theirs")
    plain: CheckpointStore = WithoutFirstEntry(store)
    opened = await load_journal(plain, "run", rr.CheckpointPolicy(), "mine")
    assert isinstance(opened, OpenedJournal)
    with pytest.raises(rr.errors.CheckpointMismatch):
        await restore_run(opened, "run", "mine", Limits())


async def test_a_first_entry_that_can_not_be_read_is_left_to_the_opening_to_tell(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    fence = (await store.open_journal("run")).fence
    await store.append("run", fence, 0, b"\x00")
    opened = await load_journal(store, "run", rr.CheckpointPolicy(), "mine")
    assert isinstance(opened, OpenedJournal)


# -- opening a store that misbehaves ----------------------------------------------------------------------------------


LOCKED = StoreUnreachable("runs.db: database is locked")


@pytest.mark.parametrize("how", [DOWN, LOCKED, "hang"])
async def test_a_store_that_gives_no_answer_is_done_without_and_warned_of_once(
    how: Exception | str, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    source, store = OwnSource([*say("a"), END]), WatchedStore(opening=how, failing=how)
    events, result = await reopened(store, source)
    assert (result.text, store.appends) == ("a", 0)
    assert any(isinstance(event, rr.Status) for event in events)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("how", [DOWN, LOCKED, "hang"])
async def test_where_the_store_comes_first_one_that_gives_no_answer_is_an_error(
    how: Exception | str, autojump_clock: MockClock
) -> None:
    source, store = OwnSource(), WatchedStore(opening=how)
    with pytest.raises(rr.StoreError, match="before_delivery"):
        await reopened(store, source, policy=STORE_FIRST)
    assert source.attempts == 0


async def test_a_store_that_refuses_is_an_error(autojump_clock: MockClock) -> None:
    refusal = rr.StoreError("runs.db is no database")
    with pytest.raises(rr.StoreError) as caught:
        await reopened(WatchedStore(opening=refusal), OwnSource())
    assert caught.value is refusal


GIVEN: dict[str, object] = {
    r"gave None; expected an OpenedJournal\(": None,
    r"gave a tuple; expected an OpenedJournal\(": (1, ()),
    r"gave the fence '1'; expected a whole number": OpenedJournal(cast("Any", "1"), ()),
    "gave the fence True; expected a whole number": OpenedJournal(True, ()),
    "gave entries that are None; expected a tuple of bytes": OpenedJournal(1, cast("Any", None)),
    "gave entries that are b'x'; expected a tuple of bytes": OpenedJournal(1, cast("Any", b"x")),
    "gave an entry 1 that is 'text'; expected bytes": OpenedJournal(1, (b"[]", cast("Any", "text"))),
    "gave an entry 0 that is a memoryview; expected bytes": OpenedJournal(1, (cast("Any", memoryview(b"x")),)),
}


@pytest.mark.parametrize("told", GIVEN)
@pytest.mark.parametrize("policy", [None, STORE_FIRST])
async def test_a_store_that_gives_no_journal_is_told_as_the_store_s_fault_before_anything_is_asked(
    told: str, policy: rr.Policy | None, autojump_clock: MockClock
) -> None:
    class Mistaken(WatchedStore):
        async def open_journal(self, run_id: str) -> OpenedJournal:
            return cast("OpenedJournal", GIVEN[told])

    source = OwnSource()
    with pytest.raises(rr.StoreError, match=rf"open_journal\(\) of the store Mistaken {told}.*: mend Mistaken"):
        await reopened(Mistaken(), source, policy=policy)
    assert source.attempts == 0


HEADER = JournalHeader(1, "run", fingerprint(ASK), "own", "m-1", 0.0)
CORRUPT: dict[str, list[bytes]] = {
    "garbage": [b"\x00\xff\x00"],
    "a cut entry": [encode_entry([HEADER])[:-3]],
    "no header": [encode_entry([TextDelta("x")])],
    "a newer schema": [encode_entry([JournalHeader(2, "run", fingerprint(ASK), "own", "m-1", 0.0)])],
    "an unknown item": [encode_entry([HEADER]), b'[["item","Novelty",{}]]'],
    "other JSON": [encode_entry([HEADER]), b'{"schema":1}'],
}


@pytest.mark.parametrize("entries", CORRUPT.values(), ids=CORRUPT)
async def test_a_checkpoint_that_can_not_be_read_is_an_error_that_names_the_run_and_is_left_as_it_was(
    entries: list[bytes],
    autojump_clock: MockClock,
) -> None:
    store, source = WatchedStore(), OwnSource()
    fence = (await store.open_journal("run")).fence
    for sequence, entry in enumerate(entries):
        await store.append("run", fence, sequence, entry)
    with pytest.raises(rr.StoreError, match="run 'run' can not be read"):
        await reopened(store, source)
    assert (source.attempts, (await store.open_journal("run")).entries) == (0, tuple(entries))


# -- a store that fails in the middle ---------------------------------------------------------------------------------

LONG: list[Step] = [step for i in range(20) for step in (TextDelta(f"tok{i} "), Silence(1.0))]


@pytest.mark.parametrize("how", [DOWN, rr.StoreError("full"), "hang"])
@pytest.mark.parametrize("passing", [0, 3])
async def test_a_store_that_fails_in_the_middle_is_counted_and_warned_of_once_and_the_stream_goes_on(
    how: Exception | str, passing: int, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    store, source = WatchedStore(failing=how), OwnSource([*LONG, END])
    store.passing = passing
    _, result = await reopened(store, source)
    assert result.text == "".join(f"tok{i} " for i in range(20))
    assert result.attempts[0].ended_s == pytest.approx(20.0)
    assert result.checkpoint_failures > 0
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_a_store_that_comes_back_has_everything_in_the_end(autojump_clock: MockClock) -> None:
    store = WatchedStore(failing=DOWN)
    engine = engine_of(OwnSource([*LONG, Silence()]), store=store)
    async with engine.open_stream(ASK, run_id="run") as run:
        await until(run, 10)
        store.failing = None
        await until(run, 10)
    assert store.text == run.result.text


@pytest.mark.parametrize("hanging", ["open_journal", "append", "delete"])
@pytest.mark.parametrize("left_at_s", [None, 0.0, 1.0])
async def test_a_store_that_breaks_while_its_call_is_cancelled_costs_the_stream_nothing(
    hanging: str, left_at_s: float | None, autojump_clock: MockClock
) -> None:
    store, said = Nursery(hanging), [*say("a"), Silence(1.5), *say("b"), END]
    with trio.CancelScope() as outer:
        outer.deadline = math.inf if left_at_s is None else left_at_s + trio.current_time()
        events, result = await reopened(store, OwnSource(said), policy=SHORT)
        assert (text_of(events), result.text) == ("ab", "ab")
    assert outer.cancelled_caught is (left_at_s is not None)


async def test_a_fence_that_is_lost_beside_another_fault_is_a_lost_fence(autojump_clock: MockClock) -> None:
    store = Nursery("append", breaks=ExceptionGroup("", [OSError("down"), StaleFence("another owns it")]))
    with pytest.raises(StaleFence, match="another owns it"):
        await reopened(store, OwnSource([*LONG, END]), policy=SHORT)


async def test_a_store_that_refuses_beside_another_fault_refuses(autojump_clock: MockClock) -> None:
    store = Nursery("open_journal", breaks=ExceptionGroup("", [OSError("down"), rr.StoreError("no database")]))
    with pytest.raises(rr.StoreError, match="no database"):
        await reopened(store, OwnSource(), policy=SHORT)


async def test_a_store_that_refuses_once_at_the_pause_has_the_last_word_all_the_same(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    engine = engine_of(OwnSource([*say("first "), Silence(1), *say("second"), Silence()]), store=store)
    async with engine.open_stream(ASK, run_id="run") as run:
        await until(run, 2)
        store.failing, store.passing = DOWN, store.appends
        run.pause()
        await trio.sleep(0.1)
        store.failing = None
    assert (store.text, run.checkpoint_failures) == ("first second", 1)


async def test_one_who_is_cancelled_after_the_last_event_waits_for_a_store_that_hangs_no_longer_than_its_bound(
    autojump_clock: MockClock,
) -> None:
    store = Nursery("append", "delete")
    engine = engine_of(OwnSource([*say("a"), END]), store=store)
    with trio.CancelScope() as outer:
        async with engine.open_stream(ASK, run_id="run") as run:
            await until(run, 2)
            began_s = trio.current_time()
            outer.cancel()
    assert trio.current_time() - began_s <= rr.CheckpointPolicy().last_flush_s


async def test_a_store_that_fails_to_delete_is_counted_and_the_answer_is_whole(autojump_clock: MockClock) -> None:
    class Undeletable(WatchedStore):
        async def delete(self, run_id: str, fence: int) -> None:
            raise DOWN

    engine = engine_of(OwnSource([*say("a"), END]), store=Undeletable())
    async with engine.open_stream(ASK, run_id="run") as run:
        await all_events(run)
    assert (run.result.text, run.checkpoint_failures) == ("a", 1)


# -- where the store comes first --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [DOWN, "hang"])
@pytest.mark.parametrize("passing", [0, 1, 2, 5])
async def test_where_the_store_comes_first_nothing_is_shown_that_is_not_stored(
    how: Exception | str, passing: int, autojump_clock: MockClock
) -> None:
    store, seen = WatchedStore(failing=how), list[rr.Event]()
    store.passing = passing

    with pytest.raises(rr.StoreError, match="nothing that is not stored"):
        async with engine_of(OwnSource([*LONG, END]), store=store, policy=STORE_FIRST).open_stream(ASK) as run:
            async for event in run:
                seen.append(event)
                assert store.text.startswith(text_of(seen))
    assert store.text.startswith(text_of(seen))
    assert (passing > 3) <= bool(seen)


@pytest.mark.parametrize("act", [lambda run: run.cancel(), lambda run: run.pause()], ids=["cancel", "pause"])
@pytest.mark.parametrize("at_s", [tenths / 20 for tenths in range(50)])
async def test_where_the_store_comes_first_a_cancelled_write_loses_no_event(
    act: Callable[[rr.Run], None], at_s: float, autojump_clock: MockClock
) -> None:
    class Slow(WatchedStore):
        async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
            await trio.sleep(0.1)
            await super().append(run_id, fence, sequence, entry)

    store = Slow()
    engine = engine_of(OwnSource([*LONG, END]), store=store, policy=STORE_FIRST)
    async with engine.open_stream(ASK) as run, trio.open_nursery() as nursery:
        nursery.start_soon(end_at, run, at_s, act)
        events = await all_events(run)
    assert text_of(events) == run.result.text == store.text


async def collect(run: rr.Run, seen: list[rr.Event]) -> None:
    async for event in run:
        seen.append(event)


async def end_at(run: rr.Run, at_s: float, act: Callable[[rr.Run], None]) -> None:
    await trio.sleep(at_s)
    act(run)


@pytest.mark.parametrize("how", [DOWN, "hang"])
async def test_where_the_store_comes_first_a_cancelled_run_that_can_not_be_stored_shows_nothing_of_it(
    how: Exception | str,
    autojump_clock: MockClock,
) -> None:
    store, seen = WatchedStore(failing=how), list[rr.Event]()

    engine = engine_of(OwnSource([*LONG, END]), store=store, policy=STORE_FIRST)
    async with engine.open_stream(ASK) as run, trio.open_nursery() as nursery:
        nursery.start_soon(end_at, run, 0.0, lambda run: run.cancel())
        with pytest.raises(rr.StoreError, match="all that was shown is stored"):
            await collect(run, seen)
    assert text_of(seen) == store.text == ""


async def test_where_the_store_comes_first_an_answer_is_whole_and_deleted_all_the_same(
    autojump_clock: MockClock,
) -> None:
    store = WatchedStore()
    source = OwnSource(say("a"), [*say("b"), *call("1", "{}"), END])
    events, result = await reopened(store, source, policy=STORE_FIRST)
    assert (text_of(events), result.text, store.deleted) == ("ab", "ab", ["run"])
    assert kinds(events)[-2:] == [rr.ToolCallReady, rr.Finished]


# -- fences -----------------------------------------------------------------------------------------------------------


async def test_a_run_that_another_process_took_over_ends_with_a_store_error(autojump_clock: MockClock) -> None:
    store, first, seen = WatchedStore(), OwnSource([*LONG, END]), list[rr.Event]()

    with pytest.raises(StaleFence, match="later opening"):
        async with engine_of(first, store=store).open_stream(ASK, run_id="run") as run:
            seen.extend(await until(run, 3))
            await store.open_journal("run")
            async for event in run:
                seen.append(event)
    assert 3 <= len(seen) < 20
    assert first.open == 0


async def test_the_new_owner_finishes_what_the_old_one_began(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    async with engine_of(OwnSource([*say("a"), Silence()]), store=store).open_stream(ASK, run_id="run") as old:
        await until(old, 1)
        await trio.sleep(1)
        _, result = await reopened(store, OwnSource([*say("b"), END]))
        assert result.text == "ab"
    assert store.deleted == ["run"]


async def test_the_provider_s_word_for_the_end_survives(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    script = [*say("a"), StopReported(rr.StopReason.MAX_TOKENS, "length")]
    async with engine_of(OwnSource(script), store=store).open_stream(ASK, run_id="run"):
        await trio.sleep(1)
    result = (await reopened(store, OwnSource()))[1]
    assert (result.stop_reason, result.stop_word) == (rr.StopReason.MAX_TOKENS, "length")
