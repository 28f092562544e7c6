"""Chat Completions as a provider writes it."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.json_value import JSONObject, JSONValue
from ...core.messages import ToolCall
from .format import (
    OPENAI_CODES,
    Fields,
    Reply,
    Told,
    WireFormat,
    argument_parts,
    data,
    objects,
    openai_error,
    role_turns,
    told_by,
)

_ENDING = "/chat/completions"


def _told(body: JSONObject, continues: bool) -> Told:
    """A trailing assistant turn is gone on from where a flag says so: `continue_final_message`, `prefix: true`."""
    is_marked = any(turn.get("prefix") is True for turn in objects(body.get("messages"))[-1:])
    asks = continues or is_marked or body.get("continue_final_message") is True
    return told_by(role_turns(body), continues=asks)


def _error(status: int, message: str) -> JSONValue:
    return {"error": openai_error(message, OPENAI_CODES.get(status))}


def _events(reply: Reply) -> list[bytes]:
    deltas: list[Fields] = [{"role": "assistant", "content": ""}]
    deltas.extend(_details(reply) if reply.has_details else ({"reasoning_content": piece} for piece in reply.reasoning))
    deltas.extend({"content": piece} for piece in reply.text)
    for index, call in enumerate(reply.calls):
        deltas += _call(index, call)
    events = [_chunk(reply, [{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    finish = "tool_calls" if reply.calls else "stop"
    events.append(_chunk(reply, [{"index": 0, "delta": {}, "finish_reason": finish}]))
    if reply.with_usage:
        total = reply.input_tokens + reply.output_tokens
        usage: Fields = {"prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens}
        events.append(_chunk(reply, [], usage=usage | {"total_tokens": total}))
    return [*events, b"data: [DONE]\n\n"]


def _details(reply: Reply) -> list[Fields]:
    """Write thoughts as OpenRouter does: a text in fragments whose last is the signature, or an item that is sealed."""
    of: Fields = {"format": "anthropic-claude-v1", "index": 0}
    if reply.hides:
        return [{"reasoning_details": [{"type": "reasoning.encrypted", "data": reply.signature, **of}]}]
    texts: list[Fields] = [{"type": "reasoning.text", "text": piece, **of} for piece in reply.reasoning]
    items = [*texts, {"type": "reasoning.text", "signature": reply.signature, **of}] if texts else []
    return [{"reasoning_details": [item]} for item in items]


def _call(index: int, call: ToolCall) -> list[Fields]:
    first: Fields = {"index": index, "id": call.id, "type": "function"}
    deltas: list[Fields] = [{"tool_calls": [first | {"function": {"name": call.name, "arguments": ""}}]}]
    for part in argument_parts(call):
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    return deltas


def _chunk(reply: Reply, choices: Sequence[JSONValue], usage: JSONValue = None) -> bytes:
    return data(
        {
            "id": f"chatcmpl-loopback-{reply.number:04}",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": reply.model,
            "choices": choices,
            "usage": usage,
        }
    )


OPENAI = WireFormat(
    path="/v1" + _ENDING,
    serves=lambda path: path.endswith(_ENDING),
    told=_told,
    events=_events,
    error=_error,
    ping=b": keep-alive\n\n",
    overloaded=data({"error": openai_error("The server is currently overloaded.", "server_is_overloaded")}),
)
"""Chat Completions, OpenAI's and that of compatible servers, wherever they have put it."""
