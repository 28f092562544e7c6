"""Both wire formats as a provider writes them: from an answer to encoded events, and from a request to what it says.

Pure: no sockets and no clock. The server beside it (`loopback`) sends what is made here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias, cast

from attrs import frozen

from ..core.json_value import JSONObject, JSONValue
from ..core.messages import ToolCall
from ..core.usage import estimate_tokens

_TAIL = re.compile(r"<tail>(.*)</tail>", re.DOTALL)

_Fields: TypeAlias = dict[str, JSONValue]


class Wire(StrEnum):
    """A wire format, named after its first speaker."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"

    @property
    def path(self) -> str:
        """Where requests of this format are posted."""
        return "/v1/messages" if self is Wire.ANTHROPIC else "/v1/chat/completions"


# -- what a request says ------------------------------------------------------------------------------------------


@frozen
class Told:
    """What a request tells the model that it already said.

    `is_prefix` says that the request ends with the assistant's own turn; `is_quote` that a user turn quotes its end.
    """

    said: str = ""
    is_prefix: bool = False
    is_quote: bool = False


def read_told(wire: Wire, body: JSONObject) -> Told:
    """Read what was said out of a request: a trailing assistant turn, or one that a quoting user turn follows."""
    turns = [turn for turn in _list(body.get("messages")) if isinstance(turn, Mapping)]
    if turns and turns[-1].get("role") == "assistant":
        continues = wire is Wire.ANTHROPIC or bool(body.get("continue_final_message")) or bool(turns[-1].get("prefix"))
        return Told(text_of(turns[-1]) if continues else "", is_prefix=True)
    if len(turns) < 2 or turns[-2].get("role") != "assistant":
        return Told()
    said = text_of(turns[-2])
    quoted = _TAIL.search(text_of(turns[-1]))
    if quoted is None or not quoted[1] or not said.endswith(quoted[1]):
        return Told()
    return Told(said, is_quote=True)


def text_of(turn: JSONObject) -> str:
    """Join the text of a turn, which is a string or a list of blocks."""
    content = turn.get("content")
    if isinstance(content, str):
        return content
    blocks = [block for block in _list(content) if isinstance(block, Mapping) and block.get("type") == "text"]
    return "".join(text for block in blocks if isinstance(text := block.get("text"), str))


def _list(value: JSONValue) -> Sequence[JSONValue]:
    return cast("Sequence[JSONValue]", value) if isinstance(value, list) else ()


# -- what the provider answers ------------------------------------------------------------------------------------


@frozen
class Reply:
    """One answer, cut into the pieces that become events."""

    number: int
    model: str
    text: Sequence[str]
    reasoning: Sequence[str] = ()
    calls: Sequence[ToolCall] = ()
    input_tokens: int = 0
    with_usage: bool = True

    @property
    def output_tokens(self) -> int:
        """What the provider reports: an event is a token here."""
        arguments = "".join(json.dumps(call.arguments) for call in self.calls)
        return len(self.text) + len(self.reasoning) + estimate_tokens(arguments)


def events_of(wire: Wire, reply: Reply) -> list[bytes]:
    """Encode an answer as the events of a stream, the terminal event last. Text is raw UTF-8, not escaped."""
    return _anthropic_events(reply) if wire is Wire.ANTHROPIC else _openai_events(reply)


def ping(wire: Wire) -> bytes:
    """Encode a sign of life that says nothing."""
    return _named("ping") if wire is Wire.ANTHROPIC else b": keep-alive\n\n"


def overloaded_event(wire: Wire) -> bytes:
    """Encode an error inside the stream: the provider is overloaded."""
    if wire is Wire.ANTHROPIC:
        return _named("error", error={"type": "overloaded_error", "message": "Overloaded"})
    return _data({"error": _openai_error("The server is currently overloaded.", "server_is_overloaded")})


GARBAGE = b'\x00\xff\xfe~~~ not an event ~~~\ndata: {"type": "content_block_delta", "choi\xc3\x28\n\n'
"""Bytes that are neither SSE nor JSON: an unknown line, then data that does not parse and is no UTF-8."""


