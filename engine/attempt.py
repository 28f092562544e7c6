"""One attempt: a nursery in which one task owns the response and one decodes and delivers; the run's watch times it.

A source of events in the same process has no response to own: a cancel scope is all its attempts need.

`_Reader` is the one place that turns exceptions into values: it says how the attempt ended and raises nothing but
`Cancelled`. The task that owns the response is cancelled, never broken out of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeAlias, cast

import trio
from attrs import frozen

from .core.causes import ConnectionReset, InterruptCause, MalformedStream, PrematureEnd
from .core.clocks import Clocks
from .core.continuation import NextRequest
from .core.errors import InferenceError
from .core.failures import Failure, failure_of_error
from .core.policy import Policy
from .core.provider import Provider
from .core.stream_events import ProviderStatus, StreamEvent
from .single_error import cancelled_alone, single_error
from .source import (
    ChannelStream,
    EventSource,
    OpenedStream,
    RefusedError,
    is_event_source,
    open_answer,
    open_events,
)
from .transport import Transport, TransportError, cause_of
from .watch import Watch


@frozen
class Ended:
    """The provider's terminal event was seen."""


@frozen
class Broken:
    """The stream broke; `detail` is for a person."""

    cause: InterruptCause
    detail: str = ""


@frozen
class Refused:
    """The provider answered with a failure, before the stream or inside it."""

    failure: Failure


@frozen
class Crashed:
    """Something raised that is neither the network's nor the provider's: it is raised to the caller as it is."""

    error: Exception


Outcome: TypeAlias = Ended | Broken | Refused | Crashed


class Receiver(Protocol):
    """Who takes the events of an attempt: synchronous, for nothing may come between a read and its fold."""

    def deliver(self, events: Sequence[StreamEvent]) -> bool:
        """Take the events of one read; whether any of them was progress."""
        ...

    @property
    def trouble(self) -> Outcome | None:
        """How the attempt has to end because of what was delivered."""
        ...

    @property
    def must_wait(self) -> bool:
        """Whether the reader has to wait before it reads on (the consumer, or a store that comes first)."""
        ...

    async def wait(self) -> None:
        """Wait for that. May raise StoreError."""
        ...

    def count_bytes(self, received: int) -> None:
        """Take how many bytes of the body have come."""
        ...

    def note_end(self) -> None:
        """Take that the terminal event was seen."""
        ...

    @property
    def said_anything(self) -> bool:
        """Whether this attempt brought any progress."""
        ...

    @property
    def useful_bytes(self) -> int:
        """How many bytes of text, reasoning and arguments have come. One that is read on brings its own along."""
        ...


async def run_attempt(
    source: Provider | EventSource,
    step: NextRequest,
    receiver: Receiver,
    watch: Watch,
    *,
    transport: Transport,
    policy: Policy,
    reasons: bool,
    wall_clock: Callable[[], float],
    waiting_message: str | None = None,
) -> Outcome:
    """Ask once, and deliver what comes until it ends, breaks or stalls.

    `waiting_message` is said every half minute until something comes, before the connection and after it.

    If cancelled: the connection is closed, everything that was read has been delivered.
    """
    clocks = Clocks(policy.stall, reasons=reasons, now=trio.current_time())
    remind = None if waiting_message is None else partial(_say_waiting, waiting_message, receiver)
    reader = _Reader(receiver, watch, clocks)
    try:
        if is_event_source(source):
            with trio.CancelScope() as scope:
                watch.begin(clocks, scope, remind)
                await reader.read_events(cast("EventSource", source), step)
        else:
            async with trio.open_nursery() as nursery:
                watch.begin(clocks, nursery.cancel_scope, remind)
                opening = open_answer(
                    cast("Provider", source), step, nursery, transport=transport, policy=policy, wall_clock=wall_clock
                )
                await reader.read_answer(opening)
                nursery.cancel_scope.cancel(reason="the attempt has ended")
    except Exception as error:  # what somebody's cleaning up raised beside the `Cancelled` that the scope has taken
        reader.give_up(error)
    except BaseExceptionGroup as group:
        raise cancelled_alone(group) from None
    finally:
        watch.end()
    if watch.stall is not None and not isinstance(reader.outcome, Ended):
        return Broken(watch.stall)  # whatever was raised on the way out
    return reader.outcome if reader.outcome is not None else Broken(ConnectionReset())


