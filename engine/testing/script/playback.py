"""One reply of the model, played at the level of events: what an `EventSource` opens, with the fault that it has."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import trio

from ...core.capabilities import ContinuationForm
from ...core.causes import GoAway
from ...core.errors import ContinuationRefused
from ...core.stream_events import AnswerRestarted, KeepAlive, StreamEvent
from ...http.transport import TransportError
from .faults import Fault, FaultKind, error_of, failure_of
from .speech import Attempt, ForeignError

_NEVER = 1 << 30


class OpensAnswers(Protocol):
    """Whose answers they are."""

    open_answers: int
    """How many are open now."""


class Listener(Protocol):
    """Notes what is played."""

    def on_request(self, attempt: Attempt) -> None:
        """Note that a request has really arrived."""
        ...

    def now(self) -> float:
        """Return the second."""
        ...

    def log(self, what: str, number: int, at: int, /) -> None:
        """Note what attempt `number` does at its event `at`."""
        ...


class PlayedAnswer(trio.abc.ReceiveChannel[StreamEvent]):
    """One reply being played; both the block and the channel of an answer."""

    def __init__(self, source: OpensAnswers, attempt: Attempt, dice: Callable[[], float], model: Listener) -> None:
        self._source = source
        self._attempt = attempt
        self._dice = dice
        self._model = model
        self._events = attempt.reply.events
        fault = attempt.fault
        self._burst = max(fault.burst, 1)
        drips = fault.kind is FaultKind.DRIP
        self._drip = (fault.at, fault.at + fault.count) if drips else (_NEVER, _NEVER)

    async def __aenter__(self) -> PlayedAnswer:
        fault = self._attempt.fault
        await trio.lowlevel.checkpoint()
        self._model.on_request(self._attempt)
        if fault.kind is FaultKind.SLOW_HEADERS:
            await trio.sleep(fault.seconds)
        self._refuse(fault)
        self._source.open_answers += 1
        return self

    def _refuse(self, fault: Fault) -> None:
        attempt = self._attempt
        match fault.kind:
            case FaultKind.CONNECT_ERROR:
                raise trio.BrokenResourceError("the connection could not be made")
            case FaultKind.HTTP_ERROR:
                attempt.refused = attempt.form is ContinuationForm.CURSOR and not failure_of(fault).is_retryable
                raise error_of(fault)
            case FaultKind.PREFILL_REFUSED if attempt.form is not None:
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
        if attempt.terminal and attempt.fault.kind is FaultKind.ERROR_AFTER_TERMINAL and error is None:
            if attempt.fault.count:
                await trio.sleep_forever()
            raise trio.BrokenResourceError("the connection broke after the end")

    async def receive(self) -> StreamEvent:
        """Wait for the next event. If cancelled: it was not given."""
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
            case FaultKind.STALL:
                await trio.sleep_forever()
            case FaultKind.PINGS_ONLY:
                await trio.sleep(attempt.fault.seconds)
                return KeepAlive()
            case FaultKind.RESET:
                raise trio.BrokenResourceError("the connection broke")
            case FaultKind.GOAWAY:
                raise TransportError(GoAway())
            case FaultKind.FOREIGN_ERROR:
                raise ForeignError("nobody's error")
            case _:
                pass
        attempt.ended = True
        raise trio.EndOfChannel

    async def aclose(self) -> None:
        """Do nothing: the block's end closes the answer."""
        await trio.lowlevel.checkpoint()
