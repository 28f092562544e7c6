"""The journal writer: bounded lag, own deadlines, one warning; a store that fails costs the stream nothing."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable, Sequence

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock, wait_all_tasks_blocked

from riverrun.engine.core.errors import StoreError
from riverrun.engine.core.journal import AttemptBegan, Entry, JournalHeader
from riverrun.engine.core.policy import CheckpointPolicy
from riverrun.engine.core.stream_events import TextDelta, ToolCallDelta
from riverrun.engine.run import journal_writer
from riverrun.engine.run.journal_writer import ITEM_BYTES, RETRY_S, JournalWriter
from tests.engine.own_source import played
from tests.engine.stores import WatchedStore

LAZY = CheckpointPolicy(lag_bytes=1000, lag_s=5, write_s=2, last_flush_s=3)
HEADER = JournalHeader(1, "run", "f", "p", "m", 0.0)


async def writing(
    story: Callable[[JournalWriter, WatchedStore], Awaitable[None]],
    store: WatchedStore | None = None,
    policy: CheckpointPolicy = LAZY,
    scope: trio.CancelScope | None = None,
) -> tuple[WatchedStore, JournalWriter]:
    """Let a story happen beside the writer's task, in virtual time."""
    kept = WatchedStore() if store is None else store

    journal = await kept.open_journal("run")
    runs = scope or trio.CancelScope()
    writer = JournalWriter(kept, "run", fence=journal.fence, sequence=0, policy=policy, scope=runs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        await wait_all_tasks_blocked()
        await story(writer, kept)
        nursery.cancel_scope.cancel()
    return kept, writer


def record(writer: JournalWriter, *texts: str) -> None:
    for text in texts:
        writer.record(TextDelta(text))


async def test_the_oldest_word_is_written_when_the_lag_has_passed_and_not_before(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a", "b")
        await trio.sleep(4.9)
        assert store.items == []
        await trio.sleep(0.2)
        assert store.items == [TextDelta("ab")]

    await writing(story)


@pytest.mark.parametrize(
    "items", [[TextDelta("x" * 1000)], [TextDelta("x" * 500)] * 2, [ToolCallDelta("1", "x" * 1000)]]
)
async def test_when_enough_was_said_it_is_written_at_once(items: list[Entry], autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        for item in items:
            writer.record(item)
        await wait_all_tasks_blocked()
        assert store.appends == 1

    await writing(story)


async def test_what_is_no_text_counts_for_about_its_json(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        for _ in range(1000 // ITEM_BYTES + 1):
            writer.record(AttemptBegan(1, "p/m"))
        await wait_all_tasks_blocked()
        assert store.appends == 1

    await writing(story)


async def test_a_nudge_is_a_write_now(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        writer.nudge()
        await wait_all_tasks_blocked()
        assert store.items == [TextDelta("a")]

    await writing(story)


async def test_what_is_more_than_a_piece_is_several_entries(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(journal_writer, "PIECE_BYTES", 300)
    said = "日本" * 200

    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a", said)
        await trio.sleep(6)
        record(writer, "b")
        await writer.finish()

    store, _ = await writing(story)
    assert max(map(len, store.kept)) <= 300
    assert "".join(item.text for item in store.items if isinstance(item, TextDelta)) == f"a{said}b"


async def test_nothing_to_write_is_no_write(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        writer.nudge()
        await trio.sleep(100)
        await writer.write_through()
        await writer.finish()

    store, _ = await writing(story)
    assert store.appends == 0


async def test_finishing_writes_the_rest_even_when_cancelled(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        with trio.CancelScope() as scope:
            scope.cancel()
            await writer.finish()
        assert store.items == [TextDelta("a")]

    await writing(story)


async def test_the_last_write_is_tried_again_until_it_is_stored(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(come_back, store)
            assert await writer.finish()
        assert (store.items, writer.failures) == ([TextDelta("a")], store.appends - 1)
        assert 1 / RETRY_S <= writer.failures <= 1 / RETRY_S + 1

    async def come_back(store: WatchedStore) -> None:
        await trio.sleep(1)
        store.failing = None

    await writing(story, WatchedStore(failing=OSError("database is locked")))


async def test_the_last_write_to_a_store_that_goes_on_failing_is_bounded(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        began_s = trio.current_time()
        assert not await writer.finish()
        assert trio.current_time() - began_s == LAZY.last_flush_s

    await writing(story, WatchedStore(failing=OSError("database is locked")))


async def test_a_lost_fence_ends_the_last_write_at_once(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        await store.open_journal("run")
        record(writer, "a")
        began_s = trio.current_time()
        assert not await writer.finish()
        assert (trio.current_time() - began_s, store.appends) == (0.0, 1)

    await writing(story)


async def test_the_last_write_and_the_deletion_have_one_bound_together(autojump_clock: MockClock) -> None:
    class Slow(WatchedStore):
        async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
            await trio.sleep(2)
            await super().append(run_id, fence, sequence, entry)

        async def delete(self, run_id: str, fence: int) -> None:
            await trio.sleep_forever()

    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        assert await writer.finish()
        await trio.sleep(100)  # the consumer takes its time: that is not the store's
        began_s = trio.current_time()
        await writer.delete()
        assert trio.current_time() - began_s == pytest.approx(LAZY.last_flush_s - 2)

    _, writer = await writing(story, Slow(), evolve(LAZY, write_s=9))
    assert writer.failures == 1


@pytest.mark.parametrize("ask", ["finish", "delete"])
async def test_the_last_words_to_a_store_that_hangs_are_bounded(ask: str, autojump_clock: MockClock) -> None:
    class Hanging(WatchedStore):
        async def delete(self, run_id: str, fence: int) -> None:
            await trio.sleep_forever()

    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        began_s = trio.current_time()
        await getattr(writer, ask)()
        assert trio.current_time() - began_s <= LAZY.last_flush_s

    _, writer = await writing(story, Hanging(failing="hang"))
    assert writer.failures >= 1


# -- stores that fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [StoreError("disk full"), OSError("no space"), "hang"])
async def test_failed_writes_are_counted_warned_of_once_and_made_again_in_order(
    how: Exception | str, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        for text in ("a", "b", "c"):
            record(writer, text)
            await trio.sleep(20)
        assert (store.items, writer.failures > 2) == ([], True)
        store.failing = None
        await trio.sleep(20)
        assert "".join(item.text for item in store.items if isinstance(item, TextDelta)) == "abc"

    await writing(story, WatchedStore(failing=how))
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING


async def test_a_write_that_arrived_after_all_is_not_doubled(autojump_clock: MockClock) -> None:
    class Late(WatchedStore):
        async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
            await super().append(run_id, fence, sequence, entry)
            if self.appends == 1:
                await trio.sleep_forever()

    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        await trio.sleep(8)
        record(writer, "b")
        await writer.finish()

    store, writer = await writing(story, Late())
    assert (store.items, writer.failures) == ([TextDelta("a"), TextDelta("b")], 1)


@pytest.mark.parametrize("lag_s", [0, 0.001])
async def test_a_store_that_fails_at_once_is_not_asked_all_the_time(lag_s: float, autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        await trio.sleep(10)
        assert store.appends < 200

    await writing(story, WatchedStore(failing=OSError("down")), CheckpointPolicy(lag_s=lag_s))


async def test_the_store_s_own_words_are_one_printable_line_of_the_log(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        await writer.finish()

    await writing(story, WatchedStore(failing=OSError("bad\nERROR forged" + "x" * 500)))
    assert "\n" not in caplog.messages[0]
    assert len(caplog.messages[0]) < 400


@pytest.mark.parametrize("how", [OSError("down"), "hang"])
async def test_writing_through_raises_where_it_could_not_be_stored(
    how: Exception | str, autojump_clock: MockClock
) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        with pytest.raises(StoreError, match="nothing that is not stored"):
            await writer.write_through()

    await writing(story, WatchedStore(failing=how))


# -- signals ----------------------------------------------------------------------------------------------------------


class Hit(Exception):
    """What the handler of a signal raises."""


def struck(monkeypatch: pytest.MonkeyPatch, kind: signal.Signals) -> None:
    """Let a signal come in the middle of the first encode."""
    whole, struck = journal_writer.encode_entries, list[bool]()

    def encode_entries(items: Sequence[Entry], bytes_max: int) -> list[bytes]:
        if not struck:
            struck.append(True)
            signal.raise_signal(kind)
        return whole(items, bytes_max)

    monkeypatch.setattr(journal_writer, "encode_entries", encode_entries)


def test_a_ctrl_c_in_the_first_encode_comes_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:  # a run of its own: trio raises KeyboardInterrupt in its main task
        journal = await store.open_journal("run")
        writer = JournalWriter(store, "run", fence=journal.fence, sequence=0, policy=LAZY, scope=trio.CancelScope())
        writer.record(HEADER)
        record(writer, "a")
        struck(monkeypatch, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            await writer.finish()
        assert await writer.finish()

    store = WatchedStore()
    played(main)
    assert store.items == [HEADER, TextDelta("a")]


async def test_what_a_handler_raises_in_the_first_encode_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    def strike(*_: object) -> None:
        raise Hit

    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        writer.record(HEADER)
        struck(monkeypatch, signal.SIGUSR1)
        with pytest.raises(Hit):
            await writer.write()
        record(writer, "a")
        assert await writer.finish()
        assert store.items == [HEADER, TextDelta("a")]

    before = signal.signal(signal.SIGUSR1, strike)
    try:
        await writing(story)
    finally:
        signal.signal(signal.SIGUSR1, before)


# -- fences -----------------------------------------------------------------------------------------------------------


async def test_a_lost_fence_is_told_once_and_nothing_is_written_any_more(autojump_clock: MockClock) -> None:
    runs = trio.CancelScope()

    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        await store.open_journal("run")
        record(writer, "a")
        await trio.sleep(6)
        appends = store.appends
        record(writer, "b")
        await writer.finish()
        assert store.appends == appends

    store, writer = await writing(story, scope=runs)
    assert (store.items, writer.failures) == ([], 0)
    assert "later opening" in str(writer.fenced)
    assert runs.cancel_called


async def test_writing_through_after_a_lost_fence_raises(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        await store.open_journal("run")
        record(writer, "a")
        with pytest.raises(StoreError):
            await writer.write_through()

    await writing(story)


async def test_deleting_after_a_lost_fence_leaves_the_run_to_its_owner(autojump_clock: MockClock) -> None:
    async def story(writer: JournalWriter, store: WatchedStore) -> None:
        record(writer, "a")
        await writer.finish()
        await store.open_journal("run")
        await writer.delete()
        assert await store.list_runs() == ("run",)

    _, writer = await writing(story)
    assert writer.failures == 1
