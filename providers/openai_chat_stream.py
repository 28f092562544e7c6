"""The stream of OpenAI's Chat Completions, and of the many that copy it, as stream events.

Rules:
- Only choice 0 is read; others are counted in `ignored`.
- The answer is complete when its finish reason was seen and the stream ended in order: by `[DONE]` or by its end.
  `[DONE]` alone proves nothing, and neither does a finish before an error (recorded: an error chunk after the finish).
- A finish may come twice; usage may come on any chunk, before, with or after it. Text or calls after it are a defect.
- Refusal text is text: a person should read it. The stop is then `REFUSAL`, beside the provider's own word "stop".
- A call at the finish "length" or "content_filter" is cut, whatever its arguments look like.

Hot path: see `openai_chat_shape`.

Source: wire-formats §2.2, §3 and §8 (2026-11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..engine.core.failures import Failure
from ..engine.core.framing import ServerSentEvent, SSEReader
from ..engine.core.json_value import JSONObject, JSONValue
from ..engine.core.policy import Limits
from ..engine.core.stop import StopReason
from ..engine.core.stream_events import (
    ReasoningDelta,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
)
from ..engine.core.tool_json import explain_arguments
from ..engine.core.usage import UsageReport
from .openai_chat_calls import CallTracker
from .openai_chat_shape import learn
from .surrogates import SurrogateJoiner
from .wire_json import count_at, list_at, object_at, read_object, text_at

STOP_REASONS = {
    "stop": StopReason.END_TURN,
    "length": StopReason.MAX_TOKENS,
    "model_length": StopReason.CONTEXT_WINDOW,
    "tool_calls": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "content_filter": StopReason.CONTENT_FILTER,
}

_FAULT_WORDS = frozenset({"error", "abort", "insufficient_system_resource"})
"""Finish reasons that are the provider's failure, not the answer's end (wire-formats §8)."""

_CUTTING_WORDS = frozenset({"length", "model_length", "content_filter"})

_PLAIN_EVENTS: dict[str, type[TextDelta] | type[ReasoningDelta]] = {
    "content": TextDelta,
    "reasoning_content": ReasoningDelta,
    "reasoning": ReasoningDelta,
}

_PATIENCE_MAX = 64
"""Plain chunks that are parsed before another shape is learned, at most: learning costs two parsings."""


class OpenAIChatDecoder:
    """One response of Chat Completions, from bytes to events. Fed any cut of the bytes, it makes the same events.

    Args:
        limits: bounds on lines, events, calls and arguments; beyond them the stream is defective.
        read_error: names the error of an error chunk.
        is_fast: False parses every chunk; for the test that proves that it makes no difference.
    """

    def __init__(self, limits: Limits, *, read_error: Callable[[JSONValue], Failure], is_fast: bool = True) -> None:
        self.is_complete = False
        self.defect: str | None = None
        self._ignored = 0
        self._read_error = read_error
        self._reader = SSEReader(line_bytes_max=limits.line_bytes_max, event_bytes_max=limits.event_bytes_max)
        self._calls = CallTracker(limits)
        self._joiner = SurrogateJoiner()
        self._said: type[TextDelta] | type[ReasoningDelta] = TextDelta
        self._read_plain: Callable[[str], str] = _read_nothing
        self._plain_event: type[TextDelta] | type[ReasoningDelta] = TextDelta
        self._patience_max = 0 if is_fast else -1
        self._patience = 0
        self._is_over = False
        self._is_started = False
        self._is_refused = False
        self._is_finished = False

    @property
    def ignored(self) -> int:
        """How many frames, choices and parts were not understood, and changed nothing."""
        return self._ignored + self._calls.ignored

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut; return the events that they complete. Never raises."""
        events: list[StreamEvent] = []
        for frame in self._reader.feed(data):
            text = self._read_plain(frame.data)
            if text:
                events.append(self._plain_event(text))
            else:
                self._take(frame, events)
        if self._reader.defect is not None and not self._is_over:
            self._break(self._reader.defect)
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body. After a finish it completes the answer, `[DONE]` or not: several servers send none.

        A last event without its blank line counts if its JSON is whole.
        """
        cut = self._reader.close()
        events: list[StreamEvent] = []
        if cut is not None and not self._is_over and not isinstance(read_object(cut.data), str):
            self._take(cut, events)
        if not self._is_over:
            self.is_complete = self._is_finished
        self._end()
        return events

    def _take(self, frame: ServerSentEvent, events: list[StreamEvent]) -> None:
        """Read one frame; a defect found half-way keeps the events before it."""
        if self._is_over:
            self._ignored += 1
            return
        if frame.data.strip() == "[DONE]":
            self.is_complete = self._is_finished
            self._end()
            return
        chunk = read_object(frame.data)
        if isinstance(chunk, str):
            self._break(chunk)
        elif _is_error(frame, chunk):
            self._end()
            events.append(StreamFailed(self._read_error(chunk.get("error") or chunk)))
        elif _wants_strictness(chunk) and (reason := explain_arguments(frame.data)) is not None:
            self._break(f"a chunk with counts or whole arguments: {reason}")
        else:
            events.extend(self._chunk(frame.data, chunk))
        if self._calls.defect is not None and self.defect is None:
            self._break(self._calls.defect)

    def _chunk(self, data: str, chunk: JSONObject) -> Iterator[StreamEvent]:
        choices = list_at(chunk, "choices")
        if not self._is_started and (text_at(chunk, "id") or choices):
            self._is_started = True
            self._calls.response_key = text_at(chunk, "id") or str(count_at(chunk, "created") or "")
            yield ResponseStarted(text_at(chunk, "id"), text_at(chunk, "model"))
        for choice in choices:
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                yield from self._choice(choice)
            else:
                self._ignored += 1
        if usage := object_at(chunk, "usage"):
            yield from _report(usage)
        elif self._patience_max >= 0:
            self._study(data, chunk, choices)

    def _choice(self, choice: JSONObject) -> Iterator[StreamEvent]:
        delta = object_at(choice, "delta")
        if self._is_finished:
            if any(delta.get(key) for key in ("content", "refusal", "tool_calls", "function_call")):
                self._break("seen more of the answer after its finish_reason; expected none")
            return
        yield from self._say(ReasoningDelta, text_at(delta, "reasoning_content") or text_at(delta, "reasoning"))
        yield from self._content(delta.get("content"))
        if refusal := text_at(delta, "refusal"):
            self._is_refused = True
            yield from self._say(TextDelta, refusal)
        yield from self._tool_calls(delta)
        if not self._is_over and self._calls.defect is None and (word := text_at(choice, "finish_reason")):
            yield from self._finish(word)

    def _content(self, content: JSONValue) -> Iterator[StreamEvent]:
        """Say the content: a string, or a list of parts as Mistral sends it."""
        if isinstance(content, str):
            yield from self._say(TextDelta, content)
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, dict) and part.get("type") == "text":
                    yield from self._say(TextDelta, text_at(part, "text"))
                elif isinstance(part, dict) and part.get("type") == "thinking":
                    for thought in list_at(part, "thinking"):
                        if isinstance(thought, dict):
                            yield from self._say(ReasoningDelta, text_at(thought, "text"))
                else:
                    self._ignored += 1
        elif content is not None:
            self._ignored += 1

    def _say(self, kind: type[TextDelta] | type[ReasoningDelta], text: str) -> Iterator[StreamEvent]:
        if not text:
            return
        if kind is not self._said:
            yield from self._flush()
            self._said = kind
        if whole := self._joiner.take(text):
            yield kind(whole)
        if self._joiner.held:
            self._read_plain = _read_nothing

    def _flush(self) -> Iterator[StreamEvent]:
        if rest := self._joiner.flush():
            yield self._said(rest)

    def _tool_calls(self, delta: JSONObject) -> Iterator[StreamEvent]:
        fragments = list(list_at(delta, "tool_calls"))
        if legacy := object_at(delta, "function_call"):
            fragments.append({"index": -1, "function": legacy})
        for fragment in fragments:
            if self._calls.defect is not None:
                return
            if isinstance(fragment, dict):
                yield from self._calls.take(fragment)
            else:
                self._ignored += 1

    def _finish(self, word: str) -> Iterator[StreamEvent]:
        yield from self._flush()
        yield from self._calls.close(is_cut=word in _CUTTING_WORDS or word in _FAULT_WORDS)
        self._read_plain = _read_nothing
        if self._calls.defect is not None:
            return
        if word in _FAULT_WORDS:
            self._end()
            yield StreamFailed(self._read_error({"message": f"finish_reason {word}", "code": word}))
            return
        self._is_finished = True
        reason = STOP_REASONS.get(word, StopReason.OTHER)
        if reason is StopReason.END_TURN and self._calls.has_calls:
            reason = StopReason.TOOL_USE  # forced and named calls end with "stop" (recorded: 38 of 189)
        elif reason is StopReason.END_TURN and self._is_refused:
            reason = StopReason.REFUSAL
        yield StopReported(reason, word)

    def _study(self, data: str, chunk: JSONObject, choices: Sequence[JSONValue]) -> None:
        """Learn the shape of a plain chunk, seldom enough that a server whose chunks all differ costs little more."""
        if self._is_over or self._is_finished or self._joiner.held or not (key := _plain_key(choices)):
            return
        if self._patience > 0:
            self._patience -= 1
            return
        shape = learn(data, chunk, key)
        self._plain_event = _PLAIN_EVENTS[key]
        self._read_plain = _read_nothing if shape is None else shape.read
        self._patience_max = min(2 * self._patience_max + 1, _PATIENCE_MAX)
        self._patience = self._patience_max

    def _break(self, defect: str) -> None:
        self.defect = defect
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._read_plain = _read_nothing


def _is_error(frame: ServerSentEvent, chunk: JSONObject) -> bool:
    if chunk.get("error"):
        return True
    return not chunk.get("choices") and (frame.event == "error" or chunk.get("object") == "error")


def _plain_key(choices: Sequence[JSONValue]) -> str:
    """Return where a chunk said a piece of text or reasoning and nothing else; "" for any other chunk.

    Only after such a chunk may the next be read without parsing.
    """
    choice = choices[0] if len(choices) == 1 else None
    if not isinstance(choice, dict) or choice.get("index", 0) != 0 or choice.get("finish_reason"):
        return ""
    delta = object_at(choice, "delta")
    said = [key for key, value in delta.items() if value and key != "role"]
    return said[0] if len(said) == 1 and said[0] in _PLAIN_EVENTS and text_at(delta, said[0]) else ""


def _wants_strictness(chunk: JSONObject) -> bool:
    """Whether a chunk holds counts, or arguments as an object: both are read as strictly as arguments are."""
    if chunk.get("usage"):
        return True
    for choice in list_at(chunk, "choices"):
        calls = list_at(object_at(choice, "delta"), "tool_calls") if isinstance(choice, dict) else ()
        if any(isinstance(call, dict) and object_at(object_at(call, "function"), "arguments") for call in calls):
            return True
    return False


def _report(usage: JSONObject) -> Iterator[UsageReport]:
    prompt, completion = object_at(usage, "prompt_tokens_details"), object_at(usage, "completion_tokens_details")
    report = UsageReport(
        input=count_at(usage, "prompt_tokens"),
        output=count_at(usage, "completion_tokens"),
        cached_input=count_at(prompt, "cached_tokens"),
        cache_write=count_at(prompt, "cache_write_tokens"),
        reasoning=count_at(completion, "reasoning_tokens"),
        total=count_at(usage, "total_tokens"),
    )
    if report != UsageReport():
        yield report


def _read_nothing(_data: str) -> str:
    return ""
