"""Journals in one SQLite file: what was said survives a killed process, on the host that said it.

What it holds to:
- *A killed process loses nothing that `append` returned for.* The file is in WAL mode with `synchronous=NORMAL`: a
  commit is in the operating system's hands before `append` returns. A power cut or a crashed kernel may lose the
  commits since the last WAL checkpoint, never the file: what is left is an earlier state of every journal.
- *Work is done in a worker thread, one call at a time*, so a disk that hangs holds up no task: a cancelled call is
  abandoned and ends on its own, the next one waits behind it, and the caller's deadline decides how long.
- *The fence is checked in the transaction that writes*, so two processes can not both believe they own a run.
- *The file is ours alone*: 0600, also `-wal` and `-shm`; no symbolic links; another program's database, a newer
  schema or a damaged file is refused untouched, with a message that says what to do.

Not for network file systems: SQLite's locks do not hold there (sqlite.org/faq, question 5).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import trio

from ..core.errors import StoreError
from ..core.printable import printable
from .sqlite_errors import REMEDIES, typed_errors
from .sqlite_file import checked_path, file_id, open_file, transaction
from .store import (
    ENTRY_BYTES_MAX,
    OpenedJournal,
    require_fence,
    require_next,
    require_run,
    require_same,
    require_size,
)

CLOSE_S = 2.0
"""How long `aclose` waits, shielded, for a call that is under way; the thread closes the file behind it in any case."""

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class SQLiteStore(trio.abc.AsyncResource):
    """A `CheckpointStore` in a file that is made at the first use. Any number of processes of one host may share it.

    `path` names the file; its folder must exist. `entry_bytes_max` bounds one entry. *Raises*: `UsageError` where the
    path can not name a file; everything else is found at the first use, as `StoreError`.
    """

    def __init__(self, path: str | os.PathLike[str], *, entry_bytes_max: int = ENTRY_BYTES_MAX) -> None:
        self._path = checked_path(path)
        self._database = _Database(self._path, entry_bytes_max)
        self._turns: tuple[trio.lowlevel.TrioToken, trio.CapacityLimiter] | None = None
        # Whoever forgets to close gets a closed file all the same, and no ResourceWarning.
        weakref.finalize(self, self._database.close_nowait)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._path)!r})"

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Raise the run's fence and return what is stored; see `CheckpointStore.open_journal`."""
        return await self._call(self._database.open_journal, run_id)

    async def first_entry(self, run_id: str) -> bytes | None:
        """Read what a run began with and claim nothing; see `FirstEntryReader.first_entry`."""
        return await self._call(self._database.first_entry, run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Store an entry under its number; see `CheckpointStore.append`."""
        await self._call(self._database.append, run_id, fence, sequence, entry)

    async def delete(self, run_id: str, fence: int) -> None:
        """Forget the run and its entries; see `CheckpointStore.delete`."""
        await self._call(self._database.delete, run_id, fence)

    async def list_runs(self) -> tuple[str, ...]:
        """Return the ids of all runs stored, in the order of their first opening."""
        return await self._call(self._database.list_runs)

    async def aclose(self) -> None:
        """Close for good; see `CheckpointStore.aclose`. Waits at most `CLOSE_S` for a call that is under way."""
        self._database.refuse_calls()
        with trio.move_on_after(CLOSE_S, shield=True):
            await trio.to_thread.run_sync(self._database.close, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1))
        await trio.lowlevel.checkpoint()

    async def _call(self, method: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        return await trio.to_thread.run_sync(method, *arguments, abandon_on_cancel=True, limiter=self._limiter())

    def _limiter(self) -> trio.CapacityLimiter:
        # One thread at a time: calls abandoned on a hanging disk must not use up trio's shared threads, on which the
        # application's name lookups run. One limiter for each `trio.run`: one whose run has ended is never released.
        token = trio.lowlevel.current_trio_token()
        if self._turns is None or self._turns[0] is not token:
            self._turns = (token, trio.CapacityLimiter(1))
        return self._turns[1]


class _Database:
    """The blocking side: every public method is one call, whole or not at all, from whatever thread."""

    def __init__(self, path: Path, entry_bytes_max: int) -> None:
        self._path = path
        self._entry_bytes_max = entry_bytes_max
        self._lock = threading.Lock()  # an abandoned call may still be at work when the next one comes
        self._connection: sqlite3.Connection | None = None
        self._file_id = (0, 0)
        self._refusing = False

    def open_journal(self, run_id: str) -> OpenedJournal:
        with self._transaction() as connection:
            name = _encoded(run_id)
            new_run = "INSERT OR IGNORE INTO runs (name, fence) SELECT ?, coalesce(max(fence), 0) FROM fence_floor"
            connection.execute(new_run, (name,))
            connection.execute("UPDATE runs SET fence = fence + 1 WHERE name = ?", (name,))
            run, fence = require_run(run_id, _find_run(connection, name))
            return OpenedJournal(fence, _all_entries(connection, run_id, run))

    def first_entry(self, run_id: str) -> bytes | None:
        with self._connected() as connection:
            found = _find_run(connection, _encoded(run_id))
            return None if found is None else _find_entry(connection, found[0], 0)

    def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        require_size(run_id, entry, self._entry_bytes_max)
        with self._transaction() as connection:
            run, stored_fence = require_run(run_id, _find_run(connection, _encoded(run_id)))
            require_fence(run_id, fence, stored_fence)
            stored = _find_entry(connection, run, sequence)
            if stored is not None:
                require_same(run_id, sequence, entry, stored)
            else:
                require_next(run_id, sequence, _entry_count(connection, run))
                row = (run, sequence, zlib.crc32(entry), entry)
                connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", row)

    def delete(self, run_id: str, fence: int) -> None:
        with self._transaction() as connection:
            found = _find_run(connection, _encoded(run_id))
            if found is None:
                return
            run, stored_fence = found
            require_fence(run_id, fence, stored_fence)
            connection.execute("UPDATE fence_floor SET fence = max(fence, ?)", (stored_fence,))
            connection.execute("DELETE FROM entries WHERE run = ?", (run,))
            connection.execute("DELETE FROM runs WHERE id = ?", (run,))

    def list_runs(self) -> tuple[str, ...]:
        with self._connected() as connection:
            rows = connection.execute("SELECT CAST(name AS BLOB) FROM runs ORDER BY id")
            return tuple(_decoded(name) for (name,) in rows)

    def refuse_calls(self) -> None:
        """Refuse every call from now on, also those that wait for their turn already."""
        self._refusing = True

    def close(self) -> None:
        """Close the file, after the call that is under way."""
        self._refusing = True
        with self._lock:
            self._close_file()

    def close_nowait(self) -> None:
        """Close the file now or, where a call is under way, let that call close it when it ends."""
        self._refusing = True
        if self._lock.acquire(blocking=False):
            try:
                self._close_file()
            finally:
                self._lock.release()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._connected() as connection, transaction(connection):
            yield connection

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        with self._lock, typed_errors(self._path):
            if self._refusing:
                raise StoreError(f"{self._path} is closed; expected an open store: close it after the last run ended")
            if self._connection is None:
                self._connection, self._file_id = open_file(self._path)
            elif file_id(self._path) != self._file_id:
                raise StoreError(f"{self._path} was removed or replaced while in use; restart what writes to it")
            try:
                yield self._connection
            finally:
                self._close_if_refusing()

    def _close_if_refusing(self) -> None:
        if self._refusing:  # set by another thread while this call was at work
            self._close_file()

    def _close_file(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # everything committed is safe without this
                connection.close()


def _encoded(run_id: str) -> bytes:
    return run_id.encode("utf-8", "surrogatepass")


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


def _find_run(connection: sqlite3.Connection, name: bytes) -> tuple[int, int] | None:
    found: tuple[int, int] | None = connection.execute(
        "SELECT id, CAST(fence AS INTEGER) FROM runs WHERE name = ?", (name,)
    ).fetchone()
    return found


def _find_entry(connection: sqlite3.Connection, run: int, sequence: int) -> bytes | None:
    if not 0 <= sequence < 2**63:
        return None
    select = "SELECT CAST(entry AS BLOB) FROM entries WHERE run = ? AND sequence = ?"
    found: tuple[bytes] | None = connection.execute(select, (run, sequence)).fetchone()
    return None if found is None else found[0]


def _entry_count(connection: sqlite3.Connection, run: int) -> int:
    # By the index: counting rows would make a long journal cost the square of its length.
    select = "SELECT coalesce(max(sequence) + 1, 0) FROM entries WHERE run = ?"
    count: int = connection.execute(select, (run,)).fetchone()[0]
    return count


def _all_entries(connection: sqlite3.Connection, run_id: str, run: int) -> tuple[bytes, ...]:
    select = "SELECT sequence, crc, CAST(entry AS BLOB) FROM entries WHERE run = ? ORDER BY sequence"
    rows: list[tuple[int, int, bytes]] = connection.execute(select, (run,)).fetchall()
    for expected, (sequence, crc, entry) in enumerate(rows):
        require_next(run_id, sequence, expected)
        if zlib.crc32(entry) != crc:  # SQLite checks its structure, not its content: a cut file reads as zeros
            run_seen = f"run '{printable(run_id)}': entry {sequence} is not what was written (checksum)"
            raise StoreError(f"{run_seen}; {REMEDIES[sqlite3.SQLITE_CORRUPT]}")
    return tuple(entry for _, _, entry in rows)
