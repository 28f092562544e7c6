"""The rare states of runs whose generations are read on: where one was cut, who reads it on, and what comes then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...core.capabilities import ContinuationForm
from ...core.planner import Reattach
from ...core.stream_events import (
    BlockStop,
    ReasoningDelta,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ..script.faults import FaultKind
from ..script.speech import Attempt
from .scenario import Act
from .state import Book, Ended, Process

# -- an attempt that reads on -------------------------------------------------------------------------------------


def _begins_again(attempt: Attempt) -> bool:
    return attempt.rewinds is not None and attempt.given > attempt.rewinds


def _meets_garbage(attempt: Attempt) -> bool:
    return attempt.fault.kind is FaultKind.GARBAGE and attempt.given == len(attempt.reply.events)


READER: Mapping[str, Callable[[Attempt], bool]] = {
    "generation gone as it is read on": lambda one: one.refused and one.fault.kind is FaultKind.HTTP_ERROR,
    "cursor refused": lambda one: one.refused and one.fault.kind is not FaultKind.HTTP_ERROR,
    "cursor refused twice in a process": lambda one: one.refused and one.repeats_refusal,
    "generation fails while it is read on": lambda one: any(type(event) is StreamFailed for event in one.events),
    "begun again while it is read on": _begins_again,
    "garbage while it is read on": _meets_garbage,
}
"""Of an attempt that asks to read on: how it is answered."""


def _read_on_after(kind: type[StreamEvent]) -> Callable[[Book, Attempt], bool]:
    return lambda _, attempt: bool(attempt.history) and type(attempt.history[-1]) is kind


def _has_released_calls(_book: Book, attempt: Attempt) -> bool:
    return any(type(event) is BlockStop and event.id and not event.is_cut for event in attempt.history)


def _is_third_reader(book: Book, attempt: Attempt) -> bool:
    readers = [one for one in book.model.attempts if one.generation == attempt.generation and one.given]
    return len(readers) > 2


READING_PLACES: Mapping[str, Callable[[Book, Attempt], bool]] = {
    "read on inside a text": _read_on_after(TextDelta),
    "read on inside a thought": _read_on_after(ReasoningDelta),
    "read on right after a call began": _read_on_after(ToolCallStart),
    "read on inside a call's arguments": _read_on_after(ToolCallDelta),
    "read on between two blocks": _read_on_after(BlockStop),
    "read on with released calls": _has_released_calls,
    "read on after a repetition at the seam": lambda _, attempt: attempt.begins in (FaultKind.ECHO, FaultKind.OVERLAP),
    "another generation is read on": lambda _, attempt: bool(attempt.generation),
    "read on twice": _is_third_reader,
}
"""Of an attempt that was given more of a generation: from where on."""

# -- a process that reads on what another left --------------------------------------------------------------------

_ACTS = (Act.PAUSE, Act.CANCEL, Act.SCOPE, Act.LEAVE)


def _is_killed(before: Process) -> bool:
    return before.end == "crashed"


def _ended_by(*acts: Act) -> Callable[[Process, Attempt], bool]:
    return lambda before, _: not _is_killed(before) and before.act in acts


def _is_inside_call(events: Sequence[StreamEvent]) -> bool:
    open_calls: set[str] = set()
    for event in events:
        if type(event) is ToolCallStart:
            open_calls.add(event.id)
        elif type(event) is BlockStop and event.id is not None:
            open_calls.discard(event.id)
    return bool(open_calls)


AFTER_PROCESS: Mapping[str, Callable[[Process, Attempt], bool]] = {
    "paused, then read on": _ended_by(Act.PAUSE),
    "cancelled, then read on": _ended_by(Act.CANCEL),
    "cancelled from outside, then read on": _ended_by(Act.SCOPE),
    "left, then read on": _ended_by(Act.LEAVE),
    "given up, then read on": lambda before, _: not _is_killed(before) and before.act not in _ACTS,
    "killed, then read on": lambda before, _: _is_killed(before),
    "ended inside a call, then read on": lambda before, one: not _is_killed(before) and _is_inside_call(one.history),
}
"""Of a process whose first attempt reads on: how the process before it ended."""

# -- a process that ends while a generation lives on --------------------------------------------------------------


def _stops_in_back_off(ended: Ended) -> bool:
    is_stopped = ended.process.end in ("partial", "cancelled")
    return is_stopped and bool(ended.records) and isinstance(ended.records[-1].plan, Reattach)


def _ends_inside_call(ended: Ended) -> bool:
    last = ended.attempts[-1]
    return _is_inside_call((*last.history, *last.events))


def _stops_inside_call(ended: Ended) -> bool:
    reads_on = ended.attempts[-1].form is ContinuationForm.CURSOR and ended.process.end in ("partial", "cancelled")
    return reads_on and not _stops_in_back_off(ended) and _ends_inside_call(ended)


def _fails_inside_call(ended: Ended) -> bool:
    return ended.process.end == "error" and not ended.attempts[-1].refused and _ends_inside_call(ended)


READING_ENDS: Mapping[str, Callable[[Ended], bool]] = {
    "ended in the back-off before it is read on": _stops_in_back_off,
    "ended inside a call that is read on": _stops_inside_call,
    "budget spent inside a call that lives on": _fails_inside_call,
}
"""Of a process whose last attempt read a generation."""
