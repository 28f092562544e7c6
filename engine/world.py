"""What a run needs of its engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import field, frozen

from .core.capabilities import Capabilities, ContinuationForm
from .core.planner import RecoveryPlan
from .core.policy import Policy
from .core.provider import Provider
from .core.request import InferenceRequest
from .core.retry_budget import RetryBudget
from .core.snapshot import InterruptSnapshot
from .source import EventSource
from .transport import Transport
from .turnstile import Turnstile

Planner: TypeAlias = Callable[[InterruptSnapshot, Capabilities], RecoveryPlan]


@frozen
class World:
    """What a run needs of its engine: who answers, how patiently, and the only clock and dice."""

    source: Provider | EventSource
    policy: Policy
    transport: Transport
    planner: Planner
    chance: Callable[[], float]
    wall_clock: Callable[[], float]
    retry_budget: RetryBudget
    refused_forms: dict[Capabilities, set[ContinuationForm]] = field(factory=dict[Capabilities, set[ContinuationForm]])
    """What was refused, by what had been declared: learned for the life of the engine."""
    turnstile: Turnstile = field(factory=Turnstile)
    """A thousand answers opened at once go through it a few at a time."""

    @property
    def origin(self) -> str:
        """Who answers, as "provider/model"."""
        return f"{self.source.name}/{self.source.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Return what the source declares, less what it was seen to refuse."""
        declared = known = self.source.capabilities(request)
        if not hasattr(self.source, "reattach"):
            known = known.without(ContinuationForm.CURSOR)
        for form in self.refused_forms.get(declared, ()):
            known = known.without(form)
        return known

    def learn_refusal(self, request: InferenceRequest, form: ContinuationForm) -> None:
        """Remember that a form was refused to a request; others of the same capabilities are not asked that way."""
        self.refused_forms.setdefault(self.source.capabilities(request), set()).add(form)
