"""The rare states that a sweep has to reach: named, counted, and a reason to fail where one never came.

A sweep without failures says little if it never went where bugs live; these names are where.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...core.capabilities import ContinuationForm
from ...core.errors import StoreError
from ...core.planner import SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from ...core.result import AttemptRecord, SeamVerdict
from ...core.stream_events import (
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    StopReported,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ..script.faults import Kind
from ..script.speech import Attempt
from .coverage_reading import READING_STATES, note_reading
from .scenario import Act, StoreKind
from .state import Book, Process

CUTS = frozenset({Kind.RESET, Kind.GOAWAY, Kind.HALF_CLOSE, Kind.STALL, Kind.PINGS_ONLY, Kind.IN_BAND_ERROR})

SEAMS = {
    SeamVerdict.ECHO: "echo swallowed",
    SeamVerdict.OVERLAP: "overlap trimmed",
    SeamVerdict.RESTART: "start-over seen",
    SeamVerdict.WHITESPACE: "other white space at the seam",
}

_AFTER: dict[type, str] = {
    ReasoningDelta: "cut inside a thought",
    ReasoningSignature: "cut inside a signature",
    ToolCallStart: "cut right after a call began",
    ToolCallDelta: "cut inside a call's arguments",
    BlockStop: "cut exactly between two blocks",
    StopReported: "cut after the stop, before the end",
    TextDelta: "cut inside a text",
}

RARE_STATES: tuple[str, ...] = (
    *_AFTER.values(),
    "cut before the first event",
    "second cut during alignment",
    "echo swallowed",
    "overlap trimmed",
    "start-over seen",
    "other white space at the seam",
    "cancel during back-off",
    "cancel during the last flush",
    "cancel while the store comes first",
    "cancel while a write is under way",
    "cancel while an answer opens",
    "cancel while the seam holds text",
    "pause, then resumed",
    "cancelled, then resumed",
    "left, then opened again",
    "crash before a write",
    "crash after a write",
    "crash during the resume",
    "crash after text was taken back",
    "crash with a released call stored",
    "ended answer found in the store",
    "store hangs at the last flush",
    "store fenced by another owner",
    "store forgets the run",
    "store not there at the opening",
    "prefill refused, then quoted",
    "every form refused, then restarted",
    "budget spent with completed calls",
    "budget spent",
    "budget of the engine spent",
    "hint beyond the cap",
    "error after the terminal event",
    "hanging after the terminal event",
    "empty answer",
    "message begun again inside a stream",
    "message begun again after a released call",
    "arguments that never parse",
    "two calls under way at the cut",
    "text and a call: truncated",
    "completed calls end the run",
    "restart that takes back",
    "event exactly at the deadline",
    "consumer slower than the provider",
    "read by receive_many",
    "deliver_from inside a character-rich text",
    "more was shown than was stored",
    "foreign error",
    "the whole answer was said, its end was not",
    *READING_STATES,
)


def note_attempt(book: Book, attempt: Attempt) -> None:
    """Note the rare states that one attempt was in."""
    fault, reached = attempt.fault, book.reached
    events = attempt.reply.events
    if fault.kind in CUTS and attempt.given == len(events):
        last = events[-1 - (fault.kind is Kind.IN_BAND_ERROR)] if len(events) > 1 else None
        reached.add(_AFTER.get(type(last), "cut before the first event"))
        if len(events) <= 2:
            reached.add("cut before the first event")
        starts = sum(type(event) is ToolCallStart for event in events)
        stops = sum(type(event) is BlockStop and event.id is not None for event in events)
        if starts - stops > 1:
            reached.add("two calls under way at the cut")
    if fault.kind is Kind.PREMATURE_END and attempt.ended:
        reached.add("the whole answer was said, its end was not")
    if attempt.terminal and fault.kind is Kind.ERROR_AFTER_TERMINAL:
        reached.add("hanging after the terminal event" if fault.count else "error after the terminal event")
    if fault.kind is Kind.EMPTY and attempt.terminal and not attempt.base:
        reached.add("empty answer")
    if attempt.rewinds is not None and attempt.given > attempt.rewinds:
        reached.add("message begun again inside a stream")
        if any(type(e) is BlockStop and e.id and not e.is_cut for e in events[: attempt.rewinds]):
            reached.add("message begun again after a released call")
    if any(type(event) is BlockStop and event.is_cut for event in attempt.events):
        reached.add("arguments that never parse")
    at_deadline = fault.seconds == book.scenario.policy.stall.idle_s and book.scenario.provider != "thinking"
    if fault.kind is Kind.DRIP and fault.count == 1 and at_deadline and 3 < fault.at < attempt.given:
        reached.add("event exactly at the deadline")


def note_process(book: Book, process: Process, records: Sequence[AttemptRecord], attempts: Sequence[Attempt]) -> None:
    """Note the rare states of a process: of its seams and plans, of its store, of its consumer."""
    _note_records(book, records, attempts)
    _note_ends(book, process, records)
    _note_store(book, process)
    _note_consumer(book, process)
    note_reading(book, process, records, attempts)


def _note_records(book: Book, records: Sequence[AttemptRecord], attempts: Sequence[Attempt]) -> None:
    reached = book.reached
    for attempt, record in zip(attempts, records, strict=False):
        if record.seam is not None and record.seam in SEAMS:
            reached.add(SEAMS[record.seam])
        if attempt.searches and record.seam is None and attempt.given > 2 and attempt.begins is not Kind.NONE:
            reached.add("second cut during alignment")
        if isinstance(record.plan, TruncateBeforeTool):
            reached.add("text and a call: truncated")
        if isinstance(record.plan, SynthesizeToolUse):
            reached.add("completed calls end the run")
        if isinstance(record.plan, WholeRestart) and attempt.given > 3:
            reached.add("restart that takes back")
    for before, after in pairwise(attempts):
        if before.form is ContinuationForm.CURSOR:
            continue
        if before.refused and after.form is ContinuationForm.QUOTE:
            reached.add("prefill refused, then quoted")
        if before.refused and after.form is None:
            reached.add("every form refused, then restarted")


def _note_ends(book: Book, process: Process, records: Sequence[AttemptRecord]) -> None:
    reached, retry = book.reached, book.scenario.policy.retry
    spent = len(records) >= retry.attempts_max
    if process.end == "finished" and spent and isinstance(records[-1].plan, SynthesizeToolUse):
        reached.add("budget spent with completed calls")
    if process.end != "error" or isinstance(process.error, StoreError):
        return
    text = str(process.error)
    if "engine_retries_max" in text:
        reached.add("budget of the engine spent")
    elif spent:
        reached.add("budget spent")
    hint = getattr(process.error, "retry_after_s", None)
    if hint is not None and hint > retry.retry_after_s_max:
        reached.add("hint beyond the cap")
    if type(process.error).__name__ == "ForeignError":
        reached.add("foreign error")


def _note_store(book: Book, process: Process) -> None:
    handle, reached = process.handle, book.reached
    if handle is None:
        return
    faults = [fault.kind for fault in book.scenario.store if fault.process == process.number]
    if handle.is_dead:
        after = StoreKind.CRASH_AFTER_WRITE in faults
        reached.add("crash after a write" if after else "crash before a write")
        if process.number:
            reached.add("crash during the resume")
        if process.observer.resets:
            reached.add("crash after text was taken back")
    if handle.lost:
        reached.add("store fenced by another owner" if StoreKind.FENCED in faults else "store forgets the run")
    if not handle.is_open:
        reached.add("store not there at the opening")
    took_s = process.ended_s - max(process.settled_s or process.ended_s, process.acted_s)
    if StoreKind.HANGS in faults and handle.troubled and took_s >= book.scenario.policy.checkpoint.last_flush_s:
        reached.add("store hangs at the last flush")
    restored = process.restored
    if restored is not None and restored.ended:
        reached.add("ended answer found in the store")
    if (
        restored is not None
        and restored.accumulator.completed_calls
        and book.processes[process.number - 1].end == "crashed"
    ):
        reached.add("crash with a released call stored")


def _note_consumer(book: Book, process: Process) -> None:
    reached, plan = book.reached, book.scenario.consumer
    if process.number == 1:
        before = book.processes[0]
        if before.act is Act.PAUSE and before.end == "partial":
            reached.add("pause, then resumed")
        if before.act in (Act.CANCEL, Act.SCOPE):
            reached.add("cancelled, then resumed")
        if before.act is Act.LEAVE:
            reached.add("left, then opened again")
    if process.kept and not before_text_is_ascii(book, process):
        reached.add("deliver_from inside a character-rich text")
    if process.kept and process.restored is not None and process.kept > len(process.restored.accumulator.text):
        reached.add("more was shown than was stored")
    if plan.many and process.observer.count > 1:
        reached.add("read by receive_many")
    if plan.mailbox_max is not None and plan.slow_s and process.observer.count > 2 * plan.mailbox_max:
        reached.add("consumer slower than the provider")


def before_text_is_ascii(book: Book, process: Process) -> bool:
    """Whether the text that the consumer already had is plain."""
    return book.model.versions[0].text[: process.kept].isascii()
