"""Writes what a run says to its store, behind the stream's back: bounded lag, own deadlines, never on the hot path.

A store that fails or hangs costs the stream nothing: the write is counted, one warning is logged, and the same entry is
tried again with the next (entries are numbered, so a write that arrived after all is not doubled). Two exceptions: the
"before delivery" mode, whose user asked that nothing be shown that is not stored, and a `StreamReset`, which waits for
one write (`delivery`).
"""

from __future__ import annotations

import logging
from collections import deque

import trio

from .core.errors import StoreError
from .core.journal import Entry, encode_entries
from .core.policy import CheckpointPolicy
from .core.printable import printable
from .core.stream_events import ReasoningDelta, TextDelta, ToolCallDelta
from .single_error import fault_of
from .stores.store import ENTRY_BYTES_MAX, CheckpointStore, StaleFence
from .waiting import WaitingTask

logger = logging.getLogger("riverrun")

ITEM_BYTES = 64
"""What an item other than text counts for in the lag: about its JSON."""

RETRY_S = 0.25
"""The least wait between two tries of a failed write, whatever the lag: a store that refuses at once is not asked all
the time."""


class JournalWriter:
    """The journal of one run.

    Attributes:
        failures: how many writes failed or missed their deadline.
        fenced: what the store said when another process had taken the run; `scope`, the run's, is cancelled then.
    """

    def __init__(
        self,
        store: CheckpointStore,
        run_id: str,
        *,
        fence: int,
        sequence: int,
        policy: CheckpointPolicy,
        scope: trio.CancelScope,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._fence = fence
        self._next_sequence = sequence
        self._policy = policy
        self._scope = scope
        self._pending: list[Entry] = []
        self._pending_bytes = 0
        self._unwritten: deque[tuple[int, bytes]] = deque()
        self._nudged = False
        self._idle = WaitingTask()
        self._lagging = WaitingTask()
        self._writing = trio.Lock()
        self._write_scope = trio.CancelScope()  # of the last write; it may be over
        self._is_closed = False
        self._last_words_s = policy.last_flush_s
        self.fenced: StoreError | None = None
        self.failures = 0

    def record(self, item: Entry) -> None:
        """Take an item. Never blocks."""
        if not self._pending:
            self._idle.wake()
        self._pending.append(item)
        kind = type(item)
        if kind is TextDelta or kind is ReasoningDelta:
            self._pending_bytes += len(item.text)  # type: ignore[union-attr]
        elif isinstance(item, ToolCallDelta):
            self._pending_bytes += len(item.args_delta)
        else:
            self._pending_bytes += ITEM_BYTES
        if self._pending_bytes >= self._policy.lag_bytes:
            self._lagging.wake()

    def nudge(self) -> None:
        """Ask for a write now: an interruption is a good moment. Never blocks."""
        self._nudged = True
        self._lagging.wake()

    async def run(self) -> None:
        """Write at bounded lag until `close`. If cancelled: what is unwritten is kept for `finish`."""
        while not self._is_closed:
            if not self._pending and not self._unwritten:
                await self._idle.wait()
                continue
            await self._wait_lag()
            if not await self.write():
                await self._wait_retry()

    async def _wait_lag(self) -> None:
        """Wait until a write is due."""
        if not self._is_due():
            with trio.move_on_after(self._policy.lag_s):
                while not self._is_due():
                    await self._lagging.wait()

    def _is_due(self) -> bool:
        return self._nudged or self._is_closed or self._pending_bytes >= self._policy.lag_bytes

    async def _wait_retry(self) -> None:
        """Wait before a write that failed is tried again."""
        with trio.move_on_after(max(self._policy.lag_s, RETRY_S)):
            while not self._is_closed:
                await self._lagging.wait()

    def close(self) -> None:
        """End the task of `run`; a write that is still under way is given up."""
        self._is_closed = True
        self._idle.wake()
        self._lagging.wake()
        self._write_scope.cancel(reason="the run has ended")

    async def write_through(self) -> None:
        """Write everything recorded so far, for the "before delivery" mode.

        Raises:
            StoreError: it could not be stored in time; nothing of it may be shown.
        """
        if not await self.write():
            seen = f"what was said could not be stored within {self._policy.write_s} s"
            raise StoreError(
                f"run '{printable(self._run_id)}': {seen}, and "
                "CheckpointPolicy(before_delivery=True) shows nothing that is not stored"
            )

    async def finish(self) -> bool:
        """Write the rest, again and again until it is stored; whether it is. Shielded, and bounded by `last_flush_s`.

        If cancelled: it is finished all the same, within the bound.
        """
        stored = False
        with trio.move_on_after(self._last_words_s, shield=True) as bound:
            while True:
                stored = await self.write()
                if stored or self.fenced is not None:
                    break
                await trio.sleep(RETRY_S)
        self._last_words_s = max(bound.deadline - trio.current_time(), 0.0)
        if bound.cancelled_caught:
            self._count("the last write missed its deadline")
        return stored

    async def delete(self) -> None:
        """Delete the journal of a finished run that its consumer has taken: shielded, and within what `finish` left.

        What is not deleted is found ended, and costs nothing; one who leaves waits for both no longer than for one.
        """
        failures = self.failures
        with trio.move_on_after(self._last_words_s, shield=True) as bound:
            await self._take_turn()  # a write that `close` cut short has let go first, or it could come after this
            try:
                await self._store.delete(self._run_id, self._fence)
            except* Exception as group:
                self._count_fault(fault_of(group))
            finally:
                self._writing.release()
        if bound.cancelled_caught and self.failures == failures:
            self._count("deleting the finished run missed its deadline")

    async def _take_turn(self) -> None:
        if self._writing.locked():  # taking a free lock would cost a turn of the scheduler, once for each write
            await self._writing.acquire()
        else:
            self._writing.acquire_nowait()

    async def write(self) -> bool:
        """Write what there is, within `write_s` for each entry; whether all of it is stored."""
        await self._take_turn()
        try:
            return await self._write_in_turn()
        finally:
            self._writing.release()

    async def _write_in_turn(self) -> bool:
        self._seal()
        while self._unwritten and self.fenced is None:
            sequence, entry = self._unwritten[0]
            if self._is_closed or not await self._append(sequence, entry):
                return False
            self._unwritten.popleft()
        return self.fenced is None

    def _seal(self) -> None:
        """Make entries of what is pending, one as a rule: from here on their bytes and numbers do not change."""
        self._nudged = False
        if self._pending:
            items, self._pending, self._pending_bytes = self._pending, [], 0
            entries = encode_entries(items, ENTRY_BYTES_MAX)
            self._unwritten.extend(enumerate(entries, self._next_sequence))
            self._next_sequence += len(entries)

    async def _append(self, sequence: int, entry: bytes) -> bool:
        stored = False
        try:
            with trio.move_on_after(self._policy.write_s) as self._write_scope:
                await self._store.append(self._run_id, self._fence, sequence, entry)
                stored = True
        except* Exception as group:  # a store is foreign code: whatever it raises, beside `Cancelled` too, is a failure
            self._fail(fault_of(group, StaleFence))
        else:
            if not stored and not self._is_closed:
                self._count(f"a write took more than {self._policy.write_s} s")
        return stored

    def _fail(self, fault: Exception) -> None:
        if not isinstance(fault, StaleFence):
            self._count_fault(fault)
            return
        self.fenced = fault.with_traceback(None)  # its frames hold all of this
        self._scope.cancel(reason="another process owns this run now")

    def _count_fault(self, fault: Exception) -> None:
        self._count(f"{type(fault).__name__}: {fault}")

    def _count(self, what: str) -> None:
        self.failures += 1
        if self.failures == 1:
            logger.warning(
                "run %r: the checkpoint store failed (%s); the stream goes on", self._run_id, printable(what)
            )
