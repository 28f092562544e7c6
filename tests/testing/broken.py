"""Planners and policies with one fault each: what the laws have to refute."""

from __future__ import annotations

import logging
import random
import time
from datetime import datetime
from math import inf
from typing import Any
from uuid import uuid4

from attrs import evolve

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities
from riverrun.engine.core.planner import (
    ContinueText,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
    plan_recovery,
)
from riverrun.engine.core.policy import CheckpointPolicy, Policy, RetryPolicy, StallPolicy
from riverrun.engine.core.snapshot import InterruptSnapshot

# -- planners: (law, planner) -----------------------------------------------------------------------------------------


def forgets_the_last_word(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    plan = plan_recovery(snapshot, capabilities)
    return ContinueText(plan.assistant_prefix.rpartition(" ")[0]) if isinstance(plan, ContinueText) else plan


def forgets_text_before_a_call(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    plan = plan_recovery(snapshot, capabilities)
    return TruncateBeforeTool("", plan.cancelled) if isinstance(plan, TruncateBeforeTool) else plan


def asks_again_after_a_call(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return ContinueText(snapshot.text) if snapshot.text else WholeRestart(snapshot.in_flight_tools)


def releases_what_was_never_closed(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    torn = tuple(rr.ToolCall(call.id, call.name, {}) for call in snapshot.in_flight_tools)
    whole = (*snapshot.completed_tool_calls, *torn)
    return SynthesizeToolUse(whole) if snapshot.completed_tool_calls else plan_recovery(snapshot, capabilities)


def gives_up_early(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return SynthesizeToolUse(snapshot.completed_tool_calls)


def raises_on_thoughts(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    if snapshot.reasoning:
        raise KeyError("reasoning")
    return plan_recovery(snapshot, capabilities)


def cancels_one(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    plan = plan_recovery(snapshot, capabilities)
    return evolve(plan, cancelled=plan.cancelled[:1]) if hasattr(plan, "cancelled") else plan


def looks_at_the_clock(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    if int(time.time()) % 2 and not snapshot.completed_tool_calls:
        return WholeRestart(snapshot.in_flight_tools)
    return plan_recovery(snapshot, capabilities)


class CountsItsCalls:
    """Every other plan is a restart."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        self.calls += 1
        is_odd = self.calls % 2 and not snapshot.completed_tool_calls
        return WholeRestart(snapshot.in_flight_tools) if is_odd else plan_recovery(snapshot, capabilities)


def plans_nothing(snapshot: InterruptSnapshot, capabilities: Capabilities) -> Any:
    return None


def forgets_every_call(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    plan = plan_recovery(snapshot, capabilities)
    return SynthesizeToolUse((), plan.cancelled) if isinstance(plan, SynthesizeToolUse) else plan


def keeps_silent_about_torn_calls(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    plan = plan_recovery(snapshot, capabilities)
    return WholeRestart() if isinstance(plan, WholeRestart) else plan


def forgets_in_long_answers(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    plan = plan_recovery(snapshot, capabilities)
    return ContinueText(plan.assistant_prefix[-4000:]) if isinstance(plan, ContinueText) else plan


def asks_the_date(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    if datetime.now().year > 9000 and not snapshot.completed_tool_calls:
        return WholeRestart(snapshot.in_flight_tools)
    return plan_recovery(snapshot, capabilities)


def logs_quietly(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    logging.getLogger("mine").debug("planning")
    return plan_recovery(snapshot, capabilities)


def throws_dice(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    if random.random() < 0.1 and not snapshot.completed_tool_calls:
        return WholeRestart(snapshot.in_flight_tools)
    return plan_recovery(snapshot, capabilities)


def throws_rare_dice(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    if uuid4().int % 20 == 0 and not snapshot.completed_tool_calls:
        return WholeRestart(snapshot.in_flight_tools)
    return plan_recovery(snapshot, capabilities)


async def plans_later(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return plan_recovery(snapshot, capabilities)


def leaves(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    raise SystemExit(3)


PLANNERS: dict[str, Any] = {
    "whole calls, forgotten": forgets_every_call,
    "whole calls, all but one": cancels_one,
    "whole calls, torn in silence": keeps_silent_about_torn_calls,
    "one stream, of long answers": forgets_in_long_answers,
    "planning is pure, the date": asks_the_date,
    "planning is pure, a log": logs_quietly,
    "planning is pure, dice": throws_dice,
    "planning is pure, dice of the system": throws_rare_dice,
    "exactly one end, a coroutine": plans_later,
    "exactly one end, by leaving": leaves,
    "one stream": forgets_the_last_word,
    "one stream, before a call": forgets_text_before_a_call,
    "whole calls": asks_again_after_a_call,
    "whole calls, torn": releases_what_was_never_closed,
    "exactly one end": gives_up_early,
    "exactly one end, by raising": raises_on_thoughts,
    "exactly one end, no plan": plans_nothing,
    "planning is pure": looks_at_the_clock,
    "planning is pure, a counter": CountsItsCalls(),
}


# -- policies ---------------------------------------------------------------------------------------------------------


def bent(**changes: float) -> Policy:
    """A policy whose numbers were changed behind the back of their validators."""
    retry = RetryPolicy()
    for name, value in changes.items():
        object.__setattr__(retry, name, value)
    return Policy(retry=retry)


POLICIES: dict[str, tuple[str, Policy]] = {
    "no idle clock": ("liveness", Policy(stall=StallPolicy(idle_s=None))),
    "no clock for headers": ("liveness", Policy(stall=StallPolicy(headers_s=None))),
    "pings for ever": ("liveness", Policy(stall=StallPolicy(first_event_s_max=None))),
    "no first-event clock": ("liveness", Policy(stall=StallPolicy(first_event_s=None))),
    "pings for 30 years": ("liveness", Policy(stall=StallPolicy(first_event_s_max=1e9))),
    "pings without end": ("liveness", Policy(stall=StallPolicy(first_event_s_max=inf))),
    "an endless last flush": ("cancellation wins", Policy(checkpoint=CheckpointPolicy(last_flush_s=inf))),
    "a last flush of centuries": ("cancellation wins", Policy(checkpoint=CheckpointPolicy(last_flush_s=1e12))),
    "an endless opening": ("liveness", Policy(checkpoint=CheckpointPolicy(load_s=inf))),
    "negative delays": ("budgets", bent(base_delay_s=-1.0)),
    "no attempt at all": ("budgets", bent(attempts_max=0)),
    "no number": ("budgets", bent(stall_delay_s=float("nan"))),
}
