"""The simulated provider whose generations can be read on, at the level of events: its wire is a byte an event.

The bytes say nothing but how many events come; the decoder takes them from the attempt, each with its cursor, as the
decoders of real providers do: an event and the place after it are one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import trio

from ...core.capabilities import Capabilities, ContinuationForm
from ...core.failures import Failure, FailureKind
from ...core.policy import Limits
from ...core.provider import ErrorResponse, WireDecoder, WireRequest
from ...core.request import InferenceRequest
from ...core.stream_events import CursorMoved, KeepAlive, StreamEvent
from ...core.usage_error import UsageError
from ..script.faults import FaultKind
from ..script.playback import PlayedAnswer
from ..script.speech import Attempt
from .event_level import said_of
from .generation import ReadingModel

EVENT, SIGN_OF_LIFE = b".", b"~"


class ReadingWorld:
    """What surrounds the engine: no network. `source` is a provider, and what its requests open are its attempts."""

    def __init__(self, model: ReadingModel, request: InferenceRequest, dice: Callable[[], float]) -> None:
        self.model = model
        self.source: ReadingProvider = ReadingProvider(model, request)
        self.transport: PlayedTransport = PlayedTransport(self.source, model, dice)

    @property
    def open_answers(self) -> int:
        """How many answers are open."""
        return self.transport.open_answers

    def let_go(self) -> None:
        """Forget what points back here; nothing does."""


class ReadingProvider:
    """The engine's provider."""

    name = "sim"
    model = "m"
    client = None

    def __init__(self, model: ReadingModel, request: InferenceRequest) -> None:
        self._model = model
        self._request = request
        self.attempt: Attempt | None = None

    @property
    def asked(self) -> Attempt:
        """What was asked last."""
        if self.attempt is None:
            raise RuntimeError("a decoder was made, or an answer opened, before a request was written")
        return self.attempt

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Return what the scenario's provider declares."""
        return self._model.capabilities

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request, and ask the model."""
        said = said_of(request, self._request, form, self._model)
        self.attempt = self._model.ask(form, said)
        return WireRequest("http://127.0.0.1:9/", {}, b"")

    def reattach(self, cursor: str, limits: Limits) -> tuple[WireRequest, WireDecoder]:
        """Write a request that reads on. Raises UsageError where the cursor is refused."""
        self.attempt = attempt = self._model.read_on(cursor)
        if attempt.fault.kind is FaultKind.PREFILL_REFUSED:
            attempt.refused = True
            raise UsageError("the cursor is of another version")
        return WireRequest("http://127.0.0.1:9/", {}, b"", method="GET"), EventDecoder(attempt)

    def decoder(self, limits: Limits) -> WireDecoder:
        """Make the decoder for the request that was just written."""
        return EventDecoder(self.asked)

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """No error comes as a response here: it is raised as the answer is opened."""
        return Failure(FailureKind.PROVIDER, f"status {response.status}", status=response.status)


class EventDecoder:
    """Takes the events of an attempt, as many as there are bytes. The end of the body after a stop is terminal."""

    defect: str | None = None
    is_complete: bool = False

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._at = 0

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Give an event, and its cursor, for each byte."""
        events: list[StreamEvent] = []
        for byte in data:
            if byte == SIGN_OF_LIFE[0]:
                events.append(KeepAlive())
                continue
            place = self._attempt.places[self._at]
            events.append(self._attempt.reply.events[self._at])
            if place is not None:
                events.append(CursorMoved(f"{self._attempt.generation}:{place}"))
            self._at += 1
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body."""
        self.is_complete = self._attempt.terminal
        return ()


class PlayedTransport:
    """Opens what was asked last."""

    def __init__(self, provider: ReadingProvider, model: ReadingModel, dice: Callable[[], float]) -> None:
        self._provider = provider
        self._model = model
        self._dice = dice
        self.open_answers = 0

    async def open(self, wire: WireRequest, *, connect_s: float | None) -> _PlayedBody:
        """Open an answer, or raise what its fault says. A checkpoint."""
        answer = PlayedAnswer(self, self._provider.asked, self._dice, self._model)
        await answer.__aenter__()
        return _PlayedBody(answer)

    async def aclose(self) -> None:
        """Nothing is open between answers. A checkpoint."""
        await trio.lowlevel.checkpoint()


class _PlayedBody:
    """One answer as bytes."""

    status = 200
    headers: Mapping[str, str] = {"content-type": "text/event-stream"}

    def __init__(self, answer: PlayedAnswer) -> None:
        self._answer = answer
        self._has_ended = trio.Event()

    async def pump(self) -> None:
        """Hold the answer open until its end. If cancelled: it is closed."""
        fault: BaseException | None = None
        try:
            await self._has_ended.wait()
        except BaseException as error:
            fault = error
            raise
        finally:
            await self._answer.__aexit__(None if fault is None else type(fault), fault, None)

    async def receive(self) -> bytes:
        """Take as many events as are ready. Raises what the fault says."""
        try:
            event = await self._answer.receive()
        except trio.EndOfChannel:
            self._has_ended.set()
            return b""
        if isinstance(event, KeepAlive):
            return SIGN_OF_LIFE
        count = 1
        while True:
            try:
                self._answer.receive_nowait()
            except trio.WouldBlock:
                return EVENT * count
            count += 1

    async def drain(self) -> None:
        """Nothing comes after the end. A checkpoint."""
        await trio.lowlevel.checkpoint()
