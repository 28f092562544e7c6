"""Planners and policies with one fault each: what the laws have to refute."""

from __future__ import annotations

import logging
import random
import re
import socket
import time
from datetime import datetime
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar
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


def _planned_after(said: object, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    """The plan that would be right, had nothing been `said` before."""
    return plan_recovery(snapshot, capabilities)


def looks_at_a_clock_of_its_own(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return _planned_after(monotonic() > 1e12, snapshot, capabilities)


def asks_the_hour(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return _planned_after(time.strftime("%H") == "99", snapshot, capabilities)


def reads_a_file(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return _planned_after(Path(__file__).read_text("utf-8"), snapshot, capabilities)


def prints(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return _planned_after(print(end=""), snapshot, capabilities)


def asks_the_network(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        return _planned_after(opened.fileno(), snapshot, capabilities)


class RemembersTheLongest:
    """What is short beside the longest answer that it ever saw, it does not go on with."""

    def __init__(self) -> None:
        self.longest = 0

    def __call__(self, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        self.longest = max(self.longest, len(snapshot.text))
        is_short = len(snapshot.text) < self.longest // 2 and not snapshot.completed_tool_calls
        return WholeRestart(snapshot.in_flight_tools) if is_short else plan_recovery(snapshot, capabilities)


class CachesTooMuch:
    """What it once planned for an answer with thoughts, or without, it plans for every other."""

    def __init__(self) -> None:
        self.restarts: dict[object, bool] = {}

    def __call__(self, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        is_plain = snapshot.text and not snapshot.in_flight_tools and not snapshot.completed_tool_calls
        if is_plain and self.restarts.setdefault(capabilities.forms, bool(snapshot.reasoning)):
            return WholeRestart()
        return plan_recovery(snapshot, capabilities)


def cancels_a_list(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    plan = plan_recovery(snapshot, capabilities)
    listed: Any = list(plan.cancelled) if isinstance(plan, WholeRestart) else None
    return plan if listed is None else WholeRestart(listed)


async def plans_later(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return plan_recovery(snapshot, capabilities)


def leaves(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    raise SystemExit(3)


def _with_text(snapshot: InterruptSnapshot, capabilities: Capabilities, text: str) -> RecoveryPlan:
    plan = plan_recovery(snapshot, capabilities)
    return ContinueText(text) if isinstance(plan, ContinueText) and text else plan


def ends_at_nul(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return _with_text(snapshot, capabilities, snapshot.text.partition("\x00")[0])


def strips_tags(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return _with_text(snapshot, capabilities, re.sub(r"</?\w+>", "", snapshot.text))


def strips_special_tokens(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return _with_text(snapshot, capabilities, snapshot.text.replace("<|im_end|>", ""))


def takes_a_megabyte(snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    return _with_text(snapshot, capabilities, snapshot.text[:1_000_000])


PLANNERS: dict[str, Any] = {
    "one stream, NUL": ends_at_nul,
    "one stream, tags": strips_tags,
    "one stream, tokens": strips_special_tokens,
    "one stream, a megabyte": takes_a_megabyte,
    "whole calls, forgotten": forgets_every_call,
    "whole calls, all but one": cancels_one,
    "whole calls, torn in silence": keeps_silent_about_torn_calls,
    "one stream, of long answers": forgets_in_long_answers,
    "planning is pure, the date": asks_the_date,
    "planning is pure, a log": logs_quietly,
    "planning is pure, dice": throws_dice,
    "planning is pure, dice of the system": throws_rare_dice,
    "planning is pure, a clock of its own": looks_at_a_clock_of_its_own,
    "planning is pure, the hour": asks_the_hour,
    "planning is pure, a file": reads_a_file,
    "planning is pure, a print": prints,
    "planning is pure, a socket": asks_the_network,
    "planning is pure, a memory": RemembersTheLongest(),
    "whole calls, a list": cancels_a_list,
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

_P = TypeVar("_P", RetryPolicy, StallPolicy)


def bent(**changes: float) -> Policy:
    """A policy whose numbers were changed behind the back of their validators."""
    return Policy(retry=_bend(RetryPolicy(), changes))


def bent_stall(**changes: float) -> StallPolicy:
    return _bend(StallPolicy(), changes)


def _bend(policy: _P, changes: dict[str, float]) -> _P:
    for name, value in changes.items():
        object.__setattr__(policy, name, value)
    return policy


POLICIES: dict[str, tuple[str, Policy]] = {
    "no idle clock": ("liveness", Policy(stall=StallPolicy(idle_s=None))),
    "no clock for headers": ("liveness", Policy(stall=StallPolicy(headers_s=None))),
    "pings for ever": ("liveness", Policy(stall=StallPolicy(first_event_s_max=None))),
    "no first-event clock": ("liveness", Policy(stall=StallPolicy(first_event_s=None))),
    "pings for 30 years": ("liveness", Policy(stall=StallPolicy(first_event_s_max=1e9))),
    "pings without end": ("liveness", Policy(stall=StallPolicy(first_event_s_max=inf))),
    "an endless last flush": ("cancellation wins", Policy(checkpoint=CheckpointPolicy(last_flush_s=inf))),
    "a last flush of centuries": ("cancellation wins", Policy(checkpoint=CheckpointPolicy(last_flush_s=1e12))),
    "headers for 30 years": ("liveness", Policy(stall=StallPolicy(headers_s=1e9))),
    "no clock before the headers": ("liveness", Policy(stall=StallPolicy(connect_s=None, headers_s=None))),
    "silent for 30 years": ("liveness", Policy(stall=StallPolicy(idle_s=1e9))),
    "no number of seconds": ("liveness", Policy(stall=bent_stall(idle_s=float("nan")))),
    "an opening of 30 years": ("liveness", Policy(checkpoint=CheckpointPolicy(load_s=1e9))),
    "a word that waits 30 years": ("liveness", Policy(checkpoint=CheckpointPolicy(write_s=1e9, before_delivery=True))),
    "a delay of 30 years": ("liveness", Policy(retry=RetryPolicy(base_delay_s=1e9, delay_s_max=1e9))),
    "a hint of 30 years": ("liveness", Policy(retry=RetryPolicy(retry_after_s_max=1e9))),
    "an endless opening": ("liveness", Policy(checkpoint=CheckpointPolicy(load_s=inf))),
    "negative delays": ("budgets", bent(base_delay_s=-1.0)),
    "no attempt at all": ("budgets", bent(attempts_max=0)),
    "a storm without an end": ("budgets", Policy(retry=RetryPolicy(attempts_max=10**9, engine_retries_max=None))),
    "years of retries": ("liveness", Policy(retry=RetryPolicy(attempts_max=9000, engine_retries_max=None))),
    "no number": ("budgets", bent(stall_delay_s=float("nan"))),
}
