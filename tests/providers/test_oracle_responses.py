"""OpenAI's own library as an oracle: replayed through a transport of ours, it reads the same answer.

Where we differ on purpose:

- A server that sends a whole text or whole arguments without deltas (LM Studio does): the library's deltas are empty,
  ours are made of the whole. It is asked for the done items then.
- The library raises on an error frame and on a frame that is no JSON; we report a failure and a defect.
- The library reads on after the terminal event, and drops a last event without its blank line; we do neither.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import StreamFailed
from riverrun.providers.openai_responses.provider import OpenAIResponses
from tests.conftest import shared_path
from tests.providers.fold import decode, fold
from tests.providers.openai_responses_samples import (
    ANSWER,
    COMPLETED,
    CREATED,
    added,
    args_done,
    call_added,
    call_done,
    ended,
    event,
    lifecycle,
    message_done,
    numbered,
    reasoning_done,
    summary,
    text,
    text_done,
)
from tests.providers.samples import sse

httpx2 = pytest.importorskip("httpx2")
openai = pytest.importorskip("openai")

DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "text",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
}


def library_events(data: bytes) -> list[Any]:
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=data, headers=headers))
    with httpx2.Client(transport=transport) as http, openai.OpenAI(api_key="x", http_client=http) as client:
        return list(client.responses.create(model="m", input="x", stream=True))


def library_reads(data: bytes) -> dict[str, Any]:
    """What the library's typed events say."""
    read: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "encrypted": [], "stop": None, "usage": (0, 0, 0)}
    for told in library_events(data):
        if told.type in DELTAS:
            read[DELTAS[told.type]] += told.delta
        elif told.type == "response.output_item.done" and told.item.type == "function_call":
            read["calls"].append((told.item.call_id, told.item.name, told.item.arguments))
        elif told.type == "response.output_item.done" and told.item.type == "reasoning":
            read["encrypted"] += [told.item.encrypted_content] if told.item.encrypted_content else []
        elif told.type in ("response.completed", "response.incomplete"):
            read["stop"] = told.response.status
            usage = told.response.usage
            if usage is not None:
                read["usage"] = (usage.input_tokens, usage.output_tokens, usage.total_tokens)
    read["calls"] = [(*call[:2], json.loads(call[2])) for call in read["calls"] if is_json(call[2])]
    return read


