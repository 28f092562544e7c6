"""The file of a `SQLiteStore`: made private, never through a link, ours by its application id, and its errors typed."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.errors import StoreError
from ..core.usage_error import UsageError
from .sqlite_errors import BUSY_S

SCHEMA_VERSION = 1
"""Kept in `PRAGMA user_version`. A file with a higher one was written by a later riverrun and is refused."""

APPLICATION_ID = 0x72697672
""""rivr", kept in `PRAGMA application_id`: what tells our file from any other SQLite database."""

_SCHEMA = (
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, fence INTEGER NOT NULL)",
    "CREATE TABLE entries (run INTEGER NOT NULL, sequence INTEGER NOT NULL, crc INTEGER NOT NULL, entry BLOB NOT NULL)",
    "CREATE UNIQUE INDEX entries_in_order ON entries (run, sequence)",
    "CREATE TABLE fence_floor (fence INTEGER NOT NULL)",
    "INSERT INTO fence_floor VALUES (0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

_TABLES = tuple(statement for statement in _SCHEMA if statement.startswith("CREATE "))


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file, absolute. Raises UsageError where it can not name one."""
    text = os.fspath(path)
    if not text or "\0" in text:
        raise UsageError(f"path is {text!r}; expected the name of a file", argument="path")
    if text == ":memory:":
        raise UsageError(
            "path is ':memory:'; expected the name of a file",
            argument="path",
            advised="store",
            advice=": use MemoryStore() for a store in memory",
        )
    return Path(os.path.abspath(text))  # not resolved: a link is to be seen, and refused


def open_file(path: Path) -> tuple[sqlite3.Connection, tuple[int, int]]:
    """Open the file, which is made if it is not there; also returns its `file_id`. Blocking. Raises StoreError."""
    _make_file(path)
    _refuse_links(path)
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("BEGIN")  # the identity is three reads, and another process may be writing it
        is_new = _is_new(connection, path)
        connection.execute("COMMIT")
        _make_private(path)
        # Without WAL (a file system without shared memory), only FULL keeps the file whole through a power cut.
        mode = _set_wal(connection)
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")
        if is_new:
            with transaction(connection):
                for statement in _SCHEMA if _is_new(connection, path) else ():  # another process may have been faster
                    connection.execute(statement)
        _refuse_links(path)
        return connection, file_id(path)
    except BaseException:
        connection.close()
        raise


def _make_file(path: Path) -> None:
    # Only ever made here, never opened: closing any descriptor of a database drops this process's locks on it
    # (sqlite.org/howtocorrupt, 2.2). O_EXCL does not follow a link, and makes the mode ours from the first byte on.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    for suffix in ("", "-wal", "-shm", "-journal"):
        name = f"{path}{suffix}"
        try:
            status = os.lstat(name)
        except FileNotFoundError:
            continue
        yield name, status


def _refuse_links(path: Path) -> None:
    for name, status in _files(path):
        if not stat.S_ISREG(status.st_mode):
            seen = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
            raise StoreError(f"{name} is {seen}; expected a regular file: give the file's own path")


def _make_private(path: Path) -> None:
    for name, status in _files(path):
        if status.st_mode & 0o077:
            with suppress(FileNotFoundError):  # the last other process to close takes -wal and -shm away
                os.chmod(name, 0o600)


def file_id(path: Path) -> tuple[int, int]:
    """Return what tells this file from another one under the same path; zeros where there is none."""
    with suppress(FileNotFoundError):
        status = os.lstat(path)
        return status.st_dev, status.st_ino
    return 0, 0


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    application_id: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application_id == version == tables == 0:
        return True
    if application_id != APPLICATION_ID:
        seen = f"application id {application_id:#x}, {tables} schema entries"
        raise StoreError(f"{path} is another program's database ({seen}); expected a riverrun store: give another path")
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {version}; expected {SCHEMA_VERSION}: "
            "upgrade riverrun, or give another path and finish the runs with the version that wrote them"
        )
    _require_schema(connection, path)
    return False


def _require_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse tables that are not exactly ours before anything is read of them.

    A file of somebody else's may bear our number and have, under our names, a view that never ends or a trigger.
    """
    select = "SELECT sql FROM sqlite_master WHERE type != 'table' OR name NOT IN ('sqlite_stat1', 'sqlite_stat4')"
    rows: list[tuple[object]] = connection.execute(f"{select} LIMIT {len(_TABLES) + 2}").fetchall()
    seen = [sql for (sql,) in rows if sql is not None]  # SQLite's own index for UNIQUE has none
    if sorted(map(repr, seen)) != sorted(map(repr, _TABLES)) or len(rows) - len(seen) > 1:
        expected = f"expected exactly the tables that riverrun makes ({len(_TABLES)} statements)"
        raise StoreError(f"{path} has another schema ({len(rows)} entries seen); {expected}: give another path")


def _set_wal(connection: sqlite3.Connection) -> str:
    # SQLite does not wait here by itself: two processes that make one new file at once would see "database is locked".
    give_up_s = time.monotonic() + BUSY_S
    while True:
        try:
            mode: str = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            return mode
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_s:
                raise
            time.sleep(0.01)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Do all that the block does, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with suppress(sqlite3.Error):  # the error that brought us here is the one to tell
                connection.execute("ROLLBACK")
