"""Journals in this process's memory: for tests, and for runs that need to survive a break but not a crash."""

from __future__ import annotations

import trio
from attrs import define, field

from ..core.errors import StoreError
from .store import (
    ENTRY_BYTES_MAX,
    OpenedJournal,
    require_fence,
    require_next,
    require_run,
    require_same,
    require_size,
)


@define
class _Journal:
    fence: int
    entries: list[bytes] = field(factory=list[bytes])


class MemoryStore(trio.abc.AsyncResource):
    """A `CheckpointStore` in memory: deterministic, and the reference for every other one.

    Each method passes one checkpoint and then acts at once: *if cancelled*, nothing was done.
    """

    def __init__(self, *, entry_bytes_max: int = ENTRY_BYTES_MAX) -> None:
        self._journals: dict[str, _Journal] = {}
        self._fence_floor = 0  # the highest fence of any deleted run: see the rules in `store`
        self._entry_bytes_max = entry_bytes_max
        self._closed = False

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._journals)} runs)"

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Raise the run's fence and return what is stored; see `CheckpointStore.open_journal`."""
        await self._turn()
        journal = self._journals.setdefault(run_id, _Journal(self._fence_floor))
        journal.fence += 1
        return OpenedJournal(journal.fence, tuple(journal.entries))

    async def first_entry(self, run_id: str) -> bytes | None:
        """Read what a run began with and claim nothing; see `FirstEntryReader.first_entry`."""
        await self._turn()
        journal = self._journals.get(run_id)
        return journal.entries[0] if journal is not None and journal.entries else None

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Store an entry under its number; see `CheckpointStore.append`."""
        await self._turn()
        require_size(run_id, entry, self._entry_bytes_max)
        journal = require_run(run_id, self._journals.get(run_id))
        require_fence(run_id, fence, journal.fence)
        if 0 <= sequence < len(journal.entries):
            require_same(run_id, sequence, entry, journal.entries[sequence])
        else:
            require_next(run_id, sequence, len(journal.entries))
            journal.entries.append(bytes(entry))

    async def delete(self, run_id: str, fence: int) -> None:
        """Forget the run; see `CheckpointStore.delete`."""
        await self._turn()
        journal = self._journals.get(run_id)
        if journal is not None:
            require_fence(run_id, fence, journal.fence)
            self._fence_floor = max(self._fence_floor, journal.fence)
            del self._journals[run_id]

    async def list_runs(self) -> tuple[str, ...]:
        """Return the ids of all runs stored, in the order of their first opening."""
        await self._turn()
        return tuple(self._journals)

    async def aclose(self) -> None:
        """Close for good and forget everything; see `CheckpointStore.aclose`."""
        self._closed = True
        self._journals.clear()
        await trio.lowlevel.checkpoint()

    async def _turn(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise StoreError("the store is closed; expected an open one: close it after the last run has ended")
