"""The server half of the Messages API: its stream written event by event, its errors, and what a request says.

Pure. *Source*: the API's pages on streaming and on errors; the recorded streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ...core.json_value import JSONObject, JSONValue
from ...core.stream_events import (
    AnswerRestarted,
    BlockStop,
    KeepAlive,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...core.usage import UsageReport
from .format import (
    DELTAS_KEPT,
    Continuation,
    Fields,
    Reply,
    WireFormat,
    block_events,
    continuation_of,
    named,
    role_turns,
    split_events,
)

_PATH = "/v1/messages"

ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The types of errors by status, as the API documents them; a status that it does not document has `api_error`."""


def _event(name: str, **fields: JSONValue) -> bytes:
    return named(name, {"type": name, **fields})


_PING = _event("ping")


def _continuation(body: JSONObject, _continues: bool) -> Continuation:
    return continuation_of(role_turns(body), continues=True)


def _error(status: int, message: str) -> Fields:
    return {"type": "error", "error": {"type": ERRORS.get(status, "api_error"), "message": message}}


def stream_error(status: int, message: str) -> bytes:
    """Write an error inside the stream."""
    return named("error", _error(status, message))


def _events(reply: Reply) -> list[bytes]:
    events: list[StreamEvent] = [
        ResponseStarted(f"msg_loopback_{reply.number:04}", reply.model),
        UsageReport(input=reply.input_tokens, output=min(1, reply.output_tokens)),  # cumulative: it never shrinks
        KeepAlive(),
        *block_events(reply),
        UsageReport(output=reply.output_tokens),
        StopReported(reply.stop, reply.stop.value),
    ]
    writer = AnthropicWriter(events, opens_signed=True)
    written = b"".join(writer.write(place, event) for place, event in enumerate(events))
    return [*split_events(written), writer.end]


def _whole(reply: Reply) -> JSONValue:
    """Write the message that `_events` streams."""
    content: list[JSONValue] = []
    if reply.hides:
        content.append({"type": "redacted_thinking", "data": reply.signature})
    elif reply.reasoning:
        content.append({"type": "thinking", "thinking": "".join(reply.reasoning), "signature": reply.signature})
    if reply.text:
        content.append({"type": "text", "text": "".join(reply.text)})
    content += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in reply.calls]
    return {
        "id": f"msg_loopback_{reply.number:04}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": reply.stop.value,
        "stop_sequence": None,
        "usage": {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens},
    }


# -- the writer ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=DELTAS_KEPT)
def _delta(index: int, kind: str, field: str, text: str) -> bytes:
    return _event("content_block_delta", index=index, delta={"type": kind, field: text})


@lru_cache(maxsize=DELTAS_KEPT)
def _start(response_id: str, model: str, input_tokens: int | None, output_tokens: int | None) -> bytes:
    counts = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    usage: Fields = {name: count for name, count in counts.items() if count is not None}
    message: Fields = {"id": response_id, "type": "message", "role": "assistant", "model": model, "content": []}
    return _event("message_start", message={**message, "stop_reason": None, "usage": usage})


@lru_cache(maxsize=64)
def _open(index: int, fields: tuple[str, ...]) -> bytes:
    kind = fields[0]
    return _event("content_block_start", index=index, content_block={"type": kind, **dict.fromkeys(fields, "")})


@lru_cache(maxsize=64)
def _close(index: int) -> bytes:
    return _event("content_block_stop", index=index)


