"""The server half of Chat Completions: its stream written event by event, and what a request says.

Pure. *Source*: the API's reference; the recorded streams. Its errors are `format.OPENAI_ERRORS`, as of Responses.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ...core.json_value import JSONObject, JSONValue
from ...core.stream_events import (
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
    data,
    objects,
    openai_error,
    role_turns,
    split_events,
)

_ENDING = "/chat/completions"
_PING = b": keep-alive\n\n"


def _continuation(body: JSONObject, continues: bool) -> Continuation:
    """A trailing assistant turn is gone on from where a flag says so: `continue_final_message`, `prefix: true`."""
    is_marked = any(turn.get("prefix") is True for turn in objects(body.get("messages"))[-1:])
    asks = continues or is_marked or body.get("continue_final_message") is True
    return continuation_of(role_turns(body), continues=asks)


def _events(reply: Reply) -> list[bytes]:
    events: list[StreamEvent] = [
        ResponseStarted(f"chatcmpl-loopback-{reply.number:04}", reply.model),
        UsageReport(input=reply.input_tokens),
        *block_events(reply),
        StopReported(reply.stop, reply.stop.value),
    ]
    if reply.with_usage:
        total = reply.input_tokens + reply.output_tokens
        events.append(UsageReport(output=reply.output_tokens, total=total))
    writer = ChatWriter(has_details=reply.has_details, nulls=True)
    written = b"".join(writer.write(place, event) for place, event in enumerate(events))
    return [*split_events(written), writer.end]


# -- the writer ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=DELTAS_KEPT)
def _delta(response_id: str, model: str, field: str, text: str, nulls: bool) -> bytes:
    return _chunk(response_id, model, {field: text}, nulls=nulls)


def _chunk(response_id: str, model: str, delta: JSONObject, finish: str | None = None, *, nulls: bool) -> bytes:
    usage: Fields = {"usage": None} if nulls else {}
    return _choices(response_id, model, [{"index": 0, "delta": delta, "finish_reason": finish}], usage)


def _choices(response_id: str, model: str, choices: Sequence[JSONValue], usage: Fields) -> bytes:
    head: Fields = {"id": response_id, "object": "chat.completion.chunk", "created": 0, "model": model}
    return data({**head, "choices": choices, **usage})


_FINISHES = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}


class ChatWriter:
    """Writes one completion, event by event. It has no ends of blocks, and its prompt is counted at the end.

    It says one call after the other: what a model says of a second call meanwhile waits for the end of the first.
    `has_details`: it tells thoughts as OpenRouter does, signed or sealed; else there are no signatures. `nulls`: every
    chunk has a usage, null until it is told, as OpenAI's have and vLLM's have not.
    """

    end = b"data: [DONE]\n\n"

    def __init__(self, _events: Sequence[StreamEvent] = (), *, has_details: bool = False, nulls: bool = False) -> None:
        self._has_details = has_details
        self._nulls = nulls
        self._id, self._model = "", ""
        self._input_tokens = 0
        self._calls: dict[str, list[bytes]] = {}
        self._saying: str | None = None
        self._cut: set[str] = set()

    def write(self, _place: int, event: StreamEvent) -> bytes:
        """Write one event."""
        match event:
            case TextDelta(text):
                return _delta(self._id, self._model, "content", text, self._nulls)
            case ReasoningDelta(text) if not self._has_details:
                return _delta(self._id, self._model, "reasoning_content", text, self._nulls)
            case ResponseStarted(response_id, model):
                self._id, self._model = response_id, model
                return self._say({"role": "assistant", "content": ""})
            case ToolCallStart(call_id, name):
                function: Fields = {"name": name, "arguments": ""}
                return self._call(call_id, {"id": call_id, "type": "function", "function": function})
            case ToolCallDelta(call_id, arguments):
                return self._call(call_id, {"function": {"arguments": arguments}})
            case BlockStop(call_id, is_cut):
                return b"" if call_id is None else self._stop(call_id, is_cut=is_cut)
            case _:
                return self._other(event)

    def _say(self, delta: JSONObject, finish: str | None = None) -> bytes:
        return _chunk(self._id, self._model, delta, finish, nulls=self._nulls)

    def _call(self, call_id: str, fragment: JSONObject) -> bytes:
        held = self._calls.setdefault(call_id, [])
        index = list(self._calls).index(call_id)
        written = self._say({"tool_calls": [{"index": index, **fragment}]})
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
                return self._say({}, word)
            case StreamFailed(failure):
                status = failure.status or 500
                return data(openai_error(status, f"the scripted provider says {status}"))
            case KeepAlive():
                return _PING
            case _:
                return self._detail(event) if self._has_details else b""

    def _detail(self, event: StreamEvent) -> bytes:
        """Write a thought as OpenRouter does: a text in fragments whose last is the signature, or an item sealed."""
        match event:
            case ReasoningDelta(text):
                item: Fields = {"type": "reasoning.text", "text": text}
            case ReasoningSignature(signature):
                item = {"type": "reasoning.text", "signature": signature}
            case RedactedReasoning(sealed):
                item = {"type": "reasoning.encrypted", "data": sealed}
            case _:
                return b""
        detail: Fields = {**item, "format": "anthropic-claude-v1", "index": 0}
        return self._say({"reasoning_details": [detail]})

    def _usage(self, report: UsageReport) -> bytes:
        self._input_tokens = self._input_tokens if report.input is None else report.input
        if report.output is None:
            return b""
        usage: Fields = {"prompt_tokens": self._input_tokens, "completion_tokens": report.output}
        total: Fields = {} if report.total is None else {"total_tokens": report.total}
        return _choices(self._id, self._model, [], {"usage": usage | total})


OPENAI = WireFormat(
    path="/v1" + _ENDING,
    serves=lambda path: path.endswith(_ENDING),
    continuation=_continuation,
    events=_events,
    error=openai_error,
    ping=_PING,
    stream_error=lambda status, message: data(openai_error(status, message)),
)
"""Chat Completions, OpenAI's and that of compatible servers, wherever they have put it."""
