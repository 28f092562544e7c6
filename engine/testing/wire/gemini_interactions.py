"""Gemini's Interactions API as a provider writes it, without ids of events, as recorded: nothing can be read on.

Source: wire-formats §5.5; the recorded streams.
"""

from __future__ import annotations

from ...core.json_value import JSONObject, JSONValue
from ...core.stop import StopReason
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
    steps = [event for index, step in enumerate(_steps(reply)) for event in _step(index, *step)]
    return [
        _event("interaction.created", interaction=_named(reply) | {"status": "in_progress"}),
        *steps,
        _event("interaction.completed", interaction=_ended(reply)),
        b"event: done\ndata: [DONE]\n\n",
    ]


def _named(reply: Reply) -> Fields:
    return {"id": f"loopback-{reply.number:04}", "object": "interaction", "model": reply.model}


def _ended(reply: Reply) -> Fields:
    thoughts = len(reply.reasoning)
    usage: Fields = {
        "total_input_tokens": reply.input_tokens,
        "total_output_tokens": reply.output_tokens - thoughts,
        "total_thought_tokens": thoughts,
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }
    return _named(reply) | {"status": _STATUSES.get(reply.stop, "completed"), "usage": usage}


def _whole(reply: Reply) -> JSONValue:
    """Write the interaction that `_events` streams, its steps in it."""
    steps: list[JSONValue] = []
    if reply.thinks:
        shown: list[JSONValue] = [{"type": "text", "text": "".join(reply.reasoning)}] if reply.reasoning else []
        steps.append({"type": "thought", "summary": shown, "signature": reply.signature})
    if reply.text:
        steps.append({"type": "model_output", "content": [{"type": "text", "text": "".join(reply.text)}]})
    for call in reply.calls:
        steps.append({"type": "function_call", "id": call.id, "name": call.name, "arguments": call.arguments})
    return {**_ended(reply), "steps": steps}


_STATUSES = {StopReason.TOOL_USE: "requires_action", StopReason.MAX_TOKENS: "incomplete"}


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
    whole=_whole,
)
"""The Interactions API."""
