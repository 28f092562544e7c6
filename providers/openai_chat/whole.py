"""A completion in one piece, as the chunks that would have said it.

What a message says stands where a delta would say it; only the calls, which are in order there, have no index. An
answer without choices ends without having said anything: an empty answer, and is asked for again as one.

Source: the API's reference, "The chat completion object" and "The chat completion chunk object" (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...engine.core.json_value import JSONObject, JSONValue
from ..whole_answer import event
from ..wire.json import list_at, object_at

_HEAD = ("id", "created", "model", "system_fingerprint", "service_tier")


def chunks_of(answer: JSONObject) -> Iterator[bytes] | None:
    """Rewrite a completion as the bytes of a stream; None for what is none."""
    return _chunks(answer) if isinstance(answer.get("choices"), list) else None


def _chunks(answer: JSONObject) -> Iterator[bytes]:
    head: dict[str, JSONValue] = {name: answer[name] for name in _HEAD if name in answer}
    choices = [choice for choice in list_at(answer, "choices") if isinstance(choice, dict)]
    told: list[JSONValue] = [_delta(choice) for choice in choices]
    yield event({**head, "choices": told})
    ends: list[JSONValue] = [_end(choice) for choice in choices] or [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    yield event({**head, "choices": ends})
    usage = {name: answer[name] for name in ("usage", "x_groq") if answer.get(name)}
    if usage:
        yield event({**head, "choices": [], **usage})
    yield b"data: [DONE]\n\n"


def _delta(choice: JSONObject) -> JSONObject:
    message = dict(object_at(choice, "message") or object_at(choice, "delta"))
    calls = list_at(message, "tool_calls")
    if calls:
        message["tool_calls"] = [
            {**call, "index": place} if isinstance(call, dict) else call for place, call in enumerate(calls)
        ]
    return {"index": choice.get("index"), "delta": message}


def _end(choice: JSONObject) -> JSONObject:
    return {**{name: value for name, value in choice.items() if name not in ("message", "delta")}, "delta": {}}
