"""What a caller's planner may plan: nothing that loses or doubles what was said, and nothing after a released call."""

from __future__ import annotations

import inspect
from typing import cast

from .capabilities import Capabilities
from .planner import ContinueText, Reattach, RecoveryPlan, SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from .snapshot import InterruptSnapshot
from .usage_error import UsageError


def checked_plan(plan: RecoveryPlan, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
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
