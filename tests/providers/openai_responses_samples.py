"""Streams of the Responses API of our own making, written from its documented format."""

from __future__ import annotations

import json
from typing import Any

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import ResponseStarted
from riverrun.providers.openai_responses.provider import OpenAIResponses
from tests.providers.fold import decode
from tests.providers.samples import sse

ORIGIN = "openai-responses/gpt-test"
USAGE = {
    "input_tokens": 30, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 12, "output_tokens_details": {"reasoning_tokens": 7}, "total_tokens": 42,
}  # fmt: skip


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind if kind in ("error", "keepalive") else f"response.{kind}", **fields}


def lifecycle(kind: str = "created", **fields: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "object": "response", "model": "gpt-test", "status": "in_progress", "output": []}
    return event(kind, response={**response, "usage": None, **fields})


def ended(kind: str = "completed", **fields: Any) -> dict[str, Any]:
    return lifecycle(kind, **{"status": kind, "usage": USAGE, **fields})


CREATED = lifecycle()
COMPLETED = ended()


def added(index: int, kind: str = "message", **fields: Any) -> dict[str, Any]:
    return event("output_item.added", output_index=index, item={"id": f"item_{index}", "type": kind, **fields})


def done(index: int, kind: str = "message", **fields: Any) -> dict[str, Any]:
    item = {"id": f"item_{index}", "type": kind, "status": "completed", **fields}
    return event("output_item.done", output_index=index, item=item)


def text(index: int, delta: str, **fields: Any) -> dict[str, Any]:
    named = {"item_id": f"item_{index}", "output_index": index, "content_index": 0, "delta": delta}
    return event("output_text.delta", **{**named, "logprobs": [], "obfuscation": "xyz", **fields})


def text_done(index: int, whole: str, **fields: Any) -> dict[str, Any]:
    named = {"item_id": f"item_{index}", "output_index": index, "content_index": 0}
    return event("output_text.done", **{**named, "text": whole, **fields})


def message_done(index: int, *texts: str, **fields: Any) -> dict[str, Any]:
    parts = [{"type": "output_text", "text": whole, "annotations": []} for whole in texts]
    return done(index, "message", role="assistant", content=parts, **fields)


def summary(index: int, delta: str, part: int = 0) -> dict[str, Any]:
    return event(
        "reasoning_summary_text.delta", item_id=f"item_{index}", output_index=index, summary_index=part, delta=delta
    )


def reasoning_done(index: int, *texts: str, encrypted: str | None = None) -> dict[str, Any]:
    fields = {} if encrypted is None else {"encrypted_content": encrypted}
    return done(index, "reasoning", summary=[{"type": "summary_text", "text": text} for text in texts], **fields)


def call_added(index: int, call_id: str = "call_a", name: str = "look", **fields: Any) -> dict[str, Any]:
    return added(index, "function_call", **{"call_id": call_id, "name": name, "arguments": "", **fields})


def args(index: int, delta: str, **fields: Any) -> dict[str, Any]:
    return event(
        "function_call_arguments.delta", **{"item_id": f"item_{index}", "output_index": index, "delta": delta, **fields}
    )


def args_done(index: int, whole: str) -> dict[str, Any]:
    return event("function_call_arguments.done", item_id=f"item_{index}", output_index=index, arguments=whole)


def call_done(index: int, whole: str, call_id: str = "call_a", name: str = "look", **fields: Any) -> dict[str, Any]:
    return done(index, "function_call", **{"call_id": call_id, "name": name, "arguments": whole, **fields})


def custom_added(index: int, call_id: str = "call_c") -> dict[str, Any]:
    return added(index, "custom_tool_call", call_id=call_id, name="write", input="")


def custom(index: int, delta: str) -> dict[str, Any]:
    return event("custom_tool_call_input.delta", item_id=f"item_{index}", output_index=index, delta=delta)


