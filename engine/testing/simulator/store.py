"""One process's way to the store in memory, and what goes wrong on it. A process that crashed reaches it no more.

What a dead process still writes is lost, and not refused: it would try again until its last flush has to be over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from attrs import frozen

from ...core.errors import StoreError
from ...stores.memory import MemoryStore
from ...stores.store import OpenedJournal, StaleFence
from ..script.speech import ignore
from .scenario import StoreFault, StoreKind

_AT_OPENING = StoreKind.LOAD_FAILS
_LOSSES = frozenset({StoreKind.FENCED, StoreKind.FORGETS})
_NO_FAILURES = frozenset({StoreKind.CRASH_BEFORE_WRITE, _AT_OPENING})


@frozen
class StoreListener:
    """The listeners on the way to the store: the log; for a kill and a lost run, the simulation."""

    log: Callable[..., None] = ignore
    on_crash: Callable[[], object] = bool
    on_fenced: Callable[[], object] = bool


class StoreHandle:
    """A `CheckpointStore` of one process.

    Attributes:
        listener: who is told what happens.
        writes: how many writes were begun.
        is_open: whether the store let it open its run.
        is_busy: whether a write is under way.
        is_behind: whether the last write that was begun is not stored.
        is_dead: whether the process was killed.
        refused: what a store that works had against a write.
        troubles: what went wrong; a crash after a write is none.
    """

    def __init__(self, store: MemoryStore, stored: list[bytes], faults: Sequence[StoreFault]) -> None:
        self._store = store
        self._stored = stored
        self._faults = faults
        self.listener: StoreListener = StoreListener()
        self.writes: int = 0
        self.is_open: bool = False
        self.is_busy: bool = False
        self.is_behind: bool = False
        self.is_dead: bool = False
        self.refused: StoreError | None = None
        self.troubles: set[StoreKind] = set()

    @property
    def troubled(self) -> bool:
        """Whether anything went wrong."""
        return bool(self.troubles)

    @property
    def failed(self) -> bool:
        """Whether something else than a crash went wrong with a write."""
        return bool(self.troubles - _NO_FAILURES)

    @property
    def lost(self) -> bool:
        """Whether the run was fenced or forgotten."""
        return bool(self.troubles & _LOSSES)

    def let_go(self) -> None:
        """Forget the listeners: its process has ended."""
        self.listener = StoreListener()

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Open the run, unless the store is not there."""
        fault = next((fault for fault in self._faults if fault.kind is _AT_OPENING), None)
        if fault is not None:
            self.troubles.add(fault.kind)
            if fault.count > 1:
                await trio.sleep_forever()
            raise OSError("the store is not there")
        self.is_open = True
        return await self._store.open_journal(run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Store an entry, or what goes wrong instead."""
        if self.is_dead:
            await trio.lowlevel.checkpoint()
            return
        number, self.writes = self.writes, self.writes + 1
        fault = next((fault for fault in self._faults if _is_of_write(fault, number)), None)
        self.is_busy = self.is_behind = True
        try:
            if fault is not None and not await self._lets_pass(fault, run_id):
                return
            await self._store.append(run_id, fence, sequence, entry)
            if sequence == len(self._stored):  # one that is stored already may be written again
                self._stored.append(entry)
            self.is_behind = False
            self.listener.log("stored", number, sequence, len(entry))
            if fault is not None and fault.kind is StoreKind.CRASH_AFTER_WRITE:
                await self._crash()
        except StaleFence:
            self.listener.on_fenced()
            raise
        except StoreError as error:
            self.refused = error
            raise
        finally:
            self.is_busy = False

    async def _lets_pass(self, fault: StoreFault, run_id: str) -> bool:
        """Let a fault happen; whether the write comes to the store all the same."""
        self.listener.log("spoiled", fault.kind)
        if fault.kind is not StoreKind.CRASH_AFTER_WRITE:
            self.troubles.add(fault.kind)
        match fault.kind:
            case StoreKind.FAILS:
                raise OSError("no space left on device")
            case StoreKind.HANGS:
                await trio.sleep_forever()
            case StoreKind.SLOW:
                await trio.sleep(fault.seconds)
            case StoreKind.FENCED:
                await self._store.open_journal(run_id)
            case StoreKind.FORGETS:
                opened = await self._store.open_journal(run_id)
                await self._store.delete(run_id, opened.fence)
                self._stored.clear()
            case StoreKind.CRASH_BEFORE_WRITE:
                await trio.lowlevel.checkpoint()  # whoever was handed something too early takes it now
                await self._crash()
                return False
            case _:
                pass
        return True

    async def _crash(self) -> None:
        self.is_dead = True
        self.listener.on_crash()
        await trio.lowlevel.checkpoint()  # here its tasks end; only what it shields goes on, and gets nowhere

    async def delete(self, run_id: str, fence: int) -> None:
        """Forget a finished run."""
        if self.is_dead:
            await trio.lowlevel.checkpoint()
            return
        await self._store.delete(run_id, fence)
        self._stored.clear()
        self.listener.log("deleted")

    async def list_runs(self) -> tuple[str, ...]:
        """Return the runs."""
        return await self._store.list_runs()

    async def aclose(self) -> None:
        """Nothing of its own is open."""
        await trio.lowlevel.checkpoint()


def _is_of_write(fault: StoreFault, number: int) -> bool:
    return fault.kind is not _AT_OPENING and fault.at <= number < fault.at + fault.count
