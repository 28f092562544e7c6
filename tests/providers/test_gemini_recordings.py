"""Every recorded stream of both Gemini APIs decodes to what is written beside it, however its bytes were cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import OpaqueBlockReceived, ReasoningSignature
from riverrun.providers.gemini.provider import Gemini
from riverrun.providers.gemini.tool_calls import MADE_UP_PREFIX
from riverrun.providers.gemini_interactions.provider import GeminiInteractions
from tests.providers.fold import Answer, decode, fold
from tests.providers.recordings import cut, load, recordings

pytestmark = pytest.mark.recordings

GENERATE_COUNTS = (
    "candidatesTokenCount thoughtsTokenCount cachedContentTokenCount totalTokenCount promptTokenCount "
    "toolUsePromptTokenCount"
)
INTERACTION_COUNTS = (
    "total_output_tokens total_thought_tokens total_cached_tokens total_tokens total_input_tokens total_tool_use_tokens"
)

every_recording = pytest.mark.parametrize("meta", recordings("gemini", "gemini-interactions"))


def new_decoder(described: dict[str, Any]) -> Any:
    provider = GeminiInteractions if described["api"] == "gemini-interactions" else Gemini
    return provider("some-model", api_key="test-key-0123").decoder(Limits())


def has_failed(expected: dict[str, Any]) -> bool:
    """Whether an error came inside the body: bare ones were collected as junk. Ours fail then, as the library does."""
    return bool(expected["errors"]) or any('"error"' in line for line in expected["junk"])


def block_reason(expected: dict[str, Any]) -> str | None:
    feedback = (expected["finish_detail"] or {}).get("promptFeedback") or {}
    return feedback.get("blockReason")


def signatures(events: list[Any]) -> list[str]:
    """The signatures in order, also those that stay inside a part that is kept whole."""
    found = [
        event.signature if isinstance(event, ReasoningSignature) else event.block.data.get("thoughtSignature")
        for event in events
        if isinstance(event, ReasoningSignature | OpaqueBlockReceived)
    ]
    return [signature for signature in found if signature]


@every_recording
def test_a_recording_says_what_is_written_beside_it(meta: Path | None) -> None:
    described, data = load(meta)
    decoder, expected = new_decoder(described), described["expected"]
    events = decode(decoder, [data])
    answer = fold(events)
    assert decoder.defect is None
    assert (answer.text, answer.reasoning) == (expected["text"], expected["reasoning"])
    assert (answer.response_id or None) == expected["response_id"]
    assert signatures(events) == expected["signatures"]
    assert len(answer.opaque) == len(expected["server_tools"])
    check_calls(answer, expected)
    check_end(answer, decoder, expected)


def check_calls(answer: Answer, expected: dict[str, Any]) -> None:
    seen = [
        (None if call.id.startswith(MADE_UP_PREFIX) else call.id, call.name, call.arguments, call.end)
        for call in answer.calls.values()
    ]
    told = [
        (call.get("id"), call["name"], call["args"], "closed" if call.get("args_complete", True) else "cut")
        for call in expected["tool_calls"]
    ]
    assert seen == told


def check_end(answer: Answer, decoder: Any, expected: dict[str, Any]) -> None:
    word = answer.stop.word if answer.stop else None
    assert word == (expected["finish_reason"] or block_reason(expected))
    if has_failed(expected):
        assert answer.failure is not None
        assert not decoder.is_complete
    else:
        assert answer.failure is None
        assert decoder.is_complete == (word is not None)


@every_recording
def test_the_usage_of_a_recording_adds_up(meta: Path | None) -> None:
    described, data = load(meta)
    told = described["expected"]["usage"] or {}
    usage = fold(decode(new_decoder(described), [data])).usage
    is_interaction = described["api"] == "gemini-interactions"
    names = ("total_output_tokens", "total_thought_tokens", "total_cached_tokens", "total_tokens", "total_input_tokens")
    ours = (
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
        "totalTokenCount",
        "promptTokenCount",
    )
    said, thoughts, cached, total, prompt = (told.get(name) or 0 for name in (names if is_interaction else ours))
    tools = told.get("total_tool_use_tokens" if is_interaction else "toolUsePromptTokenCount") or 0
    assert (usage.output, usage.reasoning, usage.cached_input) == (said + thoughts, thoughts, cached)
    assert (usage.input, usage.total) == (prompt + tools, total)


@pytest.mark.parametrize("how", ["lines", "bytes", "seed 1", "seed 2"])
@every_recording
def test_a_recording_decodes_the_same_however_it_is_cut(meta: Path | None, how: str) -> None:
    described, data = load(meta)
    whole, cut_up = new_decoder(described), new_decoder(described)
    assert decode(cut_up, cut(data, how)) == decode(whole, [data])
    assert (cut_up.is_complete, cut_up.defect) == (whole.is_complete, whole.defect)


@every_recording
def test_a_recording_without_its_end_is_never_complete(meta: Path | None) -> None:
    described, data = load(meta)
    words = (b'"finishReason"', b'"blockReason"', b'"interaction.completed"', b"event: interaction.completed")
    ends = [at for word in words if (at := data.find(word)) >= 0]
    decoder = new_decoder(described)
    decode(decoder, [data[: min(ends)] if ends else data])
    assert not decoder.is_complete


def test_a_bare_error_in_the_body_is_named() -> None:
    bare = b'\r\n{\r\n  "error": {\r\n    "code": 499,\r\n    "status": "CANCELLED"\r\n  }\r\n}\r\n'
    answer = fold(decode(Gemini("m", api_key="test-key-0123").decoder(Limits()), [bare]))
    assert (answer.failure.kind, answer.failure.status) == (FailureKind.PROVIDER, 499)


def test_a_blocked_prompt_is_filtered_content() -> None:
    blocked = b'data: {"promptFeedback": {"blockReason": "SAFETY"}}\r\n\r\n'
    answer = fold(decode(Gemini("m", api_key="test-key-0123").decoder(Limits()), [blocked]))
    assert answer.stop is not None
    assert answer.stop.reason is StopReason.CONTENT_FILTER
