"""Stores with one fault each: what the laws have to refute."""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase

import trio

import riverrun as rr
from riverrun import MemoryStore
from riverrun.lowlevel import OpenedJournal, StaleFence
from tests.testing import blocking_stores


class WithoutFences(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await super().append(run_id, self._journals[run_id].fence if run_id in self._journals else 1, sequence, entry)


class ForgetsTheFloor(MemoryStore):
    async def delete(self, run_id: str, fence: int) -> None:
        await super().delete(run_id, fence)
        self._fence_floor = 0


class Replaces(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        journal = self._journals.get(run_id)
        if journal is not None and 0 <= sequence < len(journal.entries):
            journal.entries[sequence] = entry
        await super().append(run_id, fence, sequence, entry)


class StripsEntries(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await super().append(run_id, fence, sequence, entry.rstrip())


class MixesNames(MemoryStore):
    async def open_journal(self, run_id: str) -> OpenedJournal:
        return await super().open_journal(run_id.strip())


class RaisesKeyError(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        if run_id not in self._journals:
            raise KeyError(run_id)
        await super().append(run_id, fence, sequence, entry)


class ReadsThenRaises(MemoryStore):
    """Its opening is not atomic."""

    async def open_journal(self, run_id: str) -> OpenedJournal:
        before = self._journals[run_id].fence if run_id in self._journals else self._fence_floor
        opened = await super().open_journal(run_id)
        self._journals[run_id].fence = before + 1
        return OpenedJournal(before + 1, opened.entries)


class ClaimsWhenAsked(MemoryStore):
    """Saying what a run is takes it."""

    async def first_entry(self, run_id: str) -> bytes | None:
        return next(iter((await self.open_journal(run_id)).entries), None)


class CanNotBeCancelled(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        with trio.CancelScope(shield=True):
            await super().append(run_id, fence, sequence, entry)


class StaysOpen(MemoryStore):
    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class LosesTheFifth(MemoryStore):
    """Right in every script, wrong in a long run."""

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await super().append(run_id, fence, sequence, b"[]" if sequence == 5 else entry)


class ReadsBack(MemoryStore):
    """What it reads back is bent; subclasses say how."""

    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        raise NotImplementedError

    async def open_journal(self, run_id: str) -> OpenedJournal:
        opened = await super().open_journal(run_id)
        return OpenedJournal(opened.fence, self.bend(opened.entries))


class OrdersByName(ReadsBack):
    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return tuple(entry for _, entry in sorted((str(at), entry) for at, entry in enumerate(entries)))


class ReadsOnePage(ReadsBack):
    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return entries[:50]


class Truncates(ReadsBack):
    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return tuple(entry[: 128 * 1024] for entry in entries)


class ReusesAFence(MemoryStore):
    async def delete(self, run_id: str, fence: int) -> None:
        await super().delete(run_id, fence)
        self._fence_floor = fence


class ChecksThenWrites(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        journal = self._journals.get(run_id)
        if journal is not None and journal.fence == fence and not self._closed and sequence == len(journal.entries):
            await trio.lowlevel.checkpoint()
            journal.entries.append(entry)
            return
        await super().append(run_id, fence, sequence, entry)


class ReadsThenLocks(MemoryStore):
    async def open_journal(self, run_id: str) -> OpenedJournal:
        read = tuple(self._journals[run_id].entries) if run_id in self._journals else ()
        return OpenedJournal((await super().open_journal(run_id)).fence, read)


class LeavesHalf(MemoryStore):
    """Alone it is right, and under a lock; cancelled between its two halves it is not."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = trio.Lock()

    async def open_journal(self, run_id: str) -> OpenedJournal:
        async with self.lock:
            return await super().open_journal(run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        async with self.lock:
            await super().append(run_id, fence, sequence, entry)
            entries = self._journals[run_id].entries
            entries[sequence] = entry[: len(entry) // 2]
            await trio.lowlevel.checkpoint()
            entries[sequence] = entry


class KeepsItsLock(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.lock = trio.Semaphore(1)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await self.lock.acquire()
        await trio.lowlevel.checkpoint()
        try:
            await super().append(run_id, fence, sequence, entry)
        finally:
            self.lock.release()


class RepeatsAtOnce(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        journal = self._journals.get(run_id)
        if journal is None or journal.fence != fence or journal.entries[sequence : sequence + 1] != [entry]:
            await super().append(run_id, fence, sequence, entry)


class ClosesOnce(MemoryStore):
    async def aclose(self) -> None:
        if self._closed:
            raise rr.StoreError("it is closed already")
        await super().aclose()


class DeletesByPrefix(MemoryStore):
    """Deleting a run deletes what else its pattern finds; subclasses say which pattern."""

    def finds(self, deleted: str, run_id: str) -> bool:
        return run_id.startswith(deleted)

    async def delete(self, run_id: str, fence: int) -> None:
        await super().delete(run_id, fence)
        for found in [name for name in self._journals if self.finds(run_id, name)]:
            del self._journals[found]


class DeletesByKey(DeletesByPrefix):
    """One flat table of keys, of which `run:*` are the run's."""

    def finds(self, deleted: str, run_id: str) -> bool:
        return run_id.startswith(f"{deleted}:")


class DeletesByGlob(DeletesByPrefix):
    def finds(self, deleted: str, run_id: str) -> bool:
        return fnmatchcase(run_id, deleted)


class DeletesByLike(DeletesByPrefix):
    def finds(self, deleted: str, run_id: str) -> bool:
        pattern = deleted.replace("*", "[*]").replace("?", "[?]").replace("%", "*").replace("_", "?")
        return fnmatchcase(run_id, pattern)


class DeletesInAnyCase(DeletesByPrefix):
    def finds(self, deleted: str, run_id: str) -> bool:
        return run_id.casefold() == deleted.casefold()


class Renames(MemoryStore):
    """Names are kept under a key, and listed as they were given; subclasses say which key."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}

    def key(self, run_id: str) -> str:
        raise NotImplementedError

    async def open_journal(self, run_id: str) -> OpenedJournal:
        self.names.setdefault(self.key(run_id), run_id)
        return await super().open_journal(self.key(run_id))

    async def first_entry(self, run_id: str) -> bytes | None:
        return await super().first_entry(self.key(run_id))

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await super().append(self.key(run_id), fence, sequence, entry)

    async def delete(self, run_id: str, fence: int) -> None:
        await super().delete(self.key(run_id), fence)

    async def list_runs(self) -> tuple[str, ...]:
        return tuple(self.names[key] for key in await super().list_runs())


class NormalisesNames(Renames):
    def key(self, run_id: str) -> str:
        return unicodedata.normalize("NFC", run_id)


class CutsNames(Renames):
    def key(self, run_id: str) -> str:
        return run_id[:255]


class ReadsOnePageOf1000(ReadsBack):
    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return entries[:1000]


class ListsOnePage(MemoryStore):
    async def list_runs(self) -> tuple[str, ...]:
        return (await super().list_runs())[:1000]


class ClosesAfterACheckpoint(MemoryStore):
    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        await super().aclose()


class CallsAGapStale(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        try:
            await super().append(run_id, fence, sequence, entry)
        except rr.StoreError as error:
            raise StaleFence(str(error)) from error


class DeletesByAnyLaterFence(MemoryStore):
    async def delete(self, run_id: str, fence: int) -> None:
        stored = self._journals[run_id].fence if run_id in self._journals else 0
        await super().delete(run_id, min(fence, stored))


class ReadsWhenClosed(MemoryStore):
    async def first_entry(self, run_id: str) -> bytes | None:
        await trio.lowlevel.checkpoint()
        journal = self._journals.get(run_id)
        return journal.entries[0] if journal is not None and journal.entries else None


class LocksItsOwnProcess(MemoryStore):
    """The data are outside of the process, and the lock that is held between reading and writing is inside."""

    def __init__(self, before: LocksItsOwnProcess | None = None) -> None:
        super().__init__()
        self.lock = trio.Lock()
        self.floor = [0]
        if before is not None:
            self._journals = before._journals
            self.floor = before.floor

    async def open_journal(self, run_id: str) -> OpenedJournal:
        async with self.lock:
            self._fence_floor = self.floor[0]
            return await super().open_journal(run_id)

    async def delete(self, run_id: str, fence: int) -> None:
        async with self.lock:
            await super().delete(run_id, fence)
            self.floor[0] = max(self.floor[0], self._fence_floor)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        async with self.lock:
            journal = self._journals.get(run_id)
            if journal is not None and journal.fence == fence and not self._closed and sequence == len(journal.entries):
                await trio.lowlevel.checkpoint()
                journal.entries.append(entry)
                return
            await super().append(run_id, fence, sequence, entry)

    async def aclose(self) -> None:
        self._closed = True
        await trio.lowlevel.checkpoint()


STORES: dict[type[MemoryStore], str] = {
    OrdersByName: "one stream",
    ReadsOnePage: "one stream",
    Truncates: "one stream",
    ReusesAFence: "one stream",
    ChecksThenWrites: "any task order",
    ReadsThenLocks: "any task order",
    LeavesHalf: "cancellation wins",
    KeepsItsLock: "cancellation wins",
    RepeatsAtOnce: "cancellation wins",
    ClosesOnce: "nothing leaks",
    WithoutFences: "one stream",
    ForgetsTheFloor: "one stream",
    Replaces: "one stream",
    StripsEntries: "one stream",
    MixesNames: "one stream",
    RaisesKeyError: "exactly one end",
    ReadsThenRaises: "any task order",
    ClaimsWhenAsked: "one stream",
    CanNotBeCancelled: "cancellation wins",
    StaysOpen: "nothing leaks",
    LosesTheFifth: "one stream",
    DeletesByPrefix: "one stream",
    DeletesByKey: "one stream",
    DeletesByGlob: "one stream",
    DeletesByLike: "one stream",
    DeletesInAnyCase: "one stream",
    NormalisesNames: "one stream",
    CutsNames: "one stream",
    ReadsOnePageOf1000: "one stream",
    ListsOnePage: "one stream",
    ClosesAfterACheckpoint: "nothing leaks",
    **dict.fromkeys(blocking_stores.STORES, "any task order"),
    CallsAGapStale: "one stream",
    DeletesByAnyLaterFence: "one stream",
    ReadsWhenClosed: "nothing leaks",
}
