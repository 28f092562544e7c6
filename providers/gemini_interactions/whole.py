"""An interaction in one piece, as the events that would have said it: each step with its start, which says all of it.

Source: wire-formats §5.5; the API's reference, "Interaction" (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...engine.core.json_value import JSONObject
from ..whole_answer import event
from ..wire.json import list_at, text_at

_OPEN = frozenset({"queued", "in_progress"})


def events_of_interaction(answer: JSONObject) -> Iterator[bytes] | None:
    """Rewrite an interaction as the bytes of a stream; None for what is none, or has not ended."""
    status = text_at(answer, "status")
    return None if not status or status in _OPEN else _events(answer)


def _events(answer: JSONObject) -> Iterator[bytes]:
    named = {name: value for name, value in answer.items() if name != "steps"}
    begun = {name: answer[name] for name in ("id", "model") if name in answer}
    yield event({"event_type": "interaction.created", "interaction": begun})
    for index, step in enumerate(list_at(answer, "steps")):
        yield event({"event_type": "step.start", "index": index, "step": step})
        yield event({"event_type": "step.stop", "index": index})
    yield event({"event_type": "interaction.completed", "interaction": named})
