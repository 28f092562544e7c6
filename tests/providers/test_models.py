"""What is known of models: every row by its example, the official lists, and strangers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import Anthropic, OpenAIChat, OpenAIResponses
from riverrun.engine.core.messages import Message
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.usage_error import UsageError
from riverrun.providers.models import (
    FAMILIES,
    ClaudeFacts,
    Family,
    ModelFacts,
    ModelUse,
    check_chat_model,
    check_talks,
    claude_facts,
    model_facts,
    openai_reasons,
)

HI = InferenceRequest(Message.user("hi"))
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.example)


@each_family
def test_a_row_names_its_example_and_its_source(family: Family) -> None:
    assert model_facts(family.example).use is family.use
    assert [other for other in FAMILIES if other.names.match(family.example)] == [family]
    assert family.source


@each_family
def test_what_does_not_chat_is_refused_and_says_what_it_is(family: Family) -> None:
    with pytest.raises(UsageError, match=family.use.value):
        check_chat_model(family.example, is_openai=True)


OF_THE_SDK = {
    ModelUse.RESPONSES: "o1-pro o1-pro-2025-03-19 o3-pro o3-deep-research o3-deep-research-2025-06-26 "
    "gpt-5-codex gpt-5-pro "
    "gpt-5-pro-2025-10-06 gpt-5.5-pro gpt-5.5-pro-2026-04-23 gpt-5.1-codex-max gpt-daybreak-blue-latest gpt-5.6-cyber "
    "gpt-rosalind-research gpt-6-rosalind computer-use-preview-2025-03-11 codex-mini-latest gpt-5.1-codex",
    ModelUse.CHAT: "gpt-6-astra gpt-6.1-sol gpt-5.6-terra gpt-5.5 gpt-5.4-mini gpt-5.2-pro gpt-5-chat-latest "
    "gpt-5 gpt-4.1-nano "
    "o4-mini o3 o1 gpt-4o-2024-11-20 gpt-audio-mini gpt-4o-audio-preview gpt-4o-search-preview chatgpt-4o-latest "
    "gpt-4-vision-preview gpt-3.5-turbo gpt-3.5-turbo-16k-0613 gpt-4-32k-0314",
    ModelUse.EMBEDDING: "text-embedding-ada-002 text-embedding-3-large mistral-embed nomic-embed-text:latest "
    "qwen3-embedding:8b "
    "snowflake-arctic-embed2 gemini-embedding-001 text-embedding-004 mxbai-embed-large",
    ModelUse.MODERATION: "omni-moderation-2024-09-26 text-moderation-stable",
    ModelUse.IMAGE: "gpt-image-1-mini gpt-image-2.6-flare chatgpt-image-latest dall-e-2",
    ModelUse.VIDEO: "sora-2 sora-2-2025-12-08",
    ModelUse.TRANSCRIPTION: "gpt-transcribe gpt-4o-mini-transcribe-2025-12-15 gpt-4o-transcribe-diarize "
    "whisper-large-v3-turbo",
    ModelUse.SPEECH: "tts-1-hd gpt-4o-mini-tts-2025-12-15 gemini-2.5-flash-preview-tts",
    ModelUse.REALTIME: "gpt-realtime-2.1-mini gpt-4o-mini-realtime-preview-2024-12-17",
    ModelUse.COMPLETIONS: "davinci-002 babbage-002 gpt-3.5-turbo-instruct-0914 text-davinci-003",
}


@pytest.mark.parametrize(("use", "model"), [(use, name) for use, names in OF_THE_SDK.items() for name in names.split()])
def test_the_official_lists_are_known(use: ModelUse, model: str) -> None:
    assert model_facts(model).use is use
    assert model_facts(f"openai/{model.upper()}").use is use
    assert model_facts(f"ft:{model.partition(':')[0]}:org::id").use is use


STRANGERS = [
    "my-model", "llama3", "ft:gpt-4.1-mini:embeddings-inc:tts:abc", "whisperer-7b", "soraya-2", "embedded-linux-helper",
    "my-embedder", "gpt-oss-120b", "codex", "x/codestral-2508", "dall-e", "claude-opus-5-5", "gpt-4o-mini",
]  # fmt: skip


@pytest.mark.parametrize("model", STRANGERS)
def test_a_stranger_chats(model: str) -> None:
    assert check_chat_model(model, is_openai=True).use is ModelUse.CHAT


@given(st.text(max_size=60))
def test_any_name_has_facts(model: str) -> None:
    assert model_facts(model).use in ModelUse
    assert claude_facts(model).output_tokens > 0


def test_what_is_for_the_responses_api_points_there_and_is_served_as_chat_by_others() -> None:
    with pytest.raises(UsageError, match="take OpenAIResponses instead of OpenAIChat"):
        check_chat_model("o3-pro", is_openai=True)
    assert check_chat_model("openai/o3-pro").use is ModelUse.RESPONSES
    assert check_talks("o3-pro").reasons


def test_an_embedding_model_is_refused_everywhere_unless_its_user_knows_better() -> None:
    for check in (check_chat_model, check_talks):
        with pytest.raises(UsageError, match=r"is for embeddings; expected one that chats .*facts=ModelFacts\(\)"):
            check("text-embedding-3-small")
        assert check("text-embedding-3-small", ModelFacts(reasons=True)) == ModelFacts(reasons=True)


def test_a_class_refuses_what_does_not_chat_when_it_is_made_and_can_be_told_otherwise() -> None:
    with pytest.raises(UsageError, match="is for embeddings"):
        OpenAIChat("text-embedding-3-small", api_key="k")
    with pytest.raises(UsageError, match="take OpenAIResponses"):
        OpenAIChat("gpt-5-codex", api_key="k")
    with pytest.raises(UsageError, match="is for embeddings"):
        OpenAIResponses("text-embedding-3-small", api_key="k")
    assert OpenAIResponses("o3-pro", api_key="k").capabilities(HI).reasons
    assert not OpenAIResponses("my-embedding", api_key="k", facts=ModelFacts()).capabilities(HI).reasons
    assert OpenAIChat("gpt-5-codex", base_url="http://localhost/v1").model == "gpt-5-codex"
    assert OpenAIChat("text-embedding-3-small", api_key="k", facts=ModelFacts()).model == "text-embedding-3-small"


REASONING = ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5.4-nano", "gpt-6-sol", "openai/gpt-5", "deepseek-reasoner"]
REASONING += ["deepseek-r1:8b", "gpt-oss-20b", "qwq-32b", "kimi-k2-thinking", "deepseek-v4", "grok-4-fast-reasoning"]
QUICK = ["gpt-4.1", "gpt-4o", "gpt-5-chat-latest", "gpt-5.3-chat-latest", "gpt-35-turbo", "gpt-4-32k", "llama3", "mo1"]
QUICK += ["grok-4-fast-non-reasoning", "deepseek-v3", "foo1-bar", "o1x"]


def test_reasoning_is_known_by_the_name() -> None:
    assert [model for model in REASONING if not openai_reasons(model)] == []
    assert [model for model in QUICK if openai_reasons(model)] == []


def test_the_callers_facts_about_claude_stand_for_the_table() -> None:
    facts = ClaudeFacts(prefill=True, reasons=False)
    forms = Anthropic("claude-next", api_key="k", facts=facts).capabilities(HI).forms
    assert "prefill" in forms
    assert "prefill" not in Anthropic("claude-next", api_key="k").capabilities(HI).forms
