"""Every recorded stream of a compatible server, read by the preset that fits; and OpenAI's own library reads it alike.

Where we differ from what is written beside a recording, on purpose:

* *Ends.* A finish reason completes an answer also where the recorder kept only the payloads, without `[DONE]`.
* *Errors after text* are a failure, whatever finish came before; their counts are kept.
* *Ids.* A call without an id gets one; an answer whose id changes on the way (Groq's systems of several calls) is named
  by the first.
* *One file* (Cerebras) is two answers of two requests in a row: the second is more of an answer after its finish.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from riverrun.engine.core.policy import Limits
from riverrun.providers.openai_chat.azure import AzureOpenAI
from riverrun.providers.openai_chat.presets import DeepSeek, Grok, Groq, LlamaCpp, LMStudio, Mistral, OpenRouter
from riverrun.providers.openai_chat.provider import OpenAIChat
from tests.conftest import shared_path
from tests.providers.fold import Answer, decode, fold
from tests.providers.recordings import check_usage, cut, load, recordings
from tests.providers.test_oracles import openai_reads

pytestmark = pytest.mark.recordings

KEY = "sk-test-key"
FOLDERS: dict[str, Any] = {
    "openrouter": OpenRouter("m", api_key=KEY),
    "mistral": Mistral("m", api_key=KEY),
    "deepseek": DeepSeek("m", api_key=KEY),
    "groq": Groq("m", api_key=KEY),
    "xai": Grok("m", api_key=KEY),
    "llamacpp": LlamaCpp("m"),
    "ollama-openai-compat": LMStudio("m", base_url="http://localhost:11434/v1"),
    "compat-other": OpenAIChat("m", base_url="http://localhost/v1"),
}
OTHERS: dict[str, Any] = {
    "vercel-gateway": OpenRouter("m", base_url="http://localhost/v1"),  # the same items of reasoning
    "copilot": AzureOpenAI("m", base_url="http://localhost/v1"),
}

every_recording = pytest.mark.parametrize("meta", recordings(*FOLDERS))


def provider_of(described: dict[str, Any]) -> Any:
    return OTHERS.get(described["provider"], FOLDERS[described["api"]])


def is_two_in_a_row(described: dict[str, Any]) -> bool:
    return "id changed at index 0" in described["expected"]["oddities"]


def read(meta: Path | None) -> tuple[dict[str, Any], Answer, Any]:
    described, data = load(meta)
    if is_two_in_a_row(described):
        pytest.skip("two answers in one file: see the module's text")
    decoder = provider_of(described).decoder(Limits())
    return described, fold(decode(decoder, [data])), decoder


@every_recording
def test_a_recording_says_what_is_written_beside_it(meta: Path | None) -> None:
    described, answer, decoder = read(meta)
    expected = described["expected"]
    assert decoder.defect is None
    assert (answer.text, answer.reasoning) == (expected["text"] + expected["refusal"], expected["reasoning"])
    assert (answer.stop and answer.stop.word) == expected["finish_reason"]
    check_usage(answer, expected["usage"])
    assert answer.pings == expected["sse_comments"]


@every_recording
def test_a_recording_is_complete_or_failed_as_it_says(meta: Path | None) -> None:
    described, answer, decoder = read(meta)
    expected = described["expected"]
    ended = expected["finish_reason"] is not None or expected["terminal_marker"] is not None
    assert (answer.failure is not None) == bool(expected["errors"])
    assert decoder.is_complete == (ended and not expected["errors"])


@every_recording
def test_the_calls_of_a_recording_are_whole_or_cut(meta: Path | None) -> None:
    described, answer, _ = read(meta)
    told = described["expected"]["tool_calls"]
    seen = [(c.name, c.arguments, c.end) for c in answer.calls.values()]
    assert seen == [(t["name"], t["args"], "closed" if t.get("args_complete", True) else "cut") for t in told]
    assert all(ours == t["id"] or (ours and not t["id"]) for ours, t in zip(answer.calls, told, strict=True))


@every_recording
def test_an_answer_has_the_first_id_that_it_is_given(meta: Path | None) -> None:
    described, answer, _ = read(meta)
    _, data = load(meta)
    named = [json.loads(row[6:]).get("id") for row in data.splitlines() if row.startswith(b"data: {")]
    assert (answer.response_id or None) in (described["expected"]["response_id"], next(filter(None, named), None))


@every_recording
def test_signatures_and_sealed_reasoning_of_a_recording_are_kept(meta: Path | None) -> None:
    described, answer, _ = read(meta)
    expected = described["expected"]
    items = [json.loads(each) for each in answer.signatures if each.startswith("{")]
    assert [item["signature"] for item in items if "signature" in item] == expected["signatures"]
    assert len(answer.redacted) == expected["redacted_or_encrypted"]


@pytest.mark.parametrize("how", ["lines", "bytes", "seed 1", "seed 2"])
@every_recording
def test_a_recording_decodes_the_same_however_it_is_cut(meta: Path | None, how: str) -> None:
    described, data = load(meta)
    whole, cut_up = (provider_of(described).decoder(Limits()) for _ in range(2))
    assert decode(cut_up, cut(data, how)) == decode(whole, [data])
    assert (cut_up.is_complete, cut_up.defect) == (whole.is_complete, whole.defect)


@every_recording
def test_a_recording_without_its_end_is_never_complete(meta: Path | None) -> None:
    described, data = load(meta)
    places = [place for word in (b'"finish_reason":"', b'"usage":{') if (place := data.find(word)) >= 0]
    decoder = provider_of(described).decoder(Limits())
    decode(decoder, [data[: min(places, default=len(data) // 2)]])
    assert not decoder.is_complete


def test_two_answers_in_a_row_are_a_defect() -> None:
    root = shared_path()
    files = [] if root is None else sorted((root / "recordings" / "compat-other").glob("*.json"))
    odd = [(described, data) for described, data in map(load, files) if is_two_in_a_row(described)]
    for described, data in odd:
        decoder = provider_of(described).decoder(Limits())
        decode(decoder, [data])
        assert decoder.defect == "seen another answer behind a finish_reason; expected one answer"


# -- the oracle ---------------------------------------------------------------------------------------------------


def agreed() -> list[Any]:
    """The recordings on which the library and an independent decoder agreed when they were collected."""
    told = [(param.values[0], param.id) for param in recordings(*FOLDERS)]
    return [
        pytest.param(meta, id=name)
        for meta, name in told
        if meta is not None and load(meta)[0]["oracle"]["agrees"] is True
    ] or [pytest.param(None, marks=pytest.mark.skip("the shared recordings are absent"))]


@pytest.mark.parametrize("meta", agreed())
def test_openais_own_library_reads_recordings_alike(meta: Path) -> None:
    described, data = load(meta)
    answer = fold(decode(provider_of(described).decoder(Limits()), [data]))
    assert (answer.text, answer.stop and answer.stop.word) == openai_reads(data)
