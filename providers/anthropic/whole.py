"""A message in one piece, as the events that would have said it: each block with its start, which says all of it.

Source: the API's reference, "Messages" and "Streaming messages" (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...engine.core.json_value import JSONObject
from ..whole_answer import event
from ..wire.json import list_at, object_at

_NAMED = ("id", "type", "role", "model")


def events_of_message(answer: JSONObject) -> Iterator[bytes] | None:
    """Rewrite a message as the bytes of a stream; None for what is none."""
    return _events(answer) if isinstance(answer.get("content"), list) else None


def _events(answer: JSONObject) -> Iterator[bytes]:
    message = {name: answer[name] for name in _NAMED if name in answer}
    yield event({"type": "message_start", "message": message})
    for index, block in enumerate(list_at(answer, "content")):
        yield event({"type": "content_block_start", "index": index, "content_block": block})
        yield event({"type": "content_block_stop", "index": index})
    delta = {name: answer[name] for name in ("stop_reason", "stop_sequence") if name in answer}
    yield event({"type": "message_delta", "delta": delta, "usage": object_at(answer, "usage")})
    yield event({"type": "message_stop"})
