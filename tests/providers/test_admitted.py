"""The bounds admit what is honest: arguments at their own bound in one event, escaped; an echo; an image of 4 MiB.

Each format that can say one of them says it here, under the default limits, to its end.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.providers.anthropic.decode import AnthropicDecoder
from riverrun.providers.ollama.decode import OllamaDecoder
from riverrun.providers.openai_chat.decode import OpenAIChatDecoder
from tests.providers import gemini_samples as gemini
from tests.providers import openai_responses_samples as responses
from tests.providers.samples import (
    MESSAGE_STOP,
    block_delta,
    block_start,
    block_stop,
    chunk,
    message_delta,
    message_start,
    sse,
    tool_start,
)

LIMITS = Limits()
IMAGE = base64.b64encode(bytes(range(256)) * (4 * 4096)).decode()
SAID = "Of \"rivers\",\n[many] {and} 'more', " * 20_000
ARGUMENTS = {"a": "é" * ((LIMITS.arguments_bytes_max - 16) // 2)}
WRITTEN = json.dumps(ARGUMENTS, ensure_ascii=False)
PLAIN_ARGUMENTS = {"a": "a" * (LIMITS.arguments_bytes_max - 16)}
"""Those that come as an object count as they are written: in ASCII."""

DONE = sse("[DONE]")


def fail(_error: Any) -> Failure:
    return Failure(FailureKind.PROVIDER, "x")


def anthropic() -> Any:
    return AnthropicDecoder("anthropic/m", LIMITS, read_error=fail)


def chat() -> Any:
    return OpenAIChatDecoder(LIMITS, read_error=fail)


def ollama() -> Any:
    return OllamaDecoder(LIMITS, read_error=fail)


def lines(*payloads: Any) -> bytes:
    return b"".join(json.dumps(payload).encode() + b"\n" for payload in payloads)


def escaped(*payloads: Any) -> bytes:
    return sse(*(json.dumps(payload) for payload in payloads))


def repeated(*items: Any) -> bytes:
    """Say whole items of a response, between two echoes of a long request; the second repeats the items too."""
    echo = {"instructions": SAID, "tools": [{"type": "function", "name": "look", "parameters": {"x": [0] * 1000}}]}
    told = [responses.done(at, **item) for at, item in enumerate(items)]
    return escaped(responses.lifecycle(**echo), *told, responses.ended(**echo, output=[one["item"] for one in told]))


A_CALL = {"id": "c", "index": 0, "function": {"name": "look", "arguments": WRITTEN}}

ADMITTED: dict[str, tuple[Callable[[], Any], bytes]] = {
    "anthropic: arguments": (
        anthropic,
        escaped(message_start(), tool_start(0), block_delta(0, WRITTEN, "input_json_delta"), block_stop(0))
        + sse(message_delta("tool_use"), MESSAGE_STOP),
    ),
    "anthropic: arguments at the start of a call": (
        anthropic,
        escaped(message_start(), tool_start(0, input=PLAIN_ARGUMENTS), block_stop(0), message_delta("tool_use"))
        + sse(MESSAGE_STOP),
    ),
    "anthropic: an image and a text in the result of a server-side tool": (
        anthropic,
        escaped(message_start(), block_start(0, "web_fetch_tool_result", content={"data": IMAGE, "text": SAID}))
        + sse(block_stop(0), message_delta(), MESSAGE_STOP),
    ),
    "chat: arguments": (chat, escaped(chunk({"tool_calls": [A_CALL]}), chunk({}, "tool_calls")) + DONE),
    "chat: an image, and the answer so far": (
        chat,
        escaped(chunk({"content": SAID, "images": [{"image_url": {"url": IMAGE}}]}), chunk({}, "stop")) + DONE,
    ),
    "responses: arguments, said three times, and an echo": (
        responses.new_decoder,
        repeated({"kind": "function_call", "call_id": "c", "name": "look", "arguments": WRITTEN}),
    ),
    "responses: an image, the answer so far, and an echo": (
        responses.new_decoder,
        repeated(
            {"content": [{"type": "output_text", "text": SAID}]}, {"kind": "image_generation_call", "result": IMAGE}
        ),
    ),
    "gemini: arguments": (
        gemini.new_decoder,
        gemini.sse(gemini.chunk(gemini.call(args=PLAIN_ARGUMENTS), finish="STOP", **gemini.usage())),
    ),
    "gemini: an image, and the answer so far": (
        gemini.new_decoder,
        gemini.sse(gemini.chunk(gemini.text(SAID), {"inlineData": {"data": IMAGE}}, finish="STOP")),
    ),
    "interactions: arguments": (
        gemini.new_interactions_decoder,
        gemini.interactions_sse(
            gemini.created(),
            gemini.start(0, "function_call", id="c", name="look"),
            gemini.delta(0, "arguments_delta", arguments=WRITTEN),
            gemini.stop(0),
            gemini.completed(),
        ),
    ),
    "interactions: an image, the answer so far, and a step that is kept": (
        gemini.new_interactions_decoder,
        gemini.interactions_sse(
            gemini.created(system_instruction=SAID),
            gemini.start(0),
            gemini.said(0, SAID),
            gemini.delta(0, "image", data=IMAGE),
            gemini.stop(0),
            gemini.start(1, "url_context_result"),
            gemini.delta(1, "url_context_result", result=[{"data": IMAGE}]),
            gemini.stop(1),
            gemini.completed(),
        ),
    ),
    "ollama: arguments": (
        ollama,
        lines(
            {"message": {"tool_calls": [{"function": {"name": "look", "arguments": PLAIN_ARGUMENTS}}]}},
            {"done": True, "done_reason": "stop"},
        ),
    ),
    "ollama: an image, and the answer so far": (
        ollama,
        lines({"message": {"content": SAID, "images": [IMAGE]}}, {"done": True, "done_reason": "stop"}),
    ),
}


@pytest.mark.parametrize("name", ADMITTED)
def test_what_is_honest_is_admitted_however_large(name: str) -> None:
    make, body = ADMITTED[name]
    decoder, accumulator = make(), Accumulator(LIMITS)
    for at in range(0, len(body), 65536):
        for event in decoder.feed(body[at : at + 65536]):
            accumulator.fold(event)
    for event in decoder.close():
        accumulator.fold(event)
    assert (decoder.defect, accumulator.defect, decoder.is_complete) == (None, None, True)
    assert not accumulator.is_empty
    assert len(accumulator.completed_calls) == ("arguments" in name)
