"""The laws that count, as exact oracles: budgets, virtual time, what an interruption was caused by, the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import inf

from ...core.answer_blocks import size_bytes
from ...core.causes import (
    ConnectionReset,
    EmptyAnswer,
    FormRefused,
    GoAway,
    IdleStall,
    InterruptCause,
    MalformedStream,
    PrematureEnd,
)
from ...core.events import RetryScheduled
from ...core.failures import Failure, FailureKind
from ...core.policy import StallPolicy
from ...core.result import AttemptRecord, StreamResult
from ...core.stream_events import (
    AnswerRestarted,
    BlockStop,
    KeepAlive,
    ReasoningDelta,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
)
from ...core.usage import TokenUsage, UsageReport
from ..law import Law
from ..script.faults import FaultKind, failure_of
from ..script.speech import Attempt
from .generation import ReadingModel
from .scenario import Act
from .state import Book, Process

# -- budgets ------------------------------------------------------------------------------------------------------


def most_attempts(book: Book, last: Attempt) -> int:
    """The budget after an attempt that ended as `last` did."""
    retry = book.scenario.policy.retry
    failure = _failure_said(last)
    limits = failure is not None and failure.kind in (FailureKind.RATE_LIMITED, FailureKind.OVERLOADED)
    return retry.rate_limit_attempts_max if limits and retry.rate_limit_attempts_max is not None else retry.attempts_max


def check_budget(book: Book, process: Process, attempts: Sequence[Attempt]) -> None:
    """Attempts, retries of the engine, and a server's hints are kept to."""
    retry, spent, retries, announced = book.scenario.policy.retry, 0, 0, iter(process.observer.scheduled)
    for before, attempt in pairwise(attempts):
        spent += before.costs
        retries += not before.refused
        if spent >= most_attempts(book, before) and before.costs:
            book.tell(
                Law.BUDGETS, f"request {attempt.number + 1} after {spent} attempts of {most_attempts(book, before)}"
            )
        if retry.engine_retries_max is not None and retries > retry.engine_retries_max and not before.refused:
            book.tell(Law.BUDGETS, f"{retries} retries were taken; the engine has {retry.engine_retries_max}")
        if not before.refused:
            _check_delay(book, before, attempt, next(announced, None))


def _check_delay(book: Book, before: Attempt, after: Attempt, announced: RetryScheduled | None) -> None:
    """A server's hint is a floor; the announced delay is the one that is waited."""
    hint = before.fault.retry_after_s if before.fault.kind in (FaultKind.HTTP_ERROR, FaultKind.IN_BAND_ERROR) else None
    waited = after.asked_s - max(before.ended_s, before.asked_s)
    if hint and waited < hint - 1e-6:
        book.tell(Law.BUDGETS, f"asked again after {waited:g} s; the server had said {hint:g}")
    if hint and hint > (most_s := book.scenario.policy.retry.retry_after_s_max):
        book.tell(Law.BUDGETS, f"a hint of {hint:g} s was waited out; at most {most_s:g} are")
    if announced is None:
        return
    sees_ends = book.scenario.level == "events" and before.ended_s > 0  # of bytes only the last read is seen
    awaits_store = book.scenario.policy.checkpoint.before_delivery or _tries_again(book.processes[-1])  # at a reset
    is_late = sees_ends and not awaits_store and waited > announced.delay_s + 1e-6
    if waited < announced.delay_s - 1e-6 or is_late:
        law = Law.LIVENESS if is_late else Law.BUDGETS
        book.tell(law, f"asked again after {waited:g} s; announced was {announced.delay_s:g}")


# -- time ---------------------------------------------------------------------------------------------------------


def check_time(book: Book, process: Process, attempts: Sequence[Attempt]) -> None:
    """A cancelled run ends at once, but for the bounded flush; any run ends by a bound."""
    policy = book.scenario.policy
    flush_s = policy.checkpoint.last_flush_s if _tries_again(process) else 0.0
    if process.act is not Act.NONE:
        took_s = process.ended_s - process.acted_s
        if process.end != "finished" and took_s > flush_s + 1e-6:
            book.tell(
                Law.CANCEL, f"{process.act.value} at {process.acted_s:g} s took {took_s:g} s; at most {flush_s:g}"
            )
    took_s = process.ended_s - process.began_s
    if took_s > (bound_s := _bound_s(book, process, attempts)):
        book.tell(Law.LIVENESS, f"the run took {took_s:g} s of virtual time; it should have ended within {bound_s:g}")


