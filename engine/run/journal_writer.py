"""Writes what a run says to its store, behind the stream's back: bounded lag, own deadlines, never on the hot path.

A store that fails or hangs costs the stream nothing: the write is counted, one warning is logged, and the same entry is
tried again with the next (entries are numbered, so a write that arrived after all is not doubled). Two exceptions: the
"before delivery" mode, whose user asked that nothing be shown that is not stored, and a `StreamReset`, which waits for
one write (`delivery`).

What a run holds bounds what is written of it. A provider may say a signature, a usage report or a cursor again and
again, each in the place of the last (`core.journal_merge`): of these an entry holds the last one, and where they come
to more than `REPLACED_TIMES` what lasts and `REPLACED_BYTES`, they wait for what lasts, or for the run's end. A cursor
that waits is none meanwhile, for one that is older than the text would have that text read again.

A signal may raise between any two instructions (Ctrl-C does, in the task that it meets). What is recorded is therefore
encoded first and taken then, and both steps are protected from Ctrl-C: an entry that was lost would leave a journal
without its header, and one taken twice an answer that repeats itself.
"""

from __future__ import annotations

import logging
from collections import deque

import trio
from attrs import frozen

from ..core.errors import StoreError
from ..core.journal import Entry, encode_entries, encode_entry, merge_deltas, split_replaceable
from ..core.policy import CheckpointPolicy
from ..core.printable import printable
from ..core.stream_events import (
    BlockStop,
    CursorMoved,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ResponseStarted,
    StopReported,
    TextDelta,
    ToolCallDelta,
)
from ..core.usage import UsageReport
from ..error_groups import fault_of
from ..parking import ParkingSpot
from ..stores.store import CheckpointStore, StaleFence

logger: logging.Logger = logging.getLogger("riverrun")

ITEM_BYTES = 64
"""What an item other than text counts for in the lag: about its JSON."""

PIECE_BYTES = 1024 * 1024
"""About the largest entry that is written: it is encoded and read back at once, in 10 ms."""

REPLACED_TIMES = 4
REPLACED_BYTES = 1024 * 1024
"""What may be replaced later takes at most so many times what lasts, and so much besides, in the store: a usual answer
with a cursor of 400 characters in every entry stays below the one, and one that dribbles for ten minutes below both."""

COMPACTED_BYTES = 64 * 1024
"""Before so much has come together, what waits is not looked through for what was replaced."""

