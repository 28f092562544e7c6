"""One attempt: a nursery in which one task owns the response and one decodes and delivers; the run's watch times it.

A source of events in the same process has no response to own: a cancel scope is all its attempts need.

`_Reader` is the one place that turns exceptions into values: it says how the attempt ended and raises nothing but
`Cancelled`. The task that owns the response is cancelled, never broken out of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import cast

import trio
from attrs import evolve

from ..core.capabilities import Capabilities
from ..core.causes import ConnectionReset, MalformedStream, PrematureEnd
from ..core.clocks import Clocks
from ..core.continuation import NextRequest
from ..core.errors import InferenceCancelled, InferenceError, StreamInterrupted
from ..core.failures import failure_of_error
from ..core.outcome import Broken, Crashed, Ended, Failed, Outcome, Unconfirmed
from ..core.policy import Policy
from ..core.printable import SENTENCE_CHARS_MAX, printable
from ..core.provider import Provider
from ..core.secret import Secret
from ..core.stream_events import StreamEvent
from ..error_groups import cancelled_alone, single_error
from ..http.first_look import FailedError
from ..http.transport import Transport, TransportError, cause_of
from ..source import ChannelStream, EventSource, OpenedStream, is_event_source, open_answer, open_events
from .intake import Intake, Taken
from .turnstile import Turnstile
from .watch import Watch


async def run_attempt(
    source: Provider | EventSource,
    step: NextRequest,
    intake: Intake,
    watch: Watch,
    *,
    transport: Transport,
    turnstile: Turnstile,
    policy: Policy,
    capabilities: Capabilities,
    wall_clock: Callable[[], float],
) -> Outcome:
    """Ask once, and deliver what comes until it ends, breaks or stalls.

    What the provider declares decides on the clocks, and on the words that are said every half minute until something
    comes, before the connection and after it.

    If cancelled: the connection is closed, everything that was read has been delivered.
    """
    if not is_event_source(source):
        await turnstile.wait_turn()  # before the clocks begin: this is no time of the provider's
    clocks = _clocks_of(policy, capabilities, intake)
    message = capabilities.waiting_message
    remind = None if message is None else partial(intake.remind, message)
    reader = _Reader(intake, watch, clocks)
    try:
        if is_event_source(source):
            with trio.CancelScope() as scope:
                watch.begin(clocks, scope, remind)
                await reader.read_events(cast("EventSource", source), step)
        else:
            async with trio.open_nursery() as nursery:
                watch.begin(clocks, nursery.cancel_scope, remind)
                opened = partial(open_answer, transport=transport, policy=policy, wall_clock=wall_clock)
                opening = opened(cast("Provider", source), step, nursery, streams=capabilities.streams)
                await reader.read_answer(opening)
                nursery.cancel_scope.cancel(reason="the attempt has ended")
    except Exception as error:  # what somebody's cleaning up raised beside the `Cancelled` that the scope has taken
        reader.give_up(error)
    except BaseExceptionGroup as group:
        raise cancelled_alone(group) from None
    finally:
        watch.end()
        if capabilities.streams:
            intake.note_pace(*clocks.burst_s)
    outcome = reader.outcome or Broken(ConnectionReset())
    if watch.stall is not None and not isinstance(outcome, Ended):
        outcome = Broken(watch.stall)  # whatever was raised on the way out
    return printable_outcome(_with_words(outcome, reader.words), reader.secrets)


def _with_words(outcome: Outcome, words: str) -> Outcome:
    """Tell with what broke the stream what stood in a line that was no frame: a gateway's own words, mostly."""
    if not words or not isinstance(outcome, Broken):
        return outcome
    return Broken(outcome.cause, f"{outcome.detail or outcome.cause}; before it the server said '{words}'")


def _clocks_of(policy: Policy, capabilities: Capabilities, intake: Intake) -> Clocks:
    return Clocks(
        policy.stall,
        in_one_piece=not capabilities.streams,
        reasons=capabilities.reasons,
        loads=capabilities.loads_model,
        now=trio.current_time(),
        is_inside=intake.is_inside,
    )