def _say_waiting(message: str, receiver: Receiver) -> bool:
    """Tell the consumer that nothing has come yet; never progress. False once something has."""
    if not receiver.said_anything:
        receiver.deliver((ProviderStatus(message),))
    return not receiver.said_anything


class _Reader:
    """The task that takes what was read, decodes it and delivers it; the transport's pump owns the response."""

    __slots__ = ("_clocks", "_receiver", "_useful_before", "_watch", "outcome")

    def __init__(self, receiver: Receiver, watch: Watch, clocks: Clocks) -> None:
        self._receiver = receiver
        self._watch = watch
        self._clocks = clocks
        self._useful_before = receiver.useful_bytes
        self.outcome: Outcome | None = None

    async def read_events(self, source: EventSource, step: NextRequest) -> None:
        """Open, read and close an answer of a source in the same process.

        Here and below every exception becomes a value: `outcome`, None if a clock ran out first.
        """
        try:
            async with open_events(source, step) as channel:
                self.outcome = await self._read(ChannelStream(channel))
        except Exception as error:  # see the module's first lines
            self.give_up(error)

    async def read_answer(self, opening: Awaitable[OpenedStream]) -> None:
        """Open and read a provider's answer, like `read_events`; the pump closes it.

        An answer that takes all memory, or the stack, is a stream that broke: no bound has told it before.
        """
        try:
            self.outcome = await self._read(await opening)
        except (MemoryError, RecursionError) as error:
            defect = f"saw a {type(error).__name__} while the answer was read; expected one that fits the limits"
            self.outcome = Broken(MalformedStream(defect), defect)
        except Exception as error:  # likewise
            self.give_up(error)

    def give_up(self, error: Exception) -> None:
        """Let an error be the outcome; after the answer's end nothing is."""
        if not isinstance(self.outcome, Ended):
            self.outcome = _outcome_of(error)

    def _end(self) -> Ended:
        """From here on, whatever a clock, a cancel or the connection's tail says, the answer is whole."""
        self._receiver.note_end()
        self.outcome = Ended()
        return self.outcome

    async def _read(self, stream: OpenedStream) -> Outcome:
        self._clocks.opened(trio.current_time())
        self._watch.look_again()
        while True:
            try:
                events = await stream.receive()
            except TransportError as error:
                return self._at_end(stream, Broken(error.cause, str(error)))
            if events is None:
                return self._at_end(stream, Broken(PrematureEnd()))
            self._take(stream, events)
            if self._receiver.trouble is not None:
                return self._receiver.trouble
            if stream.is_complete:
                ended = self._end()
                await stream.drain()
                return ended
            if stream.defect is not None:
                return Broken(MalformedStream(stream.defect), stream.defect)
            if self._receiver.must_wait:
                await self._wait_for_receiver()

    def _take(self, stream: OpenedStream, events: Sequence[StreamEvent]) -> None:
        clocks = self._clocks
        now = trio.current_time()
        if events and self._receiver.deliver(events):
            if clocks.progress(now):
                self._watch.look_again()
            clocks.useful_bytes = self._receiver.useful_bytes - self._useful_before
        else:
            clocks.ping(now)
        self._receiver.count_bytes(stream.bytes_received)

    async def _wait_for_receiver(self) -> None:
        self._clocks.pause(trio.current_time())
        await self._receiver.wait()
        self._clocks.resume(trio.current_time())
        self._watch.look_again()

    def _at_end(self, stream: OpenedStream, broken: Broken) -> Outcome:
        """The body ended or broke: what only its end makes sure may still complete the answer."""
        self._take(stream, stream.close())
        if self._receiver.trouble is not None:
            return self._receiver.trouble
        if stream.is_complete:
            return self._end()
        if stream.defect is not None:
            return Broken(MalformedStream(stream.defect), stream.defect)
        return broken


def _outcome_of(error: Exception) -> Outcome:
    inner = single_error(error)
    error = inner if isinstance(inner, Exception) else error
    match error:
        case TransportError():
            return Broken(error.cause, str(error))
        case RefusedError():
            return Refused(error.failure)
        case InferenceError():
            return Refused(failure_of_error(error))
        case _:
            cause = cause_of(error)
            return Crashed(error) if cause is None else Broken(cause, str(error))
