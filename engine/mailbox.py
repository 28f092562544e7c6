"""Between the task that reads the provider and the task that consumes: a bounded queue with one wake-up a read.

Putting never blocks and never switches tasks, so all events of one network read cross in one hop; the reader asks for
room between reads, and so stops when the consumer stops, down to TCP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import trio

from .core.events import Event

EVENTS_MAX = 512
"""When the reader waits for the consumer: about two network reads of small deltas (64 KiB each)."""


class Mailbox:
    """Events on their way to the consumer. `is_full` asks the reader to wait; a put is accepted all the same."""

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self.events: deque[Event] = deque()
        self.events_max = events_max
        self._room_at = events_max // 2
        self.is_closed = False
        self._consumers = trio.lowlevel.ParkingLot()
        self._run = trio.lowlevel.ParkingLot()  # waits for room, or at its end until everything was taken
        self._is_left = False

    def put(self, event: Event) -> None:
        """Add an event and wake the consumer."""
        self.events.append(event)
        if self._consumers:
            self._consumers.unpark()

    def put_all(self, events: Iterable[Event]) -> None:
        """Add the events of one read and wake the consumer once."""
        self.events.extend(events)
        if self._consumers:
            self._consumers.unpark()

    @property
    def is_full(self) -> bool:
        """Whether the reader should wait before it reads on."""
        return len(self.events) >= self.events_max and not self.is_closed

    def close(self) -> None:
        """Say that nothing more will come, and let everybody go who waits."""
        self.is_closed = True
        self._consumers.unpark_all()
        self._run.unpark_all()

    def leave(self) -> None:
        """Say that the consumer takes nothing more."""
        self._is_left = True
        self._run.unpark_all()

    async def wait_emptied(self) -> bool:
        """After `close`: wait until the consumer has taken everything (True), or takes nothing more (False)."""
        while self.events and not self._is_left:
            await self._run.park()
        return not self.events

    async def wait_room(self) -> None:
        """Wait until the consumer has taken half of it. A checkpoint only if full."""
        while self.is_full:
            await self._run.park()

    async def wait_events(self) -> None:
        """Wait until there is an event, or there will be none. A checkpoint always."""
        if self.events or self.is_closed:
            await trio.lowlevel.checkpoint()
        while not self.events and not self.is_closed:
            await self._consumers.park()

    def take(self) -> Event:
        """Take the oldest event. Raises IndexError if there is none."""
        event = self.events.popleft()
        if len(self.events) == self._room_at or not self.events:  # they leave one by one, so none steps over it
            self._run.unpark_all()
        return event

    def take_all(self) -> list[Event]:
        """Take every event that is ready."""
        events = list(self.events)
        self.events.clear()
        self._run.unpark_all()
        return events
