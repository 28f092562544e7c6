"""The six clocks of an attempt as arithmetic: time comes in, a stall comes out.

Time belongs to the provider only while we wait for the provider: what the consumer, the store or a tool takes is
subtracted (`pause`, `resume`), so every clock here runs on *provider time*. A clock fires only when its limit is
*passed*: an event exactly at the deadline wins.

While a call or a thought is open, the model may compose it in silence, as it does before its first event: the same
clock holds, and signs of life extend it likewise. It never makes the gap shorter than it is in text.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import inf

from .causes import IdleStall
from .policy import StallPolicy

REASONING_FACTOR = 2
"""A model that thinks may be silent twice as long (seeds, row 003)."""

LOADING_FACTOR = 2.5
"""A server that loads the model before it sends headers may take 300 s, where others have 120 (seeds, row 004)."""


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
        loads: whether the model may have to be loaded first; two and a half times the headers clock.
        in_one_piece: whether the answer is not streamed, so that all of it is composed before its first byte.
        now: trio's time as the attempt opens.
        is_inside: whether a call or a thought is open; asked when it matters, not with each event.
    """

    def __init__(
        self,
        policy: StallPolicy,
        *,
        reasons: bool,
        now: float,
        loads: bool = False,
        in_one_piece: bool = False,
        is_inside: Callable[[], bool] = lambda: False,
    ) -> None:
        self._waits: tuple[str, str] = ("headers_s", "first_event_s")  # what sets the clocks of the first two phases
        if in_one_piece:
            self._waits = (policy.longest_wait, policy.longest_wait)
            policy = policy.in_one_piece()
        self._policy = policy
        self._is_inside = is_inside
        self._looked_inside = False  # the deadline that was told last is that of an open call or thought
        self._idle_s = None if policy.idle_s is None else policy.idle_s * (REASONING_FACTOR if reasons else 1)
        self._headers_s = None if policy.headers_s is None else policy.headers_s * (LOADING_FACTOR if loads else 1)
        self._began = now
        self._paused_at: float | None = None
        self._paused_s = 0.0
        self._last = now
        self._phase = Phase.HEADERS
        self._phase_began = now
        self._pinged_at = now
        self._heard_at: float | None = None
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
        """Note a semantic event; whether a clock may run out sooner now: it was the first, or closed what was open."""
        self._last = now - self._paused_s
        if self._phase is Phase.STREAMING:
            return self._looked_inside and not self._is_inside()
        self._enter(Phase.STREAMING, now)
        self._window_began = self._last
        if self._heard_at is None:
            self._heard_at = self._last
        return True

    def ping(self, now: float) -> None:
        """Note a sign of life: it may extend the first-event clock only, wherever that holds."""
        self._pinged_at = now - self._paused_s
        if self._heard_at is None:
            self._heard_at = self._pinged_at

    @property
    def burst_s(self) -> tuple[float, float]:
        """How long nothing came of the body, and how long what came then took; provider time."""
        heard_at = self._last if self._heard_at is None else self._heard_at
        return heard_at - self._began, self._last - heard_at

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

    def _deadlines(self) -> list[tuple[float, IdleStall]]:
        """Return the provider time at which each clock of this phase runs out, and the stall that this is."""
        policy = self._policy
        if self._phase is Phase.HEADERS:
            row = _row(self._began, "headers", self._headers_s, self._waits[0])
        elif self._phase is Phase.FIRST_EVENT:
            row = self._silence("first event", self._phase_began)
        else:
            row = self._gap()
        rows = [row, _row(self._began, "total", policy.total_s, "total_s")]
        return [row for row in rows if row is not None]

    def _gap(self) -> tuple[float, IdleStall] | None:
        """Return the row of the gap clock. While a call or a thought is open, the longer of two holds."""
        gap = _row(self._last, "idle", self._idle_s, "idle_s")
        self._looked_inside = self._is_inside()
        silence = self._silence("idle", self._last) if self._looked_inside else None
        return silence if silence is not None and (gap is None or silence[0] > gap[0]) else gap

    def _silence(self, name: str, since: float) -> tuple[float, IdleStall] | None:
        """Return the row of the first-event clock: the maximum bounds what pings add to it, never the clock."""
        limit = self._policy.first_event_s
        most = inf if self._policy.first_event_s_max is None else self._policy.first_event_s_max
        lived = max(self._pinged_at, since)
        if limit is None or lived + limit <= since + most:
            return _row(lived, name, limit, self._waits[1])
        capped = (most, "first_event_s_max") if most > limit else (limit, self._waits[1])
        return _row(since, name, *capped)

    def stall(self, now: float) -> IdleStall | None:
        """Say which clock has run out, if one has: strictly past its deadline."""
        time = self._provider_time(now)
        for deadline, stall in self._deadlines():
            if time > deadline:
                return stall
        return self._slow(time)

    def _slow(self, time: float) -> IdleStall | None:
        floor = self._policy.throughput
        if floor is None or self._phase is not Phase.STREAMING or time <= self._window_began + floor.window_s:
            return None
        if self.useful_bytes - self._window_bytes < floor.bytes_min:
            return IdleStall("throughput", floor.window_s, "throughput")
        self._window_bytes, self._window_began = self.useful_bytes, time
        return None

    def next_look(self, now: float) -> float:
        """Say when, at the earliest, a clock can run out, on trio's clock. Never in the past; inf if none runs."""
        if self._paused_at is not None:
            return inf  # whoever resumes looks again; near a deadline that can not come we would look all the time
        time = self._provider_time(now)
        rows = self._deadlines()
        earliest = min((deadline for deadline, _ in rows), default=inf)
        floor = self._policy.throughput
        if floor is not None and self._phase is Phase.STREAMING:
            earliest = min(earliest, self._window_began + floor.window_s)
        return now + max(earliest - time, 0.0)


def _row(since: float, clock: str, limit: float | None, setting: str) -> tuple[float, IdleStall] | None:
    return None if limit is None else (since + limit, IdleStall(clock, limit, setting))
