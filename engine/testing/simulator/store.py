"""One process's way to the store in memory, and what goes wrong on it. A process that crashed reaches it no more.

What a dead process still writes is lost, and not refused: it would try again until its last flush has to be over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from ...core.errors import StoreError
from ...stores.memory import MemoryStore
from ...stores.store import OpenedJournal, StaleFence
from .model import nobody_listens
from .scenario import StoreFault, StoreKind

_AT_OPENING = StoreKind.LOAD_FAILS


class StoreHandle:
    """A `CheckpointStore` of one process.

    Attributes:
        writes: how many writes were begun.
        is_busy: whether a write is under way.
        refused: what a store that works had against a write.
        is_behind: whether the last write that was begun is not stored.
        on_crash: called when the process is killed.
        on_fenced: called when it is told that another owns the run.
        troubled: whether anything went wrong with a write.
        failed: whether something else than a crash did.
        lost: whether the run was fenced or forgotten.
    """

    def __init__(self, store: MemoryStore, faults: Sequence[StoreFault], log: Callable[..., None]) -> None:
        self._store = store
        self._faults = [fault for fault in faults if fault.kind is not _AT_OPENING]
        self._load_fault = next((fault for fault in faults if fault.kind is _AT_OPENING), None)
        self._log = log
        self.writes: int = 0
        self.is_busy: bool = False
        self.is_behind: bool = False
        self.refused: StoreError | None = None
        self.is_dead: bool = False
        self.troubled: bool = False
        self.failed: bool = False
        self.lost: bool = False
        self.is_open: bool = False
        self.on_crash: Callable[[], object] = bool
        self.on_fenced: Callable[[], object] = bool

    def let_go(self) -> None:
        """Forget who is told: its process has ended."""
        self.on_crash = self.on_fenced = bool
        self._log = nobody_listens

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Open the run, unless the store is not there."""
        if self._load_fault is not None:
            self.troubled = True
            if self._load_fault.count > 1:
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
        fault = next((fault for fault in self._faults if fault.at <= number < fault.at + fault.count), None)
        self.is_busy = self.is_behind = True
        try:
            if fault is not None and not await self._lets_pass(fault, run_id):
                return
            await self._store.append(run_id, fence, sequence, entry)
            self.is_behind = False
            self._log("stored", number, sequence, len(entry))
            if fault is not None and fault.kind is StoreKind.CRASH_AFTER_WRITE:
                await self._crash()
        except StaleFence:
            self.on_fenced()
            raise
        except StoreError as error:
            self.refused = error
            raise
        finally:
            self.is_busy = False

    async def _lets_pass(self, fault: StoreFault, run_id: str) -> bool:
        """Let a fault happen; whether the write comes to the store all the same."""
        self._log("spoiled", fault.kind)
        if fault.kind is not StoreKind.CRASH_AFTER_WRITE:
            self.troubled = True
            self.failed = self.failed or fault.kind is not StoreKind.CRASH_BEFORE_WRITE
        match fault.kind:
            case StoreKind.FAILS:
                raise OSError("no space left on device")
            case StoreKind.HANGS:
                await trio.sleep_forever()
            case StoreKind.SLOW:
                await trio.sleep(fault.seconds)
            case StoreKind.FENCED:
                self.lost = True
                await self._store.open_journal(run_id)
            case StoreKind.FORGETS:
                self.lost = True
                opened = await self._store.open_journal(run_id)
                await self._store.delete(run_id, opened.fence)
            case StoreKind.CRASH_BEFORE_WRITE:
                await trio.lowlevel.checkpoint()  # whoever was handed something too early takes it now
                await self._crash()
                return False
            case _:
                pass
        return True

    async def _crash(self) -> None:
        self.is_dead = True
        self.on_crash()
        await trio.lowlevel.checkpoint()  # here its tasks end; only what it shields goes on, and gets nowhere

    async def delete(self, run_id: str, fence: int) -> None:
        """Forget a finished run."""
        if self.is_dead:
            await trio.lowlevel.checkpoint()
            return
        await self._store.delete(run_id, fence)
        self._log("deleted")

    async def list_runs(self) -> tuple[str, ...]:
        """Return the runs."""
        return await self._store.list_runs()

    async def aclose(self) -> None:
        """Nothing of its own is open."""
        await trio.lowlevel.checkpoint()
