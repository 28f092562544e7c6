"""Stream events as a provider writes them: the same answer as bytes of either wire format, event for event.

Pure. `loopback_wire` encodes a whole answer in the usual order; here any events are encoded, in the order in which a
model says them, and each keeps its place: entry `i` of the result is what event `i` is on the wire. What a wire format
has no word for is b"".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from ...core.json_value import JSONObject, JSONValue
from ...core.stream_events import (
    AnswerRestarted,
    BlockStop,
    KeepAlive,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...core.usage import UsageReport
from .formats import Wire, ping

_CACHED = 16_384
"""How many encoded deltas are kept: a simulated model says the same words in run after run."""

_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_CODES = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", None),
    529: ("server_error", "server_is_overloaded"),
}


def encode_events(wire: Wire, events: Sequence[StreamEvent], *, is_whole: bool) -> list[bytes]:
    """Encode events. `is_whole`: the provider's terminal event follows the last one, and is a part of its bytes."""
    writer = _AnthropicWriter(events) if wire is Wire.ANTHROPIC else _OpenAIWriter(events)
    encoded = [writer.write(place, event) for place, event in enumerate(events)]
    if is_whole:
        encoded.append((encoded.pop() if encoded else b"") + writer.end)
    return encoded


def error_of_status(wire: Wire, status: int) -> JSONObject:
    """Write the error object that stands for a status, in a body or inside a stream."""
    message = f"the scripted provider says {status}"
    if wire is Wire.ANTHROPIC:
        return {"type": "error", "error": {"type": _ANTHROPIC_ERRORS.get(status, "api_error"), "message": message}}
    kind, code = _OPENAI_CODES.get(status, ("server_error", None))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def dump(value: JSONValue) -> bytes:
    """Write JSON as providers do: no spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _data(value: JSONValue) -> bytes:
    return b"data: " + dump(value) + b"\n\n"


def _named(kind: str, **fields: JSONValue) -> bytes:
    return b"event: " + kind.encode() + b"\n" + _data({"type": kind, **fields})


# -- the Messages API ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=_CACHED)
def _anthropic_delta(index: int, kind: str, field: str, text: str) -> bytes:
    return _named("content_block_delta", index=index, delta={"type": kind, field: text})


@lru_cache(maxsize=_CACHED)
def _anthropic_start(response_id: str, model: str, input_tokens: int | None) -> bytes:
    usage: JSONObject = {} if input_tokens is None else {"input_tokens": input_tokens}
    message: JSONObject = {"id": response_id, "type": "message", "role": "assistant", "model": model, "content": []}
    return _named("message_start", message={**message, "stop_reason": None, "usage": usage})


@lru_cache(maxsize=64)
def _anthropic_open(index: int, kind: str, field: str) -> bytes:
    return _named("content_block_start", index=index, content_block={"type": kind, field: ""})


@lru_cache(maxsize=64)
def _anthropic_close(index: int) -> bytes:
    return _named("content_block_stop", index=index)


class _AnthropicWriter:
    """Writes one message. A call that is cut stays open, and the message then stops at its ceiling."""

    end = _named("message_stop")

    def __init__(self, events: Sequence[StreamEvent]) -> None:
        self._events = events
        self._blocks = 0
        self._open: str | None = None
        self._calls: dict[str, int] = {}
        self._is_cut = False

    def _following(self, place: int) -> StreamEvent | None:
        return self._events[place + 1] if place + 1 < len(self._events) else None

    def write(self, place: int, event: StreamEvent) -> bytes:
        """Write one event."""
        match event:
            case TextDelta(text):
                return self._block("text", "text") + _anthropic_delta(self._blocks - 1, "text_delta", "text", text)
            case ReasoningDelta(text):
                opened = self._block("thinking", "thinking")
                return opened + _anthropic_delta(self._blocks - 1, "thinking_delta", "thinking", text)
            case ReasoningSignature(signature):
                opened = self._block("thinking", "thinking")
                return opened + _anthropic_delta(self._blocks - 1, "signature_delta", "signature", signature)
            case ToolCallStart() | ToolCallDelta() | BlockStop():
                return self._call_or_stop(event)
            case ResponseStarted(response_id, model):
                report = self._following(place)
                return _anthropic_start(response_id, model, report.input if isinstance(report, UsageReport) else None)
            case UsageReport() | StopReported():
                return self._message_delta(place, event)
            case _:
                return self._other(event)

    def _block(self, kind: str, field: str) -> bytes:
        if self._open == kind:
            return b""
        self._open = kind
        self._blocks += 1
        return _anthropic_open(self._blocks - 1, kind, field)

    def _close(self) -> bytes:
        """Close the text or thought that is under way; a call closes it too, as the API does."""
        is_open, self._open = self._open is not None, None
        return _anthropic_close(self._blocks - 1) if is_open else b""

    def _call_or_stop(self, event: StreamEvent) -> bytes:
        match event:
            case ToolCallStart(call_id, name):
                closed = self._close()
                index = self._calls[call_id] = self._blocks
                self._blocks += 1
                block: JSONObject = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
                return closed + _named("content_block_start", index=index, content_block=block)
            case ToolCallDelta(call_id, arguments):
                return _anthropic_delta(self._calls[call_id], "input_json_delta", "partial_json", arguments)
            case BlockStop(None):
                return self._close()
            case BlockStop(str() as call_id, False):
                return _anthropic_close(self._calls[call_id])
            case _:
                self._is_cut = True
                return b""

    def _message_delta(self, place: int, event: UsageReport | StopReported) -> bytes:
        if isinstance(event, StopReported):
            word = "max_tokens" if self._is_cut else event.reason.value
            before = self._events[place - 1] if place else None
            reported = before.output if isinstance(before, UsageReport) else None
            usage: JSONObject = {} if reported is None else {"output_tokens": reported}
            return _named("message_delta", delta={"stop_reason": word}, usage=usage)
        is_alone = event.output is not None and not isinstance(self._following(place), StopReported)
        return _named("message_delta", delta={}, usage={"output_tokens": event.output}) if is_alone else b""

    def _other(self, event: StreamEvent) -> bytes:
        match event:
            case StreamFailed(failure):
                return b"event: error\n" + _data(error_of_status(Wire.ANTHROPIC, failure.status or 500))
            case AnswerRestarted():
                self._blocks, self._open, self._is_cut = 0, None, False
                self._calls.clear()
                return b""
            case KeepAlive():
                return ping(Wire.ANTHROPIC)
            case _:
                return b""


# -- Chat Completions ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=_CACHED)
def _openai_delta(response_id: str, model: str, field: str, text: str) -> bytes:
    return _openai_chunk(response_id, model, {field: text})


def _openai_chunk(response_id: str, model: str, delta: JSONObject, finish: str | None = None) -> bytes:
    choices: list[JSONValue] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    head: JSONObject = {"id": response_id, "object": "chat.completion.chunk", "created": 0, "model": model}
    return _data({**head, "choices": choices})


_FINISHES = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}


class _OpenAIWriter:
    """Writes one completion. It has no signatures, no ends of blocks, and its prompt is counted at the end.

    It says one call after the other: what a model says of a second call meanwhile waits for the end of the first.
    """

    end = b"data: [DONE]\n\n"

    def __init__(self, _events: Sequence[StreamEvent]) -> None:
        self._id, self._model = "", ""
        self._input_tokens = 0
        self._calls: dict[str, list[bytes]] = {}
        self._saying: str | None = None
        self._cut: set[str] = set()

    def write(self, _place: int, event: StreamEvent) -> bytes:
        """Write one event."""
        match event:
            case TextDelta(text):
                return _openai_delta(self._id, self._model, "content", text)
            case ReasoningDelta(text):
                return _openai_delta(self._id, self._model, "reasoning_content", text)
            case ResponseStarted(response_id, model):
                self._id, self._model = response_id, model
                return _openai_chunk(response_id, model, {"role": "assistant", "content": ""})
            case ToolCallStart(call_id, name):
                function: JSONObject = {"name": name, "arguments": ""}
                return self._call(call_id, {"id": call_id, "type": "function", "function": function})
            case ToolCallDelta(call_id, arguments):
                return self._call(call_id, {"function": {"arguments": arguments}})
            case BlockStop(call_id, is_cut):
                return b"" if call_id is None else self._stop(call_id, is_cut=is_cut)
            case _:
                return self._other(event)

    def _call(self, call_id: str, fragment: JSONObject) -> bytes:
        held = self._calls.setdefault(call_id, [])
        index = list(self._calls).index(call_id)
        written = _openai_chunk(self._id, self._model, {"tool_calls": [{"index": index, **fragment}]})
        self._saying = self._saying or call_id
        if self._saying == call_id:
            return written
        held.append(written)
        return b""

    def _stop(self, call_id: str, *, is_cut: bool) -> bytes:
        """End a call: the next that waits is said."""
        if is_cut:
            self._cut.add(call_id)
        if self._saying == call_id:
            waiting = next((other for other, held in self._calls.items() if held), None)
            self._saying = waiting
            if waiting is not None:
                held, self._calls[waiting] = self._calls[waiting], []
                return b"".join(held)
        return b""

    def _other(self, event: StreamEvent) -> bytes:
        match event:
            case UsageReport():
                return self._usage(event)
            case StopReported(reason):
                is_cut = bool(self._calls) and list(self._calls)[-1] in self._cut  # the ceiling fell in the last call
                word = "length" if is_cut else _FINISHES.get(reason.value, "stop")
                return _openai_chunk(self._id, self._model, {}, word)
            case StreamFailed(failure):
                return _data(error_of_status(Wire.OPENAI, failure.status or 500))
            case KeepAlive():
                return ping(Wire.OPENAI)
            case _:
                return b""

    def _usage(self, report: UsageReport) -> bytes:
        self._input_tokens = self._input_tokens if report.input is None else report.input
        if report.output is None:
            return b""
        usage: JSONObject = {"prompt_tokens": self._input_tokens, "completion_tokens": report.output}
        head: JSONObject = {"id": self._id, "object": "chat.completion.chunk", "model": self._model, "choices": []}
        return _data({**head, "usage": usage})
