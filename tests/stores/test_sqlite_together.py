"""Calls of many runs on one file: carried out together, each whole or refused by itself, and none of them late."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio

import riverrun as rr
from riverrun import SQLiteStore
from riverrun.engine.core.errors import StoreError
from riverrun.lowlevel import OpenedJournal, StaleFence, StoreUnreachable
from tests.engine.own_source import ASK, END, OwnSource, engine_of, say

RUNS = 300


async def serve(path: Path, claim: Callable[[SQLiteStore], Awaitable[None]]) -> None:
    async with SQLiteStore(path) as store:
        await claim(store)


async def all_of(*calls: Callable[[], Awaitable[object]]) -> list[object]:
    """What calls that are under way at once end with, in their order: an answer, or a StoreError."""
    answers: list[object] = [None] * len(calls)

    async def make(at: int, call: Callable[[], Awaitable[object]]) -> None:
        try:
            answers[at] = await call()
        except StoreError as error:
            answers[at] = error

    async with trio.open_nursery() as nursery:
        for at, call in enumerate(calls):
            nursery.start_soon(make, at, call)
    return answers


def watch(store: SQLiteStore) -> list[str]:
    """Note the statements of an open store."""
    seen: list[str] = []
    connection = store._database._connection
    assert connection is not None
    connection.set_trace_callback(seen.append)
    return seen


# -- few statements ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runs", [1, RUNS])
async def test_however_many_runs_write_at_once_the_statements_are_few(tmp_path: Path, runs: int) -> None:
    async def claim(store: SQLiteStore) -> None:
        await store.list_runs()
        seen = watch(store)
        names = [f"run {number}" for number in range(runs)]
        opened = await all_of(*(lambda name=name: store.open_journal(name) for name in names))
        assert opened == [OpenedJournal(1, ())] * runs
        assert await all_of(*(lambda name=name: store.append(name, 1, 0, b"x") for name in names)) == [None] * runs
        assert await all_of(*(lambda name=name: store.delete(name, 1) for name in names)) == [None] * runs
        begun = Counter(statement.split()[0] for statement in seen)
        assert begun["COMMIT"] <= 6  # of each kind of call the first by itself, and all others together
        assert len(seen) <= 60

    await serve(tmp_path / "runs.db", claim)


async def test_an_entry_costs_one_statement_and_its_commit(tmp_path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        await store.open_journal("a")
        seen = watch(store)
        await store.append("a", 1, 0, b"zero")
        assert [statement.split()[0] for statement in seen] == ["BEGIN", "INSERT", "COMMIT"]

    await serve(tmp_path / "runs.db", claim)


# -- each by itself ---------------------------------------------------------------------------------------------------


async def test_one_that_is_refused_costs_the_others_nothing(tmp_path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        for name in "abcdef":
            await store.open_journal(name)
        await store.open_journal("b")
        await store.append("d", 1, 0, b"there")
        said = await all_of(
            store.list_runs,
            lambda: store.append("a", 1, 0, b"a"),
            lambda: store.append("b", 1, 0, b"late"),
            lambda: store.append("c", 1, 7, b"gap"),
            lambda: store.append("d", 1, 0, b"there"),
            lambda: store.append("e", 9, 0, b"never given out"),
            lambda: store.append("gone", 1, 0, b""),
            lambda: store.append("f", 2**70, 2**70, b""),
            lambda: store.delete("b", 1),
        )
        kinds = [type(one) for one in said[1:]]
        assert kinds == [type(None), StaleFence, StoreError, type(None), StoreError, StaleFence, StoreError, StaleFence]
        assert [(await store.open_journal(name)).entries for name in "abcdef"] == [
            (b"a",), (), (), (b"there",), (), (),
        ]  # fmt: skip

    await serve(tmp_path / "runs.db", claim)


async def test_entries_of_one_run_that_wait_together_are_stored_in_their_order(tmp_path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        await store.open_journal("a")
        appends = [lambda n=n: store.append("a", 1, n, b"%d" % n) for n in range(5)]
        said = await all_of(*appends)
        stored = (await store.open_journal("a")).entries
        assert stored == tuple(b"%d" % n for n in range(len(stored)))
        assert [one is None for one in said].count(True) == len(stored)

    await serve(tmp_path / "runs.db", claim)


async def test_a_damaged_run_is_refused_unclaimed_and_those_beside_it_open(tmp_path: Path) -> None:
    async def write(store: SQLiteStore) -> None:
        for name in "abc":
            await store.open_journal(name)
            await store.append(name, 1, 0, name.encode())

    async def claim(store: SQLiteStore) -> None:
        said = await all_of(store.list_runs, *(lambda name=name: store.open_journal(name) for name in "abc"))
        assert said[1::2] == [OpenedJournal(2, (b"a",)), OpenedJournal(2, (b"c",))]
        assert "is not what was written" in str(said[2])

    await serve(tmp_path / "runs.db", write)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as other, other:
        other.execute("UPDATE entries SET entry = x'00' WHERE run = 2")
    await serve(tmp_path / "runs.db", claim)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as other:
        assert other.execute("SELECT fence FROM runs ORDER BY id").fetchall() == [(2,), (1,), (2,)]


async def test_what_fails_together_is_tried_one_by_one(tmp_path: Path) -> None:
    async def claim(store: SQLiteStore) -> None:
        for name in "ab":
            await store.open_journal(name)
        connection = store._database._connection
        assert connection is not None
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
        large = b"x" * 20_000
        said = await all_of(
            store.list_runs, lambda: store.append("a", 1, 0, large), lambda: store.append("b", 1, 0, b"small")
        )
        assert [type(one) for one in said[1:]] == [StoreError, type(None)]

    await serve(tmp_path / "runs.db", claim)


async def test_who_only_reads_does_not_wait_for_another_process_and_all_who_write_wait_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riverrun.engine.stores.sqlite_file.BUSY_S", 0.3)

    async def claim(store: SQLiteStore) -> None:
        for name in "abcdefgh":
            await store.open_journal(name)
        with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            appends = [lambda name=name: store.append(name, 1, 0, b"") for name in "abcdefgh"]
            began_s = time.perf_counter()
            said = await all_of(store.list_runs, *appends, store.list_runs)
            took_s = time.perf_counter() - began_s
        assert {type(one) for one in said[1:-1]} == {StoreUnreachable}
        assert said[0] == said[-1] == tuple("abcdefgh")
        assert took_s < 8 * 0.3

    await serve(tmp_path / "runs.db", claim)


# -- many runs --------------------------------------------------------------------------------------------------------


async def bare_commits(path: Path, until: trio.Event) -> list[float]:
    """How long commits of a writer of nothing else take, beside; in seconds."""

    def commit(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (x'00')")

    took: list[float] = []
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x BLOB)")
        while not until.is_set():
            began_s = time.perf_counter()
            await trio.to_thread.run_sync(commit, connection)
            took.append(time.perf_counter() - began_s)
            await trio.sleep(0.05)
    return took


async def run_many(folder: Path, runs: int, policy: rr.CheckpointPolicy) -> tuple[int, float]:
    """Start so many runs at once; how many writes were late or failed, and the slowest bare commit beside them."""
    failures: list[int] = []
    bare: list[float] = []

    source = OwnSource(*[[*say(*["word "] * 10), END] for _ in range(runs)])
    over = trio.Event()

    async def beside() -> None:
        bare.extend(await bare_commits(folder / "bare.db", over))

    async with SQLiteStore(folder / "runs.db") as store, trio.open_nursery() as nursery:
        engine = engine_of(source, store=store, policy=rr.Policy(checkpoint=policy))
        nursery.start_soon(beside)

        async def run(number: int) -> None:
            failures.append((await engine.complete(ASK, run_id=f"run {number}")).checkpoint_failures)

        async with trio.open_nursery() as all_runs:
            for number in range(runs):
                all_runs.start_soon(run, number)
        over.set()
        assert (len(failures), len(await store.list_runs())) == (runs, 0) or sum(failures)
    return sum(failures), max(bare)


@pytest.mark.parametrize("before_delivery", [False, True])
@pytest.mark.parametrize("runs", [RUNS, pytest.param(1000, marks=pytest.mark.deep)])
async def test_of_many_runs_on_one_file_none_fails_none_is_late_and_none_is_left(
    tmp_path: Path, runs: int, before_delivery: bool
) -> None:
    policy = rr.CheckpointPolicy(before_delivery=before_delivery)
    for number in range(
        3
    ):  # where a bare commit takes half of a run's last write, the machine is late and not the store
        folder = tmp_path / str(number)
        folder.mkdir()
        late, bare_s = await run_many(folder, runs, policy)
        if not late:
            return
    assert bare_s > policy.last_flush_s / 2, f"{late} late, the slowest bare commit took {bare_s:.2f} s"
