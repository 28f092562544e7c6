"""The planners that a scenario may name: riverrun's own, two more for comparison, and any function of a module."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from ...core.capabilities import Capabilities
from ...core.planner import (
    ContinueText,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
    plan_recovery,
)
from ...core.run_rules import Planner
from ...core.snapshot import InterruptSnapshot
from ...core.usage_error import UsageError


def careless(snapshot: InterruptSnapshot, _capabilities: Capabilities) -> RecoveryPlan:
    """Plan as if nothing had been said: it keeps no text, and the laws refute it where a call was released."""
    return WholeRestart(snapshot.in_flight_tools)


def cautious(snapshot: InterruptSnapshot, _capabilities: Capabilities) -> RecoveryPlan:
    """Plan by the table, without ever re-attaching."""
    if snapshot.completed_tool_calls:
        return SynthesizeToolUse(snapshot.completed_tool_calls, snapshot.in_flight_tools)
    if snapshot.text and snapshot.in_flight_tools:
        return TruncateBeforeTool(snapshot.text, snapshot.in_flight_tools)
    return ContinueText(snapshot.text) if snapshot.text else WholeRestart(snapshot.in_flight_tools)


PLANNERS: dict[str, Planner] = {"default": plan_recovery, "careless": careless, "cautious": cautious}


def planner_of(name: str) -> Planner:
    """Find a planner by its name here, or as "module:function". Raises UsageError, with what stood in the way."""
    if name in PLANNERS:
        return PLANNERS[name]
    module, _, function = name.partition(":")
    if not module or not function:
        raise UsageError(f"planner {name!r} can not be found; expected default, or module:function")
    planner: object = getattr(_imported(name, module), function, None)
    if not callable(planner):
        seen = "is not there" if planner is None else f"is of type {type(planner).__name__}"
        raise UsageError(f"planner {name!r} can not be used: {function} {seen}; expected a function in {module}")
    return cast("Planner", planner)


def _imported(name: str, module: str) -> object:
    try:
        return import_module(module)
    except Exception as error:  # whatever a user's module raises while it is imported
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{module}.".startswith(f"{missing}."):
            said = f"there is no module {missing}; expected default, or module:function"
            raise UsageError(f"planner {name!r} can not be found: {said}") from error
        if missing is not None:
            said = f"{module} could not be imported, because {missing} is missing; install it"
            raise UsageError(f"planner {name!r}: {said}") from error
        raise UsageError(f"planner {name!r} can not be imported: {type(error).__name__}: {error}") from error
