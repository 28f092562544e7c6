"""The official libraries as oracles: replayed through a transport of ours, they read the same text and stop reason."""

from __future__ import annotations

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
