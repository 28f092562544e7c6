"""A journal is bounded by what is held, whatever a provider says again and again; and opening one holds up nobody."""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.journal import (
    STEP_CHARS,
    AttemptBegan,
    Entry,
    JournalHeader,
    encode_entry,
    restore,
)
from riverrun.engine.core.policy import CheckpointPolicy, Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    CURSOR_CHARS_MAX,
    CursorMoved,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStarted,
    StopReported,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import UsageReport
from riverrun.engine.run import journal_writer
from riverrun.engine.run.checkpoint import restore_run
from riverrun.engine.run.journal_writer import COMPACTED_BYTES, REPLACED_BYTES, REPLACED_TIMES, JournalWriter
from riverrun.lowlevel import OpenedJournal
from tests.engine.own_source import ASK, END, OwnSource, all_events, engine_of, say
from tests.engine.stores import WatchedStore

HEADER = JournalHeader(1, "run", "f", "p", "m", 0.0)
EAGER = CheckpointPolicy(lag_s=0.001)
LARGE = 8000


async def written(story: Callable[[JournalWriter], Awaitable[None]], store: WatchedStore | None = None) -> WatchedStore:
    """Let a story be recorded beside the writer's task, in virtual time, and finish it."""
    kept = WatchedStore() if store is None else store

    opened = await kept.open_journal("run")
    writer = JournalWriter(kept, "run", fence=opened.fence, sequence=0, policy=EAGER, scope=trio.CancelScope())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        writer.record(HEADER)
        writer.record(AttemptBegan(1, "p/m"))
        await story(writer)
        assert await writer.finish()
        nursery.cancel_scope.cancel()
    return kept


def stored_bytes(store: WatchedStore) -> int:
    return sum(map(len, store.kept))


AGAIN: dict[str, Callable[[int], list[Entry]]] = {
    "signatures": lambda n: [ReasoningSignature(f"{n:0{LARGE}}")],
    "signatures between letters": lambda n: [ReasoningSignature(f"{n:0{LARGE}}"), ReasoningDelta("x")],
    "cursors between letters": lambda n: [TextDelta("x"), CursorMoved(f"{n:0{LARGE}}")],
    "stop reasons": lambda n: [StopReported(StopReason.OTHER, f"{n:0{LARGE}}")],
    "names": lambda n: [ResponseStarted(f"{n:0{LARGE}}", "m")],
    "usage": lambda n: [UsageReport(output=n)] * 30,
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
async def test_what_is_said_again_and_again_takes_in_the_store_what_lasts_allows(
    again: Callable[[int], list[Entry]], autojump_clock: MockClock
) -> None:
    said: list[Entry] = []

    async def story(writer: JournalWriter) -> None:
        for n in range(1000):
            for item in again(n):
                writer.record(item)
                said.append(item)
            await trio.sleep(0.01)  # an entry for each

    store = await written(story)
    lasting = sum(len(encode_entry([item])) for item in said if isinstance(item, TextDelta | ReasoningDelta))
    assert stored_bytes(store) <= (1 + REPLACED_TIMES) * (lasting + 60_000) + REPLACED_BYTES + 2 * LARGE
    assert store.restored is not None
    last = {type(item): item for item in said}
    stored = {type(item): item for item in store.items}
    assert all(stored[kind] == item for kind, item in last.items() if kind not in (TextDelta, ReasoningDelta))


async def test_a_cursor_that_waits_is_none_in_the_store_for_an_older_one_would_repeat_the_text(
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    monkeypatch.setattr(journal_writer, "REPLACED_BYTES", 100)
    places: list[tuple[int, str | None]] = []

    async def story(writer: JournalWriter) -> None:
        for n in range(50):
            writer.record(TextDelta("x"))
            writer.record(CursorMoved(f"{n + 1:0400}"))
            await trio.sleep(0.01)
            assert store.restored is not None
            accumulator = store.restored.accumulator
            places.append((len(accumulator.text), accumulator.cursor))

    store = WatchedStore()
    await written(story, store)
    assert all(cursor is None or int(cursor) == said for said, cursor in places)
    assert 0 < sum(cursor is None for _, cursor in places) < len(places)
    assert store.restored is not None
    assert store.restored.accumulator.cursor == f"{50:0400}"


async def test_a_usual_answer_with_a_cursor_in_every_entry_is_never_without_one(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter) -> None:
        for n in range(500):
            writer.record(TextDelta("fifty characters are said in a quarter of a second"))
            writer.record(CursorMoved(f"{n:0400}"))
            await trio.sleep(0.01)

    assert CursorMoved(None) not in (await written(story)).items


async def test_what_waits_for_a_store_that_hangs_is_bounded_by_what_is_held(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter) -> None:
        await trio.sleep(1)
        tracemalloc.start()
        for n in range(4000):
            writer.record(ReasoningSignature(f"{n:0{LARGE}}"))
        grown.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        store.failing = None
        await trio.sleep(10)

    store, grown = WatchedStore(failing="hang"), list[int]()
    await written(story, store)
    assert grown[0] < 10 * COMPACTED_BYTES


# -- cursors ----------------------------------------------------------------------------------------------------------


async def cursors_of(source: OwnSource) -> tuple[list[str | None], list[rr.Event]]:
    """The cursors stored of one paused answer, and what its consumer was given."""
    store = WatchedStore()

    async with engine_of(source, store=store).open_stream(ASK, run_id="run") as run:
        events = await all_events(run)
    return [item.cursor for item in store.items if isinstance(item, CursorMoved)], events


async def test_a_cursor_beyond_its_bound_is_none_and_a_status_says_so_once(autojump_clock: MockClock) -> None:
    long = [CursorMoved("c" * (CURSOR_CHARS_MAX + 1)), *say("b")]
    stored, events = await cursors_of(OwnSource([*say("a"), CursorMoved("1"), *long, *long, END]))
    assert set(stored) <= {"1", None}
    assert stored[-1] is None
    told = [event.message for event in events if isinstance(event, rr.Status)]
    assert len(told) == 1
    assert f"more than {CURSOR_CHARS_MAX} characters" in told[0]


def test_a_cursor_that_an_older_version_stored_is_held_to_the_bound_too() -> None:
    entry = encode_entry([HEADER, AttemptBegan(1, "p/m"), TextDelta("a"), CursorMoved("c" * (CURSOR_CHARS_MAX + 1))])
    restored = restore([entry], Limits())
    assert restored is not None
    assert restored.accumulator.cursor is None


# -- opening ----------------------------------------------------------------------------------------------------------


async def test_opening_a_long_journal_lets_other_tasks_run_all_the_while(autojump_clock: MockClock) -> None:
    calls: list[Entry] = [
        item for n in range(3000) for item in (ToolCallStart(str(n), "t"), ToolCallDelta(str(n), "x" * 100))
    ]
    journal = OpenedJournal(1, (encode_entry([HEADER, AttemptBegan(1, "p/m")]), encode_entry(calls)))
    turns: list[int] = []

    async def count() -> None:
        while True:
            turns.append(1)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        restored = await restore_run(journal, "run", "f", Limits(calls_max=5000))
        nursery.cancel_scope.cancel()
    assert restored is not None
    assert len(turns) >= sum(map(len, journal.entries)) // STEP_CHARS - 1
