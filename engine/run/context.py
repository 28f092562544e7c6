"""What the runs of an engine share: who may be asked, how patiently, and the only clock and dice."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from ..core.policy import Policy
from ..core.request import InferenceRequest
from ..core.retry_budget import RetryBudget
from ..core.run_rules import Planner, RunRules
from ..core.target import Target
from ..http.transport import Transport
from .turnstile import Turnstile


@frozen
class RunContext:
    """What a run needs of its engine."""

    targets: tuple[Target, ...]
    policy: Policy
    transport: Transport
    planner: Planner
    chance: Callable[[], float]
    wall_clock: Callable[[], float]
    retry_budget: RetryBudget
    turnstile: Turnstile = field(factory=Turnstile)
    """A thousand answers opened at once go through it a few at a time."""

    def rules(self, request: InferenceRequest) -> RunRules:
        """Return what a run of this request goes by."""
        return RunRules(request, self.targets, self.policy, self.planner, self.retry_budget)
