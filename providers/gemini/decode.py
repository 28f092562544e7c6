"""The stream of Gemini's streamGenerateContent as stream events.

Rules:
- A finish reason is not the end: content may follow it, and another (recorded with code execution). The last one
  counts, and the answer is complete when the body, or the array around it, ends after one; what follows takes it back.
- An error, as an event or bare, fails the answer also after a finish reason, for the stream had not ended.
- A finish reason that came with text in its chunk (as it mostly does), or had text after it, counts at an end in order
  only: some gateways write one on every chunk, and after a reset the rest may be missing. So does an unknown one.
- Model faults (MALFORMED_FUNCTION_CALL and its like) are failures, which another attempt may mend.
- `CONTINUATION` (long decode) is such a failure too: the answer is not finished, and only the same request with its
  token would go on. A cursor can not hold the request, so what was said is continued as after any interruption.
- Usage is cumulative and the last report counts as a whole: a count that is missing in it is 0, as proto3 writes it.
  The prompts of server-side tools count as input, so that input and output add up to the total.
- Only the first candidate is read; others are counted in `ignored`, as is all that is not known.

Cost: 2.5 times the one strict parse of the chunk (10 µs of 25 for a dozen words, CPython 3.11); there is no fast path,
since every chunk carries new counts and most carry many words.

Source: wire-formats §5.2, §5.3 and §8 (2026-11); google-genai 3.4.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256

from ...engine.core.failures import Failure
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.policy import Limits
from ...engine.core.printable import named
from ...engine.core.stop import StopReason
from ...engine.core.stream_events import KeepAlive, ResponseStarted, StopReported, StreamEvent, StreamFailed
from ...engine.core.usage import UsageReport
from ..error_table.classify import is_complaint
from ..wire.finish_words import is_fault, stop_of
from ..wire.frames import FrameReader
from ..wire.json import count_at, excess_of_names, list_at, object_at, text_at
from .ending import Ending
from .frames import GeminiFrames
from .parts import PartReader
from .tool_calls import CallReader

_FILTERS = (
    "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED "
    "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION IMAGE_OTHER"
)
STOP_REASONS = {
    "STOP": StopReason.END_TURN,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    **dict.fromkeys(_FILTERS.split(), StopReason.CONTENT_FILTER),
}
"""What ends an answer; any other word that is no fault is OTHER: NO_IMAGE, TOO_MANY_TOOL_CALLS, what is yet to come."""

FAULTS: dict[str, int | None] = {
    "MALFORMED_FUNCTION_CALL": None,
    "MALFORMED_RESPONSE": None,
    "UNEXPECTED_TOOL_CALL": None,
    "OTHER": None,
    "CONTINUATION": None,
    "MISSING_THOUGHT_SIGNATURE": 400,
}
"""Finish reasons that leave no answer; with a status where the fault is the request's, not the model's."""

_COUNTS = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")
_NO_WORD = frozenset({"", "FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"})


class GeminiDecoder:
    """One response of streamGenerateContent, from bytes to events. Fed any cut of the bytes, it makes the same events.

    Args:
        origin: who signs the reasoning, "gemini/<model>"; it is written on opaque blocks.
        limits: bounds on lines, chunks, calls, blocks and arguments; beyond them the stream is defective.
        read_error: names the error of an error object.
    """

    def __init__(self, origin: str, limits: Limits, *, read_error: Callable[[JSONValue], Failure]) -> None:
        self.is_complete: bool = False
        self.is_cut: bool = False
        self.defect: str | None = None
        self._ignored: Counter[str] = Counter()
        self._limits = limits
        self._read_error = read_error
        self._frames = GeminiFrames(limits)
        self.frame_reader: FrameReader = FrameReader(limits.values_max, self._ignored)
        self._calls = CallReader(limits)
        self._parts = PartReader(origin, limits, self._calls)
        self._has_id = False
        self._usage = UsageReport()
        self._ending = Ending()
        self._is_over = False

    @property
    def ignored(self) -> Counter[str]:
        """What was not understood and changed nothing (chunks, candidates and parts), by kind."""
        return self._ignored + self._parts.ignored + self._calls.ignored

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete. Never raises."""
        events: list[StreamEvent] = []
        for text in self._frames.feed(data):
            self._take(text, events)
        if self._frames.defect is not None and not self._is_over:
            self._break(self._frames.defect)
        if self._frames.is_ended:
            self._end(is_complete=self._ending.is_finished)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body: after a finish reason it completes the answer, unless half a chunk was to follow.

        A last event without its blank line counts if its JSON is whole (recorded).
        """
        return self._close(is_broken=False)

    def close_broken(self) -> Sequence[StreamEvent]:
        """Take that the connection broke: after a finish reason that stood alone the answer is complete."""
        return self._close(is_broken=True)

    def _close(self, *, is_broken: bool) -> Sequence[StreamEvent]:
        events: list[StreamEvent] = []
        text = self._frames.close()
        if text is not None and not self._is_over:
            if self.frame_reader.is_half(text):
                self.is_cut = bool(text.strip())
            else:
                self._take(text, events)
        self._end(is_complete=not self.is_cut and self._ending.counts_at_end(is_broken=is_broken))
        return events

    def _take(self, text: str, events: list[StreamEvent]) -> None:
        """Read one chunk; a defect found half-way keeps the events before it."""
        if self._is_over or text.strip() == "[DONE]":  # Gemini sends none; gateways do
            self._ignored[Ignored.AFTER_END] += 1
            return
        chunk = self.frame_reader.read(text)
        if chunk is None:
            events.append(KeepAlive())
        elif isinstance(chunk, str) and self._ending.counts_at_end(is_broken=False):  # nothing of the answer
            self._ignored[Ignored.BROKEN_FRAME] += 1
        elif isinstance(chunk, str):
            self._break(chunk)
        elif error := chunk.get("error") or (chunk if is_complaint(chunk) else None):
            self._fail(events, error)
        else:
            candidate = _first_candidate(chunk)
            if not self._has_id:
                self._start(chunk, text, events)
            if not self._is_over:
                self._read(chunk, candidate, events)
            if not self._is_over:
                self._finish(chunk, candidate, events)

    def _start(self, chunk: JSONObject, text: str, events: list[StreamEvent]) -> None:
        """Name the answer, as soon as a chunk does; until then its first chunk makes ids its own."""
        started = ResponseStarted(text_at(chunk, "responseId"), text_at(chunk, "modelVersion"))
        if (excess := excess_of_names(started.response_id, started.model)) is not None:
            self._break(excess)
            return
        self._has_id = bool(started.response_id)
        if self._has_id or not self._calls.response_key:
            self._calls.response_key = started.response_id or sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
            events.extend((started,) if started.response_id or started.model else ())

    def _read(self, chunk: JSONObject, candidate: JSONObject, events: list[StreamEvent]) -> None:
        said = len(events)
        parts = _parts_of(candidate.get("content"))
        if len(parts) > self._limits.blocks_max:
            bound = self._limits.blocks_max
            self._break(f"seen {len(parts)} parts in a chunk; expected at most {bound} (blocks_max)")
            return
        for part in parts:
            events.extend(self._parts.take(part if isinstance(part, dict) else {"text": part}))
            if self._parts.defect is not None:
                self._break(self._parts.defect)
                return
        self._ending.take_chunk(events[said:])
        self._ignored[Ignored.OTHER_CHOICE] += max(len(list_at(chunk, "candidates")) - bool(candidate), 0)
        report = read_usage(object_at(chunk, "usageMetadata"))
        if report is not None and report != self._usage:
            self._usage = report
            events.append(report)

    def _finish(self, chunk: JSONObject, candidate: JSONObject, events: list[StreamEvent]) -> None:
        """Take the finish reason of a chunk, or the reason why the prompt was blocked."""
        word = text_at(candidate, "finishReason")
        blocked = text_at(object_at(chunk, "promptFeedback"), "blockReason")
        if word in _NO_WORD and blocked in _NO_WORD:
            self._ignored[Ignored.NO_REASON] += word.endswith("_UNSPECIFIED")
        elif word in FAULTS or is_fault(word):
            fault: dict[str, JSONValue] = {"message": f"the model ended its answer with {named(word)}", "code": word}
            self._fail(events, fault if (status := FAULTS.get(word)) is None else {**fault, "status_code": status})
        elif word not in _NO_WORD:
            self._stop(STOP_REASONS.get(word) or stop_of(word), word, events)
        else:
            self._stop(StopReason.CONTENT_FILTER, blocked, events)

    def _stop(self, reason: StopReason, word: str, events: list[StreamEvent]) -> None:
        if reason is StopReason.END_TURN:
            events.extend(self._calls.close_whole())
        if reason is StopReason.END_TURN and self._calls.is_open:
            self._break(f"seen {named(word)} while a call waits for its arguments; expected its end first")
            return
        if reason is StopReason.END_TURN and self._calls.has_calls:
            reason = StopReason.TOOL_USE
        self._ending.take_reason(reason)
        events.extend(self._parts.flush())
        events.extend(self._calls.cut())
        events.append(StopReported(reason, word))

    def _fail(self, events: list[StreamEvent], error: JSONValue) -> None:
        events.append(StreamFailed(self._read_error(error)))
        self._end(is_complete=False)

    def _break(self, defect: str) -> None:
        self.defect = defect
        self._end(is_complete=False)

    def _end(self, *, is_complete: bool) -> None:
        if not self._is_over:
            self.is_complete = is_complete
            self._is_over = True


def _first_candidate(chunk: JSONObject) -> JSONObject:
    """Return the candidate of index 0; an empty one where there is none. An index that is left out is the position."""
    for position, candidate in enumerate(list_at(chunk, "candidates")):
        if isinstance(candidate, dict) and candidate.get("index", position) == 0:
            return candidate
    return {}


def _parts_of(content: JSONValue) -> Sequence[JSONValue]:
    """Return the parts of a content; what stands in its place is one."""
    if isinstance(content, dict):
        return list_at(content, "parts")
    return () if content is None else content if isinstance(content, list) else (content,)


def read_usage(usage: JSONObject) -> UsageReport | None:
    """Return a `usageMetadata` as a report; None where it holds no counts (a traffic type only, say)."""
    if all(count_at(usage, name) is None for name in _COUNTS):
        return None
    prompt = count_at(usage, "promptTokenCount")
    thoughts = count_at(usage, "thoughtsTokenCount") or 0
    return UsageReport(
        input=None if prompt is None else prompt + (count_at(usage, "toolUsePromptTokenCount") or 0),
        output=(count_at(usage, "candidatesTokenCount") or 0) + thoughts,
        cached_input=count_at(usage, "cachedContentTokenCount") or 0,
        reasoning=thoughts,
        total=count_at(usage, "totalTokenCount"),
        service_tier=text_at(usage, "serviceTier") or text_at(usage, "trafficType") or None,
    )
