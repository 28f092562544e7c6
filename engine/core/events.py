"""What the consumer of a run is given: a closed union of frozen values, in this order.

    (text, reasoning and tool events)*
    [ Interrupted?  ToolCallCancel*  StreamReset?  RetryScheduled?  Resumed?  (text, reasoning and tool events)* ]*
    Finished

`Status` and `UsageUpdate` may stand anywhere and are dropped when the consumer lags; all others never are. Which may
follow which exactly is the table of `event_grammar`.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from .capabilities import ContinuationForm
from .causes import InterruptCause
from .messages import ToolCall
from .planner import RecoveryPlan
from .result import SeamVerdict, StreamResult
from .stream_events import ReasoningDelta, TextDelta, ToolCallDelta, ToolCallStart
from .usage import TokenUsage

__all__ = [
    "Event",
    "Finished",
    "Interrupted",
    "ReasoningDelta",
    "Resumed",
    "RetryScheduled",
    "Status",
    "StreamReset",
    "TextDelta",
    "ToolCallCancel",
    "ToolCallDelta",
    "ToolCallReady",
    "ToolCallStart",
    "UsageUpdate",
]


@frozen
class ToolCallReady:
    """A whole call, closed by the provider, its arguments a JSON object: run it. At most once for each call."""

    call: ToolCall


@frozen
class ToolCallCancel:
    """A call that will never be ready: forget it."""

    id: str
    name: str
    reason: str


@frozen
class StreamReset:
    """Drop everything you showed of this answer; it begins anew."""

    reason: str


@frozen
class Interrupted:
    """The attempt ended early, and this is what will be done about it."""

    cause: InterruptCause
    plan: RecoveryPlan


@frozen
class RetryScheduled:
    """The next attempt starts after `delay_s`. `attempt` counts from 1 and is the one to come."""

    attempt: int
    attempts_max: int
    delay_s: float
    cause: InterruptCause


@frozen
class Resumed:
    """The answer goes on: which attempt, by which continuation, and how the seam looks."""

    attempt: int
    model: str
    continuation: ContinuationForm
    seam: SeamVerdict


@frozen
class UsageUpdate:
    """The run's usage so far, over all attempts. Best effort."""

    usage: TokenUsage


@frozen
class Status:
    """Something to show a person who waits. Best effort."""

    message: str


@frozen
class Finished:
    """The one end of a run that did not fail; `result.stop_reason` says which end (also cancelled and paused)."""

    result: StreamResult


Event: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallReady
    | ToolCallCancel
    | StreamReset
    | Interrupted
    | RetryScheduled
    | Resumed
    | UsageUpdate
    | Status
    | Finished
)
