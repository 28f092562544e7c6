"""Ollama's own library as an oracle: replayed through a transport of ours, it reads what we read.

Where we differ on purpose: the library ends without complaint when the stream does, done or not; completeness is ours.
And it cuts lines at U+2028, inside a JSON string, so it is given that one escaped.
"""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from riverrun.engine.core.policy import Limits
from riverrun.providers.ollama.provider import Ollama
from tests.providers.fold import decode, fold
from tests.providers.recordings import load, recordings
from tests.providers.test_ollama import ANSWER, call, done, line, ndjson

ollama = pytest.importorskip("ollama")


class Replaying(httpx.HTTPTransport):
    """Answers every request with the same bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=self._data, headers={"content-type": "application/x-ndjson"})


def ollama_reads(data: bytes, *, generates: bool = False) -> tuple[Any, ...]:
    escaped = data.replace("\u2028".encode(), b"\\u2028")
    client = ollama.Client(host="http://localhost:11434", transport=Replaying(escaped))
    text, thinking, calls, last = "", "", [], None
    if generates:
        for last in client.generate(model="m", prompt="x", stream=True):
            text, thinking = text + (last.response or ""), thinking + (last.thinking or "")
    else:
        for last in client.chat(model="m", messages=[], stream=True):
            text, thinking = text + (last.message.content or ""), thinking + (last.message.thinking or "")
            calls += [(c.function.name, dict(c.function.arguments)) for c in last.message.tool_calls or ()]
    client._client.close()
    assert last is not None
    return text, thinking, calls, last.done_reason, last.prompt_eval_count or 0, last.eval_count or 0


def we_read(data: bytes) -> tuple[Any, ...]:
    answer = fold(decode(Ollama("m").decoder(Limits()), [data]))
    calls = [(c.name, c.arguments) for c in answer.calls.values()]
    word = answer.stop.word if answer.stop else None
    return answer.text, answer.reasoning, calls, word, answer.usage.input, answer.usage.output


def test_the_library_is_the_one_that_was_read() -> None:
    assert importlib.metadata.version("ollama").startswith("0.6.")


SAMPLES = {
    "a whole answer": ANSWER,
    "content in the done line": ndjson(line("a"), done("b", eval_count=2)),
    "calls over several lines": ndjson(line(calls=[call("a", {"x": 1})]), line(calls=[call("b")]), done()),
    "cut by the ceiling": ndjson(line("a"), done(reason="length", prompt_eval_count=3, eval_count=1)),
    "no line end at the end": ndjson(line("a"), done()).rstrip(b"\n"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_ollamas_own_library_reads_our_samples_alike(name: str) -> None:
    assert we_read(SAMPLES[name]) == ollama_reads(SAMPLES[name])


def test_both_see_an_error_line() -> None:
    data = ndjson(line("a"), {"error": "model runner stopped"})
    with pytest.raises(ollama.ResponseError, match="model runner stopped"):
        ollama_reads(data)
    assert "model runner stopped" in fold(decode(Ollama("m").decoder(Limits()), [data])).failure.message


def test_only_we_see_that_the_end_is_missing() -> None:
    data = ndjson(line("a"))
    decoder = Ollama("m").decoder(Limits())
    decode(decoder, [data])
    assert ollama_reads(data)[0] == "a"
    assert not decoder.is_complete


@pytest.mark.recordings
@pytest.mark.parametrize("meta", recordings("ollama"))
def test_ollamas_own_library_reads_recordings_alike(meta: Path | None) -> None:
    described, data = load(meta)
    generates = "response" in json.loads(data.splitlines()[0])
    assert described["oracle"]["agrees"] is True
    assert we_read(data) == ollama_reads(data, generates=generates)
