"""The outside at the level of events: an `EventSource` under the real engine that plays what the model says."""

from __future__ import annotations

from collections.abc import Callable

from ..core.capabilities import Capabilities, ContinuationForm
from ..core.request import InferenceRequest
from .model import PROVIDERS, Model, Violation
from .played_answer import PlayedAnswer


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

    def open_events(self, request: InferenceRequest, form: ContinuationForm | None) -> PlayedAnswer:
        """Begin one answer."""
        attempt = self._speaker.ask(form, self._said(request, form))
        return PlayedAnswer(self, attempt, self._dice, self._speaker)

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
