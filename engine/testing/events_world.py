"""The outside at the level of events: an `EventSource` under the real engine that plays what the model says."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import trio

from ..core.capabilities import Capabilities, ContinuationForm
from ..core.causes import GoAway
from ..core.errors import ContinuationRefused
from ..core.request import InferenceRequest
from ..core.stream_events import AnswerRestarted, KeepAlive, StreamEvent
from ..transport import TransportError
from .model import PROVIDERS, Attempt, ForeignError, Model, Violation, error_of
from .scenario import Fault, Kind

_NEVER = 1 << 30


class EventWorld:
    """A simulated outside without a network."""

    transport = None

    def __init__(self, model: Model, request: InferenceRequest, dice: Callable[[], float]) -> None:
        self.model = model
        self.source = SimulatedSource(model, request, dice)

    @property
    def open_answers(self) -> int:
        """How many answers are open."""
        return self.source.open_answers

    def let_go(self) -> None:
        """Forget what points back here; nothing does."""


class SimulatedSource:
    """The engine's event source."""

    name = "sim"
    model = "m"

    def __init__(self, model: Model, request: InferenceRequest, dice: Callable[[], float]) -> None:
        self._speaker = model
        self._request = request
        self._dice = dice
        self._declared = PROVIDERS[model.scenario.provider]
        self.open_answers = 0

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Return what the scenario's provider declares."""
        return self._declared

    def open_events(self, request: InferenceRequest, form: ContinuationForm | None) -> _Answer:
        """Begin one answer."""
        attempt = self._speaker.ask(form, self._said(request, form))
        return _Answer(self, attempt, self._dice, self._speaker)

    def _said(self, request: InferenceRequest, form: ContinuationForm | None) -> str:
        """Read what a request says was said, exactly as the ladder writes it."""
        messages, first = request.messages, self._request
        if form is None:
            self._require(request == first, "a request without a continuation is not the first one")
            return ""
        turns = 2 if form is ContinuationForm.QUOTE else 1
        said = messages[-turns].text
        self._require(messages[:-turns] == first.messages, "a continuation changes the conversation before it")
        if turns == 2:
            self._require(f"<tail>{said[-240:]}</tail>" in messages[-1].text, "a quote is not the end of what was said")
        ceiling, left = first.max_tokens or 0, request.max_tokens or 0
        self._require(1 <= left <= ceiling, f"a continuation asks for {left} tokens of {ceiling}")
        return said

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self._speaker.broken.append(Violation("one stream", otherwise))


class _Answer(trio.abc.ReceiveChannel[StreamEvent]):
    """One reply being played; both the block and the channel of an answer."""

    def __init__(self, source: SimulatedSource, attempt: Attempt, dice: Callable[[], float], model: Model) -> None:
        self._source = source
        self._attempt = attempt
        self._dice = dice
        self._model = model
        self._events = attempt.reply.events
        fault = attempt.fault
        self._burst = max(fault.burst, 1)
        drips = fault.kind is Kind.DRIP
        self._drip = (fault.at, fault.at + fault.count) if drips else (_NEVER, _NEVER)

    async def __aenter__(self) -> _Answer:
        fault = self._attempt.fault
        await trio.lowlevel.checkpoint()
        self._model.hear(self._attempt)
        if fault.kind is Kind.SLOW_HEADERS:
            await trio.sleep(fault.seconds)
        self._refuse(fault)
        self._source.open_answers += 1
        return self

    def _refuse(self, fault: Fault) -> None:
        attempt = self._attempt
        match fault.kind:
            case Kind.CONNECT_ERROR:
                raise trio.BrokenResourceError("the connection could not be made")
            case Kind.HTTP_ERROR:
                raise error_of(fault)
            case Kind.PREFILL_REFUSED if attempt.form is not None:
                attempt.refused = True
                raise ContinuationRefused("this form is not taken")
            case _:
                pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.open_answers -= 1
        attempt = self._attempt
        attempt.ended_s = self._model.now()
        if attempt.terminal and attempt.fault.kind is Kind.ERROR_AFTER_TERMINAL and error is None:
            if attempt.fault.count:
                await trio.sleep_forever()
            raise trio.BrokenResourceError("the connection broke after the end")

    async def receive(self) -> StreamEvent:
        attempt = self._attempt
        at = attempt.given
        if not at % self._burst or self._drip[0] <= at < self._drip[1]:
            await self._pause(attempt, at)
        if at < len(self._events):
            attempt.given = at + 1
            return self._events[at]
        return await self._end()

    def receive_nowait(self) -> StreamEvent:
        """Give an event that comes in one go with the one before it."""
        attempt = self._attempt
        at = attempt.given
        if at >= len(self._events) or not at % self._burst or self._drip[0] <= at < self._drip[1]:
            raise trio.WouldBlock
        if type(self._events[at - 1]) is AnswerRestarted:
            raise trio.WouldBlock  # the engine may give up here: what the same read said beyond would be nobody's
        attempt.given = at + 1
        return self._events[at]

    async def _pause(self, attempt: Attempt, at: int) -> None:
        """Let the others run before a read, or let time pass before one event. What follows is given in one go."""
        if not at % self._burst:
            chance = self._dice()
            if at or chance < 0.2:  # the first read often comes with the headers
                await trio.lowlevel.checkpoint()
            if chance < 0.1:
                await trio.lowlevel.checkpoint()
        if self._drip[0] <= at < self._drip[1]:
            await trio.sleep(attempt.fault.seconds)
        self._model.log("said", attempt.number, at)

    async def _end(self) -> StreamEvent:
        """What comes after the last event."""
        attempt = self._attempt
        match attempt.fault.kind:
            case Kind.STALL:
                await trio.sleep_forever()
            case Kind.PINGS_ONLY:
                await trio.sleep(attempt.fault.seconds)
                return KeepAlive()
            case Kind.RESET:
                raise trio.BrokenResourceError("the connection broke")
            case Kind.GOAWAY:
                raise TransportError(GoAway())
            case Kind.FOREIGN_ERROR:
                raise ForeignError("nobody's error")
            case _:
                pass
        attempt.ended = True
        raise trio.EndOfChannel

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
