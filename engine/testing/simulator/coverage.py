"""The rare states of a simulated run: each has a name and a test, and a sweep has to reach them all.

A sweep without failures says little if it never went where bugs live; these names are where. A table is asked about one
subject: an attempt, a line of the ledger, a process that has ended, the moment at which the consumer interferes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import ParamSpec

from ...core.capabilities import ContinuationForm
from ...core.errors import StoreError
from ...core.events import RetryScheduled
from ...core.planner import SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from ...core.result import AttemptRecord, SeamVerdict
from ...core.stream_events import (
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...run.run import RunInside
from ..script.faults import BREAKS, FaultKind
from ..script.speech import Attempt, ForeignError
from .coverage_reading import AFTER_PROCESS, READER, READING_ENDS, READING_PLACES
from .scenario import Act, StoreKind
from .state import Book, Ended, Process
from .store import StoreHandle

_P = ParamSpec("_P")

# -- an attempt ---------------------------------------------------------------------------------------------------

_CUTS = BREAKS - {FaultKind.FOREIGN_ERROR} | {FaultKind.IN_BAND_ERROR}
_CUT_AFTER = (TextDelta, ReasoningDelta, ReasoningSignature, ToolCallStart, ToolCallDelta, BlockStop, StopReported)


def _is_cut(attempt: Attempt) -> bool:
    """Whether an attempt came as far as its fault, and ended there."""
    return attempt.fault.kind in _CUTS and attempt.given == len(attempt.reply.events)


def _last_type(attempt: Attempt) -> type:
    """Of which type the last event before a cut is."""
    events = attempt.reply.events
    return type(events[-1 - (attempt.fault.kind is FaultKind.IN_BAND_ERROR)] if len(events) > 1 else None)


def _cut_after(kind: type[StreamEvent]) -> Callable[[Attempt], bool]:
    return lambda attempt: _last_type(attempt) is kind


def _calls_under_way(attempt: Attempt) -> int:
    events = attempt.reply.events
    starts = sum(type(event) is ToolCallStart for event in events)
    return starts - sum(type(event) is BlockStop and event.id is not None for event in events)


CUT_STATES: Mapping[str, Callable[[Attempt], bool]] = {
    "cut inside a thought": _cut_after(ReasoningDelta),
    "cut inside a signature": _cut_after(ReasoningSignature),
    "cut right after a call began": _cut_after(ToolCallStart),
    "cut inside a call's arguments": _cut_after(ToolCallDelta),
    "cut exactly between two blocks": _cut_after(BlockStop),
    "cut after the stop, before the end": _cut_after(StopReported),
    "cut inside a text": _cut_after(TextDelta),
    "cut before the first event": lambda one: len(one.reply.events) <= 2 or _last_type(one) not in _CUT_AFTER,
    "two calls under way at the cut": lambda one: _calls_under_way(one) > 1,
}
"""Of an attempt that was cut: where."""


def _begins_again(attempt: Attempt) -> bool:
    return attempt.rewinds is not None and attempt.given > attempt.rewinds


def _released_before_it_began_again(attempt: Attempt) -> bool:
    before = attempt.reply.events[: attempt.rewinds]
    return any(type(event) is BlockStop and event.id and not event.is_cut for event in before)


def _hits_the_deadline(book: Book, attempt: Attempt) -> bool:
    """Whether an event came at the instant at which its clock ran out."""
    fault = attempt.fault
    if fault.kind is not FaultKind.DRIP or fault.count != 1 or book.scenario.provider == "thinking":
        return False
    return fault.seconds == book.scenario.policy.stall.idle_s and 3 < fault.at < attempt.given


def _fails_after_its_end(attempt: Attempt) -> bool:
    return attempt.fault.kind is FaultKind.ERROR_AFTER_TERMINAL and attempt.terminal


ATTEMPT_STATES: Mapping[str, Callable[[Book, Attempt], bool]] = {
    "the whole answer was said, its end was not": lambda _, one: (
        one.fault.kind is FaultKind.PREMATURE_END and one.ended
    ),
    "error after the terminal event": lambda _, one: _fails_after_its_end(one) and not one.fault.count,
    "hanging after the terminal event": lambda _, one: _fails_after_its_end(one) and one.fault.count > 0,
    "empty answer": lambda _, one: one.fault.kind is FaultKind.EMPTY and one.terminal and not one.base,
    "message begun again inside a stream": lambda _, one: _begins_again(one),
    "message begun again after a released call": lambda _, one: (
        _begins_again(one) and _released_before_it_began_again(one)
    ),
    "arguments that never parse": lambda _, one: any(type(event) is BlockStop and event.is_cut for event in one.events),
    "event exactly at the deadline": _hits_the_deadline,
}
"""Of what the model gave in an attempt."""


def _was_refused(before: Attempt) -> bool:
    """Whether a form was refused that says what was said; what follows a refused cursor is in `coverage_reading`."""
    return before.refused and before.form is not ContinuationForm.CURSOR


PAIR_STATES: Mapping[str, Callable[[Attempt, Attempt], bool]] = {
    "prefill refused, then quoted": lambda one, after: _was_refused(one) and after.form is ContinuationForm.QUOTE,
    "every form refused, then restarted": lambda one, after: _was_refused(one) and after.form is None,
}
"""Of two attempts, one after the other."""

# -- a line of the ledger -----------------------------------------------------------------------------------------


def _joined(verdict: SeamVerdict) -> Callable[[Attempt, AttemptRecord], bool]:
    return lambda _, record: record.seam is verdict


def _cut_while_aligning(attempt: Attempt, record: AttemptRecord) -> bool:
    return attempt.searches and record.seam is None and attempt.given > 2 and attempt.begins is not FaultKind.NONE


RECORD_STATES: Mapping[str, Callable[[Attempt, AttemptRecord], bool]] = {
    "echo swallowed": _joined(SeamVerdict.ECHO),
    "overlap trimmed": _joined(SeamVerdict.OVERLAP),
    "start-over seen": _joined(SeamVerdict.RESTART),
    "other white space at the seam": _joined(SeamVerdict.WHITESPACE),
    "second cut during alignment": _cut_while_aligning,
    "text and a call: truncated": lambda _, record: isinstance(record.plan, TruncateBeforeTool),
    "completed calls end the run": lambda _, record: isinstance(record.plan, SynthesizeToolUse),
    "restart that takes back": lambda one, record: isinstance(record.plan, WholeRestart) and one.given > 3,
}
"""Of an attempt and what the ledger says of it: its seam and its plan."""

# -- how a process ended ------------------------------------------------------------------------------------------


def _is_spent(ended: Ended) -> bool:
    return len(ended.records) >= ended.book.scenario.policy.retry.attempts_max


def _is_hint_beyond_the_cap(ended: Ended, error: BaseException) -> bool:
    hint = getattr(error, "retry_after_s", None)
    return hint is not None and hint > ended.book.scenario.policy.retry.retry_after_s_max


def _is_engine_spent(error: BaseException) -> bool:
    return "engine_retries_max" in str(error)


FAILURE_STATES: Mapping[str, Callable[[Ended, BaseException], bool]] = {
    "budget spent": lambda ended, error: _is_spent(ended) and not _is_engine_spent(error),
    "budget of the engine spent": lambda _, error: _is_engine_spent(error),
    "hint beyond the cap": _is_hint_beyond_the_cap,
    "foreign error": lambda _, error: type(error) is ForeignError,
}
"""Of a run that failed, and not by its store: with which error."""


def _kinds(ended: Ended) -> set[StoreKind]:
    """What was to go wrong with its store."""
    return {fault.kind for fault in ended.book.scenario.store if fault.process == ended.process.number}


def _hangs_at_the_last_flush(ended: Ended, handle: StoreHandle) -> bool:
    process, checkpoint = ended.process, ended.book.scenario.policy.checkpoint
    took_s = process.ended_s - max(process.settled_s or process.ended_s, process.acted_s)
    return handle.troubled and took_s >= checkpoint.last_flush_s and StoreKind.HANGS in _kinds(ended)


def _finds_a_call_of_a_crashed_process(ended: Ended) -> bool:
    process = ended.process
    if process.restored is None or not process.restored.accumulator.completed_calls:
        return False
    return ended.book.processes[process.number - 1].end == "crashed"


STORE_STATES: Mapping[str, Callable[[Ended, StoreHandle], bool]] = {
    "crash before a write": lambda ended, one: one.is_dead and StoreKind.CRASH_AFTER_WRITE not in _kinds(ended),
    "crash after a write": lambda ended, one: one.is_dead and StoreKind.CRASH_AFTER_WRITE in _kinds(ended),
    "crash during the resume": lambda ended, one: one.is_dead and ended.process.number > 0,
    "crash after text was taken back": lambda ended, one: one.is_dead and ended.process.observer.resets > 0,
    "crash with a released call stored": lambda ended, _: _finds_a_call_of_a_crashed_process(ended),
    "ended answer found in the store": lambda ended, _: (
        ended.process.restored is not None and ended.process.restored.ended
    ),
    "store hangs at the last flush": _hangs_at_the_last_flush,
    "store fenced by another owner": lambda ended, one: one.lost and StoreKind.FENCED in _kinds(ended),
    "store forgets the run": lambda ended, one: one.lost and StoreKind.FENCED not in _kinds(ended),
    "store not there at the opening": lambda _, one: not one.is_open,
}
"""Of a process that has a store."""


def _follows(act: Act, ended: Ended) -> bool:
    return ended.process.number == 1 and ended.book.processes[0].act is act


def _ends_with_calls_on_a_spent_budget(ended: Ended) -> bool:
    is_spent = ended.process.end == "finished" and _is_spent(ended)
    return is_spent and isinstance(ended.records[-1].plan, SynthesizeToolUse)


def _lags(ended: Ended) -> bool:
    plan = ended.book.scenario.consumer
    return plan.mailbox_max is not None and plan.slow_s > 0 and ended.process.observer.count > 2 * plan.mailbox_max


def _kept_text_is_rich(ended: Ended) -> bool:
    """Whether the text that the consumer already had holds characters of more than one byte."""
    kept = ended.process.kept
    return kept > 0 and not ended.book.model.versions[0].text[:kept].isascii()


def _showed_more_than_it_stored(ended: Ended) -> bool:
    process = ended.process
    return process.restored is not None and process.kept > len(process.restored.accumulator.text)


PROCESS_STATES: Mapping[str, Callable[[Ended], bool]] = {
    "budget spent with completed calls": _ends_with_calls_on_a_spent_budget,
    "pause, then resumed": lambda ended: _follows(Act.PAUSE, ended) and ended.book.processes[0].end == "partial",
    "cancelled, then resumed": lambda ended: _follows(Act.CANCEL, ended) or _follows(Act.SCOPE, ended),
    "left, then opened again": lambda ended: _follows(Act.LEAVE, ended),
    "deliver_from inside a character-rich text": _kept_text_is_rich,
    "more was shown than was stored": _showed_more_than_it_stored,
    "read by receive_many": lambda ended: ended.book.scenario.consumer.many and ended.process.observer.count > 1,
    "consumer slower than the provider": _lags,
}
"""Of a process: how it ended, how it follows the one before, how its consumer read."""

# -- the moment at which the consumer interferes ------------------------------------------------------------------


def _is_writing(process: Process) -> bool:
    return process.handle is not None and process.handle.is_busy


def _is_last_flush(process: Process, inside: RunInside) -> bool:
    return _is_writing(process) and (inside.has_ended or process.observer.result is not None)


def _is_opening(book: Book) -> bool:
    attempts = book.model.attempts
    return bool(attempts) and not attempts[-1].given and not attempts[-1].ended_s


def _store_comes_first(book: Book, process: Process, inside: RunInside) -> bool:
    is_first = book.scenario.policy.checkpoint.before_delivery
    return is_first and _is_writing(process) and not _is_last_flush(process, inside)


ACT_STATES: Mapping[str, Callable[[Book, Process, RunInside], bool]] = {
    "cancel during back-off": lambda _, process, __: process.observer.last is RetryScheduled,
    "cancel during the last flush": lambda _, process, inside: _is_last_flush(process, inside),
    "cancel while the store comes first": _store_comes_first,
    "cancel while a write is under way": lambda _, process, __: _is_writing(process),
    "cancel while an answer opens": lambda book, _, __: _is_opening(book),
    "cancel while the seam holds text": lambda _, __, inside: inside.seam_holds_text,
}
"""Of a run that is about to be cancelled, paused or left."""

# -- noting them --------------------------------------------------------------------------------------------------

RARE_STATES: tuple[str, ...] = (
    *CUT_STATES,
    *ATTEMPT_STATES,
    *PAIR_STATES,
    *RECORD_STATES,
    *ACT_STATES,
    *PROCESS_STATES,
    *FAILURE_STATES,
    *STORE_STATES,
    *READER,
    *READING_PLACES,
    *AFTER_PROCESS,
    *READING_ENDS,
)
"""The names of all of them."""


def _note(book: Book, states: Mapping[str, Callable[_P, bool]], *subject: _P.args, **named: _P.kwargs) -> None:
    book.reached.update(name for name, holds in states.items() if holds(*subject, **named))


def note_act(book: Book, process: Process, inside: RunInside) -> None:
    """Note in which rare states the consumer interferes."""
    _note(book, ACT_STATES, book, process, inside)


def note_attempt(book: Book, attempt: Attempt) -> None:
    """Note the rare states that one attempt was in."""
    if _is_cut(attempt):
        _note(book, CUT_STATES, attempt)
    _note(book, ATTEMPT_STATES, book, attempt)


def note_process(ended: Ended) -> None:
    """Note the rare states of a process: of its seams and plans, of its store, of its consumer."""
    book, process, attempts = ended.book, ended.process, ended.attempts
    for attempt, record in zip(attempts, ended.records, strict=False):
        _note(book, RECORD_STATES, attempt, record)
    for before, after in pairwise(attempts):
        _note(book, PAIR_STATES, before, after)
    _note(book, PROCESS_STATES, ended)
    if process.end == "error" and process.error is not None and not isinstance(process.error, StoreError):
        _note(book, FAILURE_STATES, ended, process.error)
    if process.handle is not None:
        _note(book, STORE_STATES, ended, process.handle)
    if book.model.capabilities.can_reattach:
        _note_reading(ended)


def _note_reading(ended: Ended) -> None:
    """Note the rare states of a process that were about reading on."""
    book, number, attempts = ended.book, ended.process.number, ended.attempts
    for attempt in attempts:
        if attempt.form is ContinuationForm.CURSOR:
            _note(book, READER, attempt)
            if attempt.given:
                _note(book, READING_PLACES, book, attempt)
    if attempts and attempts[0].form is ContinuationForm.CURSOR and number:
        _note(book, AFTER_PROCESS, book.processes[number - 1], attempts[0])
    if attempts and attempts[-1].generation is not None:
        _note(book, READING_ENDS, ended)