_REPLACING = frozenset({UsageReport, ResponseStarted, StopReported, CursorMoved, ReasoningSignature})

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
        self._rare_bytes = 0  # of what waits, beside text
        self._compact_at = COMPACTED_BYTES
        self._held_back: list[Entry] = []  # what may be replaced, and was more than may be written of it
        self._written = _Written()
        self._unwritten: deque[tuple[int, bytes]] = deque()
        self._nudged = False
        self._idle = ParkingSpot()
        self._lagging = ParkingSpot()
        self._writing = trio.Lock()
        self._write_scope = trio.CancelScope()  # of the last write; it may be over
        self._is_closed = False
        self._last_words_s = policy.last_flush_s
        self.fenced: StoreError | None = None
        self.failures: int = 0

    @trio.lowlevel.enable_ki_protection
    def record(self, item: Entry) -> None:
        """Take an item. Never blocks. Cost: O(1) amortised."""
        if not self._pending:
            self._idle.wake()
        self._pending.append(item)
        kind = type(item)
        if kind is TextDelta or kind is ReasoningDelta:
            self._pending_bytes += len(item.text)  # type: ignore[union-attr]
        elif isinstance(item, ToolCallDelta):
            self._pending_bytes += len(item.args_delta)
        else:
            self._count_rare(item, kind)
        if self._pending_bytes >= self._policy.lag_bytes:
            self._lagging.wake()

    def _count_rare(self, item: Entry, kind: type) -> None:
        """Count what is no text; what replaces something hurries no write."""
        self._pending_bytes += 0 if kind in _REPLACING else ITEM_BYTES
        self._rare_bytes += _weight(item)
        if self._rare_bytes >= self._compact_at:
            self._pending = merge_deltas(self._pending)
            self._rare_bytes = sum(map(_weight, self._pending))
            self._compact_at = COMPACTED_BYTES + 2 * self._rare_bytes + self._pending_bytes

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
                stored = await self.write(last=True)
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

    async def write(self, *, last: bool = False) -> bool:
        """Write what there is, within `write_s` for each entry; whether all of it is stored.

        What may still be replaced is held back where there was much of it, unless this is the `last` of the run.
        """
        await self._take_turn()
        try:
            return await self._write_in_turn(last=last)
        finally:
            self._writing.release()

    async def _write_in_turn(self, *, last: bool) -> bool:
        self._seal(last=last)
        while self._unwritten and self.fenced is None:
            sequence, entry = self._unwritten[0]
            if self._is_closed or not await self._append(sequence, entry):
                return False
            self._unwritten.popleft()
        return self.fenced is None

    @trio.lowlevel.enable_ki_protection
    def _seal(self, *, last: bool) -> None:
        """Make entries of what is pending, one as a rule: from here on their bytes and numbers do not change."""
        self._nudged = False
        if not self._pending and not (last and self._held_back):
            return
        items = merge_deltas([*self._held_back, *self._pending])
        said, held_back, written = self._written.admit(items, last=last)
        entries = encode_entries(said, PIECE_BYTES) if said else []
        unwritten = deque([*self._unwritten, *enumerate(entries, self._next_sequence)])
        next_sequence = self._next_sequence + len(entries)
        written = written.with_entries(entries)
        # All that can fail is done. Nothing is called from here on, so that no signal comes between.
        self._pending, self._held_back = [], held_back
        self._unwritten, self._next_sequence, self._written = unwritten, next_sequence, written
        self._pending_bytes, self._rare_bytes, self._compact_at = 0, 0, COMPACTED_BYTES

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


@frozen
class _Written:
    """How many bytes were written of a run: all, and of those what something later may replace, or has replaced.

    `has_cursor` says whether the store may hold a cursor.
    """

    entry_bytes: int = 0
    replaced_bytes: int = 0
    has_cursor: bool = True

    def admit(self, items: list[Entry], *, last: bool) -> tuple[list[Entry], list[Entry], _Written]:
        """Return what of merged items is to be written and what has to wait, and what is written then."""
        lasting, replaceable = split_replaceable(items)
        allowed = REPLACED_TIMES * (self.entry_bytes - self.replaced_bytes) + REPLACED_BYTES - self.replaced_bytes
        size = sum(map(_weight, replaceable))  # measured only where it could fit: it may be large, and wait for long
        if replaceable and (last or size <= allowed):
            size = len(encode_entry(replaceable))
        if last or size <= allowed:
            cursors = [item.cursor for item in items if isinstance(item, CursorMoved)]
            has_cursor = self.has_cursor if not cursors else cursors[-1] is not None
            return items, [], _Written(self.entry_bytes, self.replaced_bytes + size, has_cursor)
        if lasting and self.has_cursor:
            lasting.append(CursorMoved(None))
        return lasting, replaceable, _Written(self.entry_bytes, self.replaced_bytes, self.has_cursor and not lasting)

    def with_entries(self, entries: list[bytes]) -> _Written:
        """Count entries."""
        return _Written(self.entry_bytes + sum(map(len, entries)), self.replaced_bytes, self.has_cursor)


def _weight(item: Entry) -> int:
    """About what an item other than a delta is as JSON: of what a provider may make large, its text."""
    match item:
        case ReasoningSignature(text) | RedactedReasoning(text) | StopReported(word=text):
            return ITEM_BYTES + len(text)
        case CursorMoved(str(text)) | BlockStop(arguments=str(text)):
            return ITEM_BYTES + len(text)
        case ResponseStarted(response_id, model):
            return ITEM_BYTES + len(response_id) + len(model)
        case _:
            return ITEM_BYTES
