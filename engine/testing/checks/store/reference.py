"""A store in memory beside the one under test: it makes every call on both, and notes where they differ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import trio

from ....core.errors import StoreError
from ....stores.memory import MemoryStore
from ....stores.store import CheckpointStore, OpenedJournal
from ...law import Law, Violation
from ..expectations import Broken, tell_difference
from .clock import Busy

_Result = TypeVar("_Result")


async def _refusal(call: Awaitable[object]) -> StoreError | None:
    try:
        await call
    except StoreError as error:
        return error
    return None


class MirroredStore(MemoryStore):
    """A store in memory that makes every call on another store too, and notes where the two differ.

    Attributes:
        theirs: the other store.
        broken: where they differ.
        fences: the fences that were given out, by run, oldest first.
    """

    def __init__(self, theirs: CheckpointStore, busy: dict[trio.lowlevel.Task, Busy]) -> None:
        super().__init__()
        self.theirs: CheckpointStore = theirs
        self.broken: list[Violation] = []
        self.fences: dict[str, list[int]] = {}
        self._counts: dict[str, int] = {}
        self._busy = busy
        self._is_lost = False
        self._their_fences: dict[tuple[str, int], int] = {}

    def replace(self, theirs: CheckpointStore) -> None:
        """Go on with another store over the same data."""
        self.theirs = theirs

    def count(self, run_id: str) -> int:
        """How many entries of a run are stored."""
        return self._counts.get(run_id, 0)

    async def open_journal(self, run_id: str) -> OpenedJournal:
        """Open in both; the entries must be the same, and both fences grow."""
        opened = await super().open_journal(run_id)
        self._counts[run_id] = len(opened.entries)
        theirs = await self._compare("open_journal", lambda: self.theirs.open_journal(run_id), refused=None)
        if theirs is not None:
            before = [fence for (run, _), fence in self._their_fences.items() if run == run_id]
            if theirs.entries != opened.entries:
                self._note(f"open_journal gives the entries {tell_difference(theirs.entries, opened.entries)}")
            if theirs.fence <= max(before, default=0):
                self._note(f"open_journal gives fence {theirs.fence}; expected more than {max(before, default=0)}")
            self._their_fences[run_id, opened.fence] = theirs.fence
        self.fences.setdefault(run_id, []).append(opened.fence)
        return opened

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        """Append to both; both take it, or both refuse."""
        refused = await _refusal(super().append(run_id, fence, sequence, entry))
        theirs = self._their_fence(run_id, fence)
        await self._compare(
            f"append of entry {sequence}",
            lambda: self.theirs.append(run_id, theirs, sequence, entry),
            refused=refused,
        )
        if refused is not None:
            raise refused
        self._counts[run_id] = max(self.count(run_id), sequence + 1)

    async def delete(self, run_id: str, fence: int) -> None:
        """Delete in both; both do, or both refuse."""
        refused = await _refusal(super().delete(run_id, fence))
        theirs = self._their_fence(run_id, fence)
        await self._compare("delete", lambda: self.theirs.delete(run_id, theirs), refused=refused)
        if refused is not None:
            raise refused
        self._counts.pop(run_id, None)

    async def list_runs(self) -> tuple[str, ...]:
        """List both; the lists must be the same."""
        runs = await super().list_runs()
        theirs = await self._compare("list_runs", self.theirs.list_runs, refused=None)
        if theirs is not None and theirs != runs:
            self._note(f"list_runs gives {tell_difference(theirs, runs)}")
        return runs

    def _their_fence(self, run_id: str, fence: int) -> int:
        return self._their_fences.get((run_id, fence), fence)

    async def _compare(
        self, what: str, call: Callable[[], Awaitable[_Result]], *, refused: StoreError | None
    ) -> _Result | None:
        """Make their call, which ours was already; shielded, for what a cancelled call did could not be compared."""
        result: _Result | None = None
        taken = False
        if self._is_lost:
            return None
        try:
            with self._waiting(what):
                result, taken = await call(), True
        except StoreError as error:
            if not isinstance(error, type(refused)):
                expected = "it to be taken" if refused is None else type(refused).__name__
                self._note(f"{what} is refused by {type(error).__name__}: {error}; expected {expected}"[:300])
        except Broken:  # no answer in time: whoever judges the calls hears it
            raise
        except Exception as error:  # whatever the store raises is the finding
            self._note(f"{what} raised {type(error).__name__}: {error}; expected StoreError at most"[:300])
        if taken and refused is not None:
            self._note(f"{what} is taken; expected {type(refused).__name__}: {refused}"[:300])
        return result

    @contextmanager
    def _waiting(self, what: str) -> Generator[None, None, None]:
        """Let the clock know that their store is at work; where it gives up on it, their store is asked no more."""
        task = trio.lowlevel.current_task()
        with trio.CancelScope(shield=True) as scope:
            self._busy[task] = Busy(scope)
            try:
                yield
            finally:
                del self._busy[task]
        if scope.cancelled_caught:
            self._is_lost = True
            self.broken.append(Violation(Law.LIVENESS, f"{what} gives no answer"))

    def _note(self, message: str) -> None:
        self.broken.append(Violation(Law.ONE_STREAM, message))
