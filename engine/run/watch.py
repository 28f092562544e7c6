"""The task that watches the clocks of a run's attempts, one after the other, and cancels one when a clock runs out.

The reader only writes down when something came; this task sleeps until the earliest instant at which a clock can run
out, looks, and sleeps again. Nothing is paid for each event: moving a cancel scope's deadline with every read was
measured at 2.7 µs, writing the time down at 0.1 µs. An attempt that ends wakes nobody: the next look finds no clock,
or those of the next attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isinf, nextafter

import trio

from ..core.causes import IdleStall
from ..core.clocks import Clocks
from ..parking import ParkingSpot

LATE_S = 0.05
"""Woken later than this, we were not waiting for the provider: some task kept the loop. Time to read what has come."""

TURNS = 10
"""How many turns every task gets before a clock is judged. From the socket to the reader it takes two, and more for
what comes in several reads or through TLS; a task that computes may take half a second in each of them."""

REMIND_S = 30.0
"""How often a consumer is told that a model may still be loading (seeds, row 004)."""


class Watch:
    """Watches the attempts of one run.

    Attributes:
        stall: which clock ran out, set just before the attempt's scope is cancelled.
    """

    __slots__ = ("_asleep", "_clocks", "_is_closed", "_nap", "_remind", "_remind_at", "_scope", "stall")

    def __init__(self) -> None:
        self.stall: IdleStall | None = None
        self._clocks: Clocks | None = None
        self._scope = trio.CancelScope()
        self._nap = trio.CancelScope()
        self._asleep = ParkingSpot()
        self._remind: Callable[[], bool] | None = None
        self._remind_at = inf
        self._is_closed = False

    def begin(self, clocks: Clocks, scope: trio.CancelScope, remind: Callable[[], bool] | None = None) -> None:
        """Watch an attempt, one at a time: its clocks, and the scope to cancel.

        `remind` is called every `REMIND_S`, until it says that it need not be any more.
        """
        self.stall = None
        self._clocks, self._scope, self._remind = clocks, scope, remind
        self._remind_at = inf if remind is None else trio.current_time() + REMIND_S
        self.look_again()

    def end(self) -> None:
        """Watch nothing: the attempt has ended."""
        self._clocks, self._remind = None, None

    def close(self) -> None:
        """End the task: the run has ended."""
        self._is_closed = True
        self._asleep.wake()

    def look_again(self) -> None:
        """Tell the watch that another clock may run out sooner than it believes: the attempt entered a phase."""
        at = self._next_look()
        if at < self._nap.deadline:
            self._nap.deadline = at

    def _next_look(self) -> float:
        """Return just past the deadline, for a clock fires only when its limit is passed: ties go to the event."""
        if self._clocks is None:
            return inf
        at = self._clocks.next_look(trio.current_time())
        return min(at if isinf(at) else nextafter(at, inf), self._remind_at)

    async def run(self) -> None:
        """Watch until `close`. If cancelled: nothing was done."""
        while not self._is_closed:
            with trio.CancelScope(deadline=self._next_look()) as self._nap:
                await self._asleep.wait()
            if self._remind is not None and trio.current_time() >= self._remind_at:
                self._remind_at = trio.current_time() + REMIND_S if self._remind() else inf
            if self._clocks is not None and self._clocks.stall(trio.current_time()) is not None:
                await self._judge(self._clocks)

    async def _judge(self, clocks: Clocks) -> None:
        """Look once more when every task has had its turns, for ties go to the event; then cancel.

        Only what was measured is credited, and once: a loop that is always busy puts a stall off by a few of its turns.
        """
        due, now = self._nap.deadline, trio.current_time()
        if now - due > LATE_S:
            clocks.credit(due, now)  # the loop was held up: nobody waited for the provider
            with trio.move_on_after(LATE_S):
                await self._asleep.wait()
        stall: IdleStall | None = None
        for _ in range(TURNS):  # what lies in the socket comes first
            await trio.lowlevel.checkpoint()
            if clocks is not self._clocks or self._is_closed:
                return
            stall = clocks.stall(trio.current_time())
            if stall is None:
                return
        self.stall = stall
        self._scope.cancel(reason=str(stall))
        self.end()
