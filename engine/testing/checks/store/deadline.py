"""A deadline in real time on each call of the store under test, however long a script of calls takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import trio

from ....stores.store import CheckpointStore, FirstEntryReader, OpenedJournal
from ...law import Law
from ..expectations import Broken
from .clock import Busy, PatientClock

ANSWER_S = 10.0
"""How long one call of a store may take in real time: a busy disk answers in milliseconds, a far bucket in a second."""


class AnsweringStore(trio.abc.AsyncResource):
    """The calls of another store, each under a deadline in real time; a late one is `Broken`, of the law "liveness".

    The deadline is a cancel scope and no checkpoint: how many steps a call has is unchanged.

    Attributes:
        theirs: the other store.
    """

    def __init__(self, theirs: CheckpointStore, clock: PatientClock | None) -> None:
        self.theirs = theirs
        self._busy = None if clock is None else clock.busy

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Open the run in their store."""
        with self._in_time("open_journal"):
            return await self.theirs.open_journal(run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Append to their store."""
        with self._in_time("append"):
            await self.theirs.append(run_id, fence, sequence, entry)

    async def delete(self, run_id: str, fence: int) -> None:
        """Delete in their store."""
        with self._in_time("delete"):
            await self.theirs.delete(run_id, fence)

    async def list_runs(self) -> tuple[str, ...]:
        """List their store."""
        with self._in_time("list_runs"):
            return await self.theirs.list_runs()

    async def aclose(self) -> None:
        """Close their store."""
        with self._in_time("aclose"):
            await self.theirs.aclose()

    @contextmanager
    def _in_time(self, what: str) -> Generator[None]:
        task = trio.lowlevel.current_task()
        with trio.CancelScope() as scope:
            if self._busy is None:
                scope.deadline = trio.current_time() + ANSWER_S
                yield
            else:
                self._busy[task] = Busy(scope)
                try:
                    yield
                finally:
                    del self._busy[task]
        if scope.cancelled_caught:
            raise Broken(f"{what} gives no answer within {ANSWER_S:g} s", Law.LIVENESS)


class AnsweringReader(AnsweringStore):
    """The same for a store that is a `FirstEntryReader` too."""

    def __init__(self, theirs: CheckpointStore, clock: PatientClock | None, reader: FirstEntryReader) -> None:
        super().__init__(theirs, clock)
        self._reader = reader

    async def first_entry(self, run_id: str) -> bytes | None:
        """Read the first entry from their store."""
        with self._in_time("first_entry"):
            return await self._reader.first_entry(run_id)


def answering(theirs: CheckpointStore, clock: PatientClock | None) -> AnsweringStore:
    """Put the calls of a store under a deadline, on trio's own clock or on one that waits for the store."""
    if isinstance(theirs, FirstEntryReader):
        return AnsweringReader(theirs, clock, theirs)
    return AnsweringStore(theirs, clock)