def is_json(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True


def we_read(data: bytes) -> dict[str, Any]:
    events = decode(OpenAIResponses("m", api_key="sk-test-key").decoder(Limits()), [data])
    answer, accumulator = fold(events), Accumulator()
    for found in events:
        accumulator.fold(found)
    custom = {call.id for call in accumulator.completed_calls if set(call.arguments) == {"input"}}
    calls = [(call.id, call.name, call.arguments) for call in accumulator.completed_calls if call.id not in custom]
    used = answer.usage
    return {
        "text": answer.text,
        "reasoning": answer.reasoning,
        "calls": calls,
        "encrypted": [json.loads(signature)["encrypted_content"] for signature in answer.signatures],
        "stop": answer.stop.word if answer.stop else None,
        "usage": (used.input, used.output, used.total),
    }


SAMPLES = {
    "a whole answer": ANSWER,
    "two messages": sse(*numbered(CREATED, added(0), text(0, "a"), message_done(0, "a"), added(1), text(1, "b"),
                                  message_done(1, "b"), COMPLETED)),
    "reasoning": sse(*numbered(CREATED, added(0, "reasoning", summary=[]), summary(0, "Hm."), summary(0, " So.", 1),
                               reasoning_done(0, "Hm.", " So.", encrypted="x=="), COMPLETED)),
    "a refusal": sse(*numbered(CREATED, added(0, content=[], role="assistant"),
                               event("refusal.delta", item_id="i", output_index=0, content_index=0, delta="No."),
                               COMPLETED)),
    "arguments without deltas": sse(*numbered(CREATED, call_added(0), args_done(0, '{"a":1}'),
                                              call_done(0, '{"a":1}'), COMPLETED)),
    "arguments that contradict their deltas": sse(*numbered(
        CREATED, call_added(0),
        event("function_call_arguments.delta", item_id="i", output_index=0, delta='{"a":1}'),
        args_done(0, '{"a":2}'), call_done(0, '{"a":2}'), COMPLETED)),
    "an incomplete answer": sse(*numbered(CREATED, added(0), text(0, "a"),
                                          ended("incomplete", incomplete_details={"reason": "max_output_tokens"}))),
    "no end": sse(*numbered(CREATED, added(0), text(0, "a"))),
    "a keepalive and [DONE]": sse(*numbered(CREATED, event("keepalive"), added(0), text(0, "a"), COMPLETED), "[DONE]"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_openais_own_library_reads_our_samples_alike(name: str) -> None:
    assert we_read(SAMPLES[name]) == library_reads(SAMPLES[name])


def test_a_text_without_deltas_is_said_where_the_library_has_only_the_done_item() -> None:
    data = sse(*numbered(CREATED, added(0), text_done(0, "whole"), message_done(0, "whole"), COMPLETED))
    assert (we_read(data)["text"], library_reads(data)["text"]) == ("whole", "")
    done = [told.item for told in library_events(data) if told.type == "response.output_item.done"]
    assert done[0].content[0].text == we_read(data)["text"]


@pytest.mark.parametrize(
    "error", [event("error", error={"message": "x", "code": "server_error"}), {"error": {"message": "x"}}]
)
def test_an_error_frame_is_a_failure_where_the_library_raises(error: Any) -> None:
    data = sse(*numbered(CREATED, error))
    events = decode(OpenAIResponses("m", api_key="sk-test-key").decoder(Limits()), [data])
    assert isinstance(events[-1], StreamFailed)
    with pytest.raises(openai.APIError, match="x"):
        library_events(data)


def test_a_frame_that_is_no_json_is_a_defect_where_the_library_raises() -> None:
    decoder = OpenAIResponses("m", api_key="sk-test-key").decoder(Limits())
    decode(decoder, [sse(CREATED, "{")])
    assert decoder.defect is not None
    with pytest.raises(json.JSONDecodeError):
        library_events(sse(CREATED, "{"))


def test_the_library_sends_the_same_two_requests() -> None:
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(request)
        return httpx2.Response(200, content=b"", headers={"content-type": "text/event-stream"})

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as http,
        openai.OpenAI(api_key="x", http_client=http) as client,
    ):
        list(client.responses.create(model="m", input="x", stream=True))
        include = ["reasoning.encrypted_content"]
        list(client.responses.retrieve("resp_1", stream=True, starting_after=0, include=include))
    provider = OpenAIResponses("o3", api_key="sk-test-key")
    moved = decode(provider.decoder(Limits()), [sse(*numbered(lifecycle(background=True)))])[-1]
    wire, _ = provider.reattach(moved.cursor, Limits())
    assert str(seen[0].url) == "https://api.openai.com/v1/responses"
    assert (seen[1].method, dict(seen[1].url.params)) == (wire.method, dict(httpx2.URL(wire.url).params))
    assert seen[1].url.path == httpx2.URL(wire.url).path


def agreed() -> list[Any]:
    """The recordings on which the library and an independent decoder agreed when they were collected."""
    root = shared_path()
    metas = [] if root is None else sorted((root / "recordings" / "openai-responses").glob("*.json"))
    told = [(meta, json.loads(meta.read_text("utf-8"))) for meta in metas]
    return [
        pytest.param(meta.parent / described["file"], id=meta.stem)
        for meta, described in told
        if described["oracle"]["agrees"] is True
    ] or [pytest.param(None, marks=pytest.mark.skip("the shared recordings are absent"))]


@pytest.mark.recordings
@pytest.mark.parametrize("path", agreed())
def test_openais_own_library_reads_recordings_alike(path: Path) -> None:
    data = path.read_bytes()
    assert we_read(data) == library_reads(data.rstrip(b"\n") + b"\n\n")
