"""A plan by itself: what it does, in a few words, and what is wrong with it, whatever comes of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ...core.capabilities import Capabilities
from ...core.messages import ToolCall
from ...core.planner import ContinueText, Reattach, RecoveryPlan, SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from ...core.snapshot import InFlightTool, InterruptSnapshot
from ..law import Law, Violation

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
        case Reattach(str() as cursor):
            does = f"read on at {cursor!r}"
        case _:
            does = ""
    cancelled: object = getattr(plan, "cancelled", ()) if isinstance(plan, PLANS) else ()
    named = _ids(cast("tuple[object, ...]", cancelled)) if isinstance(cancelled, tuple) else ""
    return " ".join(part for part in (_kind(plan), does and f"({does})", named and f"cancels {named}") if part)


def _ids(calls: tuple[object, ...]) -> str:
    """Name calls; of what is no call, its type."""
    return ", ".join(str(call.id) if isinstance(call, ToolCall | InFlightTool) else _kind(call) for call in calls)


def faults_of(snapshot: InterruptSnapshot, capabilities: Capabilities, plan: object) -> Iterator[Violation]:
    """Say what is wrong with a plan, looking at nothing but what the run holds."""
    shown, released = snapshot.text, snapshot.completed_tool_calls
    if isinstance(plan, PLANS) and (misfit := _misfit(plan)):
        yield misfit
        return
    match plan:
        case ContinueText(prefix) | TruncateBeforeTool(prefix) if prefix != shown:
            said = (
                f"goes on after {prefix[-40:]!r} ({len(prefix)} characters); shown was {shown[-40:]!r} ({len(shown)})"
            )
            yield Violation(Law.ONE_STREAM, f"{_kind(plan)} {said}: what lies between is lost, or said twice")
        case WholeRestart() | ContinueText() | TruncateBeforeTool() if released:
            said = f"asks again although calls were released ({', '.join(call.id for call in released)})"
            yield Violation(
                Law.WHOLE_CALLS, f"{_kind(plan)} {said}: they would be made twice; expected SynthesizeToolUse"
            )
        case SynthesizeToolUse() if not released:
            yield Violation(
                Law.ONE_END, "SynthesizeToolUse ends the run although no call was released; expected to go on"
            )
        case SynthesizeToolUse(completed) if completed != released:
            said = f"ends the run with {len(completed)} calls; released were {len(released)}"
            yield Violation(Law.WHOLE_CALLS, f"SynthesizeToolUse {said}, and they have to be the same")
        case Reattach(cursor) if cursor != snapshot.cursor or not capabilities.can_reattach:
            said = f"reads on at {cursor!r}; the snapshot's cursor is {snapshot.cursor!r}"
            can = "can" if capabilities.can_reattach else "can not"
            yield Violation(Law.ONE_STREAM, f"Reattach {said}, and the provider {can} re-attach")
        case SynthesizeToolUse() | ContinueText() | TruncateBeforeTool() | WholeRestart():
            yield from _cancelled_faults(snapshot.in_flight_tools, plan)
        case Reattach():
            return
        case _:
            yield Violation(Law.ONE_END, f"the plan is a {_kind(plan)}; expected a RecoveryPlan")


_FIELDS: tuple[tuple[str, type[object], Law], ...] = (
    ("assistant_prefix", str, Law.ONE_STREAM),
    ("cursor", str, Law.ONE_STREAM),
    ("completed", tuple, Law.WHOLE_CALLS),
    ("cancelled", tuple, Law.WHOLE_CALLS),
)
"""What a plan may hold, of which type, and which law is about it."""


def _misfit(plan: RecoveryPlan) -> Violation | None:
    """Say which field holds a value of another type: nothing else can be said of such a plan."""
    for name, kind, law in _FIELDS:
        if not isinstance(held := getattr(plan, name, kind()), kind):
            return Violation(law, f"{_kind(plan)}.{name} is a {_kind(held)}; expected a {kind.__name__}")
    for name, call in (("completed", ToolCall), ("cancelled", InFlightTool)):
        for at, one in enumerate(cast("tuple[object, ...]", getattr(plan, name, ()))):
            if not isinstance(one, call):
                said = f"{_kind(plan)}.{name}[{at}] is a {_kind(one)}; expected a {call.__name__}"
                return Violation(Law.WHOLE_CALLS, said)
    return None


def _cancelled_faults(under_way: tuple[InFlightTool, ...], plan: RecoveryPlan) -> Iterator[Violation]:
    """What a plan says of the calls under way: a consumer takes them off the screen."""
    cancelled: tuple[InFlightTool, ...] = getattr(plan, "cancelled", ())
    if cancelled != under_way:
        named = _ids(cancelled) or "none"
        said = f"cancels the calls {named}; under way were {_ids(under_way) or 'none'}"
        yield Violation(Law.WHOLE_CALLS, f"{_kind(plan)} {said}")


def _kind(plan: object) -> str:
    return type(plan).__name__


def message_of(error: BaseException) -> str | None:
    """Return the message of a planner's error; None where it can not be read."""
    try:
        return str(error)
    except Exception:
        return None


def place_of(error: BaseException) -> str:
    """Say where it was raised: the last line that it went through."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "in no file" if trace is None else f"at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