def custom_done(index: int, whole: str, call_id: str = "call_c") -> dict[str, Any]:
    return done(index, "custom_tool_call", call_id=call_id, name="write", input=whole)


def numbered(*events: dict[str, Any], first: int = 0) -> list[dict[str, Any]]:
    return [{**told, "sequence_number": number} for number, told in enumerate(events, first)]


ANSWER_EVENTS = [
    lifecycle("created"),
    lifecycle("queued"),
    lifecycle("in_progress"),
    added(0, "reasoning", summary=[], encrypted_content="short"),
    event("reasoning_summary_part.added", output_index=0, summary_index=0, part={"type": "summary_text", "text": ""}),
    summary(0, "Let me see. "),
    summary(0, "“Über” 🌍"),
    event("reasoning_summary_text.done", output_index=0, summary_index=0, text="Let me see. “Über” 🌍"),
    event("reasoning_summary_part.done", output_index=0, summary_index=0, part={"type": "summary_text", "text": "x"}),
    summary(0, " More.", 1),
    reasoning_done(0, "Let me see. “Über” 🌍", " More.", encrypted="opaque=="),
    event("keepalive"),
    added(1, role="assistant", content=[]),
    event("content_part.added", output_index=1, content_index=0, part={"type": "output_text", "text": ""}),
    text(1, "Hello"),
    text(1, ", wörld 🌍\n“”\u2028"),
    text(1, ' and \\ and "'),
    event("output_text.annotation.added", output_index=1, annotation={"type": "url_citation"}),
    text_done(1, 'Hello, wörld 🌍\n“”\u2028 and \\ and "'),
    event("content_part.done", output_index=1, content_index=0, part={"type": "output_text", "text": "…"}),
    message_done(1, 'Hello, wörld 🌍\n“”\u2028 and \\ and "'),
    added(2, "web_search_call", status="in_progress"),
    event("web_search_call.in_progress", output_index=2, item_id="item_2"),
    event("web_search_call.searching", output_index=2, item_id="item_2"),
    event("web_search_call.completed", output_index=2, item_id="item_2"),
    done(2, "web_search_call", action={"type": "search", "query": "x"}),
    call_added(3),
    args(3, '{"city": "São'),
    args(3, ' Paulo"}'),
    args_done(3, '{"city": "São Paulo"}'),
    call_done(3, '{"city": "São Paulo"}'),
    custom_added(4),
    custom(4, 'say "hi"\n'),
    custom(4, "🌍"),
    event("custom_tool_call_input.done", output_index=4, input='say "hi"\n🌍'),
    custom_done(4, 'say "hi"\n🌍'),
    COMPLETED,
]
ANSWER = sse(*numbered(*ANSWER_EVENTS))


def new_decoder(**limits: int) -> Any:
    return OpenAIResponses("gpt-test", api_key="sk-canary-key").decoder(Limits(**limits))


def escaped(*payloads: Any) -> bytes:
    """The events with all that is not ASCII escaped, halves of characters too, and without names."""
    return sse(*[payload if isinstance(payload, str) else json.dumps(payload) for payload in payloads])


def events_of(*payloads: Any) -> list[Any]:
    """The events of a response, less the one that names it."""
    events = decode(new_decoder(), [escaped(CREATED, *payloads)])
    return events[1:]


def defect_of(*payloads: Any, **limits: int) -> str:
    decoder = new_decoder(**limits)
    decode(decoder, [sse(CREATED, *payloads, COMPLETED)])
    assert not decoder.is_complete
    assert decoder.defect is not None
    assert decoder.feed(sse(text(9, "x"))) == []
    return str(decoder.defect)


def held_after(*payloads: Any) -> Accumulator:
    """What a run holds after a response."""
    accumulator = Accumulator(origin=ORIGIN)
    accumulator.begin_attempt()
    for found in [ResponseStarted("resp_1", "gpt-test"), *events_of(*payloads)]:
        accumulator.fold(found)
    assert accumulator.defect is None
    return accumulator
