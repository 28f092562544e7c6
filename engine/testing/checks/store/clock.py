"""A virtual clock that stands still while the store under test is at work, and skips what the store sleeps.

Rules:
- The engine's clocks stand still during a call of the store. What a store takes in real time, in threads or on a
  network, is then no part of the run, and the same seed stays the same run.
- A store that sleeps in trio's own time would sleep for ever on a clock that stands still. Where nothing else of it can
  go on, its sleep is over at once; a deadline of it around other work is left alone.
- A call that gives no answer in real time is cancelled. One that is shielded can not be: then the loop is taken down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import trio
from attrs import field, frozen

from ...simulator.clock import JumpingClock, Stuck, innermost_scope

POLL_S = 0.01
"""trio wakes at once when a thread is done; this is how often a store that hangs is looked at."""

GRACE_S = 1.0
"""How long a cancelled call may take to end, in real time."""


@frozen
class Busy:
    """A call of a store that is under way: the scope that it is in, and when it began, in real seconds."""

    scope: trio.CancelScope
    since_s: float = field(factory=time.monotonic)


class PatientClock(JumpingClock):
    """A clock that does not jump, and sees no deadlock, while the store is at work.

    Attributes:
        busy: the calls of the store that are under way, by their task.
    """

    def __init__(self, on_stuck: Callable[[str], None], *, answer_s: float) -> None:
        super().__init__(on_stuck)
        self.busy: dict[trio.lowlevel.Task, Busy] = {}
        self._answer_s = answer_s

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Wait a little in real time while the store is busy; jump otherwise."""
        if not self.busy:
            return super().deadline_to_sleep_time(deadline)
        waited_s = time.monotonic() - min(busy.since_s for busy in self.busy.values())
        if waited_s > self._answer_s + GRACE_S:
            raise Stuck(f"the store gives no answer within {self._answer_s:g} s, and can not be cancelled")
        if waited_s > self._answer_s:
            for busy in self.busy.values():
                busy.scope.cancel(reason="the store gives no answer")
        elif self._wake_sleepers():
            return 0.0
        self.steps = 0
        return POLL_S

    def _wake_sleepers(self) -> bool:
        """End the sleeps of the store, if it waits for nothing outside of this loop; returns whether there were any."""
        tasks = [task for busy in self.busy for task in _family(busy)]
        waits = [
            {(frame.f_globals.get("__name__"), frame.f_code) for frame, _ in task.iter_await_frames()} for task in tasks
        ]
        if any(str(module).startswith(_OUTSIDE) for wait in waits for module, _ in wait):
            return False
        sleepers = [task for task, wait in zip(tasks, waits, strict=True) if _SLEEP in {code for _, code in wait}]
        for task in sleepers:
            innermost_scope(task).deadline = self.now
        return bool(sleepers)


_SLEEP = trio.sleep_until.__code__
_OUTSIDE = ("trio._threads", "trio._core._io", "trio._subprocess")


def _family(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    yield task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _family(child)
