"""Lets a few tasks through in each turn of the scheduler, so that many at once do not hold up every other task.

To open an answer takes about two milliseconds of CPU (the encoded request, httpx, a connection; TLS takes more). trio
runs all tasks that are ready before it looks at the clock or the network again: a thousand answers opened at once were
a turn of half a second, two with TLS. Nobody waits for a network here, so what hangs holds up nobody else.
"""

from __future__ import annotations

from collections import deque

import trio

PASSING_MAX = 4
"""How many pass in a turn of the scheduler: about ten milliseconds of CPU."""


class Turnstile:
    """First come, first through; `PASSING_MAX` in a turn."""

    __slots__ = ("_passing", "_queue", "_token")

    def __init__(self) -> None:
        self._queue: deque[trio.lowlevel.Task] = deque()
        self._passing = 0
        self._token: trio.lowlevel.TrioToken | None = None

    async def wait_turn(self) -> None:
        """Wait until it is one's turn; a checkpoint only if it waits. If cancelled: the place is given up."""
        self._enter_loop()
        if self._passing >= PASSING_MAX:
            task = trio.lowlevel.current_task()
            self._queue.append(task)

            def leave(_raise_cancel: object) -> trio.lowlevel.Abort:
                self._queue.remove(task)
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(leave)
        else:
            self._pass()

    def _enter_loop(self) -> None:
        """An engine may be used in one trio run after another, and what an earlier one left is void."""
        token = trio.lowlevel.current_trio_token()
        if token is not self._token:
            self._token, self._passing = token, 0
            self._queue.clear()

    def _pass(self) -> None:
        self._passing += 1
        if self._passing == 1 and self._token is not None:
            self._token.run_sync_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._passing = 0
        while self._queue and self._passing < PASSING_MAX:
            trio.lowlevel.reschedule(self._queue.popleft())
            self._pass()
