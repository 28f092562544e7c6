"""What the SQLite store promises beyond the protocol: its file, other processes, broken disks and hanging ones."""

from __future__ import annotations

import errno
import gc
import os
import random
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riverrun import SQLiteStore
from riverrun.engine.core.errors import StoreError, UsageError
from riverrun.engine.core.policy import CheckpointPolicy
from riverrun.engine.run.checkpoint import StoreUnavailable, load_journal
from riverrun.engine.stores import sqlite, sqlite_file
from riverrun.engine.stores.sqlite_errors import typed_errors
from riverrun.lowlevel import OpenedJournal, StaleFence, StoreUnreachable

ENTRIES = tuple(bytes([number]) * 3000 for number in range(20))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store will be; nothing is there yet."""
    return tmp_path / "runs.db"


def serve(path: Path, claim: Callable[[SQLiteStore], Awaitable[None]]) -> None:
    async def main() -> None:
        async with SQLiteStore(path) as store:
            await claim(store)

    trio.run(main)


async def write_entries(store: SQLiteStore) -> None:
    opened = await store.open_journal("a")
    for sequence, entry in enumerate(ENTRIES):
        await store.append("a", opened.fence, sequence, entry)


def open_error(path: Path) -> str:
    """The message with which opening a journal is refused."""

    async def claim(store: SQLiteStore) -> None:
        with pytest.raises(StoreError) as caught:
            await store.open_journal("a")
        messages.append(str(caught.value))

    messages: list[str] = []
    serve(path, claim)
    return messages[0]


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that holds the write lock until the end of the block."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


# --- the file -------------------------------------------------------------------------------------------------------


def test_nothing_is_made_before_the_first_use(path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        before = os.listdir(path.parent)
        await store.list_runs()
        assert (before, "runs.db" in os.listdir(path.parent)) == ([], True)

    serve(path, claim)


def test_what_was_stored_is_there_after_closing(path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        assert await store.open_journal("a") == OpenedJournal(2, ENTRIES)

    serve(path, write_entries)
    serve(path, claim)


def test_a_store_outlives_the_trio_run_that_used_it_first(path: Path) -> None:
    store = SQLiteStore(path)
    trio.run(write_entries, store)
    assert trio.run(store.open_journal, "a") == OpenedJournal(2, ENTRIES)
    trio.run(store.aclose)


def test_all_its_files_are_for_the_owner_only(path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        await store.open_journal("a")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == {"runs.db": 0o600, "runs.db-wal": 0o600, "runs.db-shm": 0o600}

    umask = os.umask(0)
    try:
        serve(path, claim)
    finally:
        os.umask(umask)


def test_a_file_others_could_read_is_made_private(path: Path) -> None:
    serve(path, write_entries)
    path.chmod(0o644)
    test_all_its_files_are_for_the_owner_only(path)


def test_a_symbolic_link_is_refused_and_its_target_untouched(path: Path) -> None:
    target = path.with_name("target")
    target.write_bytes(b"")
    path.symlink_to(target)
    assert "is a symbolic link; expected a regular file" in open_error(path)
    assert target.read_bytes() == b""


def test_a_link_to_nowhere_is_refused_and_makes_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("target"))
    assert "is a symbolic link" in open_error(path)
    assert not path.with_name("target").exists()


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_link_beside_the_file_is_refused(path: Path, suffix: str) -> None:
    serve(path, write_entries)
    Path(f"{path}{suffix}").symlink_to(path.with_name("target"))
    assert f"runs.db{suffix} is a symbolic link" in open_error(path)
    assert not path.with_name("target").exists()


def test_a_directory_or_a_pipe_is_refused(path: Path) -> None:
    path.mkdir()
    assert "is no regular file; expected a regular file" in open_error(path)
    os.mkfifo(path.with_name("pipe"))
    assert "is no regular file" in open_error(path.with_name("pipe"))


def test_a_missing_folder_is_named_and_not_made(path: Path) -> None:
    assert "missing is not a folder; expected one that exists: create it first" in open_error(
        path.parent / "missing" / "runs.db"
    )
    path.write_bytes(b"")
    assert "runs.db is not a folder" in open_error(path / "runs.db")
    assert not (path.parent / "missing").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_a_typed_error(path: Path) -> None:
    path.parent.chmod(0o500)
    assert "check their owner and mode" in open_error(path)
    path.parent.chmod(0o700)


def test_a_file_taken_away_under_the_store_is_noticed(path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        await write_entries(store)
        os.rename(path, path.with_name("elsewhere"))
        with pytest.raises(StoreError, match="was removed or replaced while in use"):
            await store.append("a", 1, len(ENTRIES), b"")
        os.symlink("elsewhere", path)
        with pytest.raises(StoreError, match="was removed or replaced while in use"):
            await store.list_runs()

    serve(path, claim)


def test_a_relative_path_stays_where_it_was_meant(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    store = SQLiteStore("runs.db")
    monkeypatch.chdir("/")
    trio.run(write_entries, store)
    trio.run(store.aclose)
    assert path.exists()


@pytest.mark.parametrize("path", ["", "a\x00b", ":memory:"])
def test_a_path_that_names_no_file_is_a_usage_error(path: str) -> None:
    with pytest.raises(UsageError, match="expected the name of a file"):
        SQLiteStore(path)


def test_its_repr_shows_the_path_and_nothing_else(path: Path) -> None:
    assert repr(SQLiteStore(path)) == f"SQLiteStore({str(path)!r})"


def test_an_append_costs_the_same_however_long_the_journal_is(path: Path) -> None:
    steps = 0

    def count_step() -> int:
        nonlocal steps
        steps += 1
        return 0

    async def claim(store: SQLiteStore) -> None:
        await store.open_journal("a")
        assert store._database._connection is not None
        store._database._connection.set_progress_handler(count_step, 1)
        total: list[int] = []
        for sequence in range(600):
            await store.append("a", 1, sequence, b"x" * 100)
            total.append(steps)
        assert total[599] - total[499] <= 1.1 * (total[199] - total[99])

    serve(path, claim)


# --- foreign, newer and broken files --------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"garbage", b"SQLite format 3\x00", b"\x00" * 5000, b"SQLite format 3\x00" * 900])
def test_garbage_is_a_typed_error_and_is_left_as_it_was(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "expected a riverrun store" in open_error(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_untouched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE runs (name, fence)")
    path.chmod(0o644)
    before = path.read_bytes()
    assert "is another program's database (application id 0x0, 1 schema entries)" in open_error(path)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_newer_schema_is_refused_with_both_numbers(path: Path) -> None:
    serve(path, write_entries)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 7")
    assert "has schema version 7; expected 1: upgrade riverrun" in open_error(path)


def test_our_number_on_a_file_without_our_tables_is_a_typed_error(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA application_id = {sqlite_file.APPLICATION_ID}")
        other.execute(f"PRAGMA user_version = {sqlite_file.SCHEMA_VERSION}")
    assert "has another schema (0 entries seen)" in open_error(path)


def survives(path: Path) -> None:
    """Opening ends in a typed error, or in entries as they were written."""

    async def claim(store: SQLiteStore) -> None:
        try:
            assert await store.list_runs() in ((), ("a",))
            entries = (await store.open_journal("a")).entries
        except StoreError:
            return
        assert entries == ENTRIES[: len(entries)]

    serve(path, claim)


def test_a_file_cut_at_any_page_is_an_error_or_whole(path: Path) -> None:
    serve(path, write_entries)
    content = path.read_bytes()
    for size in {*range(0, len(content), 4096), 1, 50, 99, 100, 101, len(content) - 1}:
        path.write_bytes(content[:size])
        survives(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 200))
def test_damaged_bytes_are_never_anything_but_a_typed_error(path: Path, dice: random.Random, length: int) -> None:
    pristine = path.with_name("pristine.db")
    if not pristine.exists():
        serve(pristine, write_entries)
    content = bytearray(pristine.read_bytes())
    start = dice.randrange(len(content) - length)
    content[start : start + length] = dice.randbytes(length)
    path.write_bytes(content)

    async def claim(store: SQLiteStore) -> None:
        with suppress(StoreError):
            await store.list_runs()
        with suppress(StoreError):
            await store.append("a", 1, len(ENTRIES), b"")
        with suppress(StoreError):
            entries = (await store.open_journal("a")).entries
            assert entries == (*ENTRIES, b"")[: len(entries)]

    serve(path, claim)


# --- other processes ------------------------------------------------------------------------------------------------

OTHER_PROCESS = """
import sys, trio
from riverrun import SQLiteStore

