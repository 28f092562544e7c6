"""The six clocks of an attempt as arithmetic: time comes in, a stall comes out.

Time belongs to the provider only while we wait for the provider: what the consumer, the store or a tool takes is
subtracted (`pause`, `resume`), so every clock here runs on *provider time*. A clock fires only when its limit is
*passed*: an event exactly at the deadline wins.
"""

from __future__ import annotations

from enum import Enum
from math import inf

from .causes import IdleStall
from .policy import StallPolicy

REASONING_FACTOR = 2
"""A model that thinks may be silent twice as long (seeds, row 003)."""


class Phase(Enum):
    """What the attempt is waiting for."""

    HEADERS = "headers"
    FIRST_EVENT = "first event"
    STREAMING = "idle"


class Clocks:
    """The clocks of one attempt. `connect_s` is the transport's own; the other five are here.

    Args:
        policy: the limits, in seconds.
        reasons: whether the model thinks first; doubles the idle clock.
        now: trio's time as the attempt opens.
    """

    def __init__(self, policy: StallPolicy, *, reasons: bool, now: float) -> None:
        self._policy = policy
        self._idle_s = inf if policy.idle_s is None else policy.idle_s * (REASONING_FACTOR if reasons else 1)
        self._began = now
        self._paused_at: float | None = None
        self._paused_s = 0.0
        self._last = now
        self._phase = Phase.HEADERS
        self._phase_began = now
        self._pinged_at = now
        self._window_began = now
        self._window_bytes = 0
        self.useful_bytes = 0
        self.counts_bytes: bool = policy.throughput is not None

    def _provider_time(self, now: float) -> float:
        return (now if self._paused_at is None else self._paused_at) - self._paused_s

    # -- what happened --------------------------------------------------------------------------------------------

    def opened(self, now: float) -> None:
        """Note that the answer's headers are here."""
        self._enter(Phase.FIRST_EVENT, now)

    def progress(self, now: float) -> bool:
        """Note a semantic event; whether it was the first, which starts another clock."""
        self._last = now - self._paused_s
        if self._phase is Phase.STREAMING:
            return False
        self._enter(Phase.STREAMING, now)
        self._window_began = self._last
        return True

    def ping(self, now: float) -> None:
        """Note a sign of life: it may extend the first-event clock only."""
        self._pinged_at = now - self._paused_s

    def _enter(self, phase: Phase, now: float) -> None:
        self._phase = phase
        self._phase_began = self._last = self._pinged_at = now - self._paused_s

    def pause(self, now: float) -> None:
        """Stop the provider's time: we are the ones who are slow."""
        self._paused_at = now

    def resume(self, now: float) -> None:
        """Let the provider's time run again."""
        if self._paused_at is not None:
            self._paused_s += now - self._paused_at
            self._paused_at = None

    def credit(self, since: float, now: float) -> None:
        """Leave out a time in which nobody waited for the provider; what a pause leaves out is not left out twice."""
        until = now if self._paused_at is None else self._paused_at
        self._paused_s += max(until - since, 0.0)

    # -- what it means --------------------------------------------------------------------------------------------

    def _deadlines(self) -> list[tuple[float, str, float]]:
        """Return (provider time, name, seconds allowed) of each clock that runs in this phase."""
        policy = self._policy
        if self._phase is Phase.HEADERS:
            since, name, limit = self._began, "headers", policy.headers_s
        elif self._phase is Phase.FIRST_EVENT:
            since, name, limit = self._first_event()
        else:
            since, name, limit = self._last, "idle", self._idle_s
        total_s = policy.total_s
        rows = [] if total_s is None else [(self._began + total_s, "total", total_s)]
        if limit is not None:
            rows.append((since + limit, name, limit))
        return rows

    def _first_event(self) -> tuple[float, str, float | None]:
        """Return the row of the first-event clock: the maximum bounds what pings add to it, never the clock."""
        limit = self._policy.first_event_s
        most = inf if self._policy.first_event_s_max is None else self._policy.first_event_s_max
        if limit is None or self._pinged_at + limit <= self._phase_began + most:
            return self._pinged_at, "first event", limit
        return self._phase_began, "first event", max(limit, most)

    def stall(self, now: float) -> IdleStall | None:
        """Say which clock has run out, if one has: strictly past its deadline."""
        time = self._provider_time(now)
        for deadline, name, limit in self._deadlines():
            if time > deadline:
                return IdleStall(name, limit)
        return self._slow(time)

    def _slow(self, time: float) -> IdleStall | None:
        floor = self._policy.throughput
        if floor is None or self._phase is not Phase.STREAMING or time <= self._window_began + floor.window_s:
            return None
        if self.useful_bytes - self._window_bytes < floor.bytes_min:
            return IdleStall("throughput", floor.window_s)
        self._window_bytes, self._window_began = self.useful_bytes, time
        return None

    def next_look(self, now: float) -> float:
        """Say when, at the earliest, a clock can run out, on trio's clock. Never in the past; inf if none runs."""
        if self._paused_at is not None:
            return inf  # whoever resumes looks again; near a deadline that can not come we would look all the time
        time = self._provider_time(now)
        rows = self._deadlines()
        earliest = min(rows)[0] if rows else inf
        floor = self._policy.throughput
        if floor is not None and self._phase is Phase.STREAMING:
            earliest = min(earliest, self._window_began + floor.window_s)
        return now + max(earliest - time, 0.0)
