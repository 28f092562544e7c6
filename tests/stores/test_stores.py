"""What every checkpoint store promises: one set of claims, run on each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st

from riverrun import MemoryStore, SQLiteStore
from riverrun.abc import CheckpointStore, FirstEntryReader
from riverrun.engine.core.errors import StoreError
from riverrun.lowlevel import OpenedJournal, StaleFence

Store: TypeAlias = MemoryStore | SQLiteStore

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too


def make_memory(folder: Path, **options: int) -> Store:
    del folder
    return MemoryStore(**options)


def make_sqlite(folder: Path, **options: int) -> Store:
    return SQLiteStore(folder / "runs.db", **options)


@pytest.fixture(params=[make_memory, make_sqlite], ids=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Store]:
    """A store of each kind, on request."""
    maker: Callable[..., Store] = request.param
    return lambda **options: maker(tmp_path, **options)


@pytest.fixture
async def store(make: Callable[..., Store]) -> AsyncIterator[Store]:
    """A fresh store of each kind, closed in the end."""
    async with make() as made:
        yield made


# --- opening and appending ------------------------------------------------------------------------------------------


async def test_the_first_entry_is_read_and_nobody_is_locked_out(store: Store) -> None:
    assert isinstance(store, FirstEntryReader)
    assert (await store.first_entry("run"), await store.list_runs()) == (None, ())
    fence = (await store.open_journal("run")).fence
    await store.append("run", fence, 0, b"zero")
    assert await store.first_entry("run") == b"zero"
    await store.append("run", fence, 1, b"one")


async def test_an_unknown_run_opens_empty_with_fence_one(store: Store) -> None:
    assert await store.open_journal("a") == OpenedJournal(1, ())


async def test_entries_come_back_whole_and_in_order(store: Store) -> None:
    entries = (b"first", b"", b"\x00\xff", b"last")

    fence = (await store.open_journal("a")).fence
    for sequence, entry in enumerate(entries):
        await store.append("a", fence, sequence, entry)
    assert (await store.open_journal("a")).entries == entries


async def test_each_opening_raises_the_fence_by_one(store: Store) -> None:
    assert [(await store.open_journal("a")).fence for _ in range(4)] == [1, 2, 3, 4]
    assert (await store.open_journal("b")).fence == 1


async def test_numbers_go_on_over_openings(store: Store) -> None:
    for sequence in range(3):
        opened = await store.open_journal("a")
        assert len(opened.entries) == sequence
        await store.append("a", opened.fence, sequence, b"%d" % sequence)
    assert (await store.open_journal("a")).entries == (b"0", b"1", b"2")


async def test_the_same_entry_written_again_changes_nothing(store: Store) -> None:
    await store.open_journal("a")
    await store.append("a", 1, 0, b"zero")
    await store.append("a", 1, 1, b"one")
    await store.append("a", 1, 0, b"zero")
    assert (await store.open_journal("a")).entries == (b"zero", b"one")
    await store.append("a", 2, 1, b"one")
    assert (await store.open_journal("a")).entries == (b"zero", b"one")


async def test_what_is_stored_is_never_replaced(store: Store) -> None:
    await store.open_journal("a")
    await store.append("a", 1, 0, b"zero")
    with pytest.raises(StoreError, match="holds an entry 0 already: 4 bytes stored, 5 other bytes given"):
        await store.append("a", 1, 0, b"other")
    assert (await store.open_journal("a")).entries == (b"zero",)


@pytest.mark.parametrize("sequence", [-1, 2, 2**63, 2**200])
async def test_a_number_that_leaves_a_gap_is_refused(store: Store, sequence: int) -> None:
    await store.open_journal("a")
    await store.append("a", 1, 0, b"zero")
    with pytest.raises(StoreError, match=f"got entry {sequence}; expected 1,"):
        await store.append("a", 1, sequence, b"")
    assert (await store.open_journal("a")).entries == (b"zero",)


async def test_runs_do_not_see_each_other(store: Store) -> None:
    for name in ("a", "b"):
        await store.open_journal(name)
        await store.append(name, 1, 0, name.encode())
    await store.delete("a", 1)
    assert (await store.open_journal("b")).entries == (b"b",)


async def test_runs_are_listed_in_the_order_of_their_first_opening(store: Store) -> None:
    assert await store.list_runs() == ()
    for name in ("c", "a", "b", "a"):
        await store.open_journal(name)
    assert await store.list_runs() == ("c", "a", "b")
    await store.delete("c", 1)
    assert await store.list_runs() == ("a", "b")


# --- fences ---------------------------------------------------------------------------------------------------------


async def test_a_later_opening_locks_every_earlier_writer_out(store: Store) -> None:
    stale = (await store.open_journal("a")).fence
    await store.append("a", stale, 0, b"mine")
    await store.open_journal("a")
    with pytest.raises(StaleFence, match="fence is 2, this writer's is 1"):
        await store.append("a", stale, 1, b"late")
    with pytest.raises(StaleFence):
        await store.append("a", stale, 0, b"mine")
    with pytest.raises(StaleFence):
        await store.delete("a", stale)
    assert (await store.open_journal("a")).entries == (b"mine",)


async def test_a_fence_that_was_never_given_out_is_refused(store: Store) -> None:
    await store.open_journal("a")
    with pytest.raises(StoreError, match="has fence 1, this writer's is 2"):
        await store.append("a", 2, 0, b"")
    with pytest.raises(StoreError, match="not given out"):
        await store.delete("a", 2)
    assert await store.list_runs() == ("a",)


async def test_an_entry_for_an_unknown_run_is_refused(store: Store) -> None:
    with pytest.raises(StaleFence, match="run 'a' is not in the store"):
        await store.append("a", 1, 0, b"")
    assert await store.list_runs() == ()


async def test_a_deleted_run_is_gone_and_may_be_deleted_again(store: Store) -> None:
    await store.open_journal("a")
    await store.append("a", 1, 0, b"zero")
    await store.delete("a", 1)
    await store.delete("a", 1)
    await store.delete("never", 7)
    assert await store.list_runs() == ()


async def test_a_stale_writer_can_not_raise_a_deleted_run(store: Store) -> None:
    await store.open_journal("a")
    await store.delete("a", 1)
    with pytest.raises(StaleFence):
        await store.append("a", 1, 0, b"ghost")
    assert await store.list_runs() == ()


async def test_a_writer_of_a_deleted_run_can_not_write_into_its_successor(store: Store) -> None:
    left_over = [(await store.open_journal("a")).fence for _ in range(3)]
    await store.delete("a", left_over[-1])
    successor = await store.open_journal("a")
    assert successor.entries == ()
    for fence in left_over:
        with pytest.raises(StaleFence):
            await store.append("a", fence, 0, b"ghost")
    await store.append("a", successor.fence, 0, b"new")
    assert (await store.open_journal("a")).entries == (b"new",)


async def test_the_fence_floor_is_that_of_the_highest_run_ever_deleted(store: Store) -> None:
    for _ in range(3):
        await store.open_journal("high")
    await store.open_journal("low")
    await store.delete("high", 3)
    await store.delete("low", 1)
    assert (await store.open_journal("high")).fence == 4


# --- content and size -----------------------------------------------------------------------------------------------

NAUGHTY = ["", " ", "\x00", "a\x00b", "../../etc/passwd", "'; DROP TABLE runs; --", "\ud800", "\udfff\ud800", "ß", "SS"]
NAUGHTY += ["é", "e\u0301", "😀", "\u2028", "\ufeff", "x" * 10_000, "%s", "NULL", "null", "A", "a", "a ", "\n"]


async def keeps_apart(store: Store, names: list[str]) -> None:
    for name in names:
        fence = (await store.open_journal(name)).fence
        await store.append(name, fence, 0, name.encode("utf-8", "surrogatepass"))
    assert await store.list_runs() == tuple(names)
    for name in names:
        assert (await store.open_journal(name)).entries == (name.encode("utf-8", "surrogatepass"),)


async def test_any_string_is_a_run_id_and_no_two_are_one(store: Store) -> None:
    await keeps_apart(store, NAUGHTY)


async def test_the_shared_naughty_strings_are_run_ids(store: Store, shared: Path) -> None:
    strings = json.loads((shared / "cases" / "naughty_strings.json").read_text(encoding="utf-8"))["strings"]
    await keeps_apart(store, list(dict.fromkeys(strings))[::4])


async def test_an_error_names_a_run_on_one_printable_line(store: Store) -> None:
    with pytest.raises(StaleFence) as caught:
        await store.append("a\nb\ud800" + "x" * 1000, 1, 0, b"")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


async def test_an_entry_above_the_cap_is_refused_with_its_size(make: Callable[..., Store]) -> None:
    async with make(entry_bytes_max=10) as store:
        await store.open_journal("a")
        await store.append("a", 1, 0, b"x" * 10)
        with pytest.raises(StoreError, match="an entry of 11 bytes; expected at most 10"):
            await store.append("a", 1, 1, b"x" * 11)
        assert (await store.open_journal("a")).entries == (b"x" * 10,)


async def test_a_megabyte_is_an_entry_like_any_other(store: Store) -> None:
    entry = bytes(range(256)) * 4096
    await store.open_journal("a")
    await store.append("a", 1, 0, entry)
    assert (await store.open_journal("a")).entries == (entry,)


# --- tasks, cancellation, closing -----------------------------------------------------------------------------------


async def test_every_method_is_a_checkpoint(store: Store) -> None:
    with trio.testing.assert_checkpoints():
        await store.open_journal("a")
    with trio.testing.assert_checkpoints():
        await store.append("a", 1, 0, b"")
    with trio.testing.assert_checkpoints():
        await store.list_runs()
    with trio.testing.assert_checkpoints():
        await store.delete("a", 1)
    with trio.testing.assert_checkpoints():
        await store.aclose()


async def test_a_call_in_a_cancelled_scope_does_nothing(store: Store) -> None:
    await store.open_journal("a")
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.open_journal("a"),
        lambda: store.append("a", 1, 0, b""),
        lambda: store.delete("a", 1),
        store.list_runs,
    ]
    for call in calls:
        with trio.CancelScope() as scope:
            scope.cancel(reason="the test says so")
            await call()
        assert scope.cancelled_caught
    assert await store.open_journal("a") == OpenedJournal(2, ())


async def test_many_tasks_write_their_runs_side_by_side(store: Store) -> None:
    async def write_run(store: CheckpointStore, name: str) -> None:
        fence = (await store.open_journal(name)).fence
        for sequence in range(5):
            await store.append(name, fence, sequence, f"{name}{sequence}".encode())

    async with trio.open_nursery() as nursery:
        for name in "abcdefgh":
            nursery.start_soon(write_run, store, name)
    for name in "abcdefgh":
        assert (await store.open_journal(name)).entries == tuple(f"{name}{n}".encode() for n in range(5))


async def test_of_many_tasks_that_open_one_run_each_gets_its_own_fence(store: Store) -> None:
    fences: list[int] = []

    async def open_one() -> None:
        fences.append((await store.open_journal("a")).fence)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(open_one)
    assert sorted(fences) == list(range(1, 11))


async def test_a_closed_store_refuses_every_call_and_may_be_closed_again(store: Store) -> None:
    await store.open_journal("a")
    await store.aclose()
    await store.aclose()
    for call in (store.open_journal("a"), store.append("a", 1, 0, b""), store.delete("a", 1), store.list_runs()):
        with pytest.raises(StoreError, match="is closed"):
            await call


async def test_closing_in_a_cancelled_scope_closes(store: Store) -> None:
    await store.open_journal("a")
    with trio.CancelScope() as scope:
        scope.cancel(reason="the test says so")
        await store.aclose()
    assert scope.cancelled_caught
    with pytest.raises(StoreError, match="is closed"):
        await store.list_runs()


# --- any sequence of calls ------------------------------------------------------------------------------------------

names = st.one_of(st.sampled_from(["a", "b"]), ANY_TEXT)
fences = st.integers(0, 5)
calls = st.one_of(
    st.tuples(st.just("open_journal"), names),
    st.tuples(st.just("append"), names, fences, st.integers(-1, 4), st.binary(max_size=3)),
    st.tuples(st.just("delete"), names, fences),
    st.tuples(st.just("list_runs")),
)


async def outcome(store: CheckpointStore, name: str, *arguments: object) -> object:
    try:
        return await getattr(store, name)(*arguments)
    except StoreError as error:
        return type(error), str(error)


@settings(max_examples=60)
@given(st.lists(calls, max_size=25))
@example([("open_journal", "a"), ("append", "a", 1, 0, b"x"), ("delete", "a", 1), ("open_journal", "a")])
def test_any_sequence_of_calls_ends_alike_in_memory_and_in_sqlite(sequence: list[tuple[str, ...]]) -> None:
    async def main(folder: Path) -> None:
        async with MemoryStore() as memory, SQLiteStore(folder / "runs.db") as sqlite:
            for call in sequence:
                assert await outcome(memory, *call) == await outcome(sqlite, *call)

    with tempfile.TemporaryDirectory() as folder:
        trio.run(main, Path(folder))
