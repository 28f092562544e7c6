"""The stream of OpenAI's Responses API as stream events.

Rules:
- Items are keyed by `output_index`; item ids (which proxies change on every event) and call ids stand in where it is
  missing, and tell items apart that share one (`places`). A delta of an item that ended is a defect, and so is a second
  item at an open index that can not be told from the first.
- A call that has the id of an earlier one gets an id of ours.
- An event that comes twice, number and all, counts once. A second `response.created` begins the answer again, if it
  names another response or its number goes back.
- `response.completed`, `.incomplete` and `.cancelled` complete the answer, `.failed` and error frames fail it, once;
  nothing after either counts. `response.done` is one of them under the name of the realtime API. `[DONE]` proves
  nothing.
- A body that ends in order is whole behind a message of the phase `final_answer`; so is one that ends inside its
  `response.completed` behind any whole message, unless a call may follow (the response names tools). Where there is a
  cursor it is read on instead. Behind any other item nothing says that it was the last: the end is unconfirmed.
- A reason that names a failure is one, also behind `completed`; so is a ceiling, a filter.
- What is open at the terminal event is closed by it: as a whole after `completed`, cut otherwise. Its `output` fills in
  only the items that no event of their own named: several servers leave it empty, or make up new ids for it.
- A call that ended without arguments may be one that the ceiling cut: it waits until another item follows, or until
  the answer ends as a whole; another end cuts it.
- Refusal text is text: a person should read it. The stop is then `REFUSAL`, beside the provider's own word. The word of
  an incomplete answer is "incomplete", or the provider's reason where our vocabulary has none for it.
- The parts of a reasoning summary follow each other as they came, without anything between them. The whole item, once
  it holds `encrypted_content`, is the block's signature: it has to be sent back unmodified.
- A background response moves its cursor after every event, if there is to be one (`Limits.cursor_bytes_max`): the
  request has to have asked for the background, whatever the server says. A stream that is read on from a cursor skips
  what it already had, whatever the server sends, and every event of it must have its number.

Source: wire-formats §4.2 to §4.4 and §8; openai-python 3.52 (2026-11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from attrs import evolve

from ...engine.core.failures import Failure
from ...engine.core.framing import ServerSentEvent, SSEReader
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.policy import Limits
from ...engine.core.stop import StopReason
from ...engine.core.stream_events import (
    AnswerRestarted,
    CursorMoved,
    KeepAlive,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
)
from ...engine.core.usage import UsageReport
from ..error_table.classify import is_complaint
from ..wire.call_bounds import key_of
from ..wire.finish_words import STRICTER_STOPS, stop_of
from ..wire.frames import FrameReader, bare_frames
from ..wire.json import arguments_of, count_at, excess_of_names, list_at, object_at, text_at
from ..wire.spoken import NOT_TEXT, spoken, spoken_at
from ..wire.untyped import NO_KIND
from .cursor import NUMBER_MAX, Cursor, is_response_id, write_cursor
from .ending import INCOMPLETE, Ending, fault_behind, is_half_end, is_half_mark, word_of
from .items import CALL_KINDS
from .numbers import Numbers
from .output import Output

_TERMINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
    "response.done": "completed",
}
"""The events that end an answer."""

_TEXTS = {
    # The stem of the event: the kind of its item, its part, where the part's number is, where the whole text is.
    "response.output_text": ("message", "text", "content_index", "text"),
    "response.refusal": ("message", "refusal", "content_index", "refusal"),
    "response.reasoning_summary_text": ("reasoning", "summary", "summary_index", "text"),
    "response.reasoning_text": ("reasoning", "content", "content_index", "text"),
}
_ARGUMENTS = {
    "response.function_call_arguments": "function_call",
    "response.custom_tool_call_input": "custom_tool_call",
}
_QUIET = tuple(
    f"response.{stem}"
    for stem in (
        "content_part.", "output_text.annotation.", "reasoning_summary_part.", "web_search_call.", "file_search_call.",
        "code_interpreter_call", "mcp_call", "mcp_list_tools.", "image_generation_call.", "shell_call_", "audio.",
        "compaction.",
    )
)  # fmt: skip
"""Events that say nothing that the done item does not say again. Audio has no place in our vocabulary."""


class OpenAIResponsesDecoder:
    """One response of the Responses API, from bytes to events. Fed any cut of the bytes, it makes the same events.

    Args:
        origin: who signs the reasoning, "openai-responses/<model>"; it is written on opaque blocks.
        limits: bounds on lines, events, calls, items and arguments; beyond them the stream is defective.
        read_error: names the error of an error frame or of a failed response.
        at: what cursors say of where the response is kept.
        resumed: where to go on, for a stream that is read on.
    """

    def __init__(
        self,
        origin: str,
        limits: Limits,
        *,
        read_error: Callable[[JSONValue], Failure],
        at: str = "",
        resumed: Cursor | None = None,
    ) -> None:
        self.is_complete: bool = False
        self.is_cut: bool = False
        self._defect: str | None = None
        self._ignored: Counter[str] = Counter()
        self._read_error = read_error
        self._reader = SSEReader(line_bytes_max=limits.line_bytes_max, event_bytes_max=limits.event_bytes_max)
        self.frame_reader: FrameReader = FrameReader(limits.values_max, self._ignored)
        self._origin, self._limits = origin, limits
        self._output = Output(origin, limits, resumed)
        self._output.response_key = "" if resumed is None else key_of(resumed.response_id)
        self._at = at
        self._resumed_after = None if resumed is None else resumed.after
        self._response_id = "" if resumed is None else resumed.response_id
        self._is_background = resumed is not None
        self._after = -1 if resumed is None else resumed.after
        self._has_cursor = resumed is not None
        self._is_started = False
        self._is_over = False
        self._ending = Ending()
        self._numbers = Numbers()

    @property
    def ignored(self) -> Counter[str]:
        """What was not understood and changed nothing (frames and items), by kind."""
        return self._ignored + self._output.ignored + bare_frames(self._reader)

    @property
    def defect(self) -> str | None:
        """What was seen and expected, once the bytes stopped being the wire format."""
        return self._defect or self._output.defect

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete. Never raises."""
        events: list[StreamEvent] = []
        for frame in self._reader.feed(data):
            self._take(frame, events)
        if self._reader.defect is not None and not self._is_over:
            self._break(self._reader.defect)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body; a last event without its blank line counts if its JSON is whole (recorded)."""
        return self._close(is_broken=False)

    def close_broken(self) -> Sequence[StreamEvent]:
        """Take that the connection broke: only a terminal event ended the answer."""
        return self._close(is_broken=True)

    def _close(self, *, is_broken: bool) -> Sequence[StreamEvent]:
        cut = self._reader.close()
        events: list[StreamEvent] = []
        if cut is not None and not self._is_over:
            if self.frame_reader.is_half(cut.data):
                self._ending.is_half_told = is_half_end(cut)
                self.is_cut = not (self._ending.is_half_told or is_half_mark(cut))
            else:
                self._take(cut, events)
        is_last = self._ending.is_last_item and self._output.is_settled
        if is_last and not (self._is_over or is_broken or self.is_cut or self._is_background):
            self.is_complete = True
            events.append(self._stop("completed", ""))
        self.is_cut = self.is_cut or self._output.is_open
        self._is_over = True
        return events

    def _take(self, frame: ServerSentEvent, events: list[StreamEvent]) -> None:
        """Read one frame; a defect found half-way keeps the events before it."""
        if self._is_over:
            self._ignored[Ignored.AFTER_END] += 1
            return
        content = self.frame_reader.read(frame.data)
        if content is None:
            events.append(KeepAlive())
            return
        if isinstance(content, str):
            if frame.data.strip() == "[DONE]":
                self._ignored[Ignored.AFTER_END] += 1
            else:
                self._break(content)
            return
        kind = text_at(content, "type") or frame.event
        if self._numbers.is_told_again(number_at(content, "sequence_number"), frame.data):
            self._ignored[Ignored.TOLD_AGAIN] += 1
        elif self._is_new(kind, content):
            events.extend(self._read(kind, content))
            if self._output.defect is not None:
                self._is_over = True
            events.extend(self._move_cursor(kind, content))

    def _is_new(self, kind: str, content: JSONObject) -> bool:
        """Whether an event follows the cursor: a server may send again what came before it."""
        if self._resumed_after is None:
            return True
        number = number_at(content, "sequence_number")
        if number is None:
            if kind not in ("error", "keepalive") and not content.get("error"):
                self._break("seen an event without sequence_number after a cursor; expected each to have one")
            return not self._is_over
        if number <= self._resumed_after:
            self._ignored[Ignored.TOLD_AGAIN] += 1
        return number > self._resumed_after

    def _read(self, kind: str, content: JSONObject) -> Iterable[StreamEvent]:
        stem, _, end = kind.rpartition(".")
        if stem in _TEXTS and end in ("delta", "done"):
            return self._text(stem, end, content)
        if stem in _ARGUMENTS and end in ("delta", "done"):
            return self._arguments(stem, end, content)
        match kind:
            case "response.output_item.added":
                return self._output.add(number_at(content, "output_index"), object_at(content, "item"))
            case "response.output_item.done":
                self._ending.take_item(object_at(content, "item"))
                return self._output.finish(number_at(content, "output_index"), object_at(content, "item"))
            case "response.created" | "response.queued" | "response.in_progress":
                return self._lifecycle(kind, object_at(content, "response"))
            case "keepalive":
                return (KeepAlive(),)
            case _ if kind in _TERMINAL:
                return self._terminal(kind, object_at(content, "response"))
            case _ if kind == "error" or content.get("error") or (kind in NO_KIND and is_complaint(content)):
                return self._error(content)
            case _ if kind in NO_KIND and ("delta" in content or "item" in content):
                self._break("seen an event without a type that says something; expected its type")
                return ()
            case _:
                self._ignored[Ignored.UNKNOWN_EVENT] += not kind.startswith(_QUIET)
                return ()

    def _text(self, stem: str, end: str, content: JSONObject) -> Iterable[StreamEvent]:
        kind, part, place, whole = _TEXTS[stem]
        name = f"{part}/{number_at(content, place) or 0}"
        text = spoken_at(content, "delta" if end == "delta" else whole)
        if text is None:
            self._break(NOT_TEXT)
            return ()
        index, alias = number_at(content, "output_index"), text_at(content, "item_id")
        return self._output.say(index, alias, kind, name, text, is_whole=end == "done")

    def _arguments(self, stem: str, end: str, content: JSONObject) -> Iterable[StreamEvent]:
        kind = _ARGUMENTS[stem]
        given = content.get("delta" if end == "delta" else CALL_KINDS[kind])
        text = arguments_of(given) if kind == "function_call" else spoken(given)
        if text is None:
            self._break(NOT_TEXT)
            return ()
        alias = text_at(content, "call_id") or text_at(content, "item_id")
        return self._output.argue(number_at(content, "output_index"), alias, kind, text, is_whole=end == "done")

    def _lifecycle(self, kind: str, response: JSONObject) -> Iterator[StreamEvent]:
        self._ending.take_response(response)
        response_id = text_at(response, "id")
        is_other = bool(response_id and self._response_id) and response_id != self._response_id
        if kind == "response.created" and (is_other or self._numbers.went_back) and not self._output.is_empty:
            yield AnswerRestarted()
            self._output = Output(self._origin, self._limits)
            self._is_started, self._after = False, -1
        self._is_background = self._is_background or response.get("background") is True
        yield from self._start(response)

    def _start(self, response: JSONObject) -> Iterator[StreamEvent]:
        """Name the answer, once: the first event that can."""
        response_id, model = text_at(response, "id"), text_at(response, "model")
        if (excess := excess_of_names(response_id, model)) is not None:
            self._break(excess)
        elif (response_id or model) and not self._is_started:
            self._is_started = True
            self._response_id = response_id or self._response_id
            self._output.response_key = key_of(self._response_id)
            yield ResponseStarted(response_id, model)

    def _terminal(self, kind: str, response: JSONObject) -> Iterator[StreamEvent]:
        status = text_at(response, "status")
        if kind == "response.done":
            self._ignored[Ignored.TERMINAL_NAME] += 1
            if status and status not in _TERMINAL.values():  # it is not over, or nobody knows
                return
        detail = text_at(object_at(response, "incomplete_details"), "reason")
        word = word_of(status if status in _TERMINAL.values() else _TERMINAL[kind], status, detail)
        yield from self._start(response)
        if self._is_over:
            return
        yield from _report(object_at(response, "usage"), text_at(response, "service_tier") or None)
        if word == "failed":
            self._is_over = True
            error = response.get("error") or fault_behind(status, detail)
            yield StreamFailed(self._read_error(error))
            return
        yield from self._output.end(list_at(response, "output"), is_whole=word == "completed")
        if self._output.defect is not None:
            return
        self.is_complete = self._is_over = True
        yield self._stop(word, detail)

    def _stop(self, word: str, detail: str) -> StopReported:
        match word:
            case "completed" if self._output.has_calls:
                return StopReported(StopReason.TOOL_USE, word)
            case "completed":
                return StopReported(StopReason.REFUSAL if self._output.is_refused else StopReason.END_TURN, word)
            case "cancelled":
                return StopReported(StopReason.CANCELLED, word)
            case _:
                reason = INCOMPLETE.get(detail) or stop_of(detail)
                is_known = reason in STRICTER_STOPS
                return StopReported(reason, word) if is_known else StopReported(StopReason.OTHER, detail or word)

    def _error(self, content: JSONObject) -> Iterator[StreamEvent]:
        """Read an error frame: nested as it is sent, or flat as it is documented."""
        self._is_over = True
        flat: JSONObject = {key: value for key, value in content.items() if key != "type"}
        yield StreamFailed(self._read_error(content.get("error") or flat))

    def _move_cursor(self, kind: str, content: JSONObject) -> Iterator[CursorMoved]:
        """Say where the stream can be read on; nowhere, after an event whose number can not be relied on."""
        if not self._is_background or self._is_over or not self._limits.cursor_bytes_max:
            return
        number = number_at(content, "sequence_number")
        if number is not None and number > self._after:
            self._after = number
            cursor = self._write_cursor()
        elif kind == "keepalive":
            return
        else:
            cursor = None
        if cursor is not None or self._has_cursor:
            yield CursorMoved(cursor)
        self._has_cursor = cursor is not None

    def _write_cursor(self) -> str | None:
        if not is_response_id(self._response_id):
            return None
        cursor = self._output.cursor(self._at, self._response_id, self._after)
        return None if cursor is None else write_cursor(cursor, chars_max=self._limits.cursor_bytes_max)

    def _break(self, defect: str) -> None:
        self._defect = defect
        self._is_over = True


def number_at(holder: JSONObject, key: str) -> int | None:
    """Return the number at `key` if it can count something: 0 and up, within what JSON readers agree upon."""
    number = count_at(holder, key)
    return number if number is not None and 0 <= number <= NUMBER_MAX else None


def _report(usage: JSONObject, tier: str | None) -> Iterator[UsageReport]:
    details, output = object_at(usage, "input_tokens_details"), object_at(usage, "output_tokens_details")
    report = UsageReport(
        input=count_at(usage, "input_tokens"),
        output=count_at(usage, "output_tokens"),
        cached_input=count_at(details, "cached_tokens"),
        cache_write=count_at(details, "cache_write_tokens"),
        reasoning=count_at(output, "reasoning_tokens"),
        total=count_at(usage, "total_tokens"),
    )
    if report != UsageReport():
        yield evolve(report, service_tier=tier)
