"""Where an attempt's events come from: a provider over HTTP, or a source of events in the same process.

Both look the same to the attempt: an opened stream that gives the events of one read at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, cast

import trio
from attrs import evolve

from .core.capabilities import Capabilities, ContinuationForm
from .core.continuation import NextRequest
from .core.failures import Failure, FailureKind
from .core.ignored import NOTHING_IGNORED
from .core.policy import Policy
from .core.provider import CountsIgnored, Provider, Reattachable, TellsEnds, WireDecoder, WireRequest
from .core.request import InferenceRequest
from .core.secret import Secret
from .core.stream_events import AnswerRestarted, StopReported, StreamEvent
from .core.usage_error import UsageError
from .http.opened_response import OpenedResponse
from .http.transport import Body, Transport, error_response_of, secrets_of

READ_EVENTS_MAX = 256
"""How many events of a source in the same process are taken in one go."""


class EventSource(Protocol):
    """A model that is not behind HTTP: it gives stream events itself. Nothing to inherit.

    `open_events` is entered once for each attempt, and left when the attempt ends; the channel's end after a
    `StopReported` is the terminal event, and before one it is a premature end. A channel that has trio's
    `receive_nowait`, as memory channels do, is asked for all that is ready: many events then cost one turn.
    """

    @property
    def name(self) -> str:
        """The source's short name."""
        ...

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Say how an answer to this request can be continued."""
        ...

    def open_events(
        self, request: InferenceRequest, form: ContinuationForm | None
    ) -> AbstractAsyncContextManager[trio.abc.ReceiveChannel[StreamEvent]]:
        """Begin one answer. May raise any `InferenceError` to refuse."""
        ...


class OpenedStream(Protocol):
    """One answer under way, read by one task."""

    @property
    def is_complete(self) -> bool:
        """Whether the terminal event was seen."""
        ...

    @property
    def defect(self) -> str | None:
        """What was not the wire format, if anything was not."""
        ...

    @property
    def is_cut(self) -> bool:
        """Whether the body ended inside a frame or a block; told once it is closed."""
        ...

    @property
    def secrets(self) -> Sequence[Secret]:
        """What nothing that is said about the answer may hold."""
        ...

    @property
    def bytes_received(self) -> int:
        """Bytes of the body so far."""
        ...

    def ignored(self) -> Mapping[str, int]:
        """Count what was not understood so far, by kind."""
        ...

    async def receive(self) -> Sequence[StreamEvent] | None:
        """Wait for the next read and give its events, perhaps none; None is the end of the body."""
        ...

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body; give what only the end makes sure."""
        ...

    async def drain(self) -> None:
        """After the terminal event: let go of the rest, without waiting for it."""
        ...

    async def aclose(self) -> None:
        """Close it. Shielded, and bounded."""
        ...


class FailedError(Exception):
    """The source answered with a failure instead of a stream. Raised to the attempt only."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def is_event_source(source: object) -> bool:
    """Tell the two kinds apart by what they can do; asked once for each attempt, so cheaper than a runtime protocol."""
    return hasattr(source, "open_events")


class HTTPStream:
    """A provider's answer over HTTP: bytes in, events out."""

    def __init__(self, opened: Body, decoder: WireDecoder, secrets: Sequence[Secret] = ()) -> None:
        self._opened = opened
        self._decoder = decoder
        self.secrets = secrets
        self.bytes_received: int = 0
        self._has_ended = False

    @property
    def is_complete(self) -> bool:
        """Whether the provider's terminal event was seen."""
        return self._decoder.is_complete

    @property
    def defect(self) -> str | None:
        """What was not the wire format, if anything was not."""
        return self._decoder.defect

    @property
    def is_cut(self) -> bool:
        """Whether the body ended inside a frame or a block; no, where the decoder does not tell."""
        return isinstance(self._decoder, TellsEnds) and self._decoder.is_cut

    def ignored(self) -> Mapping[str, int]:
        """Count what was not understood so far, by kind: nothing, where the decoder does not count."""
        return self._decoder.ignored if isinstance(self._decoder, CountsIgnored) else NOTHING_IGNORED

    async def receive(self) -> Sequence[StreamEvent] | None:
        """Wait for a read and decode it. Raises TransportError. If cancelled: nothing that was read is lost."""
        data = await self._opened.receive()
        if data:
            self.bytes_received += len(data)
            return self._decoder.feed(data)
        self._has_ended = True
        return None

    def close(self) -> Sequence[StreamEvent]:
        """Give what only the body's end makes sure, or what is left where it broke."""
        if not self._has_ended and isinstance(self._decoder, TellsEnds):
            return self._decoder.close_broken()
        return self._decoder.close()

    async def drain(self) -> None:
        """Let the connection be used again, unless something in the answer was not the wire format."""
        if self._decoder.defect is None:
            await self._opened.drain()

    async def aclose(self) -> None:
        """Close what no task of the nursery closes. Shielded, and bounded."""
        if isinstance(self._opened, OpenedResponse):
            await self._opened.stop()