def printable_outcome(outcome: Outcome, secrets: Sequence[Secret]) -> Outcome:
    """Say how an attempt ended in what may be shown: this is where what anybody said of it leaves the attempt."""
    match outcome:
        case Broken(MalformedStream(said), detail):
            return Broken(MalformedStream(_sentence(said, secrets)), _sentence(detail, secrets))
        case Broken(detail=detail):
            return evolve(outcome, detail=_sentence(detail, secrets))
        case Failed(failure):
            return Failed(failure.printable(secrets))
        case Ended() | Unconfirmed() | Crashed():
            return outcome


def _sentence(text: str, secrets: Sequence[Secret]) -> str:
    return printable(text, SENTENCE_CHARS_MAX, secrets=secrets)


class _Reader:
    """The task that takes what was read, decodes it and delivers it; the transport's pump owns the response."""

    __slots__ = ("_clocks", "_intake", "_stream", "_watch", "outcome", "secrets")

    def __init__(self, intake: Intake, watch: Watch, clocks: Clocks) -> None:
        self._intake = intake
        self._watch = watch
        self._clocks = clocks
        self._stream: OpenedStream | None = None
        self.outcome: Outcome | None = None
        self.secrets: Sequence[Secret] = ()

    @property
    def words(self) -> str:
        """The first words of the last line that was no frame."""
        return "" if self._stream is None else self._stream.words

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
            stream = await opening
            try:
                self.outcome = await self._read(stream)
            finally:
                await stream.aclose()
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
        self._intake.note_end()
        self.outcome = Ended()
        return self.outcome

    async def _read(self, stream: OpenedStream) -> Outcome:
        self._stream, self.secrets = stream, stream.secrets
        self._intake.open(stream.secrets, stream.ignored)
        self._clocks.opened(trio.current_time())
        self._watch.look_again()
        while True:
            try:
                events = await stream.receive()
            except TransportError as error:
                return self._at_end(stream, Broken(error.cause, str(error)))
            if events is None:
                outcome = self._at_end(stream, Unconfirmed())
                if isinstance(outcome, Ended | Unconfirmed):  # some formats have no other end than the body's
                    await stream.drain()
                return outcome
            taken = self._take(stream, events)
            if taken.outcome is not None:
                return taken.outcome
            if stream.is_complete:
                ended = self._end()
                await stream.drain()
                return ended
            if stream.defect is not None:
                return Broken(MalformedStream(stream.defect), stream.defect)
            if taken.must_wait:
                await self._wait_for_consumer()

    def _take(self, stream: OpenedStream, events: Sequence[StreamEvent]) -> Taken:
        clocks = self._clocks
        now = trio.current_time()
        taken = self._intake.take(events, stream.bytes_received)
        if taken.is_progress:
            if clocks.progress(now):
                self._watch.look_again()
            if clocks.counts_bytes:
                clocks.useful_bytes = self._intake.useful_bytes
        else:
            clocks.ping(now)
        return taken

    async def _wait_for_consumer(self) -> None:
        self._clocks.pause(trio.current_time())
        await self._intake.wait()
        self._clocks.resume(trio.current_time())
        self._watch.look_again()

    def _at_end(self, stream: OpenedStream, otherwise: Broken | Unconfirmed) -> Outcome:
        """The body ended or broke: what only its end makes sure may still complete the answer."""
        taken = self._take(stream, stream.close())
        if taken.outcome is not None:
            return taken.outcome
        if stream.is_complete:
            return self._end()
        if stream.defect is not None:
            return Broken(MalformedStream(stream.defect), stream.defect)
        return Broken(PrematureEnd()) if stream.is_cut and isinstance(otherwise, Unconfirmed) else otherwise


def _outcome_of(error: Exception) -> Outcome:
    inner = single_error(error)
    error = inner if isinstance(inner, Exception) else error
    match error:
        case TransportError():
            return Broken(error.cause, str(error), error.kept_closed)
        case FailedError():
            return Failed(error.failure)
        case StreamInterrupted():  # a source's own word for how its stream broke
            return Broken(error.cause, error.message)
        case InferenceCancelled():  # and for that nobody wants it any more
            return Crashed(error)
        case InferenceError():
            return Failed(failure_of_error(error))
        case _:
            cause = cause_of(error)
            return Crashed(error) if cause is None else Broken(cause, str(error))