def _tries_again(process: Process) -> bool:
    """Whether writes failed; those of a process that was killed all do, and here it lives on until it gives up."""
    return process.handle is not None and (process.handle.troubled or process.handle.is_dead)


def _bound_s(book: Book, process: Process, attempts: Sequence[Attempt]) -> float:
    """The longest a process may take, by its policy: what its clocks allow each attempt, delays, store and consumer."""
    policy = book.scenario.policy
    stall, retry, checkpoint = policy.stall, policy.retry, policy.checkpoint
    window_s = inf if stall.throughput is None else stall.throughput.window_s
    silent_s = min(or_never(stall.idle_s), window_s)
    one_s = or_never(stall.headers_s) + most_before_first_s(stall) + 4 * silent_s
    one_s = min(one_s, or_never(stall.total_s))
    delay_s = max(
        retry.delay_s_max,
        retry.stall_delay_s,
        retry.rate_limit_delay_s_max,
        retry.retry_after_s_max * 1.1,
        retry.empty_delay_s_max,
    )
    drips_s = sum(a.fault.seconds * a.fault.count for a in attempts if a.fault.kind is FaultKind.DRIP)
    writes_s = 0.0
    if process.handle is not None and _tries_again(process):
        writes_s = checkpoint.load_s + 2 * checkpoint.last_flush_s + checkpoint.write_s * (process.handle.writes + 1)
        writes_s += sum(f.seconds * f.count for f in book.scenario.store)
    slow_s = book.scenario.consumer.slow_s * (process.observer.count + 2)
    return (len(attempts) + 1) * (one_s + delay_s) + drips_s + writes_s + slow_s + 10.0


def or_never(limit_s: float | None) -> float:
    """When a clock runs out: one that is switched off never does."""
    return inf if limit_s is None else limit_s


def most_before_first_s(stall: StallPolicy) -> float:
    """The longest from the headers to the first word, however often the server pings."""
    return max(or_never(stall.first_event_s), or_never(stall.first_event_s_max))


def check_causes(book: Book, process: Process, records: Sequence[AttemptRecord], attempts: Sequence[Attempt]) -> None:
    """Every interruption is one that the provider caused: a slow consumer, a slow store, a ping never is one."""
    for attempt, record in zip(attempts, records, strict=False):
        if record.cause is None:
            continue
        allowed = _causes_of(book, attempt)
        if not isinstance(record.cause, allowed):
            law = Law.TIME if isinstance(record.cause, IdleStall) else Law.ONE_END
            book.tell(
                law, f"attempt {attempt.number + 1} ({attempt.fault.kind.value}) is said to end by: {record.cause}"
            )


_CAUSES: dict[FaultKind, tuple[type[InterruptCause], ...]] = {
    FaultKind.RESET: (ConnectionReset,),
    FaultKind.CONNECT_ERROR: (ConnectionReset,),
    FaultKind.HALF_CLOSE: (PrematureEnd,),
    FaultKind.PREMATURE_END: (PrematureEnd,),
    FaultKind.STALL: (IdleStall,),
    FaultKind.PINGS_ONLY: (IdleStall,),
    FaultKind.GARBAGE: (MalformedStream,),
    FaultKind.GOAWAY: (GoAway,),
    FaultKind.PREFILL_REFUSED: (FormRefused,),
    FaultKind.EMPTY: (EmptyAnswer,),
    FaultKind.DUPLICATE: (MalformedStream,),
}


def _causes_of(book: Book, attempt: Attempt) -> tuple[type[InterruptCause], ...]:
    fault, stall = attempt.fault, book.scenario.policy.stall
    failed = _failure_said(attempt)
    if attempt.refused:
        return (FormRefused,)
    if failed is not None:
        return (type(failed.to_cause()),)
    if fault.kind is FaultKind.SLOW_HEADERS:
        return (IdleStall,) if fault.seconds > min(or_never(stall.headers_s), or_never(stall.total_s)) else ()
    if fault.kind is FaultKind.DRIP:
        return (IdleStall,) if _drips_too_slowly(book, attempt) else ()
    return _CAUSES.get(fault.kind, ())


