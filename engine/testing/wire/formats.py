"""Every wire format as a provider speaks it: from an answer to encoded events, and from a request to what it says.

Pure: no sockets and no clock. The servers of `network` send what is made here. Each format is in a file of its own;
this module knows all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import cast

from ...core.json_value import JSONObject
from ...core.stream_events import StreamEvent
from .anthropic import ANTHROPIC, AnthropicWriter
from .format import Continuation, EventWriter, Reply, WireFormat, dump
from .gemini import GEMINI, is_streamed
from .gemini_interactions import INTERACTIONS
from .ollama import OLLAMA
from .openai_chat import OPENAI, ChatWriter
from .openai_responses import RESPONSES

__all__ = [
    "GARBAGE",
    "Continuation",
    "Reply",
    "Wire",
    "asks_for_stream",
    "encode_events",
    "error_body",
    "events_of",
    "ping",
    "read_continuation",
    "stream_error",
    "whole_of",
    "wire_of_path",
]


class Wire(StrEnum):
    """A wire format, named as its first provider is (`riverrun.from_name`)."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    RESPONSES = "openai-responses"
    GEMINI = "gemini"
    INTERACTIONS = "gemini-interactions"
    OLLAMA = "ollama"

    @property
    def path(self) -> str:
        """Where requests of this format are posted; where the path names a model, that of some model."""
        return _FORMATS[self].path

    @property
    def content_type(self) -> str:
        """The content type of a stream."""
        return _FORMATS[self].content_type


_FORMATS: dict[Wire, WireFormat] = {
    Wire.ANTHROPIC: ANTHROPIC,
    Wire.OPENAI: OPENAI,
    Wire.RESPONSES: RESPONSES,
    Wire.GEMINI: GEMINI,
    Wire.INTERACTIONS: INTERACTIONS,
    Wire.OLLAMA: OLLAMA,
}


def wire_of_path(path: str) -> Wire | None:
    """Return the format whose requests are posted to a path; None where nobody's are."""
    return next((wire for wire, spoken in _FORMATS.items() if spoken.serves(path)), None)


def read_body(raw: bytes) -> JSONObject | None:
    """Read a request's body; None where it is no JSON object."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return cast("JSONObject", body) if isinstance(body, dict) else None


def read_continuation(wire: Wire, body: JSONObject, *, continues: bool = False) -> Continuation:
    """Read what was said out of a request: a trailing assistant turn, or one that a quoting user turn follows.

    A trailing assistant turn counts where the API goes on from it: always (Messages, Gemini, Ollama), where a flag asks
    for it (Chat Completions), never (Responses, Interactions). `continues` says that a server of Chat Completions goes
    on from it unasked, as Groq's and llama.cpp's do.
    """
    return _FORMATS[wire].continuation(body, continues)


def asks_for_stream(wire: Wire, path: str, body: JSONObject) -> bool:
    """Whether a stream is asked for: by the path at Gemini, by its absence at Ollama, by a field elsewhere."""
    asks = body.get("stream")
    if wire is Wire.GEMINI:
        return is_streamed(path)
    return asks is True or (wire is Wire.OLLAMA and asks is None)


def events_of(wire: Wire, reply: Reply) -> list[bytes]:
    """Encode an answer as the events of a stream, the terminal event last. Text is raw UTF-8, not escaped."""
    return _FORMATS[wire].events(reply)


def whole_of(wire: Wire, reply: Reply) -> bytes:
    """Encode an answer in one piece, as it is sent where no stream is asked for."""
    return dump(_FORMATS[wire].whole(reply))


_WRITERS: dict[Wire, Callable[[Sequence[StreamEvent]], EventWriter]] = {
    Wire.ANTHROPIC: AnthropicWriter,
    Wire.OPENAI: ChatWriter,
}


def encode_events(wire: Wire, events: Sequence[StreamEvent], *, is_whole: bool) -> list[bytes]:
    """Encode any events in Messages or Chat Completions: entry `i` of the result is what event `i` is on the wire.

    `is_whole`: the provider's terminal event follows the last one, and is a part of its bytes.
    """
    writer = _WRITERS[wire](events)
    encoded = [writer.write(place, event) for place, event in enumerate(events)]
    if is_whole:
        encoded.append((encoded.pop() if encoded else b"") + writer.end)
    return encoded


def ping(wire: Wire) -> bytes:
    """Encode a sign of life that says nothing."""
    return _FORMATS[wire].ping


def stream_error(wire: Wire, status: int) -> bytes:
    """Encode an error inside the stream, in the words of HTTP for its status, or for an overload in a provider's."""
    message = "The server is currently overloaded." if status in (503, 529) else _phrase(status)
    return _FORMATS[wire].stream_error(status, message)


def _phrase(status: int) -> str:
    known = {one.value: one.phrase for one in HTTPStatus}
    return f"{known.get(status, 'Error')} ({status})"


GARBAGE = b'\x00\xff\xfe~~~ not an event ~~~\ndata: {"type": "content_block_delta", "choi\xc3\x28\n\n'
"""Bytes that are neither SSE nor JSON: an unknown line, then data that does not parse and is no UTF-8."""


def error_body(wire: Wire, status: int, message: str) -> bytes:
    """Encode the body of an HTTP error."""
    return dump(_FORMATS[wire].error(status, message))
