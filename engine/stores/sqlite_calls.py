"""The calls of a `SQLiteStore` on their way to its file: one thread at a time takes all that wait.

A call for itself costs a transaction of its own and, beside a busy loop, 5 ms each time that SQLite gives up the
interpreter's lock: 500 runs that were started at once waited for a minute. What waits is therefore carried out together
(`sqlite_batch`), and the more wait, the less each of them costs.

Rules:
- Calls that are carried out together were all under way at once: any order of them is a right one.
- A cancelled call that still waits is as if it had never been; one that a thread has taken is abandoned.
- All state is the loop's: a thread is handed what it works on, and hands it back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

import trio
from attrs import define, field

from ..core.errors import StoreError
from .store import OpenedJournal, StoreUnreachable

CALLS_MAX = 1024
"""So many calls are carried out together, so that nobody waits for a batch without an end."""

_Answer = TypeVar("_Answer")


@define(eq=False)
class Call(Generic[_Answer]):
    """A call, and what became of it: an `answer`, or the `error` that it ends with.

    `task` is who waits; None where nobody does (any more).
    """

    run_id: str = ""
    answer: _Answer | None = field(default=None, init=False)
    error: BaseException | None = field(default=None, init=False)
    task: trio.lowlevel.Task | None = field(default=None, init=False)

    @property
    def name(self) -> bytes:
        """The run's id as the file keeps it."""
        return self.run_id.encode("utf-8", "surrogatepass")


@define(eq=False)
class FirstEntry(Call[bytes | None]):
    """Read what a run begins with."""


@define(eq=False)
class ListRuns(Call[tuple[str, ...]]):
    """List the runs."""


@define(eq=False)
class OpenJournal(Call[OpenedJournal]):
    """Open a run."""


@define(eq=False)
class Append(Call[None]):
    """Store an entry."""

    fence: int = 0
    sequence: int = 0
    entry: bytes = b""


@define(eq=False)
class Delete(Call[None]):
    """Forget a run."""

    fence: int = 0


class CallQueue:
    """The calls of one `trio.run`. `answer_all` carries calls out in a thread, and never raises."""

    def __init__(self, answer_all: Callable[[Sequence[Call[Any]]], None]) -> None:
        self._answer_all = answer_all
        self._token = trio.lowlevel.current_trio_token()
        self._waiting: dict[Call[Any], None] = {}
        self._is_busy = False

    @property
    def is_of_this_loop(self) -> bool:
        """Whether its threads come back to the loop that is running: one that has ended takes nothing back."""
        return self._token is trio.lowlevel.current_trio_token()

    @trio.lowlevel.enable_ki_protection  # or a Ctrl-C could leave a call that wakes a task which waits elsewhere
    async def carry_out(self, call: Call[_Answer]) -> _Answer | None:
        """Wait until a call was carried out. A checkpoint always.

        Raises StoreError. If cancelled: nothing was done, or it is done now or a little later.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._waiting[call] = None
        try:
            self._begin()
        except RuntimeError as error:  # no thread is to be had
            self._waiting.pop(call, None)
            raise StoreUnreachable(f"no thread for the store: {error}; expected one to be free") from error
        call.task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(partial(self._abandon, call))
        if call.error is not None:
            raise call.error
        return call.answer

    def _abandon(self, call: Call[Any], _raise_cancel: object) -> trio.lowlevel.Abort:
        call.task = None
        self._waiting.pop(call, None)
        return trio.lowlevel.Abort.SUCCEEDED

    def _begin(self) -> None:
        if self._is_busy or not self._waiting:
            return
        taken = list(islice(self._waiting, CALLS_MAX))
        trio.lowlevel.start_thread_soon(partial(self._answer_all, taken), partial(self._hand_back, taken))
        self._is_busy = True
        for call in taken:
            del self._waiting[call]

    def _hand_back(self, taken: list[Call[Any]], _outcome: object) -> None:
        """Come back from the thread; where the loop has ended, nobody waits."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._end, taken)

    def _end(self, taken: list[Call[Any]]) -> None:
        self._is_busy = False
        for call in taken:
            if call.task is not None:
                trio.lowlevel.reschedule(call.task)
        with suppress(RuntimeError):  # no thread: whoever calls next tries again
            self._begin()


def fail(calls: Sequence[Call[Any]], error: BaseException) -> None:
    """Let calls end with an error, each with one of its own: an exception is raised by one task."""
    for call in calls:
        call.answer = None
        call.error = error
        if len(calls) > 1 and isinstance(error, StoreError):
            call.error = type(error)(*error.args)
            call.error.__cause__ = error.__cause__


def reads(calls: Sequence[Call[Any]]) -> list[Call[Any]]:
    """Return those that only read: they wait for no other process."""
    return [call for call in calls if isinstance(call, FirstEntry | ListRuns)]


def writes(calls: Sequence[Call[Any]]) -> list[Call[Any]]:
    """Return the others."""
    return [call for call in calls if not isinstance(call, FirstEntry | ListRuns)]
