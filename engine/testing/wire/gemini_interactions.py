"""Gemini's Interactions API as a provider writes it, without ids of events, as recorded: nothing can be read on.

Source: wire-formats §5.5; the recorded streams.
"""

from __future__ import annotations

from ...core.json_value import JSONObject, JSONValue
from .format import (
    Continuation,
    Fields,
    Reply,
    Turn,
    WireFormat,
    argument_parts,
    continuation_of,
    named,
    objects,
    text_of,
)
from .gemini import STATUS_NAMES

_ENDING = "/interactions"
_USERS = frozenset({"user_input", "function_result"})


def _continuation(body: JSONObject, _continues: bool) -> Continuation:
    """The API has no prefill: a trailing step of the model's is followed by another one."""
    steps = [Turn(step.get("type") not in _USERS, text_of(step.get("content"))) for step in objects(body.get("input"))]
    return continuation_of(steps, continues=False)


def _event(kind: str, **fields: JSONValue) -> bytes:
    return named(kind, {"event_type": kind, **fields})


def _fault(status: int, message: str) -> Fields:
    return {"code": STATUS_NAMES.get(status, "UNKNOWN").lower(), "message": message}


def _error(status: int, message: str) -> JSONValue:
    return {"error": {"code": status, "message": message, "status": STATUS_NAMES.get(status, "UNKNOWN")}}


def _events(reply: Reply) -> list[bytes]:
    interaction: Fields = {"id": f"loopback-{reply.number:04}", "object": "interaction", "model": reply.model}
    steps = [event for index, step in enumerate(_steps(reply)) for event in _step(index, *step)]
    thoughts = len(reply.reasoning)
    usage: Fields = {
        "total_input_tokens": reply.input_tokens,
        "total_output_tokens": reply.output_tokens - thoughts,
        "total_thought_tokens": thoughts,
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }
    ended: Fields = {"status": "requires_action" if reply.calls else "completed", "usage": usage}
    return [
        _event("interaction.created", interaction=interaction | {"status": "in_progress"}),
        *steps,
        _event("interaction.completed", interaction=interaction | ended),
        b"event: done\ndata: [DONE]\n\n",
    ]


def _steps(reply: Reply) -> list[tuple[Fields, list[Fields]]]:
    """Give each step as its start and its deltas."""
    steps: list[tuple[Fields, list[Fields]]] = []
    if reply.thinks:
        thoughts: list[Fields] = [
            {"type": "thought_summary", "content": {"type": "text", "text": piece}} for piece in reply.reasoning
        ]
        steps.append(({"type": "thought"}, [*thoughts, {"type": "thought_signature", "signature": reply.signature}]))
    if reply.text:
        steps.append(({"type": "model_output"}, [{"type": "text", "text": piece} for piece in reply.text]))
    for call in reply.calls:
        start: Fields = {"type": "function_call", "id": call.id, "name": call.name, "arguments": {}}
        steps.append((start, [{"type": "arguments_delta", "arguments": part} for part in argument_parts(call)]))
    return steps


def _step(index: int, start: Fields, deltas: list[Fields]) -> list[bytes]:
    return [
        _event("step.start", index=index, step=start),
        *[_event("step.delta", index=index, delta=delta) for delta in deltas],
        _event("step.stop", index=index),
    ]


INTERACTIONS = WireFormat(
    path="/v1beta" + _ENDING,
    serves=lambda path: path.endswith(_ENDING),
    continuation=_continuation,
    events=_events,
    error=_error,
    ping=b": keep-alive\n\n",
    stream_error=lambda status, message: _event("error", error=_fault(status, message)),
)
"""The Interactions API."""