class AnthropicWriter:
    """Writes one message, event by event. A call that is cut stays open, and the message then stops at its ceiling.

    What is counted is told with the event before or after it: `events` are all that will be written.
    `opens_signed`: a thought begins with an empty signature, as it does today and did not in older streams.
    """

    end: bytes = _event("message_stop")

    def __init__(self, events: Sequence[StreamEvent], *, opens_signed: bool = False) -> None:
        self._thought = ("thinking", "signature") if opens_signed else ("thinking",)
        self._events = events
        self._blocks = 0
        self._open: str | None = None
        self._calls: dict[str, int] = {}
        self._is_cut = False

    def _following(self, place: int) -> StreamEvent | None:
        return self._events[place + 1] if place + 1 < len(self._events) else None

    def _before(self, place: int) -> StreamEvent | None:
        return self._events[place - 1] if place else None

    def write(self, place: int, event: StreamEvent) -> bytes:
        """Write one event."""
        match event:
            case TextDelta(text):
                return self._block("text") + _delta(self._blocks - 1, "text_delta", "text", text)
            case ReasoningDelta(text):
                opened = self._block("thinking")
                return opened + _delta(self._blocks - 1, "thinking_delta", "thinking", text)
            case ReasoningSignature(signature):
                opened = self._block("thinking")
                return opened + _delta(self._blocks - 1, "signature_delta", "signature", signature)
            case ToolCallStart() | ToolCallDelta() | BlockStop():
                return self._call_or_stop(event)
            case ResponseStarted(response_id, model):
                report = self._following(place)
                counted = report if isinstance(report, UsageReport) else UsageReport()
                return _start(response_id, model, counted.input, counted.output)
            case UsageReport() | StopReported():
                return self._message_delta(place, event)
            case _:
                return self._other(event)

    def _block(self, kind: str) -> bytes:
        if self._open == kind:
            return b""
        self._open = kind
        self._blocks += 1
        return _open(self._blocks - 1, self._thought if kind == "thinking" else (kind,))

    def _close(self) -> bytes:
        """Close the text or thought that is under way; a call closes it too, as the API does."""
        is_open, self._open = self._open is not None, None
        return _close(self._blocks - 1) if is_open else b""

    def _seal(self, data: str) -> bytes:
        self._blocks += 1
        index, block = self._blocks - 1, {"type": "redacted_thinking", "data": data}
        return _event("content_block_start", index=index, content_block=block) + _close(index)

    def _call_or_stop(self, event: StreamEvent) -> bytes:
        match event:
            case ToolCallStart(call_id, name):
                closed = self._close()
                index = self._calls[call_id] = self._blocks
                self._blocks += 1
                block: Fields = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
                return closed + _event("content_block_start", index=index, content_block=block)
            case ToolCallDelta(call_id, arguments):
                return _delta(self._calls[call_id], "input_json_delta", "partial_json", arguments)
            case BlockStop(None):
                return self._close()
            case BlockStop(str() as call_id, False):
                return _close(self._calls[call_id])
            case _:
                self._is_cut = True
                return b""

    def _message_delta(self, place: int, event: UsageReport | StopReported) -> bytes:
        if isinstance(event, StopReported):
            word = "max_tokens" if self._is_cut else event.reason.value
            before = self._before(place)
            reported = before.output if isinstance(before, UsageReport) else None
            usage: Fields = {} if reported is None else {"output_tokens": reported}
            return _event("message_delta", delta={"stop_reason": word}, usage=usage)
        is_told = isinstance(self._before(place), ResponseStarted) or isinstance(self._following(place), StopReported)
        is_alone = event.output is not None and not is_told
        return _event("message_delta", delta={}, usage={"output_tokens": event.output}) if is_alone else b""

    def _other(self, event: StreamEvent) -> bytes:
        match event:
            case StreamFailed(failure):
                status = failure.status or 500
                return stream_error(status, f"the scripted provider says {status}")
            case AnswerRestarted():
                self._blocks, self._open, self._is_cut = 0, None, False
                self._calls.clear()
                return b""
            case KeepAlive():
                return _PING
            case RedactedReasoning(sealed):
                return self._close() + self._seal(sealed)
            case _:
                return b""


ANTHROPIC = WireFormat(
    path=_PATH,
    serves=_PATH.__eq__,
    continuation=_continuation,
    events=_events,
    error=_error,
    ping=_PING,
    stream_error=stream_error,
    whole=_whole,
)
"""The Messages API. A trailing assistant turn is always gone on from."""
