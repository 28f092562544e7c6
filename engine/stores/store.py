"""What a checkpoint store promises: one append-only journal for each run, guarded by a fence that only grows.

The rules, the same for every store:
- Opening a journal raises its fence and returns what is stored, in one atomic step. Whoever opened last owns the run;
  every other holder's writes are refused from that moment on, and change nothing.
- Entries are numbered from 0 without a gap, over all openings. Writing the same entry under the same number again
  changes nothing: whoever does not know whether a write arrived writes it again.
- A run that is deleted is forgotten, its fence is not: when the id is used anew its fence is higher than any that was
  ever given out, so that a writer left over from the old run can not write into the new one.
- A run id is any `str`, an entry any `bytes`: a checkpoint never fails on content, only on size.
"""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from attrs import frozen

from ..core.errors import StoreError
from ..core.printable import printable

ENTRY_BYTES_MAX = 64 * 1024 * 1024
"""The largest entry a store takes: more than a whole answer (`Limits.text_bytes_max`) as ASCII JSON."""


@frozen
class OpenedJournal:
    """What opening a journal gives: the fence to write with, and every entry stored so far, oldest first."""

    fence: int
    entries: tuple[bytes, ...]


class StaleFence(StoreError):
    """Another process owns the run now, or it was deleted: nothing was written, and this process must stop writing."""


class StoreUnreachable(StoreError):
    """Nothing is wrong with the store, but it can not be had now: others hold it, its disk is full or fails."""


class CheckpointStore(Protocol):
    """Where runs outlive their process. Every method is a checkpoint, and raises `StoreError` and nothing else.

    When a run opens, `StoreUnreachable` costs the run its checkpoint and any other `StoreError` ends it.

    A store may be slow or hang: the caller sets deadlines. It is shared by all runs of an engine, from any number of
    tasks, and closed by whoever made it.
    """

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Own the run from now on: raise its fence by one (the first is 1) and read all that is stored, atomically.

        A run that is not known begins empty. *If cancelled*: the fence may be raised, also a little later; open again.
        *Cost*: linear in what is stored.
        """
        ...

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Store an entry under its number, which is the number of entries stored before it.

        *Raises*: `StaleFence` where a later opening owns the run or it is gone; `StoreError` where the number leaves a
        gap or holds something else already, or the entry is too large. Nothing was written then.
        *If cancelled*: the entry may be stored, now or a little later; append the same again.
        *Cost*: linear in the entry, whatever is stored already.
        """
        ...

    async def delete(self, run_id: str, fence: int) -> None:
        """Forget the run and its entries; fine where it is gone already.

        *Raises*: `StaleFence` where a later opening owns the run. *If cancelled*: it may be gone or not; delete again.
        """
        ...

    async def list_runs(self) -> tuple[str, ...]:
        """Return the ids of all runs stored, in the order of their first opening."""
        ...

    async def aclose(self) -> None:
        """Close for good: every later use raises `StoreError`. Closing again is fine. *If cancelled*: it is closed."""
        ...


@runtime_checkable
class FirstEntryReader(Protocol):
    """What a `CheckpointStore` may also do: say what a run is before anybody claims it.

    With it, opening another one's run id by mistake is refused before its owner is locked out; without it, after.
    """

    async def first_entry(self, run_id: str) -> bytes | None:
        """Return entry 0 and change nothing, the fence neither; None where nothing is stored. Raises `StoreError`."""
        ...


_Stored = TypeVar("_Stored")


def require_run(run_id: str, stored: _Stored | None) -> _Stored:
    """Return what the store holds of a run; a writer whose run is not there was deleted under its feet."""
    if stored is None:
        run = f"run '{printable(run_id)}'"
        raise StaleFence(f"{run} is not in the store: it was deleted or never opened; open its journal first")
    return stored


def require_fence(run_id: str, fence: int, stored: int) -> None:
    """Let only the run's owner pass: `fence` is the writer's, `stored` is the run's."""
    run = f"run '{printable(run_id)}'"
    if fence < stored:
        raise StaleFence(f"{run} belongs to a later opening: its fence is {stored}, this writer's is {fence}; stop")
    if fence > stored:
        raise StoreError(f"{run} has fence {stored}, this writer's is {fence}, which was not given out by this store")


def require_next(run_id: str, sequence: int, expected: int) -> None:
    """Refuse an entry that would leave a gap, or that comes under a number below 0."""
    if sequence != expected:
        raise StoreError(
            f"run '{printable(run_id)}' got entry {sequence}; expected {expected}, the number stored so far"
        )


def require_same(run_id: str, sequence: int, entry: bytes, stored: bytes) -> None:
    """Let an entry be written again only as it is: what is stored was shown to somebody and does not change."""
    if entry != stored:
        seen = f"{len(stored)} bytes stored, {len(entry)} other bytes given"
        raise StoreError(
            f"run '{printable(run_id)}' holds an entry {sequence} already: {seen}; expected the same bytes"
        )


def require_size(run_id: str, entry: bytes, entry_bytes_max: int) -> None:
    """Refuse an entry that is larger than the store takes."""
    if len(entry) > entry_bytes_max:
        limit = f"{len(entry)} bytes; expected at most {entry_bytes_max}"
        raise StoreError(f"run '{printable(run_id)}' got an entry of {limit}")
