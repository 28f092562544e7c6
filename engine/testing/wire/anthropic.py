"""The Messages API as a provider writes it."""

from __future__ import annotations

from ...core.json_value import JSONObject, JSONValue
from .format import Fields, Reply, Told, WireFormat, argument_parts, named, role_turns, told_by

_PATH = "/v1/messages"
_ERRORS = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


def _event(name: str, **fields: JSONValue) -> bytes:
    return named(name, {"type": name, **fields})


_PING = _event("ping")


def _told(body: JSONObject, _continues: bool) -> Told:
    return told_by(role_turns(body), continues=True)


def _error(status: int, message: str) -> JSONValue:
    return {"type": "error", "error": {"type": _ERRORS.get(status, "api_error"), "message": message}}


def _events(reply: Reply) -> list[bytes]:
    stop = "tool_use" if reply.calls else "end_turn"
    start: Fields = {
        "id": f"msg_loopback_{reply.number:04}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": reply.input_tokens, "output_tokens": 1},
    }
    body = [event for index, block in enumerate(_blocks(reply)) for event in _block(index, *block)]
    end = _event("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": reply.output_tokens})
    return [_event("message_start", message=start), _PING, *body, end, _event("message_stop")]


def _blocks(reply: Reply) -> list[tuple[Fields, list[Fields]]]:
    """Give each block as its start and its deltas."""
    blocks: list[tuple[Fields, list[Fields]]] = []
    if reply.hides:
        blocks.append(({"type": "redacted_thinking", "data": reply.signature}, []))
    elif reply.reasoning:
        thoughts: list[Fields] = [{"type": "thinking_delta", "thinking": piece} for piece in reply.reasoning]
        signed: Fields = {"type": "signature_delta", "signature": reply.signature}
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed]))
    if reply.text:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in reply.text]))
    for call in reply.calls:
        start: Fields = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        blocks.append((start, [{"type": "input_json_delta", "partial_json": part} for part in argument_parts(call)]))
    return blocks


def _block(index: int, start: Fields, deltas: list[Fields]) -> list[bytes]:
    return [
        _event("content_block_start", index=index, content_block=start),
        *[_event("content_block_delta", index=index, delta=delta) for delta in deltas],
        _event("content_block_stop", index=index),
    ]


ANTHROPIC = WireFormat(
    path=_PATH,
    serves=_PATH.__eq__,
    told=_told,
    events=_events,
    error=_error,
    ping=_PING,
    overloaded=_event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
)
"""The Messages API. A trailing assistant turn is always gone on from."""
