"""The stream of Ollama's /api/chat, lines of JSON, as stream events.

Rules:
- The answer is complete with the line `done: true`; what follows is ignored and counted. If that line holds content, it
  is complete at the end of the body, if that is in order: what is said behind such a line is said.
- A `done_reason` that names a failure is one; one that nobody knows ends the answer as `OTHER`.
- A line `{"error": …}` is the server's failure, under status 200. An end without either is an interruption.
- Calls come whole, their arguments an object. Ids are often absent: one is made up of the first line's time, which no
  two answers of a server share. So is that of a call with the id of an earlier one.
- `prompt_eval_count` is left out when it is 0 (all of the prompt was cached).
- /api/generate says `response` and `thinking` at the top of the line; that is read too.

Source: wire-formats §6; ollama/ollama api/types.go, server/routes.go (2026-11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ...engine.core.failures import Failure
from ...engine.core.framing import NDJSONReader
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.policy import Limits
from ...engine.core.stop import StopReason
from ...engine.core.stream_events import (
    BlockStop,
    KeepAlive,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    ToolCallDelta,
    ToolCallStart,
)
from ...engine.core.usage import UsageReport
from ..error_table.classify import is_complaint
from ..openai_chat.text import Speech
from ..wire.call_bounds import ArgumentsBound, CallIds
from ..wire.finish_words import fault_of, is_fault, stop_of
from ..wire.frames import FrameReader
from ..wire.json import arguments_of, call_name_at, count_at, list_at, name_at, object_at
from ..wire.spoken import NOT_TEXT, spoken_at
from ..wire.surrogates import SurrogateJoiner
from ..wire.think_tags import ThinkTagSplitter

_STOP_REASONS = {"stop": StopReason.END_TURN, "": StopReason.END_TURN, "length": StopReason.MAX_TOKENS}
"""An older server gives no reason; "load" and "unload" answer requests without messages."""

_COUNTS = ("prompt_eval_count", "eval_count")


class OllamaDecoder:
    """One response of Ollama's, from bytes to events. Fed any cut of the bytes, it makes the same events.

    Args:
        limits: bounds on lines, calls and arguments; beyond them the stream is defective.
        read_error: names the error of an error line.
        tags: splits thoughts off the text.
    """

    def __init__(
        self, limits: Limits, *, read_error: Callable[[JSONValue], Failure], tags: ThinkTagSplitter | None = None
    ) -> None:
        self.is_complete: bool = False
        self.is_cut: bool = False
        self.defect: str | None = None
        self.ignored: Counter[str] = Counter()
        self._limits = limits
        self.frame_reader: FrameReader = FrameReader(limits.values_max, self.ignored, is_ndjson=True)
        self._read_error = read_error
        self._reader = NDJSONReader(line_bytes_max=limits.line_bytes_max, gives_blank=True)
        self._held = HeldBytes(limits.held_bytes_max)
        self._speech = Speech(tags)
        self._call_ids = CallIds(limits)
        self._response_key: str | None = None
        self._is_over = False
        self._waiting: StopReported | None = None  # of a line that had content, too

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete. Never raises."""
        events: list[StreamEvent] = []
        for line in self._reader.feed(data):
            self._take(line, events)
        if self._reader.defect is not None and not self._is_over:
            self._break(self._reader.defect)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body; a last line without its LF counts if its JSON is whole."""
        return self._close(is_broken=False)

    def close_broken(self) -> Sequence[StreamEvent]:
        """Take that the connection broke: a last line that had content is then not the answer's end."""
        return self._close(is_broken=True)

    def _close(self, *, is_broken: bool) -> Sequence[StreamEvent]:
        rest = self._reader.close()
        events: list[StreamEvent] = []
        if rest is not None and not self._is_over:
            if self.frame_reader.is_half(rest):
                self.is_cut = bool(rest.strip())
            else:
                self._take(rest, events)
        if not self._is_over:
            events.extend(self._speech.release())
            if self._waiting is not None and not is_broken:
                events.append(self._waiting)
                self.is_complete = True
        self._is_over = True
        return events

    def _take(self, text: str, events: list[StreamEvent]) -> None:
        """Read one line; a defect found half-way keeps the events before it."""
        if self._is_over:
            self.ignored[Ignored.AFTER_END] += 1
            return
        line = self.frame_reader.read(text)
        if line is None:
            events.append(KeepAlive())
        elif isinstance(line, str):
            self._break(line)
        elif is_complaint(line):
            events.extend(self._speech.release())
            self._is_over = True
            events.append(StreamFailed(self._read_error(line)))
        else:
            events.extend(self._line(line))

    def _line(self, line: JSONObject) -> Iterator[StreamEvent]:
        if self._response_key is None:
            self._response_key = "".join(c for c in name_at(line, "created_at") if c.isascii() and c.isalnum())
            yield ResponseStarted("", name_at(line, "model"))
        message = object_at(line, "message")
        reasoning = self._said(message, "thinking") or self._said(line, "thinking")
        text = self._said(message, "content") or self._said(line, "response")
        yield from self._speech.reason(reasoning)
        yield from self._speech.say(text)
        calls = list_at(message, "tool_calls")
        if calls:
            yield from self._speech.flush()
        for call in calls:
            if isinstance(call, dict) and not self._is_over:
                yield from self._call(call)
            else:
                self.ignored[Ignored.UNKNOWN_PART] += 1
        if text or reasoning or calls:
            self._waiting = None
        if line.get("done") is True and not self._is_over:
            yield from self._finish(line, has_text=bool(text or reasoning))

    def _said(self, holder: JSONObject, key: str) -> str:
        """Return what was said; nothing more is, once something was no text."""
        text = spoken_at(holder, key)
        if text is None:
            self._break(NOT_TEXT)
        return "" if text is None or self._is_over else text

    def _call(self, call: JSONObject) -> Iterator[StreamEvent]:
        function = object_at(call, "function")
        name, arguments = call_name_at(function, "name"), arguments_of(function.get("arguments"))
        call_id, repeats = self._call_ids.choose(call_name_at(call, "id"), self._response_key or "")
        self.ignored[Ignored.CALL_ID_AGAIN] += repeats is not None
        self.ignored[Ignored.NULL_ARGUMENTS] += arguments == "null"
        if defect := self._call_defect(call_id, name, arguments):
            self._break(defect)
            return
        self._held.hold(len(call_id))
        joiner = SurrogateJoiner()
        yield ToolCallStart(call_id, name)
        if text := joiner.take(arguments or "") + joiner.flush():
            yield ToolCallDelta(call_id, text)
        yield BlockStop(call_id, repeats=repeats)

    def _call_defect(self, call_id: str, name: str, arguments: str | None) -> str | None:
        if not name:
            return "seen a call without a name; expected function.name"
        if arguments is None:
            return "seen arguments of a call that are neither an object nor text; expected an object"
        too_much = self._call_ids.admit(call_id) or ArgumentsBound(self._limits).check_whole(arguments)
        return too_much or self._held.defect

    def _finish(self, line: JSONObject, *, has_text: bool) -> Iterator[StreamEvent]:
        yield from self._speech.flush()
        word = name_at(line, "done_reason")
        reason = _STOP_REASONS.get(word) or stop_of(word)
        if reason is StopReason.END_TURN and self._call_ids:
            reason = StopReason.TOOL_USE
        stop = StopReported(reason, word)
        if is_fault(word):
            self._is_over = True
            yield from _report(line)
            yield StreamFailed(self._read_error(fault_of(word, "done_reason")))
        elif has_text:
            self._waiting = stop
            yield from _report(line)
        else:
            self._is_over = self.is_complete = True
            yield stop
            yield from _report(line)

    def _break(self, defect: str) -> None:
        self.defect = defect
        self._is_over = True


def _report(line: JSONObject) -> Iterator[UsageReport]:
    counts = [count_at(line, name) for name in _COUNTS]
    if any(count is not None for count in counts):
        yield UsageReport(input=counts[0] or 0, output=counts[1] or 0)
