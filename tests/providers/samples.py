"""Streams of our own making, in both wire formats, as bytes."""

from __future__ import annotations

import json
from typing import Any


def sse(*payloads: Any, named: bool = True) -> bytes:
    """One server-sent event for each payload; a string is sent as it is."""
    frames = []
    for payload in payloads:
        name = f"event: {payload['type']}\n" if named and isinstance(payload, dict) and "type" in payload else ""
        data = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        frames.append(f"{name}data: {data}\n\n")
    return "".join(frames).encode("utf-8", "surrogatepass")


def message_start(response_id: str = "msg_1", **usage: Any) -> dict[str, Any]:
    usage = usage or {"input_tokens": 10, "output_tokens": 1}
    message = {"id": response_id, "type": "message", "model": "claude-test", "content": [], "usage": usage}
    return {"type": "message_start", "message": message}


def block_start(index: int, kind: str = "text", **fields: Any) -> dict[str, Any]:
    defaults: dict[str, dict[str, Any]] = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}
    block = {"type": kind, **(fields or defaults.get(kind, {}))}
    return {"type": "content_block_start", "index": index, "content_block": block}


def tool_start(index: int, call_id: str = "toolu_1", name: str = "look", **fields: Any) -> dict[str, Any]:
    return block_start(index, "tool_use", id=call_id, name=name, **{"input": {}, **fields})


_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json",
           "signature_delta": "signature"}  # fmt: skip


def block_delta(index: int, value: Any, kind: str = "text_delta") -> dict[str, Any]:
    delta = {"type": kind, _FIELDS.get(kind, "value"): value}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def block_stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def message_delta(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 5}}


MESSAGE_STOP = {"type": "message_stop"}

ANTHROPIC_ANSWER = sse(
    message_start(),
    block_start(0, "thinking"),
    {"type": "ping"},
    block_delta(0, "Let me see. “Über”", "thinking_delta"),
    block_delta(0, "sig==", "signature_delta"),
    block_stop(0),
    block_start(1),
    block_delta(1, "Hello"),
    block_delta(1, ", wörld 🌍\n“”\u2028"),
    block_delta(1, ' and \\ and "'),
    block_stop(1),
    tool_start(2),
    block_delta(2, "", "input_json_delta"),
    block_delta(2, '{"city": "São', "input_json_delta"),
    block_delta(2, ' Paulo"}', "input_json_delta"),
    block_stop(2),
    message_delta("tool_use", output_tokens=42),
    MESSAGE_STOP,
)


def chunk(delta: Any = None, finish: str | None = None, *, index: int | None = 0, **fields: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-test",
            "choices": [choice], **fields}  # fmt: skip


def call(arguments: Any = "", *, index: int | None = 0, call_id: str | None = None, name: str | None = None) -> Any:
    function = {"arguments": arguments} | ({} if name is None else {"name": name})
    fragment = {"function": function} | ({} if index is None else {"index": index})
    return {"tool_calls": [fragment | ({} if call_id is None else {"id": call_id, "type": "function"})]}


USAGE = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-test", "choices": [],
         "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21,
                   "prompt_tokens_details": {"cached_tokens": 4},
                   "completion_tokens_details": {"reasoning_tokens": 7}}}  # fmt: skip

OPENAI_ANSWER = sse(
    chunk({"role": "assistant", "content": "", "refusal": None}, obfuscation="a"),
    chunk({"content": "Hello"}, obfuscation="xYz"),
    chunk({"content": ", wörld 🌍"}, obfuscation="q"),
    chunk({"content": "\n“”\u2028"}, obfuscation="rr"),
    chunk({"content": ' and \\ and "'}, obfuscation=""),
    chunk({"content": " again"}, obfuscation="ab"),
    chunk(call("", call_id="call_a", name="look")),
    chunk(call('{"city": "São')),
    chunk(call(' Paulo"}')),
    chunk(call("", index=1, call_id="call_b", name="go")),
    chunk({}, "tool_calls"),
    USAGE,
    "[DONE]",
)
