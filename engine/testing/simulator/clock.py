"""Virtual time and the order of tasks: a clock that jumps over every wait, and a scheduler that is seeded.

All that the kit takes of trio's private parts is in this file, and pinned by `tests/testing/test_clock.py`.

Rules:
- The clock jumps at the moment nothing can run, and exactly onto the next deadline: no tick is spent on waiting, and
  times are the same numbers whatever else runs in the same loop.
- Nothing can run and no deadline is set: that is a deadlock, and it is told at once instead of waited for. So is a loop
  that runs on and on while no time passes.
- In which order trio runs the tasks that are ready is drawn for each scenario from its own dice, which its tasks carry
  in their context. So the order does not depend on what else runs in the same loop: a scenario alone and among others
  is the same run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from math import isinf
from typing import Any

import trio
from trio._core import _run as scheduler  # pyright: ignore[reportPrivateUsage] - there is no public way

STEPS_MAX = 20_000
"""How many batches of tasks may run at one instant of virtual time: a run of 20 events takes about a hundred."""

JUMPS_MAX = 100_000
"""How often time may pass in one group: a ping a second for the longest first-event clock is 600 for each attempt."""


class Stuck(Exception):
    """The loop can not go on, and cancelling did not help."""


class JumpingClock(trio.abc.Clock):
    """A clock of one trio run. `on_stuck` is called with the reason when nothing can go on; it cancels what hangs.

    Attributes:
        now: the virtual time, in seconds; to be set only while nothing waits.
        jumps: how often time passed.
    """

    def __init__(self, on_stuck: Callable[[str], None]) -> None:
        self.now: float = 0.0
        self.jumps: int = 0
        self.steps: int = 0
        self._on_stuck = on_stuck
        self._stuck: int = 0

    def start_clock(self) -> None:
        """Nothing to start."""

    def current_time(self) -> float:
        """Return the virtual time. trio asks once for each batch of tasks, so a loop that never waits is seen here."""
        return self.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Jump onto the next deadline: trio asks when nothing can run. 0: there is never anything to wait for."""
        if isinf(deadline):
            self._tell("deadlock: nothing can run and no deadline is set")
        elif deadline > self.now:
            self.now = deadline
            self.jumps += 1
            self.steps = 0
            if self.jumps > JUMPS_MAX:
                self.jumps = 0
                self._tell(f"does not end: time has passed {JUMPS_MAX} times, and it is second {deadline:g}")
        return 0.0

    def count_step(self) -> None:
        """Count a batch of tasks; a loop that never waits is seen here."""
        self.steps += 1
        if self.steps > STEPS_MAX:
            self.steps = 0
            self._tell("runs on and on while no time passes")

    def restart(self) -> None:
        """Begin at second 0 again. Only while nothing waits for a deadline."""
        self.now = 0.0
        self.jumps = self.steps = self._stuck = 0

    def _tell(self, why: str) -> None:
        self._stuck += 1
        if self._stuck > 100:
            raise Stuck(why)
        self._on_stuck(why)


_dice: ContextVar[Callable[[], float] | None] = ContextVar("riverrun_simulated_order", default=None)


def order_tasks_by(dice: Callable[[], float]) -> None:
    """Let this task, and all it starts from now on, be ordered by these dice."""
    _dice.set(dice)


def _place(task: trio.lowlevel.Task) -> float:
    dice = task.context.get(_dice)
    return 0.0 if dice is None else dice()


def _ignore() -> None:
    pass


class _SeededOrder(random.Random):
    """Stands where trio keeps its coin. trio hands over each batch of ready tasks, sorted by age."""

    def __init__(self, count_step: Callable[[], None]) -> None:
        super().__init__(0)
        self._count_step = count_step

    def shuffle(self, x: Any) -> None:
        """Order a batch: each task by the dice of its own scenario."""
        self._count_step()
        x.sort(key=_place)


@contextmanager
def seeded_order(clock: JumpingClock | None = None) -> Generator[None, None, None]:
    """While this lasts, trio's task order is drawn from the dice of `order_tasks_by`. Not for two threads at once.

    The clock counts the batches of tasks; None where time is the real one. trio has no public way: Hypothesis' plugin
    for trio sets the same two names.
    """
    held: Any = scheduler
    before = held._ALLOW_DETERMINISTIC_SCHEDULING, held._r
    held._ALLOW_DETERMINISTIC_SCHEDULING, held._r = True, _SeededOrder(_ignore if clock is None else clock.count_step)
    try:
        yield
    finally:
        held._ALLOW_DETERMINISTIC_SCHEDULING, held._r = before


def innermost_scope(task: trio.lowlevel.Task) -> trio.CancelScope:
    """Return the innermost cancel scope that a task is in; that of `trio.sleep_until` has no name anywhere else."""
    held: Any = task
    scope: trio.CancelScope = held._cancel_status._scope
    return scope
