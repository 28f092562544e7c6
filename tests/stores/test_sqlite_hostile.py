"""A file that somebody else made to look like ours: refused or bounded, never a crash, and never without an end."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio

from riverrun import SQLiteStore
from riverrun.engine.core.errors import StoreError
from riverrun.engine.stores import sqlite
from riverrun.engine.stores.sqlite_errors import typed_errors

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound file with one run of two entries."""
    path = tmp_path / "runs.db"

    async def main() -> None:
        async with SQLiteStore(path) as store:
            await store.open_journal("a")
            await store.append("a", 1, 0, b"zero")
            await store.append("a", 1, 1, b"one")

    trio.run(main)
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for statement in statements:
            other.execute(statement.replace("ENDLESS", ENDLESS))


def change_rows(path: Path, table: str, statement: str, *values: object) -> None:
    """Change rows as if the table had no constraints, and let the schema say afterwards what ours says."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA writable_schema = ON")
        (whole,) = other.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        update = "UPDATE sqlite_master SET sql = ? WHERE name = ?"
        other.execute(update, (whole.replace(" NOT NULL", "").replace("INTEGER NOT", "NOT"), table))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(statement, values)
        other.execute("PRAGMA writable_schema = ON")
        other.execute(update, (whole, table))


def errors_of(path: Path) -> list[str]:
    """What each call says to a file; anything but StoreError is raised."""
    said: list[str] = []

    async def main() -> None:
        async with SQLiteStore(path) as store:
            calls: list[Callable[[], object]] = [
                store.list_runs,
                lambda: store.first_entry("a"),
                lambda: store.append("a", 1, 2, b"two"),
                lambda: store.open_journal("a"),
                lambda: store.delete("a", 2),
            ]
            for call in calls:
                try:
                    await call()  # type: ignore[misc]
                except StoreError as error:
                    said.append(str(error))

    began_s = time.perf_counter()
    trio.run(main)
    assert time.perf_counter() - began_s < 5
    return said


@pytest.mark.parametrize(
    "statements",
    [
        (
            "ALTER TABLE runs RENAME TO r",
            "CREATE VIEW runs AS ENDLESS SELECT x AS id, x AS name, x AS fence FROM n",
        ),
        ("DROP TABLE fence_floor", "CREATE VIEW fence_floor AS ENDLESS SELECT x AS fence FROM n"),
        ("CREATE TRIGGER t AFTER INSERT ON entries BEGIN INSERT INTO fence_floor ENDLESS SELECT x FROM n; END",),
        ("CREATE INDEX more ON entries (crc)",),
        ("CREATE TABLE more (x)",),
        ("DROP INDEX entries_in_order",),
        ("ALTER TABLE runs ADD COLUMN more",),
    ],
)
def test_a_schema_that_is_not_exactly_ours_is_refused_before_anything_is_read(
    path: Path, statements: tuple[str, ...]
) -> None:
    change(path, *statements)
    said = errors_of(path)
    assert len(said) == 5
    assert all("has another schema" in one for one in said)


def test_what_sqlite_itself_notes_of_our_tables_is_no_other_schema(path: Path) -> None:
    change(path, "ANALYZE")
    assert errors_of(path) == []


@pytest.mark.parametrize(
    ("table", "statement", "refused"),
    [
        ("runs", "INSERT INTO runs (id, name, fence) VALUES (2, NULL, 1)", "1 runs have a name that is none"),
        ("runs", "INSERT INTO runs (id, name, fence) VALUES (2, 'b', 1)", "1 runs have a name that is none"),
        ("runs", "INSERT INTO runs (id, name, fence) VALUES (2, x'ff', 1)", "the file is damaged"),
        ("entries", "UPDATE entries SET entry = NULL WHERE sequence = 1", "entry 1 is not what was written"),
        ("entries", "UPDATE entries SET crc = NULL WHERE sequence = 1", "entry 1 is not what was written"),
        ("entries", "UPDATE entries SET crc = 'x' WHERE sequence = 1", "entry 1 is not what was written"),
        ("entries", "UPDATE entries SET sequence = NULL WHERE sequence = 0", "got entry None; expected 0"),
        ("entries", "UPDATE entries SET sequence = 'x' WHERE sequence = 1", "got entry x; expected 1"),
        ("entries", "UPDATE entries SET sequence = 9e99 WHERE sequence = 1", "got entry 9e+99; expected 1"),
    ],
)
def test_a_value_that_is_none_of_ours_is_a_store_error_and_nothing_else(
    path: Path, table: str, statement: str, refused: str
) -> None:
    change_rows(path, table, statement)
    assert any(refused in one for one in errors_of(path))


@pytest.mark.parametrize("fence", [None, "x", 9e99, 2**63 - 1, -5])
def test_a_fence_that_is_none_locks_writers_out_and_crashes_nothing(path: Path, fence: object) -> None:
    change_rows(path, "runs", "UPDATE runs SET fence = ?", fence)
    assert any("fence" in one or "riverrun store" in one for one in errors_of(path))


async def test_a_statement_that_finds_no_end_has_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "STATEMENTS_S", 0.1)

    async with SQLiteStore(path) as store:
        await store.list_runs()
        connection = store._database._connection
        assert connection is not None
        with pytest.raises(StoreError, match="a statement found no end"), typed_errors(path):
            connection.execute("ENDLESS SELECT max(x) FROM n".replace("ENDLESS", ENDLESS))