def error_body(wire: Wire, status: int, message: str) -> bytes:
    """Encode the body of an HTTP error."""
    kind = _ANTHROPIC_ERRORS.get(status, "api_error") if wire is Wire.ANTHROPIC else _OPENAI_ERRORS.get(status)
    if wire is Wire.ANTHROPIC:
        return _dump({"type": "error", "error": {"type": kind or "api_error", "message": message}})
    return _dump({"error": _openai_error(message, kind)})


_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_OPENAI_ERRORS = {429: "rate_limit_exceeded", 503: "server_is_overloaded", 529: "server_is_overloaded"}


def _openai_error(message: str, code: str | None) -> _Fields:
    kind = "server_error" if code is None or "server" in code else "requests"
    return {"message": message, "type": kind, "param": None, "code": code}


def _dump(value: JSONValue) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _data(value: JSONValue) -> bytes:
    return b"data: " + _dump(value) + b"\n\n"


def _named(name: str, **fields: JSONValue) -> bytes:
    return b"event: " + name.encode() + b"\n" + _data({"type": name, **fields})


# -- the Messages API ---------------------------------------------------------------------------------------------


def _anthropic_events(reply: Reply) -> list[bytes]:
    stop = "tool_use" if reply.calls else "end_turn"
    start: _Fields = {
        "id": f"msg_loopback_{reply.number:04}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": reply.input_tokens, "output_tokens": 1},
    }
    blocks = _anthropic_blocks(reply)
    body = [event for index, block in enumerate(blocks) for event in _anthropic_block(index, *block)]
    end = _named("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": reply.output_tokens})
    return [_named("message_start", message=start), ping(Wire.ANTHROPIC), *body, end, _named("message_stop")]


def _anthropic_blocks(reply: Reply) -> list[tuple[_Fields, list[_Fields]]]:
    """Give each block as its start and its deltas."""
    blocks: list[tuple[_Fields, list[_Fields]]] = []
    if reply.reasoning:
        thoughts: list[_Fields] = [{"type": "thinking_delta", "thinking": piece} for piece in reply.reasoning]
        signed: _Fields = {"type": "signature_delta", "signature": "bG9vcGJhY2s="}
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed]))
    if reply.text:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in reply.text]))
    for call in reply.calls:
        start: _Fields = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        blocks.append((start, [{"type": "input_json_delta", "partial_json": part} for part in _argument_parts(call)]))
    return blocks


def _anthropic_block(index: int, start: _Fields, deltas: list[_Fields]) -> list[bytes]:
    return [
        _named("content_block_start", index=index, content_block=start),
        *[_named("content_block_delta", index=index, delta=delta) for delta in deltas],
        _named("content_block_stop", index=index),
    ]


def _argument_parts(call: ToolCall) -> list[str]:
    text = json.dumps(call.arguments, ensure_ascii=False)
    return [text[at : at + 6] for at in range(0, len(text), 6)]


# -- Chat Completions ---------------------------------------------------------------------------------------------


def _openai_events(reply: Reply) -> list[bytes]:
    deltas: list[_Fields] = [{"role": "assistant", "content": ""}]
    deltas.extend({"reasoning_content": piece} for piece in reply.reasoning)
    deltas.extend({"content": piece} for piece in reply.text)
    for index, call in enumerate(reply.calls):
        deltas += _openai_call(index, call)
    events = [_chunk(reply, [{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    finish = "tool_calls" if reply.calls else "stop"
    events.append(_chunk(reply, [{"index": 0, "delta": {}, "finish_reason": finish}]))
    if reply.with_usage:
        total = reply.input_tokens + reply.output_tokens
        usage: _Fields = {"prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens}
        events.append(_chunk(reply, [], usage=usage | {"total_tokens": total}))
    return [*events, b"data: [DONE]\n\n"]


def _openai_call(index: int, call: ToolCall) -> list[_Fields]:
    first: _Fields = {"index": index, "id": call.id, "type": "function"}
    deltas: list[_Fields] = [{"tool_calls": [first | {"function": {"name": call.name, "arguments": ""}}]}]
    for part in _argument_parts(call):
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    return deltas


def _chunk(reply: Reply, choices: Sequence[JSONValue], usage: JSONValue = None) -> bytes:
    return _data(
        {
            "id": f"chatcmpl-loopback-{reply.number:04}",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": reply.model,
            "choices": choices,
            "usage": usage,
        }
    )
