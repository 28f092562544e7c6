"""Events that a provider should not send: broken ones, unknown ones, ends that fail; and other spellings of good ones.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .format import Fields, data, dump, named
from .formats import Wire

COMMENT = b": still here\n\n"
"""A comment of server-sent events: a sign of life that is no event."""

EMPTY_DATA = b"data:\n\n"
"""An event without data."""

_FAILURE = "The model failed."


def bad_event(wire: Wire) -> bytes:
    """Write an event whose JSON breaks off."""
    broken = b'{"choices": [{"delta": {"content": "unfin'
    return broken + b"\n" if wire is Wire.OLLAMA else b"data: " + broken + b"\n\n"


def unknown_event(wire: Wire) -> bytes:
    """Write an event that later versions of an API might send: well-formed, and of no known kind."""
    match wire:
        case Wire.OLLAMA:
            return dump({"progress": {"queue": 3}}) + b"\n"
        case Wire.OPENAI:
            return data({"object": "chat.completion.progress", "choices": [], "queue": 3})
        case Wire.GEMINI:
            return data({"queueStatus": {"ahead": 3}})
        case Wire.INTERACTIONS:
            return named("interaction.queue_moved", {"event_type": "interaction.queue_moved", "ahead": 3})
        case _:
            return named("queue_moved", {"type": "queue_moved", "ahead": 3})


def failed_finish(wire: Wire) -> bytes:
    """Write the end of an answer whose finish word names a failure."""
    match wire:
        case Wire.ANTHROPIC:
            delta = named("message_delta", {"type": "message_delta", "delta": {"stop_reason": "error"}, "usage": {}})
            return delta + named("message_stop", {"type": "message_stop"})
        case Wire.OPENAI:
            return data({"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}) + b"data: [DONE]\n\n"
        case Wire.RESPONSES:
            failed: Fields = {"status": "failed", "error": {"code": "server_error", "message": _FAILURE}, "output": []}
            return named("response.failed", {"type": "response.failed", "response": failed})
        case Wire.GEMINI:
            return data({"candidates": [{"content": {"parts": []}, "index": 0, "finishReason": "ERROR"}]})
        case Wire.INTERACTIONS:
            failed = {"status": "failed", "error": {"code": "internal", "message": _FAILURE}}
            return named("interaction.completed", {"event_type": "interaction.completed", "interaction": failed})
        case Wire.OLLAMA:
            said = {"role": "assistant", "content": ""}
            return dump({"model": "m", "message": said, "done": True, "done_reason": "error"}) + b"\n"


# -- other spellings --------------------------------------------------------------------------------------------------


def with_crlf(events: Sequence[bytes]) -> list[bytes]:
    """End each line with CRLF. JSON holds no line end of its own."""
    return [event.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for event in events]


def escaped(events: Sequence[bytes]) -> list[bytes]:
    """Write every character that is not ASCII as an escape of JSON, those beyond U+FFFF as two."""
    return [b"".join(map(_escaped_line, event.splitlines(keepends=True))) for event in events]


def _escaped_line(line: bytes) -> bytes:
    start = line.find(b"{")
    if start < 0 or (start and not line.startswith(b"data:")):
        return line
    text, end = line.rstrip(b"\r\n"), line[len(line.rstrip(b"\r\n")) :]
    value = json.loads(text[start:])
    return text[:start] + json.dumps(value, separators=(",", ":")).encode() + end