def _failure_said(attempt: Attempt) -> Failure | None:
    """What the provider failed with, as it was said: inside a stream, bytes say less than the fault's status."""
    said = next((event.failure for event in attempt.events if isinstance(event, StreamFailed)), None)
    return failure_of(attempt.fault) if said is None and attempt.fault.kind is FaultKind.HTTP_ERROR else said


_NO_WORD = (KeepAlive, ResponseStarted, UsageReport)
"""What a server may say before it says anything: signs of life."""


def _drips_too_slowly(book: Book, attempt: Attempt) -> bool:
    """Whether the server was silent for longer than a clock allows, where its answer was broken off."""
    fault, stall = attempt.fault, book.scenario.policy.stall
    whole_s = fault.seconds * fault.count
    if whole_s > or_never(stall.total_s):
        return True
    if all(isinstance(event, _NO_WORD) for event in attempt.events):
        return fault.seconds > or_never(stall.first_event_s) or whole_s > most_before_first_s(stall)
    gaps = 1 if fault.count == 1 else 3  # a report of usage is no progress: gaps around it are one
    return fault.seconds * gaps > or_never(stall.idle_s) * (2 if book.scenario.provider == "thinking" else 1)


# -- the ledger ---------------------------------------------------------------------------------------------------


def check_ledger(book: Book, process: Process, records: Sequence[AttemptRecord], attempts: Sequence[Attempt]) -> None:
    """The attempts sum to the result, and each is booked with what was said and reported."""
    result = process.observer.result
    if result is not None:
        total = sum((record.usage for record in result.attempts), TokenUsage())
        if total != result.usage:
            book.tell(Law.LEDGER, f"the attempts sum to {total}, the result says {result.usage}")
        _check_paid_once(book, result)
    last = {attempt.generation: attempt for attempt in attempts}
    for attempt, record in zip(attempts, records, strict=False):
        is_read_on = attempt.generation is not None and last[attempt.generation] is not attempt
        said_in, said_out, estimated = (0, 0, False) if is_read_on else usage_of(attempt)
        seen = record.usage
        if not attempt.is_surmised and (seen.input, seen.output, record.usage_estimated) != (
            said_in,
            said_out,
            estimated,
        ):
            book.tell(
                Law.LEDGER,
                f"attempt {record.number} is booked with {seen.input} + {seen.output} tokens (estimated: "
                f"{record.usage_estimated}); expected {said_in} + {said_out} ({estimated})",
            )


def _check_paid_once(book: Book, result: StreamResult) -> None:
    """Each generation's prompt is paid once, however many attempts read it."""
    if isinstance(book.model, ReadingModel):
        prompts = sum(generation.prompt_tokens for generation in book.model.generations)
        if result.usage.input > prompts:
            book.tell(
                Law.LEDGER, f"{result.usage.input} tokens of prompts are booked; those that were asked are {prompts}"
            )


def usage_of(attempt: Attempt) -> tuple[int, int, bool]:
    """What an attempt cost, with all of its generation: input, output, and whether the output is estimated."""
    events = (*attempt.history, *attempt.events)
    said_in = said_out = 0
    for event in events:
        if isinstance(event, UsageReport):
            said_in = said_in if event.input is None else event.input
            said_out = said_out if event.output is None else event.output
    estimate = -(-sum(map(_useful_bytes, events)) // 4)
    if estimate > said_out and not _is_stopped(events, is_continued=bool(attempt.began)):
        return said_in, estimate, True
    return said_in, said_out, False


def _useful_bytes(event: StreamEvent) -> int:
    if isinstance(event, TextDelta | ReasoningDelta):
        return size_bytes(event.text)
    return size_bytes(event.args_delta) if isinstance(event, ToolCallDelta) else 0


def _is_stopped(events: Iterable[StreamEvent], *, is_continued: bool) -> bool:
    """Whether a stop was reported, and not taken back since."""
    stopped = released = False
    for event in events:
        if isinstance(event, StopReported):
            stopped = True
        elif isinstance(event, AnswerRestarted):  # refused after a released call, and in a continuation
            stopped = stopped and (released or is_continued)
        elif isinstance(event, BlockStop):
            released = released or (event.id is not None and not event.is_cut)
    return stopped
