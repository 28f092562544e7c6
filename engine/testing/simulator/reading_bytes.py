"""The simulated provider whose generations can be read on, at the level of bytes: over real httpx, httpcore and h11.

Its wire is still a byte an event, with one more for the provider's terminal event: what is real is the way of a request
that reads on, and of the bytes of its answer, which are framed, cut into reads and broken as the fault says.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...core.capabilities import ContinuationForm
from ...core.failures import Failure, FailureKind
from ...core.policy import Limits
from ...core.provider import ErrorResponse, WireDecoder, WireRequest
from ...core.request import InferenceRequest
from ...core.stream_events import AnswerRestarted, BlockStop, StreamEvent
from ...http.transport import HTTPTransport
from ..network.http import ScriptedNetwork
from ..network.script import Connecting, SentRequest, Silence, Step
from ..script.faults import FaultKind, failure_of
from ..script.speech import Attempt
from .byte_script import UNENDED, error_script, hint_of, stream_script
from .generation import ReadingModel
from .reading_level import EVENT, SIGN_OF_LIFE, EventDecoder, ReadingProvider

TERMINAL = b"!"


class ReadingByteWorld:
    """What surrounds the engine: a network of bytes, and a provider that reads on. `library` is httpx, or httpx2."""

    def __init__(
        self, model: ReadingModel, request: InferenceRequest, dice: Callable[[], float], library: Any = None
    ) -> None:
        self.model = model
        self._dice = random.Random(model.scenario.seed ^ 0xB17E5).random  # noqa: S311 - a simulation's dice have to repeat
        self.network: ScriptedNetwork = ScriptedNetwork(
            self._script_for, connect=self._connect, hesitate=lambda: int(self._dice() * 1.2)
        )
        self.transport: HTTPTransport = HTTPTransport(
            self.network.client() if library is None else self.network.client(library)
        )
        self.source: WiredProvider = WiredProvider(model, request, self.network)

    @property
    def open_answers(self) -> int:
        """How many answers are open."""
        return self.network.connections_busy

    def let_go(self) -> None:
        """Forget what points back here: nothing more is asked."""
        self.network.let_go()

    def _connect(self, _number: int) -> Connecting:
        attempt = self.source.attempt
        return Connecting(is_refused=attempt is not None and attempt.fault.kind is FaultKind.CONNECT_ERROR)

    def _script_for(self, _sent: SentRequest) -> Iterable[Step]:
        attempt = self.source.asked
        fault = attempt.fault
        match fault.kind:
            case FaultKind.HTTP_ERROR:
                attempt.refused = attempt.form is ContinuationForm.CURSOR and not failure_of(fault).is_retryable
                return error_script(self._dice, fault.status, b"{}", hint_of(fault))
            case FaultKind.PREFILL_REFUSED if attempt.form is not None:
                attempt.refused = True
                return error_script(self._dice, 400, b"{}", {})
            case FaultKind.SLOW_HEADERS:
                return [Silence(fault.seconds), *self._stream(attempt)]
            case _:
                return self._stream(attempt)

    def _stream(self, attempt: Attempt) -> Iterable[Step]:
        said = [EVENT] * len(attempt.reply.events)
        if attempt.fault.kind not in UNENDED:
            said.append(TERMINAL)
        return stream_script(self._dice, attempt.fault, said, ping=SIGN_OF_LIFE, garbage=b"")


class WiredProvider(ReadingProvider):
    """The engine's provider, whose requests cross a network."""

    def __init__(self, model: ReadingModel, request: InferenceRequest, network: ScriptedNetwork) -> None:
        super().__init__(model, request)
        self._reader = model
        self._network = network

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request, and ask the model."""
        return self._sent(super().encode(request, form))

    def reattach(self, cursor: str, limits: Limits) -> tuple[WireRequest, WireDecoder]:
        """Write a request that reads on. Raises UsageError where the cursor is refused."""
        wire, _ = super().reattach(cursor, limits)
        return self._sent(wire), self.decoder(limits)

    def _sent(self, wire: WireRequest) -> WireRequest:
        if self.asked.fault.kind is FaultKind.CONNECT_ERROR:
            self._network.close_idle()
        return wire

    def decoder(self, limits: Limits) -> WireDecoder:
        """Make the decoder for the request that was just written."""
        return _WiredDecoder(self.asked, self._reader)

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name an error response by the fault that it stands for."""
        attempt = self.asked
        attempt.ended_s = self._reader.now()
        if attempt.fault.kind is FaultKind.PREFILL_REFUSED:
            return Failure(FailureKind.CONTINUATION_REFUSED, "this form is not taken", status=response.status)
        return failure_of(attempt.fault)


class _WiredDecoder:
    """Takes events as they come in bytes, and notes how many were given."""

    defect: str | None = None

    def __init__(self, attempt: Attempt, model: ReadingModel) -> None:
        self._decoder = EventDecoder(attempt)
        self._attempt = attempt
        self._model = model
        self._gives_up = False

    @property
    def is_complete(self) -> bool:
        return self._attempt.ended and self._attempt.terminal

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        attempt = self._attempt
        attempt.ended_s = self._model.now()
        said = data.partition(TERMINAL)[0]
        self._note(said.count(EVENT))
        events = self._decoder.feed(said)
        attempt.ended = attempt.ended or TERMINAL in data
        return events

    def _note(self, count: int) -> None:
        """Count what the engine is given, up to where it gives up: what a read brings behind that is nobody's."""
        attempt = self._attempt
        for _ in range(count):
            if self._gives_up:
                return
            self._model.log("said", attempt.number, attempt.given)
            attempt.given += 1
            self._gives_up = isinstance(attempt.events[-1], AnswerRestarted) and self._can_not_begin_again

    @property
    def _can_not_begin_again(self) -> bool:
        """After a whole call, or where a continuation is read on, an answer that begins again breaks the stream."""
        attempt = self._attempt
        if attempt.form is ContinuationForm.CURSOR and attempt.began:
            return True
        events = (*attempt.history, *attempt.events)
        return any(isinstance(event, BlockStop) and event.id and not event.is_cut for event in events)

    def close(self) -> Sequence[StreamEvent]:
        self._attempt.ended_s = self._model.now()
        if self._attempt.fault.kind is FaultKind.PREMATURE_END:
            self._attempt.ended = True  # of the bytes; what says why the answer stops is missing
        return ()
