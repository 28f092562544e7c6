"""Planners, providers, stores and policies with one fault each: what the laws have to refute."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Sequence
from datetime import datetime
from math import inf
from typing import Any, ClassVar
from uuid import uuid4

import trio

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.planner import (
    ContinueText,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
    plan_recovery,
)
from riverrun.engine.core.policy import CheckpointPolicy, Limits, Policy, RetryPolicy, StallPolicy
from riverrun.engine.core.provider import WireRefusal, WireRequest
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.stream_events import StreamEvent, TextDelta
from riverrun.engine.stores import MemoryStore, OpenedJournal
from riverrun.providers.anthropic import Anthropic

KEY = "sk-canary-0123456789"


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


# -- providers --------------------------------------------------------------------------------------------------------


class Decoder:
    """Hands on to the real decoder; subclasses break one thing."""

    def __init__(self, provider: Anthropic, limits: Limits) -> None:
        self.real = Anthropic.decoder(provider, limits)

    @property
    def is_complete(self) -> bool:
        return self.real.is_complete

    @property
    def defect(self) -> str | None:
        return self.real.defect

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        return self.real.feed(data)

    def close(self) -> Sequence[StreamEvent]:
        return self.real.close()


class _Broken(Anthropic):
    made: ClassVar[type[Decoder]] = Decoder

    def __init__(self) -> None:
        super().__init__("claude-sonnet-4-5", api_key=KEY)

    def decoder(self, limits: Limits) -> Any:
        return self.made(self, limits)


class SplitsCharacters(_Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return self.real.feed(data.decode("utf-8", "replace").encode())


class LosesTheLastRead(_Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return [event for event in self.real.feed(data) if event != TextDelta("a")]


class CompleteAtTheEnd(_Broken):
    class made(Decoder):
        ended = False

        @property
        def is_complete(self) -> bool:
            return self.ended or self.real.is_complete

        def close(self) -> Sequence[StreamEvent]:
            self.ended = True
            return self.real.close()


class RaisesOnGarbage(_Broken):
    class made(Decoder):
        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            data.decode("utf-8", "surrogateescape").encode()
            return self.real.feed(data)


class SharesADecoder(_Broken):
    class made(Decoder):
        latest: ClassVar[list[Any]] = []

        def __init__(self, provider: Anthropic, limits: Limits) -> None:
            super().__init__(provider, limits)
            self.latest[:] = [self.real]

        def feed(self, data: bytes) -> Sequence[StreamEvent]:
            return list(self.latest[0].feed(data))


class HoldsEverything(_Broken):
    class made(Decoder):
        def __init__(self, provider: Anthropic, limits: Limits) -> None:
            super().__init__(provider, Limits())


class QuotesHalf(_Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        if form is None:
            return super().encode(request, form)
        cut = rr.InferenceRequest([*request.messages[:-1], rr.Message.assistant("and so on")], max_tokens=9)
        return super().encode(cut, form)


class CountsRequests(_Broken):
    count = 0

    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        self.count += 1
        wire = super().encode(request, form)
        body = json.loads(wire.body) | {"metadata": {"n": self.count}}
        return WireRequest(wire.url, wire.headers, json.dumps(body).encode())


class PutsTheKeyInTheURL(_Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        return WireRequest(f"{wire.url}?key={KEY}", wire.headers, wire.body)


class RepeatsTheRefusal(_Broken):
    def classify(self, refusal: WireRefusal, *, now_unix_s: float) -> Failure:
        return Failure(FailureKind.PROVIDER, refusal.body.decode("utf-8", "replace")[:100])


class KnowsFewStatuses(_Broken):
    def classify(self, refusal: WireRefusal, *, now_unix_s: float) -> Failure:
        return {401: Failure(FailureKind.UNAUTHORIZED, "no")}[refusal.status]


PROVIDERS: dict[type[_Broken], tuple[str, ...]] = {
    SplitsCharacters: ("cut anywhere", "one stream"),
    LosesTheLastRead: ("one stream",),
    CompleteAtTheEnd: ("exactly one end",),
    RaisesOnGarbage: ("exactly one end",),
    SharesADecoder: ("any task order",),
    HoldsEverything: ("budgets",),
    QuotesHalf: ("one stream",),
    CountsRequests: ("planning is pure",),
    PutsTheKeyInTheURL: ("nothing leaks",),
    RepeatsTheRefusal: ("nothing leaks",),
    KnowsFewStatuses: ("exactly one end",),
}


# -- stores -----------------------------------------------------------------------------------------------------------


class WithoutFences(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await super().append(run_id, self._journals[run_id].fence if run_id in self._journals else 1, sequence, entry)


class ForgetsTheFloor(MemoryStore):
    async def delete(self, run_id: str, fence: int) -> None:
        await super().delete(run_id, fence)
        self._fence_floor = 0


class Replaces(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        journal = self._journals.get(run_id)
        if journal is not None and 0 <= sequence < len(journal.entries):
            journal.entries[sequence] = entry
        await super().append(run_id, fence, sequence, entry)


class StripsEntries(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await super().append(run_id, fence, sequence, entry.rstrip())


class MixesNames(MemoryStore):
    async def open_journal(self, run_id: str) -> OpenedJournal:
        return await super().open_journal(run_id.strip())


class RaisesKeyError(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        if run_id not in self._journals:
            raise KeyError(run_id)
        await super().append(run_id, fence, sequence, entry)


class ReadsThenRaises(MemoryStore):
    """Its opening is not atomic."""

    async def open_journal(self, run_id: str) -> OpenedJournal:
        before = self._journals[run_id].fence if run_id in self._journals else self._fence_floor
        opened = await super().open_journal(run_id)
        self._journals[run_id].fence = before + 1
        return OpenedJournal(before + 1, opened.entries)


class ClaimsWhenAsked(MemoryStore):
    """Saying what a run is takes it."""

    async def first_entry(self, run_id: str) -> bytes | None:
        return next(iter((await self.open_journal(run_id)).entries), None)


class CanNotBeCancelled(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        with trio.CancelScope(shield=True):
            await super().append(run_id, fence, sequence, entry)


class StaysOpen(MemoryStore):
    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class LosesTheFifth(MemoryStore):
    """Right in every script, wrong in a long run."""

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await super().append(run_id, fence, sequence, b"[]" if sequence == 5 else entry)


class ReadsBack(MemoryStore):
    """What it reads back is bent; subclasses say how."""

    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        raise NotImplementedError

    async def open_journal(self, run_id: str) -> OpenedJournal:
        opened = await super().open_journal(run_id)
        return OpenedJournal(opened.fence, self.bend(opened.entries))


class OrdersByName(ReadsBack):
    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return tuple(entry for _, entry in sorted((str(at), entry) for at, entry in enumerate(entries)))


class ReadsOnePage(ReadsBack):
    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return entries[:50]


class Truncates(ReadsBack):
    def bend(self, entries: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return tuple(entry[: 128 * 1024] for entry in entries)


class ReusesAFence(MemoryStore):
    async def delete(self, run_id: str, fence: int) -> None:
        await super().delete(run_id, fence)
        self._fence_floor = fence


class ChecksThenWrites(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        journal = self._journals.get(run_id)
        if journal is not None and journal.fence == fence and not self._closed and sequence == len(journal.entries):
            await trio.lowlevel.checkpoint()
            journal.entries.append(entry)
            return
        await super().append(run_id, fence, sequence, entry)


class ReadsThenLocks(MemoryStore):
    async def open_journal(self, run_id: str) -> OpenedJournal:
        read = tuple(self._journals[run_id].entries) if run_id in self._journals else ()
        return OpenedJournal((await super().open_journal(run_id)).fence, read)


class LeavesHalf(MemoryStore):
    """Alone it is right, and under a lock; cancelled between its two halves it is not."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = trio.Lock()

    async def open_journal(self, run_id: str) -> OpenedJournal:
        async with self.lock:
            return await super().open_journal(run_id)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        async with self.lock:
            await super().append(run_id, fence, sequence, entry)
            entries = self._journals[run_id].entries
            entries[sequence] = entry[: len(entry) // 2]
            await trio.lowlevel.checkpoint()
            entries[sequence] = entry


class KeepsItsLock(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.lock = trio.Semaphore(1)

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        await self.lock.acquire()
        await trio.lowlevel.checkpoint()
        try:
            await super().append(run_id, fence, sequence, entry)
        finally:
            self.lock.release()


class RepeatsAtOnce(MemoryStore):
    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        journal = self._journals.get(run_id)
        if journal is None or journal.fence != fence or journal.entries[sequence : sequence + 1] != [entry]:
            await super().append(run_id, fence, sequence, entry)


class ClosesOnce(MemoryStore):
    async def aclose(self) -> None:
        if self._closed:
            raise rr.StoreError("it is closed already")
        await super().aclose()


STORES: dict[type[MemoryStore], str] = {
    OrdersByName: "one stream",
    ReadsOnePage: "one stream",
    Truncates: "one stream",
    ReusesAFence: "one stream",
    ChecksThenWrites: "any task order",
    ReadsThenLocks: "any task order",
    LeavesHalf: "cancellation wins",
    KeepsItsLock: "cancellation wins",
    RepeatsAtOnce: "cancellation wins",
    ClosesOnce: "nothing leaks",
    WithoutFences: "one stream",
    ForgetsTheFloor: "one stream",
    Replaces: "one stream",
    StripsEntries: "one stream",
    MixesNames: "one stream",
    RaisesKeyError: "exactly one end",
    ReadsThenRaises: "any task order",
    ClaimsWhenAsked: "one stream",
    CanNotBeCancelled: "cancellation wins",
    StaysOpen: "nothing leaks",
    LosesTheFifth: "one stream",
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
