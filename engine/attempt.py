"""One attempt: a nursery in which one task owns the response, one decodes and delivers, and one watches the clocks.

This is the one place that turns exceptions into values: it returns how the attempt ended and raises nothing but
`Cancelled`. The task that owns the response is cancelled, never broken out of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from .single_error import single_error
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

WAITING_S = 30.0
"""How often a consumer is told that a model may still be loading (seeds, row 004)."""


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

    @property
    def said_anything(self) -> bool:
        """Whether this attempt brought any progress."""
        ...

    @property
    def useful_bytes(self) -> int:
        """How many bytes of text, reasoning and arguments this attempt brought."""
        ...


async def run_attempt(
    source: Provider | EventSource,
    step: NextRequest,
    receiver: Receiver,
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
    async with trio.open_nursery() as nursery:
        watch = Watch(clocks, nursery.cancel_scope)
        reader = _Reader(receiver, watch, nursery)
        nursery.start_soon(watch.run)
        if waiting_message is not None:
            nursery.start_soon(_say_waiting, waiting_message, receiver)
        await reader.read_source(source, step, transport, policy, wall_clock)
        nursery.cancel_scope.cancel(reason="the attempt has ended")
    if reader.outcome is not None:
        return reader.outcome
    return Broken(watch.stall if watch.stall is not None else ConnectionReset())


async def _say_waiting(message: str, receiver: Receiver) -> None:
    """Tell the consumer every `WAITING_S` that nothing has come yet; never progress. Ends with the first that comes."""
    while True:
        await trio.sleep(WAITING_S)
        if receiver.said_anything:
            return
        receiver.deliver((ProviderStatus(message),))


class _Reader:
    """The task that takes what was read, decodes it and delivers it; the transport's pump owns the response."""

    def __init__(self, receiver: Receiver, watch: Watch, nursery: trio.Nursery) -> None:
        self._receiver = receiver
        self._nursery = nursery
        self._watch = watch
        self._clocks = watch.clocks
        self.outcome: Outcome | None = None

    async def read_source(
        self,
        source: Provider | EventSource,
        step: NextRequest,
        transport: Transport,
        policy: Policy,
        wall_clock: Callable[[], float],
    ) -> None:
        """Open, read, close; every exception becomes a value here: `outcome`, None if a clock ran out first."""
        try:
            if is_event_source(source):
                async with open_events(cast("EventSource", source), step) as channel:
                    self.outcome = await self._read(ChannelStream(channel))
            else:
                stream = await open_answer(
                    cast("Provider", source),
                    step,
                    self._nursery,
                    transport=transport,
                    policy=policy,
                    wall_clock=wall_clock,
                )
                self.outcome = await self._read(stream)
        except RefusedError as refused:
            self._give_up(Refused(refused.failure))
        except InferenceError as error:
            self._give_up(Refused(failure_of_error(error)))
        except Exception as error:  # the one place: see the module's first lines
            self._give_up(_outcome_of(error))

    def _give_up(self, outcome: Outcome) -> None:
        if not isinstance(self.outcome, Ended):
            self.outcome = outcome

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
                self.outcome = Ended()  # from here on, whatever a clock or the connection's tail says
                await stream.drain()
                return Ended()
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
            clocks.useful_bytes = self._receiver.useful_bytes
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
            return Ended()
        if stream.defect is not None:
            return Broken(MalformedStream(stream.defect), stream.defect)
        return broken


def _outcome_of(error: Exception) -> Outcome:
    inner = single_error(error)
    error = inner if isinstance(inner, Exception) else error
    match error:
        case TransportError():
            return Broken(error.cause, str(error))
        case InferenceError():
            return Refused(failure_of_error(error))
        case _:
            cause = cause_of(error)
            return Crashed(error) if cause is None else Broken(cause, str(error))
