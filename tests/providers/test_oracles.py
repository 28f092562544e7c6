"""The official libraries as oracles: replayed through a transport of ours, they read the same text and stop reason."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from riverrun import Anthropic, OpenAIChat
from riverrun.engine.core.policy import Limits
from tests.conftest import shared_path
from tests.providers.fold import decode, fold
from tests.providers.samples import (
    ANTHROPIC_ANSWER,
    MESSAGE_STOP,
    OPENAI_ANSWER,
    block_delta,
    block_start,
    block_stop,
    call,
    chunk,
    message_delta,
    message_start,
    sse,
)

httpx2 = pytest.importorskip("httpx2")


def http_client(data: bytes) -> Any:
    headers = {"content-type": "text/event-stream"}
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=data, headers=headers)))


def anthropic_reads(data: bytes) -> tuple[str, str | None]:
    library = pytest.importorskip("anthropic")
    with http_client(data) as http, library.Anthropic(api_key="x", http_client=http) as client:
        text, stop = "", None
        stream = client.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}], stream=True
        )
        for event in stream:
            if event.type == "content_block_start" and event.content_block.type == "text":
                text += event.content_block.text
            elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                text += event.delta.text
            elif event.type == "message_delta":
                stop = event.delta.stop_reason or stop
        return text, stop


def openai_reads(data: bytes) -> tuple[str, str | None]:
    library = pytest.importorskip("openai")
    with http_client(data) as http, library.OpenAI(api_key="x", http_client=http) as client:
        text, stop = "", None
        for event in client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True
        ):
            for choice in event.choices:
                if choice.index == 0:
                    text += (choice.delta.content or "") + (choice.delta.refusal or "")
                    stop = choice.finish_reason or stop
        return text, stop


def we_read(provider: Any, data: bytes) -> tuple[str, str | None]:
    answer = fold(decode(provider("m", api_key="sk-test-key").decoder(Limits()), [data]))
    return answer.text, answer.stop.word if answer.stop else None


CLAUDE_SAMPLES = {
    "a whole answer": ANTHROPIC_ANSWER,
    "two text blocks": sse(
        message_start(), block_start(0), block_delta(0, "a"), block_stop(0), block_start(1), block_delta(1, "b"),
        block_stop(1), message_delta("stop_sequence"), MESSAGE_STOP,
    ),
    "two message deltas": sse(message_start(), message_delta("max_tokens"), message_delta("end_turn"), MESSAGE_STOP),
    "a refusal": sse(message_start(), block_start(0), block_stop(0), message_delta("refusal"), MESSAGE_STOP),
    "a gap in the indexes, and one used again": sse(
        message_start(), block_start(0), block_delta(0, "a"), block_stop(0), block_start(2), block_delta(2, "b"),
        block_stop(2), block_stop(9), block_start(2), block_delta(2, "c"), block_stop(2), message_delta(), MESSAGE_STOP,
    ),
    "text in a block begun as thinking, and the other way round": sse(
        message_start(), block_start(0, "thinking"), block_delta(0, "hm", "thinking_delta"), block_delta(0, "a"),
        block_delta(0, "b"), block_stop(0), block_start(1), block_delta(1, "hm", "thinking_delta"),
        block_delta(1, "c"), block_stop(1), message_delta(), MESSAGE_STOP,
    ),
}  # fmt: skip
CHAT_SAMPLES = {
    "a whole answer": OPENAI_ANSWER,
    "a refusal": sse(chunk({"refusal": "No."}), chunk({}, "stop"), "[DONE]"),
    "a finish given twice": sse(
        chunk({"content": "a"}), chunk({}, "length"), chunk({"content": ""}, "length"), "[DONE]"
    ),
    "no end": sse(chunk({"content": "a"}), "[DONE]"),
}


@pytest.mark.parametrize("name", CLAUDE_SAMPLES)
def test_anthropics_own_library_reads_our_samples_alike(name: str) -> None:
    assert we_read(Anthropic, CLAUDE_SAMPLES[name]) == anthropic_reads(CLAUDE_SAMPLES[name])


@pytest.mark.parametrize("name", CHAT_SAMPLES)
def test_openais_own_library_reads_our_samples_alike(name: str) -> None:
    assert we_read(OpenAIChat, CHAT_SAMPLES[name]) == openai_reads(CHAT_SAMPLES[name])


def openai_calls(data: bytes) -> list[tuple[str, str]]:
    """The names and arguments of the calls, as openai-python joins what its chunks hold."""
    library = pytest.importorskip("openai")
    state = importlib.import_module("openai.lib.streaming.chat").ChatCompletionStreamState()
    with http_client(data) as http, library.OpenAI(api_key="x", http_client=http) as client:
        for event in client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True
        ):
            state.handle_chunk(event)
    calls = state.current_completion_snapshot.choices[0].message.tool_calls
    return [(call.function.name, call.function.arguments) for call in calls]


ODD_CALLS = {
    "one id at two indexes": [
        call('{"n":1}', call_id="c", name="look"), call('{"n":2}', index=1, call_id="c", name="look"),
    ],
    "a name in parts": [call("", call_id="c", name="lo"), call("", name="ok"), call('{"n":1}')],
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_CALLS)
def test_openais_own_library_reads_odd_calls_alike(name: str) -> None:
    data = sse(*map(chunk, ODD_CALLS[name]), chunk({}, "tool_calls"), "[DONE]")
    answer = fold(decode(OpenAIChat("m", api_key="sk-test-key").decoder(Limits()), [data]))
    assert [(call.name, "".join(call.fragments)) for call in answer.calls.values()] == openai_calls(data)


def agreed(api: str) -> list[Any]:
    """The recordings on which the library and an independent decoder agreed when they were collected."""
    root = shared_path()
    metas = [] if root is None else sorted((root / "recordings" / api).glob("*.json"))
    told = [(meta, json.loads(meta.read_text("utf-8"))) for meta in metas]
    return [
        pytest.param(meta.parent / described["file"], id=meta.stem)
        for meta, described in told
        if described["oracle"]["agrees"] is True
    ] or [pytest.param(None, marks=pytest.mark.skip("the shared recordings are absent"))]


@pytest.mark.recordings
@pytest.mark.parametrize("path", agreed("anthropic"))
def test_anthropics_own_library_reads_recordings_alike(path: Path) -> None:
    data = path.read_bytes()
    whole = data.rstrip(b"\n") + b"\n\n"  # the library drops a last event without its blank line
    assert we_read(Anthropic, data) == anthropic_reads(whole)


@pytest.mark.recordings
@pytest.mark.parametrize("path", agreed("openai-chat"))
def test_openais_own_library_reads_recordings_alike(path: Path) -> None:
    data = path.read_bytes()
    assert we_read(OpenAIChat, data) == openai_reads(data)
