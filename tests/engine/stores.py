"""Stores that misbehave, and what they had stored."""

from __future__ import annotations

import trio

import riverrun as rr
from riverrun.engine.core.journal import Entry, RestoredRun, decode_entry, restore
from riverrun.engine.core.policy import Limits
from riverrun.lowlevel import OpenedJournal


class WatchedStore(rr.MemoryStore):
    """A memory store that misbehaves as told, and remembers what it was given.

    Attributes:
        opening: what opening does instead of answering: raise this, hang ("hang"), or nothing special.
        failing: the same for writes; a number lets that many writes pass first.
    """

    def __init__(self, *, opening: Exception | str | None = None, failing: Exception | str | None = None) -> None:
        super().__init__()
        self.opening = opening
        self.failing = failing
        self.passing = 0
        self.kept: list[bytes] = []
        self.appends = 0
        self.deleted: list[str] = []

    async def open_journal(self, run_id: str) -> OpenedJournal:
        await _misbehave(self.opening)
        return await super().open_journal(run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        self.appends += 1
        if self.appends > self.passing:
            await _misbehave(self.failing)
        await super().append(run_id, fence, sequence, entry)
        self.kept[sequence:] = [entry]

    async def delete(self, run_id: str, fence: int) -> None:
        await super().delete(run_id, fence)
        self.deleted.append(run_id)

    @property
    def restored(self) -> RestoredRun | None:
        """What a process that opened the run now, or just before it was deleted, would find."""
        return restore(self.kept, Limits())

    @property
    def text(self) -> str:
        """The text stored."""
        return "" if self.restored is None else self.restored.accumulator.text

    @property
    def items(self) -> list[Entry]:
        """Everything stored, item by item."""
        return [item for entry in self.kept for item in decode_entry(entry)]


class Nursery(WatchedStore):
    """A store built on a nursery: a reader of its own breaks while a call that hangs is cancelled.

    Attributes:
        hanging: the calls that hang: "open_journal", "append", "delete".
        breaks: what the reader raises.
    """

    def __init__(self, *hanging: str, breaks: Exception | None = None) -> None:
        super().__init__()
        self.hanging = hanging
        self.breaks = OSError("the connection broke") if breaks is None else breaks

    async def open_journal(self, run_id: str) -> OpenedJournal:
        await self._call("open_journal")
        return await super().open_journal(run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await self._call("append")
        await super().append(run_id, fence, sequence, entry)

    async def delete(self, run_id: str, fence: int) -> None:
        await self._call("delete")
        await super().delete(run_id, fence)

    async def _call(self, name: str) -> None:
        if name in self.hanging:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                await trio.sleep_forever()

    async def _read(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise self.breaks


async def _misbehave(how: Exception | str | None) -> None:
    if isinstance(how, Exception):
        await trio.lowlevel.checkpoint()
        raise how
    if how is not None:
        await trio.sleep_forever()
