"""A plan by itself: what it does, in a few words, and what is wrong with it, whatever comes of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from ..core.capabilities import Capabilities
from ..core.planner import (
    ContinueText,
    Reattach,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
)
from ..core.snapshot import InFlightTool, InterruptSnapshot
from .law_broken import ONE_END, ONE_STREAM, WHOLE_CALLS
from .model import Violation

PLANS = (ContinueText, Reattach, SynthesizeToolUse, TruncateBeforeTool, WholeRestart)


def told_plan(plan: object) -> str:
    """Say what a plan does; of what is no plan, its type."""
    match plan:
        case ContinueText(str() as prefix) | TruncateBeforeTool(str() as prefix):
            does = f"go on after {len(prefix)} characters"
        case SynthesizeToolUse(tuple() as completed):
            does = f"end with the calls {_ids(completed)}"
        case WholeRestart():
            does = "ask again from the start"
        case Reattach(cursor):
            does = f"read on at {cursor!r}"
        case _:
            does = ""
    cancelled: object = getattr(plan, "cancelled", ())
    named = _ids(cast("tuple[object, ...]", cancelled)) if isinstance(cancelled, tuple) else ""
    return " ".join(part for part in (_kind(plan), does and f"({does})", named and f"cancels {named}") if part)


def _ids(calls: tuple[object, ...]) -> str:
    return ", ".join(str(getattr(call, "id", call)) for call in calls)


def faults_of(snapshot: InterruptSnapshot, capabilities: Capabilities, plan: object) -> Iterator[Violation]:
    """Say what is wrong with a plan, looking at nothing but what the run holds."""
    shown, released = snapshot.text, snapshot.completed_tool_calls
    for name in ("completed", "cancelled"):
        if not isinstance(calls := getattr(plan, name, ()), tuple) and isinstance(plan, PLANS):
            yield Violation(WHOLE_CALLS, f"{_kind(plan)}.{name} is a {_kind(calls)}; expected a tuple")
            return
    match plan:
        case ContinueText(prefix) | TruncateBeforeTool(prefix) if prefix != shown:
            said = (
                f"goes on after {prefix[-40:]!r} ({len(prefix)} characters); shown was {shown[-40:]!r} ({len(shown)})"
            )
            yield Violation(ONE_STREAM, f"{_kind(plan)} {said}: what lies between is lost, or said twice")
        case WholeRestart() | ContinueText() | TruncateBeforeTool() if released:
            said = f"asks again although calls were released ({', '.join(call.id for call in released)})"
            yield Violation(WHOLE_CALLS, f"{_kind(plan)} {said}: they would be made twice; expected SynthesizeToolUse")
        case SynthesizeToolUse() if not released:
            yield Violation(ONE_END, "SynthesizeToolUse ends the run although no call was released; expected to go on")
        case SynthesizeToolUse(completed) if completed != released:
            said = f"ends the run with {len(completed)} calls; released were {len(released)}"
            yield Violation(WHOLE_CALLS, f"SynthesizeToolUse {said}, and they have to be the same")
        case Reattach(cursor) if cursor != snapshot.cursor or not capabilities.can_reattach:
            said = f"reads on at {cursor!r}; the snapshot's cursor is {snapshot.cursor!r}"
            can = "can" if capabilities.can_reattach else "can not"
            yield Violation(ONE_STREAM, f"Reattach {said}, and the provider {can} re-attach")
        case SynthesizeToolUse() | ContinueText() | TruncateBeforeTool() | WholeRestart():
            yield from _cancelled_faults(snapshot.in_flight_tools, plan)
        case Reattach():
            return
        case _:
            yield Violation(ONE_END, f"the plan is a {_kind(plan)}; expected a RecoveryPlan")


def _cancelled_faults(under_way: tuple[InFlightTool, ...], plan: RecoveryPlan) -> Iterator[Violation]:
    """What a plan says of the calls under way: a consumer is told so, and takes them off the screen."""
    cancelled: tuple[InFlightTool, ...] = getattr(plan, "cancelled", ())
    if cancelled != under_way:
        named = ", ".join(call.id for call in cancelled) or "none"
        said = f"cancels the calls {named}; under way were {', '.join(call.id for call in under_way) or 'none'}"
        yield Violation(WHOLE_CALLS, f"{_kind(plan)} {said}")


def _kind(plan: object) -> str:
    return type(plan).__name__
