"""The stream of Gemini's Interactions API as stream events.

Rules:
- Steps are keyed by index. A second start of an open step, a delta before the start or after the stop is a defect; the
  index of a step that has ended, or one out of order, is counted, and one that is left out is not, for the API does not
  promise that it counts every one. The stop of a step that is not open says nothing.
- A call that has the id of an earlier one gets an id of ours. One whose stop is missing is closed by an end that says
  that the answer is whole, if its arguments are an object.
- `interaction.completed` completes the answer; its status is the stop reason. Nothing after it counts.
- `failed` and `requires_continuation` (the limit of one request was reached) are failures, not answers.
- An event with an id moves the cursor to behind it. What is open there is carried in it: calls by their ids, half a
  character. A server-side step is kept whole and can not be carried, so the cursor waits for its stop, to be read again
  from its start; if something else is said meanwhile, there is no cursor until then. Nor is there one while it would
  be longer than `Limits.cursor_bytes_max`, or where the request asked for nothing that can be read on.

Source: wire-formats §5.5; google-genai 3.4.0 (2026-11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from attrs import frozen

from ...engine.core.failures import Failure
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.policy import Limits
from ...engine.core.printable import named
from ...engine.core.stop import StopReason
from ...engine.core.stream_events import (
    BlockStop,
    CursorMoved,
    KeepAlive,
    ProviderStatus,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
)
from ...engine.core.usage import UsageReport
from ...engine.core.usage_error import UsageError
from ..error_table.classify import is_complaint
from ..gemini.frames import GeminiFrames
from ..wire.call_bounds import CallIds, key_of
from ..wire.finish_words import is_fault, stop_of
from ..wire.frames import FrameReader
from ..wire.json import count_at, excess_of_names, list_at, object_at, read_object, text_at, write_json
from .steps import OpenStep, open_step, restore_step
from .usage import read_usage

_UNTYPED = {"delta": "step.delta", "step": "step.start"}
STOP_REASONS = {
    "completed": StopReason.END_TURN,
    "requires_action": StopReason.TOOL_USE,
    "incomplete": StopReason.MAX_TOKENS,
}
"""What ends an interaction; `cancelled`, `budget_exceeded` and what is yet to come are OTHER."""

FAULTS = frozenset({"failed", "requires_continuation"})

ID_CHARS_MAX = 1024
"""Longer ids of events are no cursors: a checkpoint holds one."""

OPEN_MAX = 8
"""How many open steps a cursor carries: one is written after every event. One is open, as a rule."""


@frozen
class InteractionCursor:
    """Where an interaction can be read on: after `event`, with these steps open, by their indexes."""

    interaction: str
    event: str
    steps: tuple[tuple[int, JSONObject], ...] = ()
    tools_open: int = 0
    has_calls: bool = False

    def to_text(self) -> str:
        """Write the cursor as ASCII."""
        steps: list[JSONValue] = [[index, carried] for index, carried in self.steps]
        fields: dict[str, JSONValue] = {"open": steps, "tools": self.tools_open, "calls": self.has_calls}
        given = {name: value for name, value in fields.items() if value}
        return write_json({"interaction": self.interaction, "event": self.event, **given})

    @classmethod
    def from_text(cls, text: str) -> InteractionCursor:
        """Read a cursor back.

        Raises:
            UsageError: it is none of this provider's.
        """
        fields = read_object(text)
        if isinstance(fields, str) or not text_at(fields, "interaction") or not text_at(fields, "event"):
            raise UsageError("the cursor is none of gemini-interactions; expected what its CursorMoved gave")
        steps: list[tuple[int, JSONObject]] = []
        for pair in list_at(fields, "open"):
            match pair:
                case [int(index), dict(carried)]:
                    steps.append((index, carried))
                case _:
                    raise UsageError("the cursor names an open step that is none; expected [index, step]")
        tools = max(count_at(fields, "tools") or 0, 0)
        named = text_at(fields, "interaction"), text_at(fields, "event")
        return cls(*named, tuple(steps), tools, fields.get("calls") is True)


class InteractionsDecoder:
    """One stream of an interaction, from bytes to events. Fed any cut of the bytes, it makes the same events.

    Args:
        origin: who signs the reasoning, "gemini-interactions/<model>"; it is written on opaque blocks.
        limits: bounds on lines, events, calls, blocks and arguments; beyond them the stream is defective.
        read_error: names the error of an `error` event.
        cursor: where the stream goes on; None for one from the beginning.

    Raises:
        UsageError: the cursor carries a step that is none.
    """

    def __init__(
        self,
        origin: str,
        limits: Limits,
        *,
        read_error: Callable[[JSONValue], Failure],
        cursor: InteractionCursor | None = None,
    ) -> None:
        self.is_complete: bool = False
        self.is_cut: bool = False
        self.defect: str | None = None
        self.ignored: Counter[str] = Counter()
        self._origin = origin
        self._limits = limits
        self._read_error = read_error
        self._frames = GeminiFrames(limits)
        self.frame_reader: FrameReader = FrameReader(limits.values_max, self.ignored)
        self._is_over = False
        self._interaction = "" if cursor is None else cursor.interaction
        self._tools_open = 0 if cursor is None else cursor.tools_open
        self._has_calls = cursor is not None and cursor.has_calls
        self._has_cursor = cursor is not None
        self._steps: dict[int, OpenStep] = {}
        self._index_max = -1
        self._steps_started = 0
        self._kept_open = 0
        self._call_ids = CallIds(limits)
        self._held = HeldBytes(limits.held_bytes_max)
        self._usage = UsageReport()
        for index, carried in () if cursor is None else cursor.steps:
            self._restore(index, restore_step(carried, origin, limits, self._held))

    def _restore(self, index: int, step: OpenStep | None) -> None:
        if step is None:
            raise UsageError("the cursor carries a step that is none; expected what its CursorMoved gave")
        self._steps[index] = step
        self._index_max = max(self._index_max, index)
        if step.is_call:
            self._call_ids.resume(step.id)

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete. Never raises."""
        events: list[StreamEvent] = []
        for text in self._frames.feed(data):
            self._take(text, events)
        if self._frames.defect is not None and not self._is_over:
            self._break(self._frames.defect)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body; a last event without its blank line counts if its JSON is whole."""
        events: list[StreamEvent] = []
        text = self._frames.close()
        if text is not None and not self._is_over and self.frame_reader.is_half(text):
            self.is_cut = bool(text.strip())
        elif text is not None:
            self._take(text, events)
        self.is_cut = self.is_cut or bool(self._steps)
        self._end()
        return events

    def close_broken(self) -> Sequence[StreamEvent]:
        """Take that the connection broke: nothing here is made sure by an end in order."""
        return self.close()

    def _take(self, text: str, events: list[StreamEvent]) -> None:
        """Read one event; a defect found half-way keeps the events before it."""
        if self._is_over or text.strip() == "[DONE]":
            self.ignored[Ignored.AFTER_END] += 1
            return
        event = self.frame_reader.read(text)
        if event is None:
            events.append(KeepAlive())
            return
        if isinstance(event, str):
            self._break(event)
            return
        said = list(self._read(event, text))
        events.extend(said)
        if self._held.defect is not None:
            self._break(self._held.defect)
        if not self._is_over:
            events.extend(self._move_cursor(text_at(event, "event_id"), said))

    def _read(self, event: JSONObject, text: str) -> Iterator[StreamEvent]:
        kind = text_at(event, "event_type") or self._kind_of(event)
        match kind:
            case "step.delta":
                yield from self._delta(event, text)
            case "step.start":
                yield from self._step_start(event, text)
            case "step.stop":
                yield from self._step_stop(event)
            case "interaction.created":
                yield from self._name(object_at(event, "interaction"))
            case "interaction.status_update":
                self._identify(self._interaction or text_at(event, "interaction_id"))
                if event.get("status") == "queued":
                    yield ProviderStatus("the interaction is queued")
            case "interaction.completed":
                yield from self._complete(object_at(event, "interaction"))
                return
            case _ if kind == "error" or event.get("error") or (not kind and is_complaint(event)):
                self._end()
                yield StreamFailed(self._read_error(event.get("error", event)))
                return
            case _:
                self.ignored[Ignored.UNKNOWN_EVENT] += 1
        if self.defect is None:
            yield from self._report(event)

    def _kind_of(self, event: JSONObject) -> str:
        """Return the kind of an event that does not say it, by what it holds; "" where that is not sure."""
        found = [kind for key, kind in _UNTYPED.items() if "index" in event and isinstance(event.get(key), dict)]
        self.ignored[Ignored.UNTYPED] += len(found) == 1
        return found[0] if len(found) == 1 else ""

    def _identify(self, interaction: str, model: str = "") -> None:
        if (excess := excess_of_names(interaction, model)) is not None:
            self._break(excess)
        else:
            self._interaction = interaction

    def _name(self, interaction: JSONObject) -> Iterator[StreamEvent]:
        given = text_at(interaction, "id")
        if self._interaction and given != self._interaction:
            self._break("seen a second interaction; expected one in a stream")
        elif not self._interaction:
            model = text_at(interaction, "model")
            self._identify(given, model)
            if not self._is_over:
                yield ResponseStarted(given, model)

    def _step_start(self, event: JSONObject, text: str) -> Iterator[StreamEvent]:
        index = count_at(event, "index")
        step = open_step(object_at(event, "step"), text, self._origin, self._limits, self._held)
        if index is None or index < 0 or index in self._steps:
            self._break(f"seen the start of step {named(index)}; expected an index that is not open")
        elif step is None:
            self._break("seen step.start without a step that can be named; expected its type, id, name")
        elif self._steps_started >= self._limits.blocks_max:
            self._break(f"seen more than {self._limits.blocks_max} steps; expected at most that (blocks_max)")
        elif (excess := excess_of_names(step.kind, step.id, step.name)) is not None:
            self._break(excess)
        elif not step.is_call or self._admit_call(step):
            self._steps_started += 1
            self.ignored[Ignored.INDEX_ODD] += index <= self._index_max
            self._index_max = max(self._index_max, index)
            self._steps[index] = step
            self._tools_open += step.is_server_call
            self._kept_open += step.is_kept
            yield from step.open_events()
            step.let_go()
            self._note(step)

    def _admit_call(self, step: OpenStep) -> bool:
        step.id, step.repeats = self._call_ids.choose(step.id, key_of(self._interaction) or key_of(step.id))
        self.ignored[Ignored.CALL_ID_AGAIN] += step.repeats is not None
        if (defect := self._call_ids.admit(step.id)) is not None:
            self._break(defect)
        else:
            self._held.hold(len(step.id))
            self._has_calls = True
        return not self._is_over

    def _delta(self, event: JSONObject, text: str) -> Iterator[StreamEvent]:
        index = count_at(event, "index")
        step = None if index is None else self._steps.get(index)
        if step is None:
            self._break(
                f"seen a delta of step {named(index)}; expected one of the open steps {named(self._some_open())}"
            )
            return
        yield from step.delta_events(object_at(event, "delta"), text)
        self._note(step)

    def _note(self, step: OpenStep) -> None:
        self.ignored.update(step.take_ignored())
        if step.defect is not None:
            self._break(step.defect)

    def _step_stop(self, event: JSONObject) -> Iterator[StreamEvent]:
        index = count_at(event, "index")
        step = None if index is None else self._steps.pop(index, None)
        if step is None:
            self.ignored[Ignored.STOP_UNKNOWN] += 1
            return
        self._tools_open = max(self._tools_open - step.is_result, 0)
        self._kept_open -= step.is_kept
        yield from step.close_events(closes_server_tool=step.is_result and not self._tools_open)
        self._note(step)

    def _complete(self, interaction: JSONObject) -> Iterator[StreamEvent]:
        status = text_at(interaction, "status")
        reason = STOP_REASONS.get(status) or stop_of(status)
        if reason in (StopReason.END_TURN, StopReason.TOOL_USE):
            yield from self._close_whole()
        if reason in (StopReason.END_TURN, StopReason.TOOL_USE) and any(step.is_call for step in self._steps.values()):
            self._break("seen interaction.completed while a call is open; expected its step.stop first")
            return
        for step in self._steps.values():
            if step.is_call:
                yield BlockStop(step.id, is_cut=True)
            elif not step.is_kept:
                yield from step.close_events()
        yield from self._report(interaction)
        if status in FAULTS or (is_fault(status) and status != "cancelled"):
            fault = interaction.get("error") or {"message": f"the interaction ended as {named(status)}", "code": status}
            yield StreamFailed(self._read_error(fault))
        else:
            is_call = reason is StopReason.END_TURN and self._has_calls
            self.is_complete = True
            yield StopReported(StopReason.TOOL_USE if is_call else reason, status)
        self._end()

    def _close_whole(self) -> Iterator[StreamEvent]:
        """Close the calls whose stop did not come, and whose arguments are whole."""
        for index, step in list(self._steps.items()):
            if step.is_call and step.is_whole:
                self.ignored[Ignored.STOP_MISSING] += 1
                del self._steps[index]
                yield from step.close_events()

    def _report(self, holder: JSONObject) -> Iterator[UsageReport]:
        """Report the usage that an event holds, wherever it does: cumulative, and the last one counts as a whole."""
        metadata = object_at(holder, "metadata")
        places = (holder, "usage"), (metadata, "total_usage"), (metadata, "usage")
        reports = [report for place, name in places if (report := read_usage(object_at(place, name))) is not None]
        if reports and reports[0] != self._usage:
            self._usage = reports[0]
            yield reports[0]

    def _move_cursor(self, event_id: str, said: Sequence[StreamEvent]) -> Iterator[StreamEvent]:
        if not self._limits.cursor_bytes_max:
            return
        if self._kept_open:
            repeatable = (ServerToolStarted, UsageReport, ProviderStatus)
            if self._has_cursor and not all(isinstance(event, repeatable) for event in said):
                self._has_cursor = False
                yield CursorMoved(None)
        elif event_id and self._interaction and max(len(event_id), len(self._interaction)) <= ID_CHARS_MAX:
            cursor = self._write_cursor(event_id)
            if cursor is not None or self._has_cursor:
                yield CursorMoved(cursor)
            self._has_cursor = cursor is not None

    def _write_cursor(self, event_id: str) -> str | None:
        """Write where the stream can be read on; None where that would be too long, seen before it is written."""
        chars_max = self._limits.cursor_bytes_max
        if len(self._steps) > OPEN_MAX or any(step.is_holding for step in self._steps.values()):
            return None
        if sum(step.carried_chars for step in self._steps.values()) > chars_max:
            return None
        steps = tuple((index, step.carried()) for index, step in self._steps.items())
        cursor = InteractionCursor(self._interaction, event_id, steps, self._tools_open, self._has_calls).to_text()
        return cursor if len(cursor) <= chars_max else None

    def _some_open(self) -> list[int]:
        """Return the first indexes of open steps, for a message; they were opened in this order."""
        return list(islice(self._steps, 8))

    def _break(self, defect: str) -> None:
        self.defect = defect
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._steps.clear()
