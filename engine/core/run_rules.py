"""What a run goes by and does not change, and who may end it before the provider does."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from attrs import frozen

from .capabilities import Capabilities
from .planner import RecoveryPlan
from .policy import Policy
from .request import InferenceRequest
from .retry_budget import RetryBudget
from .snapshot import InterruptSnapshot
from .target import Target

Planner: TypeAlias = Callable[[InterruptSnapshot, Capabilities], RecoveryPlan]


@frozen
class RunRules:
    """What a run goes by: the question, who may be asked (the first, for now), and how patiently.

    The targets and the budget of retries are shared by the runs of an engine.
    """

    request: InferenceRequest
    targets: tuple[Target, ...]
    policy: Policy
    planner: Planner
    retry_budget: RetryBudget


class Ending(Enum):
    """Who ended the run before the provider did."""

    CANCEL = "cancelled"
    PAUSE = "paused"
    LEFT = "the block was left"
