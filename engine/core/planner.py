"""What to do about an interruption: a pure function from what a run holds to a plan.

The first row that fits (docs/recovery.md has the reasons):

| the snapshot holds                              | plan                                                              |
| ----------------------------------------------- | ----------------------------------------------------------------- |
| a cursor the provider can resume from           | `Reattach`: nothing is paid twice                                 |
| one or more completed tool calls                | `SynthesizeToolUse`: the run finishes now                         |
| text and a call under way                       | `TruncateBeforeTool`: cancel the call, continue the text          |
| text only                                       | `ContinueText`                                                    |
| nothing, only reasoning, only a call under way  | `WholeRestart`                                                    |

What a tool of the provider's own left behind counts as text: it ran, and is handed back rather than run again.

Same snapshot, same capabilities: same plan. No clock, dice, sockets or logs.
"""

from __future__ import annotations

import inspect
from typing import TypeAlias, cast

from attrs import frozen

from .capabilities import Capabilities
from .messages import ToolCall
from .snapshot import InFlightTool, InterruptSnapshot
from .usage_error import UsageError


@frozen
class Reattach:
    """Go on reading the same generation, after `cursor`."""

    cursor: str


@frozen
class SynthesizeToolUse:
    """End the run now with the completed calls: no further attempt. `cancelled` were under way."""

    completed: tuple[ToolCall, ...]
    cancelled: tuple[InFlightTool, ...] = ()


@frozen
class TruncateBeforeTool:
    """Cancel the calls under way and continue the text before them."""

    assistant_prefix: str
    cancelled: tuple[InFlightTool, ...]


@frozen
class ContinueText:
    """Continue the text."""

    assistant_prefix: str


@frozen
class WholeRestart:
    """Ask again from the start; what was shown is taken back."""

    cancelled: tuple[InFlightTool, ...] = ()


RecoveryPlan: TypeAlias = Reattach | SynthesizeToolUse | TruncateBeforeTool | ContinueText | WholeRestart


def plan_recovery(snapshot: InterruptSnapshot, capabilities: Capabilities | None = None) -> RecoveryPlan:
    """Choose the plan for a snapshot; see the table in docs/recovery.md. Pure."""
    if snapshot.cursor is not None and capabilities is not None and capabilities.can_reattach:
        return Reattach(snapshot.cursor)
    if snapshot.completed_tool_calls:
        return SynthesizeToolUse(snapshot.completed_tool_calls, snapshot.in_flight_tools)
    goes_on = bool(snapshot.text) or snapshot.server_work is not None
    if goes_on and snapshot.in_flight_tools:
        return TruncateBeforeTool(snapshot.text, snapshot.in_flight_tools)
    if goes_on:
        return ContinueText(snapshot.text)
    return WholeRestart(snapshot.in_flight_tools)


def require_valid_plan(plan: RecoveryPlan, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    """Refuse a plan of the caller's planner that would lose or double what was said. Raises UsageError."""
    match plan:
        case ContinueText(prefix) | TruncateBeforeTool(prefix) if prefix != snapshot.text:
            is_text = isinstance(cast("object", prefix), str)
            seen = f"a prefix of {len(prefix)} characters" if is_text else f"a {type(prefix).__name__} as the prefix"
            expected = f"expected the {len(snapshot.text)} characters that were said"
            raise UsageError(f"the planner continues {seen}; {expected}: what was shown can not be taken back in part")
        case WholeRestart() | ContinueText() | TruncateBeforeTool() if snapshot.completed_tool_calls:
            asks = "restarts" if isinstance(plan, WholeRestart) else "goes on"
            raise UsageError(f"the planner {asks} after a call was released; expected SynthesizeToolUse")
        case SynthesizeToolUse() if not snapshot.completed_tool_calls:
            raise UsageError("the planner ends with tool use where no call was released; expected another plan")
        case Reattach(cursor) if cursor != snapshot.cursor or not capabilities.can_reattach:
            raise UsageError("the planner re-attaches where the provider can not; expected the snapshot's own cursor")
        case Reattach() | ContinueText() | TruncateBeforeTool() | WholeRestart() | SynthesizeToolUse():
            return plan
    raise UsageError(f"the planner gave {_seen(plan)}")


def _seen(plan: object) -> str:
    """Say what was given in place of a plan."""
    if inspect.iscoroutine(plan):
        plan.close()  # or Python warns that nobody awaited it
        return "a coroutine; expected a RecoveryPlan: make it a plain function"
    return f"a {type(plan).__name__}; expected a RecoveryPlan"
