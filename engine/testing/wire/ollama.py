"""Ollama's /api/chat as a server writes it: lines of JSON, calls whole, counts on the last line.

Source: wire-formats §6; the recorded streams.
"""

from __future__ import annotations

from ...core.json_value import JSONObject, JSONValue
from ...core.messages import ToolCall
from .format import Continuation, Fields, Reply, WireFormat, continuation_of, dump, role_turns

_PATH = "/api/chat"


def _continuation(body: JSONObject, _continues: bool) -> Continuation:
    """A trailing assistant turn is gone on from, as most templates do."""
    return continuation_of(role_turns(body), continues=True)


def _error(_status: int, message: str) -> JSONValue:
    return {"error": message}


def _line(value: JSONValue) -> bytes:
    return dump(value) + b"\n"


def _part(model: str, number: int, message: JSONObject) -> Fields:
    """Write one part; made-up ids of calls are made of its time, so no two answers share one."""
    made = f"2026-11-21T00:00:00.{number:09}Z"
    return {
        "model": model,
        "created_at": made,
        "message": {"role": "assistant", "content": "", **message},
        "done": False,
    }


def _events(reply: Reply) -> list[bytes]:
    thoughts: list[Fields] = [{"thinking": piece} for piece in reply.reasoning]
    texts: list[Fields] = [{"content": piece} for piece in reply.text]
    calls: list[Fields] = [{"tool_calls": [_call(index, call)]} for index, call in enumerate(reply.calls)]
    said = [_line(_part(reply.model, reply.number, message)) for message in (*thoughts, *texts, *calls)]
    counts: Fields = {"prompt_eval_count": reply.input_tokens, "eval_count": reply.output_tokens}
    end = _part(reply.model, reply.number, {}) | {"done": True, "done_reason": "stop"} | counts
    return [*said, _line(end)]


def _call(index: int, call: ToolCall) -> Fields:
    """Write a call; one without an id has none here, as older servers' have none."""
    function: Fields = {"function": {"index": index, "name": call.name, "arguments": call.arguments}}
    return {"id": call.id, **function} if call.id else function


OLLAMA = WireFormat(
    path=_PATH,
    serves=_PATH.__eq__,
    continuation=_continuation,
    events=_events,
    error=_error,
    ping=_line(_part("loopback", 0, {})),
    stream_error=lambda status, message: _line(_error(status, message)),
    content_type="application/x-ndjson",
)
"""Ollama's chat. It has no sign of life of its own: a line without content stands for it."""
