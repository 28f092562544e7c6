"""The rare states of runs whose generations are read on: where one was cut, who reads it on, and what comes then."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.capabilities import ContinuationForm
from ...core.planner import Reattach
from ...core.result import AttemptRecord
from ...core.stream_events import (
    BlockStop,
    ReasoningDelta,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ..script.faults import Kind
from ..script.speech import Attempt
from .scenario import Act
from .state import Book, Process

_WHERE: dict[type, str] = {
    TextDelta: "read on inside a text",
    ReasoningDelta: "read on inside a thought",
    ToolCallStart: "read on right after a call began",
    ToolCallDelta: "read on inside a call's arguments",
    BlockStop: "read on between two blocks",
}
_ACTS: dict[Act, str] = {
    Act.PAUSE: "paused, then read on",
    Act.CANCEL: "cancelled, then read on",
    Act.SCOPE: "cancelled from outside, then read on",
    Act.LEAVE: "left, then read on",
}
_REFUSED: dict[Kind, str] = {
    Kind.HTTP_ERROR: "generation gone as it is read on",
    Kind.PREFILL_REFUSED: "cursor refused",
}

READING_STATES: tuple[str, ...] = (
    *_WHERE.values(),
    *_ACTS.values(),
    *_REFUSED.values(),
    "cursor refused twice in a process",
    "killed, then read on",
    "given up, then read on",
    "read on twice",
    "read on with released calls",
    "read on after a repetition at the seam",
    "another generation is read on",
    "generation fails while it is read on",
    "begun again while it is read on",
    "garbage while it is read on",
    "ended inside a call that is read on",
    "ended inside a call, then read on",
    "ended in the back-off before it is read on",
    "budget spent inside a call that lives on",
)


def note_reading(book: Book, process: Process, records: Sequence[AttemptRecord], attempts: Sequence[Attempt]) -> None:
    """Note the rare states of a process that were about reading on."""
    for attempt in attempts:
        if attempt.form is ContinuationForm.CURSOR:
            _note_place(book, attempt)
            _note_what_came(book, attempt)
    if attempts and attempts[0].form is ContinuationForm.CURSOR and process.number:
        _note_process_before(book, attempts[0], book.processes[process.number - 1])
    if attempts and attempts[-1].generation is not None:
        _note_end(book, process, records, attempts[-1])


def _note_place(book: Book, attempt: Attempt) -> None:
    reached, history = book.reached, attempt.history
    if attempt.refused:
        reached.add(_REFUSED.get(attempt.fault.kind, "cursor refused"))
        if attempt.repeats_refusal:
            reached.add("cursor refused twice in a process")
    if not attempt.given:
        return
    if history and type(history[-1]) in _WHERE:
        reached.add(_WHERE[type(history[-1])])
    if any(type(event) is BlockStop and event.id and not event.is_cut for event in history):
        reached.add("read on with released calls")
    if attempt.begins in (Kind.ECHO, Kind.OVERLAP):
        reached.add("read on after a repetition at the seam")
    if attempt.generation:
        reached.add("another generation is read on")
    readers = [one for one in book.model.attempts if one.generation == attempt.generation and one.given]
    if len(readers) > 2:
        reached.add("read on twice")


def _note_what_came(book: Book, attempt: Attempt) -> None:
    reached = book.reached
    if any(type(event) is StreamFailed for event in attempt.events):
        reached.add("generation fails while it is read on")
    if attempt.rewinds is not None and attempt.given > attempt.rewinds:
        reached.add("begun again while it is read on")
    if attempt.fault.kind is Kind.GARBAGE and attempt.given == len(attempt.reply.events):
        reached.add("garbage while it is read on")


def _note_process_before(book: Book, attempt: Attempt, before: Process) -> None:
    reached = book.reached
    if before.end == "crashed":
        reached.add("killed, then read on")
        return
    reached.add(_ACTS.get(before.act, "given up, then read on"))
    if _is_inside_call(attempt.history):
        reached.add("ended inside a call, then read on")


def _note_end(book: Book, process: Process, records: Sequence[AttemptRecord], last: Attempt) -> None:
    reached = book.reached
    is_inside = _is_inside_call((*last.history, *last.events))
    if process.end in ("partial", "cancelled"):
        if records and isinstance(records[-1].plan, Reattach):
            reached.add("ended in the back-off before it is read on")
        elif is_inside and last.form is ContinuationForm.CURSOR:
            reached.add("ended inside a call that is read on")
    if process.end == "error" and is_inside and not last.refused:
        reached.add("budget spent inside a call that lives on")


def _is_inside_call(events: Sequence[StreamEvent]) -> bool:
    open_calls: set[str] = set()
    for event in events:
        if type(event) is ToolCallStart:
            open_calls.add(event.id)
        elif type(event) is BlockStop and event.id is not None:
            open_calls.discard(event.id)
    return bool(open_calls)