class ChannelStream:
    """An event source's channel."""

    bytes_received = 0
    is_cut = False
    defect: str | None = None
    secrets: Sequence[Secret] = ()

    def __init__(self, channel: trio.abc.ReceiveChannel[StreamEvent]) -> None:
        self._channel = channel
        # Asked of its type: a wrapper that changes events and delegates the rest is not to be passed by.
        can_be_asked = hasattr(type(channel), "receive_nowait")
        self._receive_nowait: Callable[[], StreamEvent] | None = (
            cast("trio.MemoryReceiveChannel[StreamEvent]", channel).receive_nowait if can_be_asked else None
        )
        self._failed: Exception | None = None
        self._stopped = False
        self._ended = False

    @property
    def is_complete(self) -> bool:
        """Whether the source stopped by itself."""
        return self._stopped and self._ended

    def ignored(self) -> Mapping[str, int]:
        """Count nothing: a source says what it means."""
        return NOTHING_IGNORED

    async def receive(self) -> Sequence[StreamEvent] | None:
        """Wait for an event, and take those that are ready too. If cancelled: nothing that was taken is lost."""
        if self._failed is not None:
            raise self._handed(self._failed)
        try:
            event = await self._channel.receive()
        except trio.EndOfChannel:
            self._ended = True
            return None
        events = [event]
        if self._receive_nowait is not None:
            self._take_ready(events, self._receive_nowait)
        for kind in map(type, events):
            if kind is StopReported or kind is AnswerRestarted:
                self._stopped = kind is StopReported
        return events

    def _take_ready(self, events: list[StreamEvent], receive_nowait: Callable[[], StreamEvent]) -> None:
        try:
            while len(events) < READ_EVENTS_MAX:
                events.append(receive_nowait())
        except (trio.WouldBlock, trio.EndOfChannel):  # the next `receive` waits, or finds the end
            pass
        except Exception as error:  # a source is foreign code: first what it gave, then what it raised
            self._failed = error

    def _handed(self, error: Exception) -> Exception:
        self._failed = None  # kept, it would hold its traceback, and that would hold all of this
        return error

    def close(self) -> Sequence[StreamEvent]:
        """Nothing is pending in a channel."""
        return ()

    async def drain(self) -> None:
        """Nothing is left in an ended channel."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """The block of `open_events` closes it. No checkpoint."""


def open_events(
    source: EventSource, step: NextRequest
) -> AbstractAsyncContextManager[trio.abc.ReceiveChannel[StreamEvent]]:
    """Open one answer of a source in the same process."""
    return source.open_events(step.request, _form_of(step))


async def open_answer(
    provider: Provider,
    step: NextRequest,
    nursery: trio.Nursery,
    *,
    transport: Transport,
    policy: Policy,
    wall_clock: Callable[[], float],
) -> HTTPStream:
    """Open one answer of a provider; what reads it, and closes it, runs in `nursery`.

    Raises:
        FailedError: the provider answered with something that is not a stream, or its cursor is none of its own.
        TransportError: no connection, or it broke before the headers.
    If cancelled: the nursery's task closes what was open.
    """
    wire, decoder = _ask(provider, step, policy)
    opened = await transport.open(wire, connect_s=policy.stall.connect_s)
    if isinstance(opened, OpenedResponse):
        opened.start()
    else:
        nursery.start_soon(opened.pump)
    stream = HTTPStream(opened, decoder, secrets_of(wire))
    try:
        refusal = await error_response_of(opened, policy.limits)
    except BaseException:
        await stream.aclose()
        raise
    if refusal is not None:
        await stream.aclose()
        failure = provider.classify(refusal, now_unix_s=wall_clock())
        raise FailedError(failure.printable(secrets_of(wire)))
    return stream


def _ask(provider: Provider, step: NextRequest, policy: Policy) -> tuple[WireRequest, WireDecoder]:
    if step.cursor is None:
        limits = policy.limits
        if not provider.capabilities(step.request).can_reattach:  # whatever the server says of itself
            limits = evolve(limits, cursor_bytes_max=0)
        return provider.encode(step.request, _form_of(step)), provider.decoder(limits)
    try:
        return cast("Reattachable", provider).reattach(step.cursor, policy.limits)
    except UsageError as error:  # of another version of the provider's, in a checkpoint: there are other forms
        raise FailedError(Failure(FailureKind.CONTINUATION_REFUSED, str(error))) from error


def _form_of(step: NextRequest) -> ContinuationForm | None:
    return None if step.form is ContinuationForm.RESTART else step.form
