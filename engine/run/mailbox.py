"""Between the task that reads the provider and the task that consumes: a bounded queue with one wake-up a read.

Putting never blocks and never switches tasks, so all events of one network read cross in one hop; the reader asks for
room between reads, and so stops when the consumer stops, down to TCP.
"""

from __future__ import annotations

from collections.abc import Iterable

import trio

from ..core.events import Event
from ..parking import ParkingSpot

EVENTS_MAX = 512
"""When the reader waits for the consumer: about two network reads of small deltas (64 KiB each)."""


class Mailbox:
    """Events on their way to the consumer. `is_full` asks the reader to wait; a put is accepted all the same.

    A list and the place of its oldest event: an empty deque weighs 760 bytes, an idle stream has one.
    """

    __slots__ = ("_consumer", "_events", "_oldest", "_room_at", "_run", "events_max", "is_closed", "is_left")

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._events: list[Event] = []
        self._oldest = 0
        self.events_max: int = events_max
        self._room_at: int = events_max // 2
        self.is_closed: bool = False
        self._consumer = ParkingSpot()
        self._run = ParkingSpot()  # waits for room, or at its end until everything was taken
        self.is_left: bool = False

    def __len__(self) -> int:
        """How many events are ready."""
        return len(self._events) - self._oldest

    def resize(self, events_max: int) -> None:
        """Let the reader wait at another number of events."""
        self.events_max, self._room_at = events_max, events_max // 2

    def put(self, event: Event) -> None:
        """Add an event and wake the consumer."""
        self._events.append(event)
        self._consumer.wake()

    def put_all(self, events: Iterable[Event]) -> None:
        """Add the events of one read and wake the consumer once."""
        self._events.extend(events)
        if len(self):
            self._consumer.wake()

    @property
    def is_full(self) -> bool:
        """Whether the reader should wait before it reads on."""
        return len(self._events) - self._oldest >= self.events_max and not self.is_closed

    @property
    def is_lagging(self) -> bool:
        """Whether it is full, or the reader waits for room: what may be dropped is, or the room might never come."""
        return bool(self._run) or self.is_full

    def close(self) -> None:
        """Say that nothing more will come, and let everybody go who waits."""
        self.is_closed = True
        self._consumer.wake()
        self._run.wake()

    def leave(self) -> None:
        """Say that the consumer takes nothing more."""
        self.is_left = True
        self._run.wake()

    async def wait_emptied(self) -> bool:
        """After `close`: wait until the consumer has taken everything (True), or takes nothing more (False)."""
        while len(self) and not self.is_left:
            await self._run.wait()
        return not len(self)

    async def wait_room(self) -> None:
        """Wait until the consumer has taken half of it. A checkpoint only if full."""
        while self.is_full:
            await self._run.wait()

    async def wait_events(self) -> None:
        """Wait until there is an event, or there will be none. A checkpoint always.

        Raises:
            trio.BusyResourceError: another task waits for events already.
        """
        if self._events or self.is_closed:  # never empty while something is left to take
            await trio.lowlevel.checkpoint()
        while not self._events and not self.is_closed:
            await self._consumer.wait()

    def take(self) -> Event:
        """Take the oldest event. Raises IndexError if there is none. Cost: O(1) amortised."""
        events, oldest = self._events, self._oldest
        event = events[oldest]
        self._oldest = oldest = oldest + 1
        left = len(events) - oldest
        if not left or (oldest >= self.events_max and oldest >= left):  # what was taken is let go in one piece
            del events[:oldest]
            self._oldest = 0
        if left == self._room_at or not left:  # they leave one by one, so none steps over it
            self._run.wake()
        return event

    def take_all(self) -> list[Event]:
        """Take every event that is ready."""
        events = self._events[self._oldest :]
        self._events.clear()
        self._oldest = 0
        self._run.wake()
        return events
