"""One task that waits and others that wake it: a parking lot for one, at a tenth of the memory of trio's.

An idle stream holds several of these, and there may be thousands of streams (benchmarks/bench_recovery.py).
"""

from __future__ import annotations

import trio


class ParkingSpot:
    """A place where one task waits until it is woken."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    def __bool__(self) -> bool:
        """Whether a task waits here."""
        return self._task is not None

    async def wait(self) -> None:
        """Wait until woken. A checkpoint.

        Raises:
            trio.BusyResourceError: another task waits here already.
        If cancelled: nobody waits here any more.
        """
        if self._task is not None:
            raise trio.BusyResourceError("another task is already waiting here; one task at a time may receive")
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._leave)

    def _leave(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        """Wake the task that waits here, if there is one. Never blocks."""
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)
