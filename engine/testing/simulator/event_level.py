"""The simulated provider at the level of events: an `EventSource` that plays what the model says."""

from __future__ import annotations

from collections.abc import Callable

from ...core.capabilities import Capabilities, ContinuationForm
from ...core.request import InferenceRequest
from ..law import Law, Violation
from ..script.playback import PlayedAnswer
from .model import Model
from .scenario import PROVIDERS


class EventWorld:
    """What surrounds the engine at the level of events: no network."""

    transport = None

    def __init__(self, model: Model, request: InferenceRequest, dice: Callable[[], float]) -> None:
        self.model = model
        self.source: SimulatedSource = SimulatedSource(model, request, dice)

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
        self._model = model
        self._request = request
        self._dice = dice
        self._declared = PROVIDERS[model.scenario.provider]
        self.open_answers = 0

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Return what the scenario's provider declares."""
        return self._declared

    def open_events(self, request: InferenceRequest, form: ContinuationForm | None) -> PlayedAnswer:
        """Begin one answer."""
        said = said_of(request, self._request, form, self._model)
        return PlayedAnswer(self, self._model.ask(form, said), self._dice, self._model)


def said_of(request: InferenceRequest, first: InferenceRequest, form: ContinuationForm | None, model: Model) -> str:
    """Read what a request says was said, exactly as the ladder writes it; anything else breaks a law."""

    def require(holds: bool, otherwise: str) -> None:
        if not holds:
            model.broken.append(Violation(Law.ONE_STREAM, otherwise))

    messages = request.messages
    if form is None:
        require(request == first, "a request without a continuation is not the first one")
        return ""
    turns = 2 if form is ContinuationForm.QUOTE else 1
    said = messages[-turns].text
    require(messages[:-turns] == first.messages, "a continuation changes the conversation before it")
    if turns == 2:
        require(f"<tail>{said[-240:]}</tail>" in messages[-1].text, "a quote is not the end of what was said")
    ceiling, left = first.max_tokens or 0, request.max_tokens or 0
    require(1 <= left <= ceiling, f"a continuation asks for {left} tokens of {ceiling}")
    return said
