"""A response in one piece, as the event that would have ended its stream: that tells all of the output once more.

Source: the API's reference, "The response object" and "Streaming events" (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...engine.core.json_value import JSONObject
from ..whole_answer import event
from ..wire.json import text_at

_ENDED = frozenset({"completed", "incomplete", "failed", "cancelled"})


def event_of_response(answer: JSONObject) -> Iterator[bytes] | None:
    """Rewrite a response as the bytes of a stream; None for what is none, or has not ended."""
    status = text_at(answer, "status") or "completed"
    if status not in _ENDED or not isinstance(answer.get("output"), list):
        return None
    return iter([event({"type": f"response.{status}", "response": answer})])
