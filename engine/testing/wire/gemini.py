"""Gemini's streamGenerateContent as a provider writes it: every chunk a whole little answer, with its counts so far.

Source: wire-formats §5.1 to §5.3; the recorded streams.
"""

from __future__ import annotations

import re

from ...core.json_value import JSONObject, JSONValue
from ...core.messages import ToolCall
from .format import Continuation, Fields, Reply, Turn, WireFormat, continuation_of, dump, objects, text_of

_PATH = re.compile(r"/v\d\w*/(?:models|tunedModels)/(?P<model>[^/]+):streamGenerateContent")

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    529: "UNAVAILABLE",
}
"""Google's names of statuses."""


def gemini_model(path: str) -> str | None:
    """Return the model that a path names; None where it is no path of this format's."""
    match = _PATH.fullmatch(path)
    return None if match is None else match["model"]


def _continuation(body: JSONObject, _continues: bool) -> Continuation:
    """A trailing turn of the model's is gone on from; thoughts are not what was said."""
    return continuation_of([_turn(content) for content in objects(body.get("contents"))], continues=True)


def _turn(content: JSONObject) -> Turn:
    said: list[JSONValue] = [part for part in objects(content.get("parts")) if part.get("thought") is not True]
    return Turn(content.get("role") == "model", text_of(said))


def _error(status: int, message: str) -> JSONValue:
    return {"error": {"code": status, "message": message, "status": STATUS_NAMES.get(status, "UNKNOWN")}}


def _events(reply: Reply) -> list[bytes]:
    thoughts: list[Fields] = [{"text": piece, "thought": True} for piece in reply.reasoning]
    texts: list[Fields] = [{"text": piece} for piece in reply.text]
    signed: Fields = {"thoughtSignature": reply.signature} if reply.thinks else {}
    calls = [_call(call) | ({} if at else signed) for at, call in enumerate(reply.calls)]
    last: Fields = {"text": ""} | ({} if calls else signed)
    chunks = [_chunk(reply, said, part) for said, part in enumerate((*thoughts, *texts, *calls), 1)]
    return [*chunks, _chunk(reply, reply.output_tokens, last, finish="STOP")]


def _call(call: ToolCall) -> Fields:
    """Write a call; one without an id has none here, as older models' have none."""
    named: Fields = {"name": call.name, "args": call.arguments}
    return {"functionCall": {"id": call.id, **named} if call.id else named}


def _chunk(reply: Reply, said: int, part: JSONObject, finish: str | None = None) -> bytes:
    candidate: Fields = {"content": {"parts": [part], "role": "model"}, "index": 0}
    thoughts = min(said, len(reply.reasoning))
    counts: Fields = {
        "promptTokenCount": reply.input_tokens,
        "candidatesTokenCount": said - thoughts,
        "totalTokenCount": reply.input_tokens + said,
    }
    return _data(
        {
            "candidates": [candidate if finish is None else candidate | {"finishReason": finish}],
            "usageMetadata": counts | ({"thoughtsTokenCount": thoughts} if thoughts else {}),
            "modelVersion": reply.model,
            "responseId": f"loopback-{reply.number:04}",
        }
    )


def _data(value: JSONValue) -> bytes:
    """Write an event; Google ends lines with CRLF."""
    return b"data: " + dump(value) + b"\r\n\r\n"


GEMINI = WireFormat(
    path="/v1beta/models/loopback:streamGenerateContent",
    serves=lambda path: gemini_model(path) is not None,
    continuation=_continuation,
    events=_events,
    error=_error,
    ping=b": keep-alive\r\n\r\n",
    stream_error=lambda status, message: _data(_error(503 if status == 529 else status, message)),
)
"""streamGenerateContent, framed as server-sent events."""
