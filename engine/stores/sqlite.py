"""Journals in one SQLite file: what was said survives a killed process, on the host that said it.

What it holds to:
- *A killed process loses nothing that `append` returned for.* The file is in WAL mode with `synchronous=NORMAL`: a
  commit is in the operating system's hands before `append` returns. A power cut or a crashed kernel may lose the
  commits since the last WAL checkpoint, never the file: what is left is an earlier state of every journal.
- *Work is done in a worker thread, one at a time, which takes all calls that wait* (`sqlite_calls`) and commits once
  for them. A disk that hangs holds up no task: a cancelled call is abandoned and ends on its own, the next ones wait
  behind it, and the caller's deadline decides how long.
- *The fence is checked in the transaction that writes*, so two processes can not both believe they own a run.
- *The file is ours alone*: 0600, also `-wal` and `-shm`; no symbolic links; another program's database, a newer
  schema, tables that are not exactly ours or a damaged file is refused untouched, with a message that says what to do.

Not for network file systems: SQLite's locks do not hold there (sqlite.org/faq, question 5).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import trio

from ..core.errors import StoreError
from .sqlite_batch import read_together, write_together
from .sqlite_calls import Append, Call, CallQueue, Delete, FirstEntry, ListRuns, OpenJournal, fail, reads, writes
from .sqlite_errors import is_locked, typed_errors
from .sqlite_file import checked_path, file_id, open_file, transaction
from .store import ENTRY_BYTES_MAX, OpenedJournal, require_size

CLOSE_S = 2.0
"""How long `aclose` waits, shielded, for a call that is under way; the thread closes the file behind it in any case."""
STATEMENTS_S = 60.0
"""How long the statements of one batch may take: what was made to have no end has one here at the latest."""

STEPS_A_LOOK = 1_000_000
"""So many steps SQLite takes between two looks at the time: about 10 ms."""


class SQLiteStore(trio.abc.AsyncResource):
    """A `CheckpointStore` in a file that is made at the first use. Any number of processes of one host may share it.

    `path` names the file; its folder must exist. `entry_bytes_max` bounds one entry. *Raises*: `UsageError` where the
    path can not name a file; everything else is found at the first use, as `StoreError`.
    """

    def __init__(self, path: str | os.PathLike[str], *, entry_bytes_max: int = ENTRY_BYTES_MAX) -> None:
        self._path = checked_path(path)
        self._entry_bytes_max = entry_bytes_max
        self._database = _Database(self._path)
        self._queue: CallQueue | None = None
        # Whoever forgets to close gets a closed file all the same, and no ResourceWarning.
        weakref.finalize(self, self._database.close_nowait)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._path)!r})"

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Raise the run's fence and return what is stored; see `CheckpointStore.open_journal`."""
        return cast("OpenedJournal", await self._calls.carry_out(OpenJournal(run_id)))

    async def first_entry(self, run_id: str) -> bytes | None:
        """Read what a run began with and claim nothing; see `FirstEntryReader.first_entry`."""
        return await self._calls.carry_out(FirstEntry(run_id))

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Store an entry under its number; see `CheckpointStore.append`."""
        if len(entry) > self._entry_bytes_max:
            await trio.lowlevel.checkpoint()
        require_size(run_id, entry, self._entry_bytes_max)
        await self._calls.carry_out(Append(run_id, fence, sequence, bytes(entry)))

    async def delete(self, run_id: str, fence: int) -> None:
        """Forget the run and its entries; see `CheckpointStore.delete`."""
        await self._calls.carry_out(Delete(run_id, fence))

    async def list_runs(self) -> tuple[str, ...]:
        """Return the ids of all runs stored, in the order of their first opening."""
        return cast("tuple[str, ...]", await self._calls.carry_out(ListRuns()))

    async def aclose(self) -> None:
        """Close for good; see `CheckpointStore.aclose`. Waits at most `CLOSE_S` for a call that is under way."""
        self._database.refuse_calls()
        with trio.move_on_after(CLOSE_S, shield=True):
            await trio.to_thread.run_sync(self._database.close, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1))
        await trio.lowlevel.checkpoint()

    @property
    def _calls(self) -> CallQueue:
        # One for each `trio.run`: a thread whose loop has ended never comes back to it.
        if self._queue is None or not self._queue.is_of_this_loop:
            self._queue = CallQueue(self._database.answer_all)
        return self._queue


class _Database:
    """The blocking side: carries calls out, each whole or not at all, from whatever thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # an abandoned batch may still be at work when the next one comes
        self._connection: sqlite3.Connection | None = None
        self._file_id = (0, 0)
        self._give_up_s = 0.0
        self._refusing = False

    def answer_all(self, calls: Sequence[Call[Any]]) -> None:
        """Carry calls out, and give each its answer or its error. Never raises."""
        try:
            with self._connected() as connection:
                self._answer(connection, calls)
        except BaseException as error:  # a thread has nobody to tell but who waits for it
            fail(calls, error)

    def _answer(self, connection: sqlite3.Connection, calls: Sequence[Call[Any]]) -> None:
        """Carry calls out together or, where that fails, one by one: what is wrong with a run is no other's."""
        for part in (reads(calls), writes(calls)):
            try:
                with typed_errors(self._path):
                    _carry_out(connection, part)
            except StoreError as error:
                if len(part) == 1 or is_locked(error):
                    fail(part, error)
                    continue
                for call in part:
                    call.answer = call.error = None
                    self._answer(connection, [call])

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
    def _connected(self) -> Generator[sqlite3.Connection]:
        with self._lock, typed_errors(self._path):
            if self._refusing:
                raise StoreError(f"{self._path} is closed; expected an open store: close it after the last run ended")
            if self._connection is None:
                self._connection, self._file_id = open_file(self._path)
                self._connection.set_progress_handler(self._is_late, STEPS_A_LOOK)
            elif file_id(self._path) != self._file_id:
                raise StoreError(f"{self._path} was removed or replaced while in use; restart what writes to it")
            self._give_up_s = time.monotonic() + STATEMENTS_S
            try:
                yield self._connection
            finally:
                self._close_if_refusing()

    def _is_late(self) -> bool:
        return time.monotonic() > self._give_up_s

    def _close_if_refusing(self) -> None:
        if self._refusing:  # set by another thread while this call was at work
            self._close_file()

    def _close_file(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # everything committed is safe without this
                connection.close()


def _carry_out(connection: sqlite3.Connection, calls: Sequence[Call[Any]]) -> None:
    """Carry out calls that only read, or calls that write: those in one transaction."""
    if not writes(calls):
        read_together(connection, calls)
        return
    with transaction(connection):
        write_together(connection, calls)