async def main():
    store = SQLiteStore(sys.argv[1])
    opened = await store.open_journal("a")
    await store.append("a", opened.fence, len(opened.entries), b"theirs")
    print(opened.fence)

trio.run(main)
"""


def run_other_process(path: Path) -> str:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", OTHER_PROCESS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout


def test_another_process_takes_a_run_over_and_locks_us_out(path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        await store.open_journal("a")
        await store.append("a", 1, 0, b"ours")
        assert await trio.to_thread.run_sync(run_other_process, path) == "2\n"
        with pytest.raises(StaleFence, match="fence is 2, this writer's is 1"):
            await store.append("a", 1, 1, b"late")
        assert await store.open_journal("a") == OpenedJournal(3, (b"ours", b"theirs"))

    serve(path, claim)


def test_two_stores_on_one_file_fence_each_other(path: Path) -> None:
    async def claim(one: SQLiteStore) -> None:
        async with SQLiteStore(path) as other:
            assert (await one.open_journal("a")).fence == 1
            assert (await other.open_journal("a")).fence == 2
            with pytest.raises(StaleFence):
                await one.append("a", 1, 0, b"")
            await other.append("a", 2, 0, b"theirs")
            with pytest.raises(StaleFence):
                await one.delete("a", 1)
            assert await one.open_journal("a") == OpenedJournal(3, (b"theirs",))

    serve(path, claim)


async def test_many_stores_may_make_one_file_at_the_same_time(path: Path) -> None:
    fences: list[int] = []

    async def open_one() -> None:
        async with SQLiteStore(path) as store:
            fences.append((await store.open_journal("a")).fence)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(open_one)
    assert sorted(fences) == list(range(1, 9))


# --- a disk that hangs ----------------------------------------------------------------------------------------------


def test_a_file_kept_locked_too_long_is_a_typed_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(path, write_entries)
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.0)
    with locked(path):
        assert "database is locked; another process kept it locked" in open_error(path)


@pytest.mark.parametrize("before_delivery", [False, True])
def test_a_file_that_another_process_keeps_locked_costs_a_run_its_checkpoint_or_where_the_store_comes_first_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, before_delivery: bool
) -> None:
    serve(path, write_entries)
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.0)
    policy = CheckpointPolicy(before_delivery=before_delivery)

    async def claim(store: SQLiteStore) -> None:
        if before_delivery:
            with pytest.raises(StoreError, match=r"could not be read \(.*database is locked.*before_delivery=True"):
                await load_journal(store, "a", policy)
        else:
            unavailable = await load_journal(store, "a", policy)
            assert isinstance(unavailable, StoreUnavailable)
            assert "database is locked" in unavailable.why

    with locked(path):
        serve(path, claim)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "is_unreachable"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), True),
        (sqlite_error(sqlite3.SQLITE_LOCKED), True),
        (sqlite_error(sqlite3.SQLITE_FULL), True),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), True),
        (sqlite_error(sqlite3.SQLITE_PROTOCOL), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EIO, "Input/output error"), True),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), False),
        (sqlite_error(sqlite3.SQLITE_NOTADB), False),
        (sqlite_error(sqlite3.SQLITE_READONLY), False),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN), False),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), False),
    ],
    ids=repr,
)
def test_what_says_nothing_against_the_file_is_out_of_reach_and_all_else_a_refusal(
    error: Exception, is_unreachable: bool
) -> None:
    with pytest.raises(StoreError) as caught, typed_errors(Path("/runs/runs.db")):
        raise error
    assert isinstance(caught.value, StoreUnreachable) is is_unreachable


def test_a_hanging_write_is_abandoned_when_cancelled_and_may_be_repeated(path: Path) -> None:
    store = SQLiteStore(path)
    trio.run(write_entries, store)

    async def append_in_time() -> bool:
        with trio.move_on_after(1) as scope:
            await store.append("a", 1, len(ENTRIES), b"late")
        return scope.cancelled_caught

    with locked(path):
        assert trio.run(append_in_time, clock=trio.testing.MockClock(autojump_threshold=0))
    assert not trio.run(append_in_time)
    assert trio.run(store.open_journal, "a") == OpenedJournal(2, (*ENTRIES, b"late"))
    trio.run(store.aclose)


def test_a_call_that_waits_behind_a_hanging_one_is_cancelled_without_effect(path: Path) -> None:
    store = SQLiteStore(path)
    trio.run(store.open_journal, "a")

    async def open_many() -> None:
        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(store.open_journal, "a")

    with locked(path):
        trio.run(open_many, clock=trio.testing.MockClock(autojump_threshold=0))
    assert trio.run(store.open_journal, "a").fence in (2, 3)  # the one under way may have come through
    trio.run(store.aclose)


def test_closing_does_not_wait_for_a_hanging_call_for_ever(path: Path) -> None:
    store = SQLiteStore(path)
    trio.run(store.open_journal, "a")

    async def close() -> float:
        began_s = trio.current_time()
        await store.aclose()
        return trio.current_time() - began_s

    with store._database._lock:  # what a call under way holds
        assert trio.run(close, clock=trio.testing.MockClock(autojump_threshold=0)) == sqlite.CLOSE_S
    with pytest.raises(StoreError, match="is closed"):
        trio.run(store.list_runs)


async def test_closing_in_a_cancelled_scope_closes_the_file(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open_journal("a")
    with trio.CancelScope() as scope:
        scope.cancel(reason="the test says so")
        await store.aclose()
    assert sorted(os.listdir(path.parent)) == ["runs.db"]


# --- forgetting to close --------------------------------------------------------------------------------------------


async def test_a_store_that_nobody_closed_is_closed_with_its_last_reference(path: Path) -> None:
    store = SQLiteStore(path)
    await write_entries(store)
    assert path.with_name("runs.db-wal").exists()
    del store
    gc.collect()
    assert not path.with_name("runs.db-wal").exists()


def test_a_process_that_never_closes_ends_without_a_warning(path: Path) -> None:
    assert run_other_process(path) == "1\n"
    assert not path.with_name("runs.db-wal").exists()
