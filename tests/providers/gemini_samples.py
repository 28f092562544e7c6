"""Streams of our own making in the formats of both Gemini APIs, as bytes."""

from __future__ import annotations

import json
from typing import Any

from riverrun.engine.core.policy import Limits
from riverrun.engine.core.request import InferenceRequest
from riverrun.providers.gemini.provider import Gemini
from riverrun.providers.gemini_interactions.provider import GeminiInteractions
from tests.providers.fold import decode

KEY = "AIza-canary-0123456789"
ORIGIN = "gemini/gemini-test"


def sse(*payloads: Any, end: str = "\r\n") -> bytes:
    """One server-sent event for each payload; a string is sent as it is."""
    texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in payloads]
    return "".join(f"data: {text}{end}{end}" for text in texts).encode("utf-8", "surrogatepass")


def array(*payloads: Any) -> bytes:
    """The same answer without `alt=sse`: one array that grows."""
    return b"[" + b",\r\n".join(json.dumps(one, indent=2).encode() for one in payloads) + b"\n]\n"


def chunk(*parts: Any, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    candidate |= {} if finish is None else {"finishReason": finish}
    return {"candidates": [candidate], "modelVersion": "gemini-test", "responseId": "resp-1", **fields}


def usage(prompt: int = 10, candidates: int | None = 5, thoughts: int | None = None, **fields: int) -> dict[str, Any]:
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": candidates, "thoughtsTokenCount": thoughts, **fields}
    known = {name: count for name, count in counts.items() if count is not None}
    return {"usageMetadata": {**known, "totalTokenCount": sum(known.values())}}


def text(value: str, signature: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"text": value, **fields} | ({} if signature is None else {"thoughtSignature": signature})


def thought(value: str, signature: str | None = None) -> dict[str, Any]:
    return text(value, signature, thought=True)


def call(name: str | None = "look", signature: str | None = None, **fields: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": ({} if name is None else {"name": name}) | fields}
    return part | ({} if signature is None else {"thoughtSignature": signature})


def piece(path: str, value: Any, **fields: Any) -> dict[str, Any]:
    kind = {str: "stringValue", bool: "boolValue", type(None): "nullValue"}.get(type(value), "numberValue")
    return {"jsonPath": path, kind: "NULL_VALUE" if value is None else value, **fields}


CHUNKS = (
    chunk(thought("Let me see. “Über”")),
    chunk(text("Hello"), **usage(candidates=None)),
    chunk(text(", wörld 🌍\n“”\u2028"), **usage(candidates=3, thoughts=7)),
    chunk(text(' and \\ and "'), text("", "c2lnMQ==")),
    chunk(call("look", "c2lnMg==", args={"city": "São Paulo"}, id="abc"), call("go")),
    chunk(call("write", willContinue=True)),
    chunk(call(None, partialArgs=[piece("$.a[0].b", "x", willContinue=True)], willContinue=True)),
    chunk(call(None, partialArgs=[piece("$.a[0].b", "ÿ"), piece("$.n", 0.5)])),
    chunk({"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
    chunk({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}),
    chunk(text("done"), finish="STOP", **usage(candidates=9, thoughts=7)),
)
ANSWER = sse(*CHUNKS)

ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


def new_decoder(**limits: int) -> Any:
    return Gemini("gemini-test", api_key=KEY).decoder(Limits(**limits))


def events_of(*payloads: Any) -> list[Any]:
    """The events after the answer's own start."""
    return decode(new_decoder(), [sse(*payloads)])[1:]


def defect_of(*payloads: Any, **limits: int) -> str:
    decoder = new_decoder(**limits)
    decode(decoder, [sse(*payloads)])
    assert not decoder.is_complete
    return decoder.defect or ""


def encode(request: InferenceRequest, model: str = "gemini-2.5-flash") -> Any:
    return json.loads(Gemini(model, api_key=KEY).encode(request).body)


# -- interactions -----------------------------------------------------------------------------------------------------


def event(kind: str, event_id: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"event_type": kind, **fields} | ({} if event_id is None else {"event_id": event_id})


def created(interaction: str = "v1_abc", **fields: Any) -> dict[str, Any]:
    about = {"id": interaction, "status": "in_progress", "object": "interaction", "model": "gemini-test"}
    return event("interaction.created", **{"interaction": about, **fields})


def start(index: int, kind: str = "model_output", **step: Any) -> dict[str, Any]:
    return event("step.start", index=index, step={"type": kind, **step})


def delta(index: int, kind: str = "text", **fields: Any) -> dict[str, Any]:
    return event("step.delta", index=index, delta={"type": kind, **fields})


def said(index: int, value: str) -> dict[str, Any]:
    return delta(index, text=value)


def stop(index: int, **fields: Any) -> dict[str, Any]:
    return event("step.stop", index=index, **fields)


TOTALS = {"total_input_tokens": 12, "total_output_tokens": 54, "total_thought_tokens": 391, "total_tokens": 457}


def completed(status: str = "completed", **fields: Any) -> dict[str, Any]:
    about = {"id": "v1_abc", "status": status, "usage": TOTALS, "model": "gemini-test", **fields}
    return event("interaction.completed", interaction=about)


DONE = "[DONE]"

INTERACTION = (
    created(),
    event("interaction.status_update", interaction_id="v1_abc", status="in_progress"),
    start(0, "thought"),
    delta(0, "thought_summary", content={"type": "text", "text": "Let me see. “Über”"}),
    delta(0, "thought_signature", signature=""),
    delta(0, "thought_signature", signature="c2lnMQ=="),
    stop(0),
    start(1),
    said(1, "Hello"),
    said(1, ", wörld 🌍\n“”\u2028"),
    said(1, "\ud83c"),
    said(1, "\udf0d!"),
    stop(1),
    start(2, "code_execution_call", id="s1", arguments={}),
    delta(2, "code_execution_call", arguments={"code": "print(1)", "language": "python"}),
    stop(2),
    start(3, "code_execution_result", call_id="s1", result=""),
    delta(3, "code_execution_result", result="1\n", is_error=False),
    stop(3),
    start(4, "function_call", id="c1", name="look", arguments={}, signature=""),
    delta(4, "arguments_delta", arguments='{"city": "São'),
    delta(4, "arguments_delta", arguments=' Paulo"}'),
    stop(4),
    start(5, "function_call", id="c2", name="go", arguments={"n": 1}),
    stop(5),
    completed("requires_action"),
)


def numbered(events: Any) -> tuple[dict[str, Any], ...]:
    """The same events, each with an id."""
    return tuple({**one, "event_id": f"ev/{number}?"} for number, one in enumerate(events))


def interactions_sse(*events: Any) -> bytes:
    frames = []
    for one in events:
        name = "done" if isinstance(one, str) else one["event_type"]
        frames.append(f"event: {name}\ndata: {one if isinstance(one, str) else json.dumps(one)}\n\n")
    return "".join(frames).encode()


def new_interactions_decoder(**limits: int) -> Any:
    return GeminiInteractions("gemini-test", api_key=KEY).decoder(Limits(**limits))


def interaction_events_of(*events: Any) -> list[Any]:
    """The events after the interaction's own start."""
    return decode(new_interactions_decoder(), [interactions_sse(created(), *events)])[1:]
